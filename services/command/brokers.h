/* command/brokers.h - keeps a pool of publishers (broker/pool.h) as table broker has it, and notes there whom it does not reach.
 *
 * A broker that is added, changed or removed is taken up within a moment (NOTIFY), without a restart. One that has not been reached for
 * BROKER_LOST_MS is lost: its nodes count as off line until it is reached again, because nobody can tell.
 *
 * Thread:  brokers_start() and brokers_stop() from main. One thread, which waits on its database connection.
 * Memory:  brokers_start() makes it, brokers_stop() ends it (NULL is fine). The pool is the caller's and must outlive it; nobody else sets it.
 * Errors:  those of the first look at the table, which brokers_start() waits for.
 */
#ifndef CISTERN_COMMAND_BROKERS_H
#define CISTERN_COMMAND_BROKERS_H

#include "base/error.h"
#include "base/macros.h"
#include "broker/pool.h"
#include "store/store.h"

enum { BROKER_LOST_MS = 10000 };

struct brokers;

/* The options' texts must outlive it. */
MUST_CHECK enum status brokers_start(const struct store_options *store, struct pool *pool, struct brokers **ret_brokers,
				     struct error *err);
void brokers_stop(struct brokers *brokers);

/* To a node, wherever it is: pool_publish() after the database has told where it was heard of last. With one broker it is not asked. */
MUST_CHECK enum status brokers_publish(struct store *store, struct pool *pool, const char *node_id,
				       const struct broker_message *messages, size_t n_messages, int timeout_ms,
				       struct error *err);

#endif
