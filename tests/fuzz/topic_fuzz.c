/* Topics, filters and access checks on any bytes. The first byte is the length of the first text, the rest is the second.
 *
 * Beside "does not crash" these must hold: what is allowed lies in the own tree; a valid filter covers itself; if one
 * filter covers another and that one matches a topic, then the first matches it too.
 */
#include "model/access.h"
#include "model/node_id.h"
#include "model/topic.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool begins(const char *text, size_t len, const char *head)
{
	return len >= strlen(head) && memcmp(text, head, strlen(head)) == 0;
}

static bool in_tree_of_a(const char *topic, size_t len)
{
	const char *aws = "$aws/rules/";

	if (begins(topic, len, aws)) {
		const char *slash = memchr(topic + strlen(aws), '/', len - strlen(aws));

		must(slash != NULL);
		len -= (size_t)(slash + 1 - topic);
		topic = slash + 1;
	}
	return begins(topic, len, "node/A/") && len > strlen("node/A/");
}

static void check_topic(const char *text, size_t len)
{
	struct topic topic;
	struct topic_part group_id;

	if (topic_parse(text, len, &topic)) {
		must(len <= TOPIC_MAX && topic.suffix.len > 0 && node_id_valid(topic.node_id.at, topic.node_id.len));
		must(topic.suffix.at + topic.suffix.len == text + len);
		(void)access_row_find(&topic, &group_id);
	}
	for (enum access_mode mode = ACCESS_OPEN; mode <= ACCESS_STRICT; mode++) {
		enum access_result result = access_node_publish("A", 1, text, len, false, mode);

		if (access_allows(result)) {
			must(in_tree_of_a(text, len));
			must(!memchr(text, '+', len) && !memchr(text, '#', len) && !memchr(text, '\0', len));
			must(!begins(text, len, "node/A/params/remote") || len > strlen("node/A/params/remote"));
			must(!begins(text, len, "node/A/to-node/") && !begins(text, len, "node/A/params/remote/"));
		}
		must(!access_allows(access_node_publish("A", 1, text, len, true, mode)));
	}
	if (access_allows(access_node_read("A", 1, text, len)))
		must(begins(text, len, "node/A/"));
	if (access_allows(access_node_subscribe("A", 1, text, len)))
		must(begins(text, len, "node/A/") && topic_filter_valid(text, len));
}

static void check_filters(const char *outer, size_t outer_len, const char *inner, size_t inner_len)
{
	struct topic topic;

	if (topic_filter_valid(outer, outer_len)) {
		must(topic_filter_covers(outer, outer_len, outer, outer_len));
		if (outer[0] != '$' && outer_len > 0)
			must(topic_filter_covers("#", 1, outer, outer_len));
	}
	if (!topic_filter_covers(outer, outer_len, inner, inner_len) || !topic_parse(inner, inner_len, &topic))
		return;
	if (topic_filter_covers("node/+/#", 8, outer, outer_len))
		must(topic_filter_covers("node/+/#", 8, inner, inner_len));
	for (size_t i = 0; i < 2; i++) {
		const struct access_service *service =
			i ? access_service_find("health", 6) : access_service_find("cisternd", 8);

		if (access_allows(access_service_subscribe(service, outer, outer_len)))
			must(access_allows(access_service_read(service, inner, inner_len)));
		(void)!access_service_publish(service, inner, inner_len, false);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	if (size < 1)
		return 0;

	size_t first_len = data[0] < size - 1 ? data[0] : size - 1;
	const char *second = text + 1 + first_len;
	size_t second_len = size - 1 - first_len;

	check_topic(text + 1, first_len);
	check_topic(second, second_len);
	check_filters(text + 1, first_len, second, second_len);
	return 0;
}
