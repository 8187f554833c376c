/* api/cookie.h - one cookie of a Cookie header: `name=value; name=value` (RFC 6265 4.2.1).
 *
 * Thread: any. Memory: the value points into the header, without NUL behind it. Errors: NULL.
 */
#ifndef CISTERN_API_COOKIE_H
#define CISTERN_API_COOKIE_H

#include <stddef.h>

/* NULL: there is no such cookie, or there are two: then nobody can tell which one we set. `header` may be NULL. */
const char *cookie_find(const char *header, const char *name, size_t *ret_len);

#endif
