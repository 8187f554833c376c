#include "base/log.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* The one process-wide value: set before threads start, read-only afterwards. */
static enum log_level log_level = LOG_INFO;

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
	ssize_t written = write(STDERR_FILENO, line.bytes, line.len);
	(void)written; /* nobody is left to be told when standard error is gone */
}
