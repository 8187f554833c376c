/* http.h - one POST of a JSON text, as a device or an app makes it when it claims.
 *
 * Thread:  main, before the loop: a call waits for the answer, 20 s at most.
 * Memory:  the reply's body is inside the struct.
 * Errors:  INVALID the URL will not do. UNAVAILABLE no answer, or one that a device cannot take: chunked, without Content-Length, too
 *          long. The answer's own code is the caller's to judge.
 */
#ifndef CISTERN_NODE_HTTP_H
#define CISTERN_NODE_HTTP_H

#include "answer.h"

#include "base/error.h"
#include "base/macros.h"

#include <stddef.h>

struct http_reply {
	long code;
	size_t body_len;
	char body[ANSWER_BYTES_MAX]; /* NUL behind body_len */
};

/* Once, before the first call and any thread. */
MUST_CHECK enum status http_start(struct error *err);
void http_stop(void);

/* base: https://HOST[:PORT]; http:// only to this machine, since a token goes with it. ca_file NULL: the system's.
 * token NULL: none. */
MUST_CHECK enum status http_post(const char *base, const char *path, const char *ca_file, const char *token,
				 const char *json, struct http_reply *ret_reply, struct error *err);

#endif
