#include "event.h"

#include "base/buffer.h"
#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

static void put_time(struct buffer *line)
{
	int64_t now_us = clock_now_us();
	time_t seconds = (time_t)(now_us / 1000000);
	struct tm utc;
	char text[32];

	(void)gmtime_r(&seconds, &utc);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
	buffer_printf(line, "ts=%s.%03dZ", text, (int)(now_us / 1000 % 1000));
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

static void put_field(struct buffer *line, const struct log_field *field)
{
	buffer_printf(line, " %s=", field->name);
	switch (field->kind) {
	case LOG_FIELD_TEXT: put_escaped(line, field->text ? field->text : "-"); break;
	case LOG_FIELD_SIGNED: buffer_printf(line, "%lld", (long long)field->i64); break;
	case LOG_FIELD_UNSIGNED: buffer_printf(line, "%llu", (unsigned long long)field->u64); break;
	}
}

void event_write_fields(const char *event, const char *node_id, const struct log_field *fields, size_t n_fields)
{
	CLEANUP(buffer) struct buffer line = { 0 };

	put_time(&line);
	buffer_printf(&line, " event=%s", event);
	if (node_id) {
		buffer_puts(&line, " node=");
		put_escaped(&line, node_id);
	}
	for (size_t i = 0; i < n_fields; i++)
		put_field(&line, &fields[i]);
	buffer_putc(&line, '\n');
	(void)fwrite(line.bytes, 1, line.len, stdout); /* a reader that went away is not the node's failure */
}
