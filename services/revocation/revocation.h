/* revocation/revocation.h - the thread that keeps the broker's plugin told of whom to refuse.
 *
 * The database says what is wanted; what the plugin said last (ingest writes it down) and what the broker has acknowledged since say
 * what it has. The difference goes out as changes; a plugin that has nothing, follows another database, or is ahead of this one gets
 * the whole set. The forms are those of model/revocation.h.
 *
 * It looks whenever a transaction changes a revocation, whenever the plugin says something, and once a second. With the broker away it
 * tries again after REVOCATION_RETRY_MS; with the database away nothing can have changed.
 *
 * Thread:  revocation_start() and revocation_stop() from main. One thread of its own with its own database connection; it waits for
 *          the database and for the broker's acknowledgements, at most REVOCATION_PUBLISH_MS each.
 * Memory:  revocation_start() makes it, revocation_stop() ends it (NULL is fine). At most one message is held.
 * Errors:  revocation_start() fails only when its thread cannot be made.
 */
#ifndef CISTERN_REVOCATION_REVOCATION_H
#define CISTERN_REVOCATION_REVOCATION_H

#include "broker/publisher.h"
#include "store/store.h"

enum { REVOCATION_RETRY_MS = 100, REVOCATION_PUBLISH_MS = 2000 };

struct revocation;

struct revocation_options {
	const char *broker_name; /* ingest keeps the plugin's sayings under it */
	struct store_options store;
	struct publisher *publisher;
};

/* The options' texts must outlive it. */
MUST_CHECK enum status revocation_start(const struct revocation_options *options, struct revocation **ret_revocation,
					struct error *err);
void revocation_stop(struct revocation *revocation);

#endif
