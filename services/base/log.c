#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* The one process-wide value: set before threads start, read-only afterwards. */
static enum log_level log_level = LOG_INFO;

/* What log_hold() keeps. Process-wide like the level: a line may come from anywhere. */
static struct {
	pthread_t thread;
	pthread_mutex_t writing; /* taken before `mutex`: keeps the lines in their order on the way out */
	pthread_mutex_t mutex;   /* guards everything below */
	pthread_cond_t changed;
	bool is_on, is_ending;
	struct buffer lines;
} held = { .writing = PTHREAD_MUTEX_INITIALIZER,
	   .mutex = PTHREAD_MUTEX_INITIALIZER,
	   .changed = PTHREAD_COND_INITIALIZER };

static const char *const level_names[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

static bool is_plain(const char *text)
{
	if (!*text)
		return false;
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c <= ' ' || *c >= 0x7f || *c == '"' || *c == '\\' || *c == '=')
			return false;
	}
	return true;
}

static void put_escaped(struct buffer *line, const char *text)
{
	if (is_plain(text)) {
		buffer_puts(line, text);
		return;
	}
	buffer_putc(line, '"');
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			buffer_putc(line, '\\');
		if (*c < ' ' || *c >= 0x7f)
			buffer_printf(line, "\\x%02x", *c);
		else
			buffer_putc(line, (char)*c);
	}
	buffer_putc(line, '"');
}

void log_put_field(struct buffer *line, const struct log_field *field)
{
	buffer_printf(line, " %s=", field->name);
	switch (field->kind) {
	case LOG_FIELD_TEXT: put_escaped(line, field->text ? field->text : "-"); break;
	case LOG_FIELD_SIGNED: buffer_printf(line, "%lld", (long long)field->i64); break;
	case LOG_FIELD_UNSIGNED: buffer_printf(line, "%llu", (unsigned long long)field->u64); break;
	}
}

void log_put_time(struct buffer *line)
{
	int64_t now_us = clock_now_us();
	time_t seconds = (time_t)(now_us / 1000000);
	struct tm utc;
	char text[32];
	(void)gmtime_r(&seconds, &utc);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
	buffer_printf(line, "ts=%s.%03dZ", text, (int)(now_us / 1000 % 1000));
}

void log_set_level(enum log_level level)
{
	log_level = level;
}

bool log_set_level_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
		if (strcmp(level_names[i], name) == 0) {
			log_set_level((enum log_level)i);
			return true;
		}
	}
	return false;
}

/* Nobody is left to be told when standard error is gone. */
static void write_out(const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, bytes, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		bytes += n;
		len -= (size_t)n;
	}
}

static void write_held(void)
{
	static struct buffer out; /* guarded by `writing` */
	pthread_mutex_lock(&held.writing);
	pthread_mutex_lock(&held.mutex);
	struct buffer lines = held.lines;
	held.lines = out;
	pthread_mutex_unlock(&held.mutex);
	write_out(lines.bytes, lines.len);
	buffer_clear(&lines);
	out = lines;
	pthread_mutex_unlock(&held.writing);
}

/* Sleeps while there is nothing; with the first line begins the time in which others may join it. */
static void *write_held_lines(void *context)
{
	const struct timespec hold = { .tv_nsec = LOG_HOLD_MS * 1000000L };
	pthread_mutex_lock(&held.mutex);
	while (!held.is_ending) {
		if (held.lines.len == 0) {
			pthread_cond_wait(&held.changed, &held.mutex);
			continue;
		}
		pthread_mutex_unlock(&held.mutex);
		(void)nanosleep(&hold, NULL); /* a short sleep only writes earlier */
		write_held();
		pthread_mutex_lock(&held.mutex);
	}
	pthread_mutex_unlock(&held.mutex);
	return context;
}

void log_hold(void)
{
	if (pthread_create(&held.thread, NULL, write_held_lines, NULL) != 0)
		abort();
	held.is_on = true;
}

void log_release(void)
{
	if (!held.is_on)
		return;
	pthread_mutex_lock(&held.mutex);
	held.is_on = false;
	held.is_ending = true;
	pthread_cond_signal(&held.changed);
	pthread_mutex_unlock(&held.mutex);
	(void)pthread_join(held.thread, NULL); /* fails only for a thread that is not ours */
	write_held();
	held.is_ending = false;
}

/* False: nothing is held, and the line is its caller's to write. */
static bool hold(enum log_level level, const struct buffer *line)
{
	pthread_mutex_lock(&held.mutex);
	bool is_on = held.is_on;
	if (is_on && held.lines.len == 0)
		pthread_cond_signal(&held.changed);
	if (is_on)
		buffer_put(&held.lines, line->bytes, line->len);
	bool is_full = held.lines.len >= LOG_HELD_BYTES_MAX;
	pthread_mutex_unlock(&held.mutex);
	if (is_on && (is_full || level <= LOG_WARN))
		write_held();
	return is_on;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n_fields)
{
	if (level > log_level)
		return;
	CLEANUP(buffer) struct buffer line = { .bytes = NULL };
	log_put_time(&line);
	buffer_printf(&line, " level=%s event=%s", level_names[level], event);
	for (size_t i = 0; i < n_fields; i++)
		log_put_field(&line, &fields[i]);
	if (line.len > LOG_LINE_MAX - 1)
		line.len = LOG_LINE_MAX - 1;
	buffer_putc(&line, '\n');
	if (!hold(level, &line))
		write_out(line.bytes, line.len);
}
