/* broker/publisher.h - the daemon's connection for messages to nodes.
 *
 * Connects by itself and again after a loss, with growing, jittered delay. Nothing is kept for later: a message is handed to the
 * broker and acknowledged, or the call fails.
 *
 * Thread:  publisher_publish() from any thread; it waits for the broker's acknowledgement. One thread of its own reads and writes
 *          the socket.
 * Memory:  publisher_start() makes it, publisher_stop() ends it (NULL is fine).
 * Errors:  UNAVAILABLE not connected, or no acknowledgement within the timeout (it may still arrive: at least once).
 */
#ifndef CISTERN_BROKER_PUBLISHER_H
#define CISTERN_BROKER_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/macros.h"
#include "broker/client.h"

struct publisher;

struct broker_message {
	const char *topic;
	const void *payload;
	size_t payload_len;
};

/* Starts connecting and returns. The options' texts must outlive the publisher. */
MUST_CHECK enum status publisher_start(const struct broker_options *options, struct publisher **ret_publisher,
				       struct error *err);
void publisher_stop(struct publisher *publisher);
bool publisher_is_connected(struct publisher *publisher);
/* The broker is known to be there: a connection that waits for its next attempt is tried now. */
void publisher_hurry(struct publisher *publisher);

/* QoS 1, not retained. Sends all, then waits until the broker has acknowledged all. */
MUST_CHECK enum status publisher_publish(struct publisher *publisher, const struct broker_message *messages,
					 size_t n_messages, int timeout_ms, struct error *err);

#endif
