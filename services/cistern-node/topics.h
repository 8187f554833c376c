/* topics.h - where a node publishes: plain topics, or their basic-ingest form (contract/mqtt.md section 1).
 *
 * The table is the node's own and not model/access.h on purpose: the virtual node is what tests hold against the server, and
 * two sides that share a table would agree about a mistake in it.
 *
 * Thread:  any. Memory: fills the caller's array.
 */
#ifndef CISTERN_NODE_TOPICS_H
#define CISTERN_NODE_TOPICS_H

#include <stdbool.h>

/* The id and suffix are the caller's own, so a topic that does not fit is cut. */
enum { TOPIC_TEXT_MAX = 255 };

struct topic_text {
	char text[TOPIC_TEXT_MAX + 1];
};

/* "node/<id>/<suffix>": subscriptions, the will, and everything with a group id. */
struct topic_text topic_plain(const char *node_id, const char *suffix);

/* As above below a suffix: "node/<id>/params/local/<group id>". */
struct topic_text topic_grouped(const char *node_id, const char *suffix, const char *group_id);

/* "$aws/rules/<rule>/node/<id>/<suffix>" where the suffix has a rule, else the plain form. */
struct topic_text topic_basic_ingest(const char *node_id, const char *suffix);

#endif
