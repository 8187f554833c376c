/* Where a node publishes: each suffix of contract/mqtt.md section 1 with its rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cistern-node/topics.c"

static const struct {
	const char *suffix, *topic;
} cases[] = {
	{ "config", "$aws/rules/esp_node_config/node/n1/config" },
	{ "params/local", "$aws/rules/esp_set_params/node/n1/params/local" },
	{ "params/local/init", "$aws/rules/esp_init_params/node/n1/params/local/init" },
	{ "alert", "$aws/rules/esp_node_alert/node/n1/alert" },
	{ "user/mapping", "$aws/rules/esp_user_node_mapping/node/n1/user/mapping" },
	{ "otafetch", "$aws/rules/esp_node_otafetch/node/n1/otafetch" },
	{ "otastatus", "$aws/rules/esp_node_otastatus/node/n1/otastatus" },
	{ "tsdata", "$aws/rules/esp_ts_ingest/node/n1/tsdata" },
	{ "simple_tsdata", "$aws/rules/esp_simple_ts_ingest/node/n1/simple_tsdata" },
	{ "from-node", "$aws/rules/esp_cmd_resp/node/n1/from-node" },
	{ "diagnostics/from-node", "$aws/rules/insights_message_delivery/node/n1/diagnostics/from-node" },
	{ "something/else", "node/n1/something/else" },
};

static void a_suffix_is_published_through_its_own_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct topic_text topic = topic_basic_ingest("n1", cases[i].suffix);
		assert_string_equal(topic.text, cases[i].topic);
	}
}

static void plain_and_grouped_topics_have_no_rule(void **state)
{
	struct topic_text plain = topic_plain("n1", "config"), grouped = topic_grouped("n1", "params/local", "g7");

	(void)state;
	assert_string_equal(plain.text, "node/n1/config");
	assert_string_equal(grouped.text, "node/n1/params/local/g7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_suffix_is_published_through_its_own_rule),
		cmocka_unit_test(plain_and_grouped_topics_have_no_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
