#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_done(struct buffer *buffer)
{
	free(buffer->bytes);
	*buffer = (struct buffer){ 0 };
}

void buffer_clear(struct buffer *buffer)
{
	buffer->len = 0;
}

char *buffer_reserve(struct buffer *buffer, size_t more)
{
	if (more > buffer->capacity - buffer->len) {
		size_t capacity = buffer->capacity ? buffer->capacity : 256;
		while (capacity - buffer->len < more) {
			if (capacity > SIZE_MAX / 2)
				abort();
			capacity *= 2;
		}
		char *grown = realloc(buffer->bytes, capacity);
		if (!grown)
			abort();
		buffer->bytes = grown;
		buffer->capacity = capacity;
	}
	return buffer->bytes + buffer->len;
}

void buffer_put(struct buffer *buffer, const void *bytes, size_t len)
{
	if (len == 0)
		return;
	memcpy(buffer_reserve(buffer, len), bytes, len);
	buffer->len += len;
}

void buffer_puts(struct buffer *buffer, const char *text)
{
	buffer_put(buffer, text, strlen(text));
}

void buffer_putc(struct buffer *buffer, char byte)
{
	buffer_put(buffer, &byte, 1);
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		abort();
	(void)vsnprintf(buffer_reserve(buffer, (size_t)len + 1), (size_t)len + 1, format, again);
	va_end(again);
	buffer->len += (size_t)len;
}

void buffer_put_json_string(struct buffer *buffer, const char *text, size_t len)
{
	buffer_putc(buffer, '"');
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '"' || c == '\\')
			buffer_putc(buffer, '\\');
		if (c < 0x20)
			buffer_printf(buffer, "\\u%04x", c);
		else
			buffer_putc(buffer, (char)c);
	}
	buffer_putc(buffer, '"');
}

const char *buffer_text(struct buffer *buffer)
{
	*buffer_reserve(buffer, 1) = '\0';
	return buffer->bytes;
}
