/* base/utf8.h - whether bytes are UTF-8 (RFC 3629: no overlong form, no surrogate, nothing over U+10FFFF).
 *
 * Thread: any. Memory: none. No errors.
 */
#ifndef CISTERN_BASE_UTF8_H
#define CISTERN_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"

MUST_CHECK bool utf8_valid(const char *bytes, size_t len);

/* The largest length not over `max` that ends no character in its middle; the bytes must be valid. */
size_t utf8_cut(const char *bytes, size_t len, size_t max);

#endif
