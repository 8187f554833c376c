/* The grammar of topics and filters. */
#include "model/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define X63 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void assert_part(struct topic_part part, const char *expected)
{
	assert_int_equal(part.len, strlen(expected));
	assert_memory_equal(part.at, expected, part.len);
}

static void topics_come_apart_into_their_parts(void **state)
{
	static const struct {
		const char *topic;
		enum topic_form form;
		const char *rule, *node_id, *suffix;
	} cases[] = {
		{ "node/A/config", TOPIC_PLAIN, "", "A", "config" },
		{ "node/A/params/local/init", TOPIC_PLAIN, "", "A", "params/local/init" },
		{ "node/node/node", TOPIC_PLAIN, "", "node", "node" },
		{ "node/x" X63 "/c", TOPIC_PLAIN, "", "x" X63, "c" },
		{ "node/A/a b/\xc3\xa9", TOPIC_PLAIN, "", "A", "a b/\xc3\xa9" },
		{ "node/A/../B", TOPIC_PLAIN, "", "A", "../B" },
		{ "$aws/rules/esp_set_params/node/A/params/local", TOPIC_ALIAS, "esp_set_params", "A", "params/local" },
		{ "$aws/rules/node/node/A/x", TOPIC_ALIAS, "node", "A", "x" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct topic topic;

		assert_true(topic_parse(cases[i].topic, strlen(cases[i].topic), &topic));
		assert_int_equal(topic.form, cases[i].form);
		assert_part(topic.node_id, cases[i].node_id);
		assert_part(topic.suffix, cases[i].suffix);
		if (topic.form == TOPIC_ALIAS)
			assert_part(topic.rule, cases[i].rule);
	}
}

static void everything_else_is_no_topic(void **state)
{
	static const char *const topics[] = {
		"",
		"node",
		"node/",
		"node/A",
		"node/A/",
		"node//config",
		"node/A//config",
		"node/A/config/",
		"node/A/a//b",
		"/node/A/config",
		"Node/A/config",
		"nodes/A/config",
		"x/node/A/config",
		"node/A+/config",
		"node/a.b/config",
		"node/$A/config",
		"node/" X63 "xx/config",
		"node/A/+",
		"node/A/#",
		"node/A/a+b",
		"node/+/config",
		"#",
		"$aws",
		"$aws/rules/",
		"$aws/rules/r",
		"$aws/rules//node/A/x",
		"$aws/rules/r/node/A",
		"$aws/rules/r/node/A/",
		"$aws/rules/r/x/node/A/x",
		"$aws/rules/r+/node/A/x",
		"$aws/rules/+/node/A/x",
		"$aws/things/A/streams/s/get/cbor",
		"$AWS/rules/r/node/A/x",
		"$share/g/node/A/x",
		"cistern/presence/A",
	};
	struct topic topic;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
		if (topic_parse(topics[i], strlen(topics[i]), &topic))
			fail_msg("taken for a topic: %s", topics[i]);
	}
}

static void a_topic_has_no_nul_and_at_most_256_bytes(void **state)
{
	char text[257] = "node/A/";
	struct topic topic;

	(void)state;
	memset(text + 7, 'x', sizeof(text) - 7);
	assert_true(topic_parse(text, 256, &topic));
	assert_false(topic_parse(text, 257, &topic));
	assert_false(topic_parse("node/A/x\0y", 10, &topic));
	assert_false(topic_parse("node/A\0/xy", 10, &topic));
}

static void a_refused_topic_writes_nothing(void **state)
{
	struct topic topic = { .suffix = { "mine", 4 } };

	(void)state;
	assert_false(topic_parse("node/A/", 7, &topic));
	assert_part(topic.suffix, "mine");
}

static void wildcards_have_their_segment_to_themselves(void **state)
{
	static const struct {
		const char *filter;
		bool valid;
	} cases[] = {
		{ "a", true },          { "+", true },          { "#", true },         { "a/+", true },
		{ "a/#", true },        { "+/+/#", true },      { "+/a", true },       { "$SYS/#", true },
		{ "node/A/b c", true }, { "", false },          { "/", false },        { "a/", false },
		{ "/a", false },        { "a//b", false },      { "a+", false },       { "+a", false },
		{ "a#", false },        { "#a", false },        { "#/a", false },      { "a/#/b", false },
		{ "a/#/", false },      { "++", false },        { "+#", false },       { "##", false },
		{ "a/b+/c", false },    { "node/+x/y", false }, { "node/#/y", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (topic_filter_valid(cases[i].filter, strlen(cases[i].filter)) != cases[i].valid)
			fail_msg("wrong about %s", cases[i].filter);
	}
	assert_false(topic_filter_valid("a\0b", 3));
}

static void a_filter_covers_what_it_matches(void **state)
{
	static const struct {
		const char *outer, *inner;
		bool covers;
	} cases[] = {
		/* topics: MQTT 3.1.1 section 4.7 */
		{ "a/b", "a/b", true },
		{ "a/b", "a/bc", false },
		{ "a/bc", "a/b", false },
		{ "a/b", "a", false },
		{ "a", "a/b", false },
		{ "a/+", "a/b", true },
		{ "a/+", "a/b/c", false },
		{ "a/+", "a", false },
		{ "+/b", "a/b", true },
		{ "+", "a", true },
		{ "a/#", "a", true },
		{ "a/#", "a/b", true },
		{ "a/#", "a/b/c", true },
		{ "a/#", "ab", false },
		{ "#", "a/b/c", true },
		{ "+/+/#", "a/b", true },
		{ "+/+/#", "a", false },
		{ "#", "$SYS/x", false },
		{ "+/x", "$SYS/x", false },
		{ "$SYS/#", "$SYS/x", true },
		{ "$SYS/+", "$SYS/x", true },
		/* filters */
		{ "a/#", "a/#", true },
		{ "a/#", "a/+", true },
		{ "a/#", "a/+/c", true },
		{ "a/#", "a/b/#", true },
		{ "a/+", "a/+", true },
		{ "a/+", "a/#", false },
		{ "a/b", "a/+", false },
		{ "a/b/#", "a/#", false },
		{ "a/+/c", "a/b/c", true },
		{ "a/b/c", "a/+/c", false },
		{ "#", "+", true },
		{ "#", "#", true },
		{ "+", "#", false },
		{ "node/+/#", "node/+/params/local", true },
		{ "node/+/#", "node/#", false },
		{ "node/+/#", "#", false },
		{ "node/+/#", "+/+/#", false },
		{ "cistern/#", "cistern/presence/+", true },
		{ "cistern/+/+", "cistern/presence/+", true },
		{ "cistern/+", "cistern/presence/+", false },
		{ "$aws/rules/+/node/+/#", "$aws/rules/r/node/+/config", true },
		{ "$aws/rules/+/node/+/#", "$aws/rules/#", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool covers = topic_filter_covers(cases[i].outer, strlen(cases[i].outer), cases[i].inner,
						  strlen(cases[i].inner));

		if (covers != cases[i].covers)
			fail_msg("wrong about %s over %s", cases[i].outer, cases[i].inner);
	}
}

static void only_filters_behind_the_own_id_are_in_the_tree(void **state)
{
	static const struct {
		const char *filter;
		bool inside;
	} cases[] = {
		{ "node/A/#", true },   { "node/A/+", true },  { "node/A/+/x", true }, { "node/A/params/remote", true },
		{ "node/A", false },    { "node/A/", false },  { "node/A//#", false }, { "node/A2/#", false },
		{ "node/a/#", false },  { "node/+/#", false }, { "node/#", false },    { "node/+", false },
		{ "+/A/#", false },     { "#", false },        { "/node/A/#", false }, { "$share/g/node/A/#", false },
		{ "node/A/a#", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (topic_filter_in_node_tree(cases[i].filter, strlen(cases[i].filter), "A", 1) != cases[i].inside)
			fail_msg("wrong about %s", cases[i].filter);
	}
	assert_false(topic_filter_in_node_tree("node/+/x", 8, "+", 1));
	assert_false(topic_filter_in_node_tree("node//x", 7, "", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(topics_come_apart_into_their_parts),
		cmocka_unit_test(everything_else_is_no_topic),
		cmocka_unit_test(a_topic_has_no_nul_and_at_most_256_bytes),
		cmocka_unit_test(a_refused_topic_writes_nothing),
		cmocka_unit_test(wildcards_have_their_segment_to_themselves),
		cmocka_unit_test(a_filter_covers_what_it_matches),
		cmocka_unit_test(only_filters_behind_the_own_id_are_in_the_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
