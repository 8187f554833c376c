/* broker/consumer.h - the durable session through which the daemon takes the nodes' messages, acknowledged in batches.
 *
 * libmosquitto queues the PUBACK of a QoS 1 message before it hands the message over, but with
 * mosquitto_threaded_set() and an external loop a queued packet leaves only in mosquitto_loop_write(). So consumer_read() only
 * reads, and nothing is acknowledged before consumer_acknowledge(). A consumer that is closed in between gets every message
 * again when it opens the next time: closing is how a batch is given back.
 *
 * Thread:  one owner.
 * Memory:  consumer_open() makes it, consumer_close() ends it (NULL is fine). A delivery is valid during the call only.
 * Errors:  UNAVAILABLE the connection is lost or was refused: close and open again later. TIMEOUT the broker did not answer.
 */
#ifndef CISTERN_BROKER_CONSUMER_H
#define CISTERN_BROKER_CONSUMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/client.h"

/* libmosquitto does not hand the DUP flag on. But the broker repeats what it saw no acknowledgement for at once when a session is
 * taken up again, before anything new, and never more than its max_inflight_messages (1 000 in our settings). */
enum { CONSUMER_CONNECT_TIMEOUT_MS = 10000, REPEAT_WINDOW = 10000 };

struct consumer;

struct delivery {
	const char *topic;
	const void *payload;
	size_t payload_len;
	int mid;
	bool may_repeat; /* among the first REPEAT_WINDOW since the opening: the broker may have sent it before */
};

/* Returns false when no more should be read now; this message was taken. */
typedef bool consumer_take(void *context, const struct delivery *delivery);

struct consumer_options {
	struct broker_options broker;
	const char *const *filters; /* subscribed with QoS 1 at every opening */
	size_t n_filters;
	const char *const *unwanted; /* given up at every opening: an older version of us may have subscribed to them */
	size_t n_unwanted;
	consumer_take *take;
	void *context;
};

/* Connects with clean session off, subscribes, and waits until the broker has granted every filter. Messages that the broker kept
 * may be delivered before it returns. */
MUST_CHECK enum status consumer_open(const struct consumer_options *options, struct consumer **ret_consumer,
				     struct error *err);
/* Leaves without a word to the broker: unacknowledged messages stay there. */
void consumer_close(struct consumer *consumer);

/* Waits up to idle_ms for a first message, then up to gather_ms in all for more, until take() says stop or nothing is left
 * to read. */
MUST_CHECK enum status consumer_read(struct consumer *consumer, int idle_ms, int gather_ms, struct error *err);

/* Sends the acknowledgement of everything that was read. */
MUST_CHECK enum status consumer_acknowledge(struct consumer *consumer, struct error *err);

DEFINE_CLEANUP(consumer, struct consumer *, consumer_close)

#endif
