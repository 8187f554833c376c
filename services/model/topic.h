/* model/topic.h - the grammar of our topics and of topic filters.
 *
 *   plain  = "node/" node-id "/" suffix
 *   alias  = "$aws/rules/" rule "/node/" node-id "/" suffix      basic ingest: the same message by another road
 *   suffix = segment *( "/" segment )
 *   segment, rule = one byte or more, none of them '/', '+', '#' or NUL
 *
 * Nothing is decoded or normalised: no percent signs, no dot segments, no case folding. Two topics are the same when
 * their bytes are. Which suffixes exist and who may use them is model/access.h.
 *
 * Thread:  any; no state.
 * Memory:  the parts point into the caller's text and live as long as it does.
 */
#ifndef CISTERN_MODEL_TOPIC_H
#define CISTERN_MODEL_TOPIC_H

#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>

/* The longest topic or filter that anyone may use, in bytes. Nodes build theirs in a buffer of 150. */
#define TOPIC_MAX 256

struct topic_part {
	const char *at; /* not NUL-terminated */
	size_t len;
};

enum topic_form {
	TOPIC_PLAIN,
	TOPIC_ALIAS,
};

struct topic {
	enum topic_form form;
	struct topic_part node_id;
	struct topic_part rule; /* TOPIC_ALIAS only */
	struct topic_part suffix;
};

/* False when the text is not a topic of either form, or longer than TOPIC_MAX. */
MUST_CHECK bool topic_parse(const char *text, size_t text_len, struct topic *ret_topic);

/* True when the part is exactly these bytes. */
MUST_CHECK bool topic_part_is(struct topic_part part, const char *text, size_t text_len);

/* MQTT 3.1.1 section 4.7.1: '+' alone in its segment, '#' alone in the last one. Stricter than MQTT in two ways: no empty
 * segments, at most TOPIC_MAX bytes. */
MUST_CHECK bool topic_filter_valid(const char *filter, size_t filter_len);

/* True only if every topic that `inner` matches is also matched by `outer`; `inner` may be a filter or a topic, so this is
 * the matcher too. May say false for filters that match the same topics but are written differently ("#" and "+/#"). */
MUST_CHECK bool topic_filter_covers(const char *outer, size_t outer_len, const char *inner, size_t inner_len);

/* True when the valid filter can match nothing outside "node/<node_id>/": its wildcards come after the id. */
MUST_CHECK bool topic_filter_in_node_tree(const char *filter, size_t filter_len, const char *node_id,
					  size_t node_id_len);

#endif
