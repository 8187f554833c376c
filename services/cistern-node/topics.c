#include "topics.h"

#include "base/macros.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *suffix, *rule;
} rules[] = {
	{ "config", "esp_node_config" },
	{ "params/local", "esp_set_params" },
	{ "params/local/init", "esp_init_params" },
	{ "alert", "esp_node_alert" },
	{ "user/mapping", "esp_user_node_mapping" },
	{ "otafetch", "esp_node_otafetch" },
	{ "otastatus", "esp_node_otastatus" },
	{ "tsdata", "esp_ts_ingest" },
	{ "simple_tsdata", "esp_simple_ts_ingest" },
	{ "from-node", "esp_cmd_resp" },
	{ "diagnostics/from-node", "insights_message_delivery" },
};

struct topic_text topic_plain(const char *node_id, const char *suffix)
{
	struct topic_text topic;

	(void)snprintf(topic.text, sizeof(topic.text), "node/%s/%s", node_id, suffix);
	return topic;
}

struct topic_text topic_grouped(const char *node_id, const char *suffix, const char *group_id)
{
	struct topic_text topic;

	(void)snprintf(topic.text, sizeof(topic.text), "node/%s/%s/%s", node_id, suffix, group_id);
	return topic;
}

struct topic_text topic_basic_ingest(const char *node_id, const char *suffix)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		struct topic_text topic;

		if (strcmp(rules[i].suffix, suffix) != 0)
			continue;
		(void)snprintf(topic.text, sizeof(topic.text), "$aws/rules/%s/node/%s/%s", rules[i].rule, node_id,
			       suffix);
		return topic;
	}
	return topic_plain(node_id, suffix);
}
