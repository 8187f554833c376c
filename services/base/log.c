#include "base/log.h"

#include <stdbool.h>
#include <stdio.h>
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

struct line {
	char bytes[LOG_LINE_MAX];
	size_t len;
};

static void put(struct line *line, char byte)
{
	if (line->len < LOG_LINE_MAX - 1) /* one byte stays for the line end */
		line->bytes[line->len++] = byte;
}

static void put_text(struct line *line, const char *text)
{
	for (; *text; text++)
		put(line, *text);
}

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

static void put_escaped(struct line *line, const char *text)
{
	if (is_plain(text)) {
		put_text(line, text);
		return;
	}
	put(line, '"');
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		char hex[5];
		if (*c == '"' || *c == '\\') {
			put(line, '\\');
			put(line, (char)*c);
		} else if (*c < ' ' || *c >= 0x7f) {
			(void)snprintf(hex, sizeof(hex), "\\x%02x", *c);
			put_text(line, hex);
		} else {
			put(line, (char)*c);
		}
	}
	put(line, '"');
}

static void put_field(struct line *line, const struct log_field *field)
{
	char number[24];
	put(line, ' ');
	put_text(line, field->name);
	put(line, '=');
	switch (field->kind) {
	case LOG_FIELD_TEXT: put_escaped(line, field->text ? field->text : "-"); return;
	case LOG_FIELD_SIGNED: (void)snprintf(number, sizeof(number), "%lld", (long long)field->i64); break;
	case LOG_FIELD_UNSIGNED: (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)field->u64); break;
	}
	put_text(line, number);
}

static void put_time(struct line *line)
{
	int64_t now_us = clock_now_us();
	time_t seconds = (time_t)(now_us / 1000000);
	struct tm utc;
	char text[32], millis[8];
	(void)gmtime_r(&seconds, &utc);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
	(void)snprintf(millis, sizeof(millis), ".%03dZ", (int)(now_us / 1000 % 1000));
	put_text(line, text);
	put_text(line, millis);
}

void log_set_level(enum log_level level)
{
	log_level = level;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n_fields)
{
	if (level > log_level)
		return;
	struct line line = { .len = 0 };
	put_text(&line, "ts=");
	put_time(&line);
	put_text(&line, " level=");
	put_text(&line, level_names[level]);
	put_text(&line, " event=");
	put_text(&line, event);
	for (size_t i = 0; i < n_fields; i++)
		put_field(&line, &fields[i]);
	line.bytes[line.len++] = '\n';
	ssize_t written = write(STDERR_FILENO, line.bytes, line.len);
	(void)written; /* nobody is left to be told when standard error is gone */
}
