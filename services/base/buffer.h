/* base/buffer.h - bytes that grow while an answer or a statement's argument is written.
 *
 * Thread:  one owner.
 * Memory:  buffer_done() frees; a zeroed struct is an empty buffer. Out of memory aborts (style.md section 5: a daemon).
 */
#ifndef CISTERN_BASE_BUFFER_H
#define CISTERN_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

struct buffer {
	char *bytes; /* NULL while empty */
	size_t len, capacity;
};

void buffer_done(struct buffer *buffer);
void buffer_clear(struct buffer *buffer);
/* Makes room for `more` bytes behind len and returns where they go; len is not moved. */
char *buffer_reserve(struct buffer *buffer, size_t more);
void buffer_put(struct buffer *buffer, const void *bytes, size_t len);
void buffer_puts(struct buffer *buffer, const char *text);
void buffer_putc(struct buffer *buffer, char byte);
void buffer_printf(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);
/* The text as a quoted JSON string, raw UTF-8, `/` not escaped (mqtt.md 4.3: node tokenizers are minimal). */
void buffer_put_json_string(struct buffer *buffer, const char *text, size_t len);
/* NUL behind the bytes, not counted in len. */
const char *buffer_text(struct buffer *buffer);

static inline void cleanup_buffer(struct buffer *buffer)
{
	buffer_done(buffer);
}

#endif
