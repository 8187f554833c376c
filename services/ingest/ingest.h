/* ingest/ingest.h - the nodes' messages into the database, acknowledged after the commit.
 *
 * Two sessions with the broker, a thread each: one for the reports of parameters, one for everything else, so that a backlog of the first
 * does not delay the second (ingest/topics.h, lane). Each reads a batch, decodes it, writes it in one transaction, acknowledges it. A message that cannot be processed becomes one
 * row in dead_letter and is acknowledged with the rest. When the database or the broker is away the session is left as it is
 * (the broker keeps and repeats) and taken up again after a growing, jittered delay. docs/delivery.md has the promises.
 *
 * Thread:  ingest_start() and ingest_stop() from main; ingest_is_consuming() from any.
 * Memory:  ingest_start() makes it, ingest_stop() ends it (NULL is fine); at most INGEST_BATCH_BYTES_MAX of messages are held by
 *          each session.
 * Errors:  ingest_start() fails only when a thread cannot be made or the client id is too long.
 */
#ifndef CISTERN_INGEST_INGEST_H
#define CISTERN_INGEST_INGEST_H

#include <stdbool.h>

#include "base/metrics.h"
#include "broker/consumer.h"
#include "store/store.h"

enum { INGEST_BATCH_BYTES_MAX = 16 * 1024 * 1024 };

struct ingest;

struct ingest_options {
	struct broker_options broker; /* the sessions' client ids begin with the one in here */
	const char *broker_name;      /* what it says of itself is kept under this name */
	struct store_options store;
	struct metrics *metrics; /* NULL: nothing is counted */
	int batch_max;           /* messages */
	int batch_wait_ms;       /* for more messages, after the first */
};

/* The options' texts must outlive the ingest. */
MUST_CHECK enum status ingest_start(const struct ingest_options *options, struct ingest **ret_ingest,
				    struct error *err);
/* Finishes the batch that is held, then leaves. */
void ingest_stop(struct ingest *ingest);
/* The sessions are up and the database answered last time. */
bool ingest_is_consuming(struct ingest *ingest);

#endif
