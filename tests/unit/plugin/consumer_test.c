/* When is the consumer there? */
#include "../../../plugin/consumer.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static bool present_after(const char *const filters[])
{
	struct consumer consumer;

	consumer_init(&consumer);
	for (size_t i = 0; filters[i]; i++)
		consumer_on_subscribe(&consumer, filters[i], strlen(filters[i]));
	return consumer_present(&consumer);
}

static void both_forms_of_all_kept_topics_are_needed(void **state)
{
	(void)state;
	assert_false(present_after((const char *[]){ NULL }));
	assert_false(present_after((const char *[]){ "node/+/#", NULL }));
	assert_false(present_after((const char *[]){ "$aws/rules/+/node/+/#", NULL }));
	assert_true(present_after((const char *[]){ "node/+/#", "$aws/rules/+/node/+/#", NULL }));
	assert_true(present_after((const char *[]){ "$aws/rules/+/node/+/#", "node/+/#", NULL }));
}

static void filters_of_single_nodes_or_other_topics_do_not_count(void **state)
{
	(void)state;
	assert_false(present_after((const char *[]){ "node/A/#", "$aws/rules/+/node/+/#", "cistern/#", NULL }));
	assert_false(present_after((const char *[]){ "node/+/params/#", "$aws/rules/+/node/+/#", NULL }));
}

/* Which topics are kept grows with the daemon's handlers, so the filters come from the table; "config" is always one. */
static void narrow_filters_add_up(void **state)
{
	struct consumer consumer;
	const struct access_row *row;
	char filter[TOPIC_MAX];

	(void)state;
	consumer_init(&consumer);
	for (size_t i = 0; (row = access_row_at(i)); i++) {
		if (!row->kept || topic_part_is(row->suffix, "config", 6))
			continue;
		consumer_on_subscribe(&consumer, filter, write_plain(row, filter));
		if (row->rule)
			consumer_on_subscribe(&consumer, filter, write_alias(row, filter));
	}
	assert_false(consumer_present(&consumer));
	consumer_on_subscribe(&consumer, "node/+/config", 13);
	assert_false(consumer_present(&consumer));
	consumer_on_subscribe(&consumer, "$aws/rules/esp_node_config/node/+/config", 40);
	assert_true(consumer_present(&consumer));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_forms_of_all_kept_topics_are_needed),
		cmocka_unit_test(filters_of_single_nodes_or_other_topics_do_not_count),
		cmocka_unit_test(narrow_filters_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
