/* consumer.h - is there a durable session that keeps what nodes send?
 *
 * Without one, the broker acknowledges a node's message, finds no subscriber, and drops it: acknowledged and lost. That is
 * so on the very first start, and after the broker has lost its persistence file. So, with require_consumer, nodes are
 * refused from each start of the broker until the consumer has subscribed, durably (clean session off, QoS 1 or 2), to
 * every kept topic of model/access.h in both its forms - with two filters or with many, on one connection or on several.
 * Nodes retry by themselves. Once seen it stays: from then on the broker queues for that session, connected or not.
 *
 * Not noticed: a consumer that later unsubscribes or starts over with a clean session. Ours does neither.
 */
#ifndef CISTERN_PLUGIN_CONSUMER_H
#define CISTERN_PLUGIN_CONSUMER_H

#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct consumer {
	uint64_t missing; /* two bits a row of the access table: plain form, alias form */
};

void consumer_init(struct consumer *consumer);

/* A durable subscription of the consumer. */
void consumer_on_subscribe(struct consumer *consumer, const char *filter, size_t filter_len);

MUST_CHECK bool consumer_present(const struct consumer *consumer);

#endif
