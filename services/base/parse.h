/* base/parse.h - numbers and words from text, with bounds.
 *
 * Thread: any. Memory: none kept. Errors: false when the whole text is not such a value within the bounds; nothing written.
 */
#ifndef CISTERN_BASE_PARSE_H
#define CISTERN_BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* Decimal, an optional minus, no blanks, no plus. */
MUST_CHECK bool parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret_value);

/* `true` or `false` in any case (rest.md 1.1: the Python client sends True and False). */
MUST_CHECK bool parse_bool(const char *text, bool *ret_value);

/* Canonical 8-4-4-4-12 hexadecimal form, either case. */
MUST_CHECK bool parse_is_uuid(const char *text);

#endif
