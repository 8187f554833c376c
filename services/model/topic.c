#include "model/topic.h"

#include "model/node_id.h"

#include <string.h>

static const char node_head[] = "node/";
static const char rules_head[] = "$aws/rules/";

#define NODE_HEAD_LEN  (sizeof(node_head) - 1)
#define RULES_HEAD_LEN (sizeof(rules_head) - 1)

/* Takes the first segment off the rest, and the slash after it. False when there is no slash: then nothing follows. */
static bool take_segment(struct topic_part *rest, struct topic_part *ret_segment)
{
	const char *slash = memchr(rest->at, '/', rest->len);

	if (!slash)
		return false;
	*ret_segment = (struct topic_part){ rest->at, (size_t)(slash - rest->at) };
	rest->at = slash + 1;
	rest->len -= ret_segment->len + 1;
	return true;
}

static bool take_head(struct topic_part *rest, const char *head, size_t head_len)
{
	if (rest->len < head_len || memcmp(rest->at, head, head_len) != 0)
		return false;
	rest->at += head_len;
	rest->len -= head_len;
	return true;
}

/* segment *( "/" segment ), as at the top of topic.h */
static bool segments_valid(struct topic_part text)
{
	bool segment_empty = true;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (c == '+' || c == '#' || c == '\0')
			return false;
		if (c == '/' && segment_empty)
			return false;
		segment_empty = c == '/';
	}
	return !segment_empty;
}

bool topic_parse(const char *text, size_t text_len, struct topic *ret_topic)
{
	struct topic_part rest = { text, text_len };
	struct topic topic = { .form = TOPIC_PLAIN };

	if (text_len > TOPIC_MAX)
		return false;
	if (take_head(&rest, rules_head, RULES_HEAD_LEN)) {
		topic.form = TOPIC_ALIAS;
		if (!take_segment(&rest, &topic.rule) || !segments_valid(topic.rule))
			return false;
	}
	if (!take_head(&rest, node_head, NODE_HEAD_LEN))
		return false;
	if (!take_segment(&rest, &topic.node_id) || !node_id_valid(topic.node_id.at, topic.node_id.len))
		return false;
	if (!segments_valid(rest))
		return false;
	topic.suffix = rest;
	*ret_topic = topic;
	return true;
}

bool topic_part_is(struct topic_part part, const char *text, size_t text_len)
{
	return part.len == text_len && memcmp(part.at, text, text_len) == 0;
}

bool topic_filter_valid(const char *filter, size_t filter_len)
{
	size_t segment_len = 0;
	bool wildcard = false;

	if (filter_len < 1 || filter_len > TOPIC_MAX)
		return false;
	for (size_t i = 0; i < filter_len; i++) {
		char c = filter[i];

		if (c == '\0' || (c == '/' && segment_len == 0))
			return false;
		if (c == '/') {
			segment_len = 0;
			wildcard = false;
			continue;
		}
		if (wildcard || ((c == '+' || c == '#') && segment_len > 0))
			return false; /* a wildcard has its segment to itself */
		if (c == '#' && i + 1 < filter_len)
			return false;
		wildcard = c == '+' || c == '#';
		segment_len++;
	}
	return segment_len > 0;
}

/* The first segment of the text, or all of it. */
static struct topic_part first_segment(struct topic_part text)
{
	const char *slash = memchr(text.at, '/', text.len);

	return (struct topic_part){ text.at, slash ? (size_t)(slash - text.at) : text.len };
}

/* What follows the segment and its slash; `at` is NULL when the segment was the last one. */
static struct topic_part after_segment(struct topic_part text, struct topic_part segment)
{
	if (segment.len == text.len)
		return (struct topic_part){ NULL, 0 };
	return (struct topic_part){ text.at + segment.len + 1, text.len - segment.len - 1 };
}

static bool is_wildcard(struct topic_part segment, char wildcard)
{
	return segment.len == 1 && segment.at[0] == wildcard;
}

static bool segment_covers(struct topic_part outer, struct topic_part inner)
{
	if (is_wildcard(inner, '#'))
		return false;
	return is_wildcard(outer, '+') || topic_part_is(outer, inner.at, inner.len);
}

bool topic_filter_covers(const char *outer, size_t outer_len, const char *inner, size_t inner_len)
{
	struct topic_part o = { outer, outer_len };
	struct topic_part i = { inner, inner_len };

	/* MQTT 3.1.1 section 4.7.2: a leading wildcard does not match topics that begin with '$'. */
	if (outer_len < 1 || inner_len < 1 || (inner[0] == '$' && (outer[0] == '+' || outer[0] == '#')))
		return false;
	while (o.at && i.at) {
		struct topic_part o_segment = first_segment(o);
		struct topic_part i_segment = first_segment(i);

		if (is_wildcard(o_segment, '#'))
			return true;
		if (!segment_covers(o_segment, i_segment))
			return false;
		o = after_segment(o, o_segment);
		i = after_segment(i, i_segment);
	}
	/* Both at their end, or "a/#" over its parent "a". */
	return !i.at && (!o.at || is_wildcard(o, '#'));
}

bool topic_filter_in_node_tree(const char *filter, size_t filter_len, const char *node_id, size_t node_id_len)
{
	struct topic_part rest = { filter, filter_len };
	struct topic_part id;

	if (!topic_filter_valid(filter, filter_len) || !node_id_valid(node_id, node_id_len))
		return false;
	/* The rest can not be empty: a valid filter does not end in a slash. */
	return take_head(&rest, node_head, NODE_HEAD_LEN) && take_segment(&rest, &id) &&
	       topic_part_is(id, node_id, node_id_len);
}
