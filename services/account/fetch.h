/* account/fetch.h - one HTTPS request to the OpenID Connect provider.
 *
 * The provider is trusted to say who somebody is, and with nothing else: its answer is bounded in size and time, a redirect is not
 * followed (it would carry our secret elsewhere), and its certificate is checked against the operator's CA or the system's.
 *
 * Thread:  any that may wait FETCH_TIMEOUT_S: a lane, never a worker.
 * Memory:  the body goes into the caller's buffer.
 * Errors:  UNAVAILABLE no whole answer: away, too slow, too large, not trusted, a redirect, or 5xx. DENIED it answered 4xx.
 */
#ifndef CISTERN_ACCOUNT_FETCH_H
#define CISTERN_ACCOUNT_FETCH_H

#include <stdatomic.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/macros.h"

enum { FETCH_TIMEOUT_S = 5, FETCH_CONNECT_S = 3, FETCH_BYTES_MAX = 262144 };

struct fetch {
	const char *url;             /* https only */
	const char *form;            /* the body of a POST; NULL: GET */
	const char *basic;           /* user:password for Authorization: Basic; NULL: none */
	const char *ca_file;         /* NULL or "": the system's store */
	const atomic_bool *stopping; /* ends the request within a second */
};

/* The text of a failure holds nothing of the request or the answer but the status. */
MUST_CHECK enum status fetch_run(const struct fetch *fetch, struct buffer *ret_body, struct error *err);

#endif
