/* node.h - one virtual node: the order of contract/mqtt.md section 3, its reports, its reconnects.
 *
 *   on every CONNECT   SUBSCRIBE to-node, PUBLISH from-node (empty poll)
 *   on the first one   PUBLISH config, then the mapping if one waits, else the parameters
 *   parameters         SUBSCRIBE params/remote/<gid> and params/remote, PUBLISH params/local/init and one sample a time series
 *   on the first one   UNSUBSCRIBE and SUBSCRIBE otaurl, after a while PUBLISH otafetch
 *   on a later one     SUBSCRIBE again what was subscribed
 *
 * The OTA part does not wait for the mapping's PUBACK, the parameters do: in firmware they are different modules.
 *
 * Thread:  one for all nodes.
 * Memory:  node_init() and node_done() work on the caller's struct, which must stay where it is.
 */
#ifndef CISTERN_NODE_NODE_H
#define CISTERN_NODE_NODE_H

#include "connection.h"
#include "device.h"
#include "event.h"
#include "identity.h"
#include "load.h"
#include "options.h"
#include "renew.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What all nodes share. */
struct run {
	const struct options *options;
	const struct device_model *model;
	struct connection_settings connection;
	const char *server_name; /* that the broker's certificate is for */
	struct load load;
	int64_t started_us, ready_us; /* first connect; every node ready (0: not yet) */
	size_t n_nodes, n_opening, n_ready, n_booted;
	uint64_t n_reconnects;
	bool stopping;
	bool failed; /* with --once: a connection failed or was lost */
};

enum {
	NODE_ID_TEXT_MAX = 128,
	NODE_SUBSCRIPTIONS_MAX = 10, /* mqtt.md section 1 */
};

struct node_subscription {
	int mid; /* 0: nothing awaited */
	struct topic_text filter;
};

struct node {
	struct run *run;
	char id[NODE_ID_TEXT_MAX + 1];
	const struct identity *identity;
	SSL_CTX *tls;
	struct connection connection;
	struct renewal renewal;
	struct device device;
	struct load_node load;

	bool config_sent, mapping_waits, params_started, ota_started, otafetch_sent;
	bool ready, booted; /* boot published and acknowledged, without and with otafetch */
	bool opening, up;
	int mapping_mid; /* 0: none on its way */
	int *awaited;    /* message ids without PUBACK, except the load's */
	size_t n_awaited, awaited_capacity;
	struct node_subscription subscriptions[NODE_SUBSCRIPTIONS_MAX];

	/* monotonic; INT64_MAX: not planned */
	int64_t connect_at_us, otafetch_at_us, connectivity_at_us, report_at_us;
	int64_t up_since_us;
	unsigned int n_failures; /* in a row */
};

/* Keeps the identity. */
MUST_CHECK enum status node_init(struct node *node, struct run *run, const struct identity *identity,
				 struct error *err);
void node_done(struct node *node);

/* Does what is due and says when it wants to be called again. */
int64_t node_tick(struct node *node, int64_t now_us);
/* Disconnects; the node is over when its connection is down. */
void node_stop(struct node *node);
/* config and params/local/init again. */
void node_report_details(struct node *node);

/* For inbox.c and renew.c: publishes at the node's own form of the topic. */
void node_publish(struct node *node, const char *suffix, const void *payload, size_t payload_len);
void node_subscribe(struct node *node, const char *suffix);
void node_publish_text(struct node *node, const char *suffix, const char *text);
/* The values on params/local, or on the group's topic; nothing when there are none. */
void node_report(struct node *node, const json_t *values);

#define node_event(node, event, ...) event_write(event, (node)->id, __VA_ARGS__)
/* What --quiet leaves out. */
#define node_detail(node, event, ...)                                                                                  \
	do {                                                                                                           \
		if (!(node)->run->options->quiet)                                                                      \
			node_event(node, event, __VA_ARGS__);                                                          \
	} while (0)

#endif
