/* load.h - many params/local reports at a given pace, or as fast as they are acknowledged.
 *
 * Starts when every node is ready, so that connecting is no part of the figure. A node keeps at most `window` messages
 * unacknowledged and, without a pace, fills the window again when half of it is free: one write(2) for many messages.
 * Payloads are made once. Nothing is printed for a message.
 *
 * Thread:  one.
 * Memory:  load_init() and load_done() work on the caller's struct.
 */
#ifndef CISTERN_NODE_LOAD_H
#define CISTERN_NODE_LOAD_H

#include "connection.h"
#include "device.h"
#include "options.h"
#include "topics.h"

#include <stdint.h>

enum { LOAD_PAYLOADS = 101 };

/* All nodes together. */
struct load {
	bool wanted;
	int64_t interval_us; /* between two messages of a node; 0: no pace */
	uint64_t count;      /* a node; 0: no end */
	uint64_t window;
	char *payloads[LOAD_PAYLOADS];
	size_t payload_len[LOAD_PAYLOADS];
	int64_t started_us, ended_us; /* 0: not yet; the end moves with each acknowledgement */
	uint64_t n_published, n_acked;
	size_t n_finished; /* nodes */
};

struct load_node {
	struct topic_text topic;
	uint64_t n_published, n_acked;
	int64_t due_us;
};

void load_init(struct load *load, const struct options *options, const struct device_model *model);
void load_done(struct load *load);
void load_start(struct load *load, int64_t now_us);

/* Publishes what is due. */
void load_pump(struct load *load, struct load_node *node, struct connection *connection, int64_t now_us);
void load_acked(struct load *load, struct load_node *node, int64_t now_us);
/* When load_pump() is wanted next without an acknowledgement; INT64_MAX: never. */
int64_t load_due_us(const struct load *load, const struct load_node *node);

#endif
