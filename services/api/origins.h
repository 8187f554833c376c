/* api/origins.h - the list of web origins whose pages may call the API from a browser (Fetch standard, CORS).
 *
 *   https://console.example.org, https://app.example.org:8443 http://localhost:3000      commas or blanks between
 *
 * An origin is compared byte for byte with what the browser says: there are no wildcards and no `null`.
 *
 * Thread: any. Memory: none kept. Errors: INVALID no such list.
 */
#ifndef CISTERN_API_ORIGINS_H
#define CISTERN_API_ORIGINS_H

#include <stdbool.h>

#include "base/error.h"
#include "base/macros.h"

enum { ORIGINS_MAX = 32, ORIGIN_BYTES_MAX = 255 };

/* Each is one that a browser would say: scheme and host in small letters, no path, no port that is the scheme's own. */
MUST_CHECK enum status origins_check(const char *list, struct error *err);

/* NULL for either: no. */
bool origins_have(const char *list, const char *origin);

#endif
