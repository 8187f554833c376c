/* ingest/meter.h - what one session of ingest counts for /metrics (base/metrics.h).
 *
 * A message is counted in plain memory; what others can see is added once a batch and topic.
 *
 * Thread:  the session's, but for meter_new() and meter_free().
 * Memory:  meter_new() makes it, meter_free() ends it (NULL is fine); the series stay with the metrics. Borrows the broker's name.
 * Errors:  none.
 */
#ifndef CISTERN_INGEST_METER_H
#define CISTERN_INGEST_METER_H

#include "base/metrics.h"
#include "ingest/topics.h"

struct meter;

struct meter *meter_new(struct metrics *metrics, const char *broker, enum lane lane);
void meter_free(struct meter *meter);

void meter_consuming(struct meter *meter, bool is_consuming);
/* The session was given up; what was read is still unacknowledged. */
void meter_interrupted(struct meter *meter);

/* The first message of a batch has come. */
void meter_batch_began(struct meter *meter);
/* One message of it; it will be seen with the next meter_received() or meter_committed(). NULL: nobody's topic. */
void meter_put(struct meter *meter, const struct topic_handler *handler, bool set_aside);
/* The batch has been read: all that were put. */
void meter_received(struct meter *meter);
/* They are put again now that it is known which were set aside; began_us is the monotonic clock when the batch had been read. */
void meter_committed(struct meter *meter, int64_t began_us);
/* Nothing is unacknowledged. */
void meter_acknowledged(struct meter *meter);

#endif
