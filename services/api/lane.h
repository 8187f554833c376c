/* api/lane.h - a few threads beside the workers, for requests that would keep a worker's other connections waiting: two that hash
 * passwords, four that wait for the broker, two that wait for signerd, four that wait for a sign-in
 * provider.
 *
 * Queue:   `capacity` items, first in, first out; full -> lane_push() refuses. At stop the queue is worked off, then the threads
 *          end; from then on lane_push() refuses.
 * Thread:  lane_push() from any thread, never waits. lane_start() and lane_stop() from main.
 * Memory:  lane_start() makes it, lane_stop() ends the threads, lane_free() ends the rest (NULL is fine): requests may still
 *          knock between the two. Items are borrowed.
 */
#ifndef CISTERN_API_LANE_H
#define CISTERN_API_LANE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/macros.h"

struct lane;

/* Runs in the lane's threads, once for each item. */
typedef void lane_run(void *item);

MUST_CHECK enum status lane_start(unsigned n_threads, size_t capacity, lane_run *run, struct lane **ret_lane,
				  struct error *err);
void lane_stop(struct lane *lane);
void lane_free(struct lane *lane);

MUST_CHECK bool lane_push(struct lane *lane, void *item);
/* Items that wait, from any thread; those that a thread has taken do not. */
size_t lane_queued(struct lane *lane);

#endif
