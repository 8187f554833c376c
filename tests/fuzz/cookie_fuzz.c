/* Any Cookie header. What is found lies within it, behind its name. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/cookie.h"
#include "base/buffer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buffer) struct buffer copy = { .bytes = NULL };
	buffer_put(&copy, data, size);
	const char *header = buffer_text(&copy);
	size_t len = 0;
	const char *value = cookie_find(header, "sid", &len);
	if (value && (value < header + 4 || value + len > header + strlen(header) ||
		      memcmp(value - 4, "sid=", 4) != 0 || memchr(value, ';', len)))
		abort();
	return 0;
}
