/* The access rules, row by row. */
#include "model/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define G32 "gggggggggggggggggggggggggggggggg"

static enum access_result publish(const char *topic, enum access_mode mode)
{
	return access_node_publish("A", 1, topic, strlen(topic), false, mode);
}

static enum access_result subscribe(const char *filter)
{
	return access_node_subscribe("A", 1, filter, strlen(filter));
}

static enum access_result read_own(const char *topic)
{
	return access_node_read("A", 1, topic, strlen(topic));
}

/* contract/mqtt.md section 1, table of basic ingest */
static const struct {
	const char *suffix, *rule;
} ingest[] = {
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

static const char *alias(const char *rule, const char *node_id, const char *suffix)
{
	static char topic[TOPIC_MAX + 1];

	assert_true(snprintf(topic, sizeof(topic), "$aws/rules/%s/node/%s/%s", rule, node_id, suffix) > 0);
	return topic;
}

static const char *plain(const char *node_id, const char *suffix)
{
	static char topic[TOPIC_MAX + 1];

	assert_true(snprintf(topic, sizeof(topic), "node/%s/%s", node_id, suffix) > 0);
	return topic;
}

static void a_node_can_publish_every_listed_topic_in_both_forms(void **state)
{
	(void)state;
	for (enum access_mode mode = ACCESS_OPEN; mode <= ACCESS_STRICT; mode++) {
		for (size_t i = 0; i < ARRAY_LEN(ingest); i++) {
			assert_int_equal(publish(plain("A", ingest[i].suffix), mode), ACCESS_ALLOWED);
			assert_int_equal(publish(alias(ingest[i].rule, "A", ingest[i].suffix), mode), ACCESS_ALLOWED);
		}
		assert_int_equal(publish("node/A/status", mode), ACCESS_ALLOWED);
		assert_int_equal(publish("node/A/params/local/g1", mode), ACCESS_ALLOWED);
		assert_int_equal(publish("node/A/params/local/" G32, mode), ACCESS_ALLOWED);
	}
}

static void a_rule_belongs_to_one_suffix(void **state)
{
	(void)state;
	for (size_t rule = 0; rule < ARRAY_LEN(ingest); rule++) {
		for (size_t suffix = 0; suffix < ARRAY_LEN(ingest); suffix++) {
			enum access_result expected = rule == suffix ? ACCESS_ALLOWED : ACCESS_RULE_WRONG;
			const char *topic = alias(ingest[rule].rule, "A", ingest[suffix].suffix);

			assert_int_equal(publish(topic, ACCESS_OPEN), expected);
		}
	}
}

static void a_node_cannot_publish_for_another_node(void **state)
{
	static const char *const others[] = { "B", "A2", "a", "AA", "-A", "A_" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		for (size_t k = 0; k < ARRAY_LEN(ingest); k++) {
			assert_int_equal(publish(plain(others[i], ingest[k].suffix), ACCESS_OPEN), ACCESS_TREE_FOREIGN);
			assert_int_equal(publish(alias(ingest[k].rule, others[i], ingest[k].suffix), ACCESS_OPEN),
					 ACCESS_TREE_FOREIGN);
		}
	}
	/* and the other way round: the own id is the longer one */
	assert_int_equal(access_node_publish("A2", 2, "node/A/config", 13, false, ACCESS_OPEN), ACCESS_TREE_FOREIGN);
}

static void what_a_node_publishes(void **state)
{
	static const struct {
		const char *topic;
		enum access_result open, strict;
	} cases[] = {
		/* cloud to node */
		{ "node/A/params/remote", ACCESS_DIRECTION_WRONG, ACCESS_DIRECTION_WRONG },
		{ "node/A/params/remote/g1", ACCESS_DIRECTION_WRONG, ACCESS_DIRECTION_WRONG },
		{ "node/A/params/remote/g1/x", ACCESS_DIRECTION_WRONG, ACCESS_DIRECTION_WRONG },
		{ "node/A/params/remote/" G32 "g", ACCESS_DIRECTION_WRONG, ACCESS_DIRECTION_WRONG },
		{ "node/A/params/remote/init", ACCESS_DIRECTION_WRONG, ACCESS_DIRECTION_WRONG },
		{ "node/A/remote", ACCESS_DIRECTION_WRONG, ACCESS_DIRECTION_WRONG },
		{ "node/A/remote/g1", ACCESS_DIRECTION_WRONG, ACCESS_DIRECTION_WRONG },
		{ "node/A/otaurl", ACCESS_DIRECTION_WRONG, ACCESS_DIRECTION_WRONG },
		{ "node/A/otaurl/x", ACCESS_DIRECTION_WRONG, ACCESS_DIRECTION_WRONG },
		{ "node/A/to-node", ACCESS_DIRECTION_WRONG, ACCESS_DIRECTION_WRONG },
		{ "node/A/to-node/x", ACCESS_DIRECTION_WRONG, ACCESS_DIRECTION_WRONG },
		/* the product's own */
		{ "node/A/own", ACCESS_ALLOWED_PRODUCT, ACCESS_SUFFIX_UNLISTED },
		{ "node/A/own/deeper", ACCESS_ALLOWED_PRODUCT, ACCESS_SUFFIX_UNLISTED },
		{ "node/A/v1.2/...", ACCESS_ALLOWED_PRODUCT, ACCESS_SUFFIX_UNLISTED },
		{ "node/A/user", ACCESS_ALLOWED_PRODUCT, ACCESS_SUFFIX_UNLISTED },
		{ "node/A/user/prefs", ACCESS_ALLOWED_PRODUCT, ACCESS_SUFFIX_UNLISTED },
		{ "node/A/params", ACCESS_ALLOWED_PRODUCT, ACCESS_SUFFIX_UNLISTED },
		{ "node/A/configuration", ACCESS_ALLOWED_PRODUCT, ACCESS_SUFFIX_UNLISTED },
		{ "node/A/remotes", ACCESS_ALLOWED_PRODUCT, ACCESS_SUFFIX_UNLISTED },
		{ "node/A/direct/params/local/g1", ACCESS_ALLOWED_PRODUCT, ACCESS_SUFFIX_UNLISTED },
		/* not listed, and not the product's */
		{ "node/A/config/x", ACCESS_SUFFIX_UNLISTED, ACCESS_SUFFIX_UNLISTED },
		{ "node/A/params/local/g1/x", ACCESS_SUFFIX_UNLISTED, ACCESS_SUFFIX_UNLISTED },
		{ "node/A/params/local/" G32 "g", ACCESS_SUFFIX_UNLISTED, ACCESS_SUFFIX_UNLISTED },
		{ "node/A/params/local/init/x", ACCESS_SUFFIX_UNLISTED, ACCESS_SUFFIX_UNLISTED },
		{ "node/A/.", ACCESS_SUFFIX_UNLISTED, ACCESS_SUFFIX_UNLISTED },
		{ "node/A/..", ACCESS_SUFFIX_UNLISTED, ACCESS_SUFFIX_UNLISTED },
		{ "node/A/../B/config", ACCESS_SUFFIX_UNLISTED, ACCESS_SUFFIX_UNLISTED },
		{ "node/A/own/./x", ACCESS_SUFFIX_UNLISTED, ACCESS_SUFFIX_UNLISTED },
		{ "node/A/own/..", ACCESS_SUFFIX_UNLISTED, ACCESS_SUFFIX_UNLISTED },
		{ "node/A/%2e%2e", ACCESS_SUFFIX_UNLISTED, ACCESS_SUFFIX_UNLISTED },
		{ "node/A/own/a%b", ACCESS_SUFFIX_UNLISTED, ACCESS_SUFFIX_UNLISTED },
		{ "node/A/own\n", ACCESS_SUFFIX_UNLISTED, ACCESS_SUFFIX_UNLISTED },
		{ "node/A/own\x7f", ACCESS_SUFFIX_UNLISTED, ACCESS_SUFFIX_UNLISTED },
		/* aliases of what has none */
		{ "$aws/rules/esp_set_params/node/A/params/local/g1", ACCESS_RULE_WRONG, ACCESS_RULE_WRONG },
		{ "$aws/rules/esp_node_otastatus/node/A/status", ACCESS_RULE_WRONG, ACCESS_RULE_WRONG },
		{ "$aws/rules/esp_set_params/node/A/params/remote", ACCESS_RULE_WRONG, ACCESS_RULE_WRONG },
		{ "$aws/rules/esp_set_params/node/A/own", ACCESS_RULE_WRONG, ACCESS_RULE_WRONG },
		{ "$aws/rules/own/node/A/own", ACCESS_RULE_WRONG, ACCESS_RULE_WRONG },
		{ "$aws/rules/esp_set_param/node/A/params/local", ACCESS_RULE_WRONG, ACCESS_RULE_WRONG },
		{ "$aws/rules/esp_set_params2/node/A/params/local", ACCESS_RULE_WRONG, ACCESS_RULE_WRONG },
		/* no topics of ours */
		{ "node/A", ACCESS_TOPIC_MALFORMED, ACCESS_TOPIC_MALFORMED },
		{ "node/A/", ACCESS_TOPIC_MALFORMED, ACCESS_TOPIC_MALFORMED },
		{ "node/A//config", ACCESS_TOPIC_MALFORMED, ACCESS_TOPIC_MALFORMED },
		{ "node/A/params/local/", ACCESS_TOPIC_MALFORMED, ACCESS_TOPIC_MALFORMED },
		{ "node/A/+", ACCESS_TOPIC_MALFORMED, ACCESS_TOPIC_MALFORMED },
		{ "/node/A/config", ACCESS_TOPIC_MALFORMED, ACCESS_TOPIC_MALFORMED },
		{ "$aws/things/A/streams/s/get/cbor", ACCESS_TOPIC_MALFORMED, ACCESS_TOPIC_MALFORMED },
		{ "$SYS/broker/connection/A/state", ACCESS_TOPIC_MALFORMED, ACCESS_TOPIC_MALFORMED },
		{ "$CONTROL/x", ACCESS_TOPIC_MALFORMED, ACCESS_TOPIC_MALFORMED },
		{ "cistern/presence/A", ACCESS_TOPIC_MALFORMED, ACCESS_TOPIC_MALFORMED },
		{ "", ACCESS_TOPIC_MALFORMED, ACCESS_TOPIC_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (publish(cases[i].topic, ACCESS_OPEN) != cases[i].open ||
		    publish(cases[i].topic, ACCESS_STRICT) != cases[i].strict)
			fail_msg("wrong about %s: %s", cases[i].topic,
				 access_result_name(publish(cases[i].topic, ACCESS_OPEN)));
	}
}

static void nothing_is_retained(void **state)
{
	const struct access_service *daemon = access_service_find("cisternd", 8);

	(void)state;
	assert_int_equal(access_node_publish("A", 1, "node/A/config", 13, true, ACCESS_OPEN), ACCESS_RETAINED);
	assert_int_equal(access_node_publish("A", 1, "node/A/own", 10, true, ACCESS_OPEN), ACCESS_RETAINED);
	assert_int_equal(access_service_publish(daemon, "node/A/otaurl", 13, true), ACCESS_RETAINED);
}

static void topics_and_filters_have_at_most_256_bytes(void **state)
{
	char topic[258] = "node/A/";
	char in_between[257] = "node/A/config";

	(void)state;
	memset(topic + 7, 'x', sizeof(topic) - 8);
	assert_int_equal(access_node_publish("A", 1, topic, 256, false, ACCESS_OPEN), ACCESS_ALLOWED_PRODUCT);
	assert_int_equal(access_node_publish("A", 1, topic, 257, false, ACCESS_OPEN), ACCESS_TOPIC_TOO_LONG);
	assert_int_equal(access_node_subscribe("A", 1, topic, 256), ACCESS_ALLOWED);
	assert_int_equal(access_node_subscribe("A", 1, topic, 257), ACCESS_TOPIC_TOO_LONG);
	assert_int_equal(access_node_read("A", 1, topic, 257), ACCESS_TOPIC_TOO_LONG);
	/* and a NUL inside ends nothing */
	assert_int_equal(access_node_publish("A", 1, in_between, sizeof(in_between), false, ACCESS_OPEN),
			 ACCESS_TOPIC_TOO_LONG);
	assert_int_equal(access_node_publish("A", 1, in_between, 20, false, ACCESS_OPEN), ACCESS_TOPIC_MALFORMED);
}

static void a_node_subscribes_inside_its_own_tree(void **state)
{
	static const struct {
		const char *filter;
		enum access_result expected;
	} cases[] = {
		{ "node/A/#", ACCESS_ALLOWED },
		{ "node/A/+", ACCESS_ALLOWED },
		{ "node/A/params/remote", ACCESS_ALLOWED },
		{ "node/A/params/remote/g1", ACCESS_ALLOWED },
		{ "node/A/otaurl", ACCESS_ALLOWED },
		{ "node/A/to-node", ACCESS_ALLOWED },
		{ "node/A", ACCESS_FILTER_OUTSIDE },
		{ "node/B/#", ACCESS_FILTER_OUTSIDE },
		{ "node/A2/#", ACCESS_FILTER_OUTSIDE },
		{ "node/+/params/remote", ACCESS_FILTER_OUTSIDE },
		{ "node/+/params/local/g1", ACCESS_FILTER_OUTSIDE },
		{ "node/#", ACCESS_FILTER_OUTSIDE },
		{ "#", ACCESS_FILTER_OUTSIDE },
		{ "+/A/#", ACCESS_FILTER_OUTSIDE },
		{ "$share/g/node/A/#", ACCESS_FILTER_OUTSIDE },
		{ "$SYS/#", ACCESS_FILTER_OUTSIDE },
		{ "$CONTROL/#", ACCESS_FILTER_OUTSIDE },
		{ "$aws/rules/esp_set_params/node/A/params/local", ACCESS_FILTER_OUTSIDE },
		{ "$aws/things/A/streams/s/data/cbor", ACCESS_FILTER_OUTSIDE },
		{ "cistern/presence/A", ACCESS_FILTER_OUTSIDE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (subscribe(cases[i].filter) != cases[i].expected)
			fail_msg("wrong about %s", cases[i].filter);
	}
}

static void a_node_reads_its_own_tree(void **state)
{
	(void)state;
	assert_int_equal(read_own("node/A/params/remote"), ACCESS_ALLOWED);
	assert_int_equal(read_own("node/A/own"), ACCESS_ALLOWED);
	assert_int_equal(read_own("node/B/params/remote"), ACCESS_TREE_FOREIGN);
	assert_int_equal(read_own("node/A2/params/remote"), ACCESS_TREE_FOREIGN);
	assert_int_equal(read_own("$aws/rules/esp_node_config/node/A/config"), ACCESS_TREE_FOREIGN);
	assert_int_equal(read_own("cistern/presence/A"), ACCESS_TOPIC_MALFORMED);
}

static void the_daemon_commands_nodes_and_reads_all(void **state)
{
	static const struct {
		const char *topic;
		enum access_result expected;
	} publishes[] = {
		{ "node/A/params/remote", ACCESS_ALLOWED },
		{ "node/A/params/remote/g1", ACCESS_ALLOWED },
		{ "node/A/remote", ACCESS_ALLOWED },
		{ "node/A/remote/g1", ACCESS_ALLOWED },
		{ "node/A/otaurl", ACCESS_ALLOWED },
		{ "node/A/to-node", ACCESS_ALLOWED },
		{ "node/A/params/local", ACCESS_DIRECTION_WRONG },
		{ "node/A/params/local/g1", ACCESS_DIRECTION_WRONG },
		{ "node/A/status", ACCESS_DIRECTION_WRONG },
		{ "node/A/own", ACCESS_SUFFIX_UNLISTED },
		{ "node/A/params/remote/init", ACCESS_SUFFIX_UNLISTED },
		{ "node/A/to-node/x", ACCESS_SUFFIX_UNLISTED },
		{ "$aws/rules/esp_set_params/node/A/params/local", ACCESS_TREE_FOREIGN },
		{ "cistern/presence/A", ACCESS_TOPIC_MALFORMED },
		{ "node/+/params/remote", ACCESS_TOPIC_MALFORMED },
	};
	static const struct {
		const char *filter;
		bool allowed;
	} filters[] = {
		{ "node/+/#", true },
		{ "node/+/params/local", true },
		{ "node/A/#", true },
		{ "$aws/rules/+/node/+/#", true },
		{ "$aws/rules/esp_set_params/node/+/params/local", true },
		{ "cistern/#", true },
		{ "cistern/presence/+", true },
		{ "node/#", false },
		{ "#", false },
		{ "+/#", false },
		{ "$SYS/#", false },
		{ "$SYS/broker/uptime", true }, /* for /metrics */
		{ "$SYS/broker/#", true },
		{ "$SYS/+/uptime", false },
		{ "$aws/#", false },
		{ "$share/g/node/+/#", false },
		{ "node/+/x#", false },
	};
	const struct access_service *daemon = access_service_find("cisternd", 8);

	(void)state;
	assert_non_null(daemon);
	assert_true(daemon->consumer);
	for (size_t i = 0; i < ARRAY_LEN(publishes); i++) {
		const char *topic = publishes[i].topic;

		if (access_service_publish(daemon, topic, strlen(topic), false) != publishes[i].expected)
			fail_msg("wrong about %s", topic);
	}
	for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
		const char *filter = filters[i].filter;

		if (access_allows(access_service_subscribe(daemon, filter, strlen(filter))) != filters[i].allowed)
			fail_msg("wrong about %s", filter);
	}
	assert_int_equal(access_service_read(daemon, "node/A/own/x", 12), ACCESS_ALLOWED);
	assert_int_equal(access_service_read(daemon, "cistern/broker", 14), ACCESS_ALLOWED);
	assert_int_equal(access_service_read(daemon, "$SYS/broker/uptime", 18), ACCESS_ALLOWED); /* for /metrics */
	assert_int_equal(access_service_read(daemon, "$CONTROL/cistern/v1/x", 21), ACCESS_FILTER_OUTSIDE);
}

static void only_the_consumer_tells_of_revocations(void **state)
{
	const struct access_service *daemon = access_service_find("cisternd", 8);
	const struct access_service *health = access_service_find("health", 6);
	const char *topic = "$CONTROL/cistern/v1/revocation";
	size_t len = strlen(topic);

	(void)state;
	assert_int_equal(access_service_publish(daemon, topic, len, false), ACCESS_ALLOWED);
	assert_int_equal(access_service_publish(daemon, topic, len, true), ACCESS_RETAINED);
	assert_int_equal(access_service_publish(daemon, topic, len - 1, false), ACCESS_TOPIC_MALFORMED);
	assert_int_equal(access_service_publish(health, topic, len, false), ACCESS_TOPIC_MALFORMED);
	assert_false(access_allows(access_service_subscribe(daemon, topic, len)));
	for (enum access_mode mode = ACCESS_OPEN; mode <= ACCESS_STRICT; mode++)
		assert_int_equal(access_node_publish("A", 1, topic, len, false, mode), ACCESS_TOPIC_MALFORMED);
	assert_int_equal(access_node_subscribe("A", 1, topic, len), ACCESS_FILTER_OUTSIDE);
}

static void the_health_probe_reads_uptime_only(void **state)
{
	const struct access_service *health = access_service_find("health", 6);

	(void)state;
	assert_non_null(health);
	assert_false(health->consumer);
	assert_int_equal(access_service_subscribe(health, "$SYS/broker/uptime", 18), ACCESS_ALLOWED);
	assert_int_equal(access_service_read(health, "$SYS/broker/uptime", 18), ACCESS_ALLOWED);
	assert_int_equal(access_service_subscribe(health, "$SYS/#", 6), ACCESS_FILTER_OUTSIDE);
	assert_int_equal(access_service_subscribe(health, "node/A/#", 8), ACCESS_FILTER_OUTSIDE);
	assert_int_equal(access_service_read(health, "node/A/config", 13), ACCESS_FILTER_OUTSIDE);
	assert_int_equal(access_service_publish(health, "node/A/params/remote", 20, false), ACCESS_TREE_FOREIGN);
}

static void there_are_no_other_services(void **state)
{
	(void)state;
	assert_null(access_service_find("cistern", 7));
	assert_null(access_service_find("cisternd2", 9));
	assert_null(access_service_find("", 0));
	assert_null(access_service_find("Cisternd", 8));
}

static void the_daemon_finds_row_and_group_id(void **state)
{
	static const struct {
		const char *topic, *suffix, *group_id;
	} cases[] = {
		{ "node/A/params/local", "params/local", NULL },
		{ "node/A/params/local/init", "params/local/init", NULL },
		{ "node/A/params/local/inits", "params/local", "inits" },
		{ "node/A/params/local/g 1", "params/local", "g 1" },
		{ "node/A/params/remote/g1", "params/remote", "g1" },
		{ "$aws/rules/esp_init_params/node/A/params/local/init", "params/local/init", NULL },
		{ "$aws/rules/esp_set_params/node/A/params/local/init", NULL, NULL },
		{ "$aws/rules/esp_set_params/node/A/params/local/g1", NULL, NULL },
		{ "node/A/own", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct topic_part group_id = { "old", 3 };
		struct topic topic;

		assert_true(topic_parse(cases[i].topic, strlen(cases[i].topic), &topic));
		const struct access_row *row = access_row_find(&topic, &group_id);

		assert_int_equal(row != NULL, cases[i].suffix != NULL);
		if (!row)
			continue;
		assert_true(topic_part_is(row->suffix, cases[i].suffix, strlen(cases[i].suffix)));
		assert_int_equal(row->grouped, cases[i].group_id != NULL);
		assert_true(!cases[i].group_id ? !group_id.at
					       : topic_part_is(group_id, cases[i].group_id, strlen(cases[i].group_id)));
	}
}

static void every_result_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < ACCESS_RESULT_COUNT; i++) {
		for (int k = 0; k < i; k++)
			assert_string_not_equal(access_result_name((enum access_result)i),
						access_result_name((enum access_result)k));
	}
	assert_string_equal(access_result_name(ACCESS_RESULT_COUNT), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_can_publish_every_listed_topic_in_both_forms),
		cmocka_unit_test(a_rule_belongs_to_one_suffix),
		cmocka_unit_test(a_node_cannot_publish_for_another_node),
		cmocka_unit_test(what_a_node_publishes),
		cmocka_unit_test(nothing_is_retained),
		cmocka_unit_test(topics_and_filters_have_at_most_256_bytes),
		cmocka_unit_test(a_node_subscribes_inside_its_own_tree),
		cmocka_unit_test(a_node_reads_its_own_tree),
		cmocka_unit_test(the_daemon_commands_nodes_and_reads_all),
		cmocka_unit_test(only_the_consumer_tells_of_revocations),
		cmocka_unit_test(the_health_probe_reads_uptime_only),
		cmocka_unit_test(there_are_no_other_services),
		cmocka_unit_test(the_daemon_finds_row_and_group_id),
		cmocka_unit_test(every_result_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
