/* loop.h - drives all nodes from one thread: one epoll set, deadlines, signals.
 *
 * Waits on: the nodes' sockets and a signalfd. Blocks on name resolution only, when a node connects.
 * Ends:     SIGTERM, SIGINT, the run's own end (duration, publish count, booted, --once), or the second signal at once.
 */
#ifndef CISTERN_NODE_LOOP_H
#define CISTERN_NODE_LOOP_H

#include "node.h"

#include "base/error.h"

struct loop {
	struct run *run;
	struct node *nodes; /* run->n_nodes of them */
	int epoll_fd, signal_fd;
	int64_t scan_at_us; /* the earliest deadline of any node */
	int64_t scanned_us;
	int64_t stop_until_us; /* then the stop is over, whoever is still connected */
	bool aborted;
};

/* Blocks the signals that it reads; to be called before any thread starts. */
MUST_CHECK enum status loop_init(struct loop *loop, struct error *err);
void loop_done(struct loop *loop);
/* Returns when every node is disconnected. */
MUST_CHECK enum status loop_run(struct loop *loop, struct error *err);

static inline void cleanup_loop(struct loop *loop)
{
	loop_done(loop);
}

#endif
