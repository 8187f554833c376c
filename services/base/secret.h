/* base/secret.h - a key or password that came from a file: wiped when freed, never printed.
 *
 * Thread:  one owner writes; any may read.
 * Memory:  the bytes are inside the struct; secret_done() wipes them. A zeroed struct is an empty secret.
 * Errors:  UNAVAILABLE the file cannot be read. INVALID it is empty. TOO_LARGE over SECRET_MAX.
 */
#ifndef CISTERN_BASE_SECRET_H
#define CISTERN_BASE_SECRET_H

#include <stddef.h>

#include "base/error.h"
#include "base/macros.h"

enum { SECRET_MAX = 1024 };

struct secret {
	size_t len;
	char bytes[SECRET_MAX + 1]; /* NUL behind len */
};

/* Reads the first line of a file, without its line end. */
MUST_CHECK enum status secret_read(struct secret *ret_secret, const char *path, struct error *err);
void secret_done(struct secret *secret);

static inline void cleanup_secret(struct secret *secret)
{
	secret_done(secret);
}

#endif
