/* api/path.h - a request's path, decoded once and judged before anything is matched.
 *
 *   path = "/" *( segment "/" ) segment
 *
 * `%XX` is decoded once. Refused: dot segments, an encoded slash, percent sign or NUL, backslashes, `;`, control and non-ASCII
 * bytes, and anything longer than PATH_BYTES_MAX. Repeated slashes become one: the Python client's base URL may end in one
 * (rest.md 1.1); since they are gone before matching, no two spellings can be judged differently.
 *
 * Thread:  any; no state. Memory: fills the caller's array.
 * Errors:  INVALID a path that is refused. TOO_LARGE over PATH_BYTES_MAX.
 */
#ifndef CISTERN_API_PATH_H
#define CISTERN_API_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/macros.h"

enum { PATH_BYTES_MAX = 256 };

typedef char path_text[PATH_BYTES_MAX + 1];

/* `raw` is the request target up to its `?`. */
MUST_CHECK enum status path_read(const char *raw, size_t raw_len, path_text ret_path, struct error *err);

/* The byte that `%XX` at `at` stands for; false when these are not two hexadecimal digits. */
MUST_CHECK bool path_decode_percent(const char *at, size_t len, char *ret_byte);

#endif
