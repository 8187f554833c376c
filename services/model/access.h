/* model/access.h - who may publish, subscribe and read what: one table of topics, one table of services.
 *
 * Used by the broker's plugin for every message and by the daemon to know what a topic means, so that both always agree.
 * Deny by default: whatever no row or rule names is refused, and every refusal has a reason that can be counted.
 *
 * A node lives inside "node/<its id>/". In there topics have a direction: what the cloud sends to the node, the node may
 * not publish, or it could forge commands to itself. What a product adds under its own tree is allowed in ACCESS_OPEN
 * mode and refused in ACCESS_STRICT mode; a listed suffix owns everything below it, so "config/x" is not the product's.
 *
 * Thread:  any; no state.
 * Memory:  never allocates; rows live for ever, a group id points into the caller's text.
 */
#ifndef CISTERN_MODEL_ACCESS_H
#define CISTERN_MODEL_ACCESS_H

#include "base/macros.h"
#include "model/topic.h"

#include <stdbool.h>
#include <stddef.h>

/* A group id: 1..GROUP_ID_MAX bytes, one topic segment, never "init" (params/local/init is a topic of its own). */
#define GROUP_ID_MAX 32

enum access_direction {
	ACCESS_TO_CLOUD,
	ACCESS_TO_NODE,
};

struct access_row {
	struct topic_part suffix; /* below "node/<id>/"; a grouped row has "/<group id>" behind it */
	bool grouped;
	enum access_direction direction;
	const char *rule; /* basic ingest: "$aws/rules/<rule>/node/<id>/<suffix>" is the same topic. NULL: none */
	bool kept;        /* the daemon keeps these messages: nodes wait until it has subscribed to them */
};

enum access_mode {
	ACCESS_OPEN,
	ACCESS_STRICT,
};

enum access_result {
	ACCESS_ALLOWED,
	ACCESS_ALLOWED_PRODUCT, /* in the node's own tree, but a topic that only the product knows */
	ACCESS_TOPIC_TOO_LONG,  /* above TOPIC_MAX */
	ACCESS_TOPIC_MALFORMED, /* not of the grammar in topic.h */
	ACCESS_TREE_FOREIGN,    /* well formed, but another node's */
	ACCESS_SUFFIX_UNLISTED, /* own tree, but no row and not the product's */
	ACCESS_DIRECTION_WRONG, /* a cloud-to-node topic */
	ACCESS_RULE_WRONG,      /* alias whose rule and suffix do not belong together */
	ACCESS_RETAINED,        /* nothing is ever retained */
	ACCESS_FILTER_OUTSIDE,  /* filter not wholly inside what the client may read */
	ACCESS_RESULT_COUNT,
};

/* Which subscriptions and publications a service may make. */
struct access_service {
	const char *name;            /* CN of its certificate */
	const char *client_id_start; /* its client ids begin so; the '.' keeps them apart from node ids */
	const char *filters[4];      /* what it may subscribe to, or to parts of; NULL ends */
	bool commands_nodes;         /* may publish the cloud-to-node topics */
	bool consumer;               /* keeps the nodes' messages, and alone tells the plugin of revocations */
};

MUST_CHECK bool access_allows(enum access_result result);

/* A name for counters and logs that never changes; never NULL. */
const char *access_result_name(enum access_result result);

/* The row of a parsed topic, or NULL. An alias finds its row only by its own rule. A grouped row sets the group id, any
 * other clears it. */
const struct access_row *access_row_find(const struct topic *topic, struct topic_part *ret_group_id);

/* Row by number, NULL at the end: for tables made from this one. */
const struct access_row *access_row_at(size_t i);

/* NULL: no such service. */
const struct access_service *access_service_find(const char *name, size_t name_len);

MUST_CHECK enum access_result access_node_publish(const char *node_id, size_t node_id_len, const char *topic,
						  size_t topic_len, bool retain, enum access_mode mode);
MUST_CHECK enum access_result access_node_subscribe(const char *node_id, size_t node_id_len, const char *filter,
						    size_t filter_len);
MUST_CHECK enum access_result access_node_read(const char *node_id, size_t node_id_len, const char *topic,
					       size_t topic_len);

MUST_CHECK enum access_result access_service_publish(const struct access_service *service, const char *topic,
						     size_t topic_len, bool retain);
MUST_CHECK enum access_result access_service_subscribe(const struct access_service *service, const char *filter,
						       size_t filter_len);
MUST_CHECK enum access_result access_service_read(const struct access_service *service, const char *topic,
						  size_t topic_len);

#endif
