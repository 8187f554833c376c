/* api/metrics_listener.h - /metrics on a port of its own, for whoever has the token: it answers also while the database is away or the API
 * has its hands full, which is when somebody looks.
 *
 * One thread, which waits for nothing but its connections. Plain HTTP, one path, one token in a file; no token, no listener.
 *
 * Thread:  from main. Memory: metrics_listener_start() makes it, metrics_listener_stop() ends it (NULL is fine), before anything that a
 *          collector looks at ends. The options' texts are not needed later.
 * Errors:  INVALID a bad address, or a token of under METRICS_TOKEN_BYTES_MIN bytes. UNAVAILABLE the port is taken, or the file cannot be
 *          read.
 */
#ifndef CISTERN_API_METRICS_LISTENER_H
#define CISTERN_API_METRICS_LISTENER_H

#include "base/error.h"
#include "base/macros.h"
#include "base/metrics.h"

enum { METRICS_TOKEN_BYTES_MIN = 32 };

struct metrics_listener;

struct metrics_listener_options {
	const char *bind; /* numeric address */
	int port;
	const char *token_file; /* what a client shows: Authorization: Bearer <its first line> */
	struct metrics *metrics;
};

MUST_CHECK enum status metrics_listener_start(const struct metrics_listener_options *options,
					      struct metrics_listener **ret_listener, struct error *err);
void metrics_listener_stop(struct metrics_listener *listener);

#endif
