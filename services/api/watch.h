/* api/watch.h - total deadlines of connections.
 *
 * libmicrohttpd's own timeout counts silence only: a byte now and then would hold a connection for ever. Each stage of a
 * connection therefore sets a deadline here; one thread looks every WATCH_PERIOD_MS and shuts down the socket of who is late, which
 * libmicrohttpd sees as the client's end.
 *
 * Thread:  watch_set() from any thread; add and remove from libmicrohttpd's notifications, which come before the socket is
 *          closed: a number can't be shut down after it has become another connection's.
 * Memory:  watch_start() makes it, watch_stop() ends it (NULL is fine), after every connection was removed.
 */
#ifndef CISTERN_API_WATCH_H
#define CISTERN_API_WATCH_H

#include <stdint.h>

#include "base/error.h"
#include "base/macros.h"

enum { WATCH_PERIOD_MS = 500 };

struct watch;
struct watched;

MUST_CHECK enum status watch_start(struct watch **ret_watch, struct error *err);
void watch_stop(struct watch *watch);

struct watched *watch_add(struct watch *watch, int fd, int64_t within_us);
void watch_set(struct watched *watched, int64_t within_us);
void watch_remove(struct watch *watch, struct watched *watched);

#endif
