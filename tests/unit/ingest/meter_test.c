/* What a session of ingest counts, over batches, interruptions and repetitions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "ingest/meter.h"

static struct metrics *metrics;
static struct meter *meter;

static int set_up(void **state)
{
	(void)state;
	clock_test_shift_us = 0;
	metrics = metrics_new();
	meter = meter_new(metrics, "b", LANE_BULK);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	clock_test_shift_us = 0;
	meter_free(meter);
	metrics_free(metrics);
	return 0;
}

static bool page_has(const char *text)
{
	struct buffer page = { .bytes = NULL };
	metrics_render(metrics, &page);
	bool has = strstr(buffer_text(&page), text) != NULL;
	buffer_done(&page);
	return has;
}

static const struct topic_handler *handler_of(const char *topic)
{
	struct message message;
	const struct topic_handler *handler = topics_find(topic, &message);
	assert_non_null(handler);
	return handler;
}

/* Seven reports, of which `n_bad` are set aside, and one message of nobody's topic. */
static void put_eight(int n_bad)
{
	for (int i = 0; i < 7; i++)
		meter_put(meter, handler_of("node/n1/params/local"), i < n_bad);
	meter_put(meter, NULL, n_bad > 0);
}

#define PARAMS "_messages_total{broker=\"b\",lane=\"bulk\",topic=\"params/local\"} "
#define OTHER  "_messages_total{broker=\"b\",lane=\"bulk\",topic=\"other\"} "
#define AGE    "oldest_unacknowledged_seconds{broker=\"b\",lane=\"bulk\"} "

static void a_message_is_received_first_and_then_committed_or_set_aside(void **state)
{
	(void)state;
	meter_batch_began(meter);
	put_eight(0);
	meter_received(meter);
	assert_true(page_has("received" PARAMS "7\n"));
	assert_true(page_has("received" OTHER "1\n"));
	assert_true(page_has("committed" PARAMS "0\n"));
	put_eight(2);
	meter_committed(meter, clock_monotonic_us());
	assert_true(page_has("received" PARAMS "7\n"));
	assert_true(page_has("committed" PARAMS "5\n"));
	assert_true(page_has("dead_lettered" PARAMS "2\n"));
	assert_true(page_has("dead_lettered" OTHER "1\n"));
	assert_true(page_has("batch_messages_sum{broker=\"b\",lane=\"bulk\"} 8\n"));
	assert_true(page_has("batch_messages_count{broker=\"b\",lane=\"bulk\"} 1\n"));
	assert_true(page_has("commit_seconds_count{broker=\"b\",lane=\"bulk\"} 1\n"));
}

static void what_is_repeated_is_received_twice_and_committed_once(void **state)
{
	(void)state;
	meter_batch_began(meter);
	put_eight(0);
	meter_received(meter);
	meter_interrupted(meter);
	meter_batch_began(meter);
	put_eight(0);
	meter_received(meter);
	put_eight(0);
	meter_committed(meter, clock_monotonic_us());
	assert_true(page_has("received" PARAMS "14\n"));
	assert_true(page_has("committed" PARAMS "7\n"));
	assert_true(page_has("interruptions_total{broker=\"b\",lane=\"bulk\"} 1\n"));
}

static void the_age_of_the_oldest_goes_on_over_an_interruption_until_it_is_acknowledged(void **state)
{
	(void)state;
	assert_true(page_has(AGE "0\n"));
	meter_batch_began(meter);
	clock_test_shift_us = INT64_C(100000000);
	meter_interrupted(meter);
	meter_batch_began(meter);
	clock_test_shift_us = INT64_C(300000000);
	assert_true(page_has(AGE "300"));
	meter_acknowledged(meter);
	assert_true(page_has(AGE "0\n"));
	meter_batch_began(meter);
	clock_test_shift_us = INT64_C(310000000);
	assert_true(page_has(AGE "10"));
}

static void a_topic_of_the_other_lane_is_counted_where_it_came(void **state)
{
	(void)state;
	assert_false(page_has("topic=\"alert\""));
	meter_put(meter, handler_of("node/n1/alert"), false);
	meter_received(meter);
	meter_put(meter, handler_of("node/n1/alert"), false);
	meter_committed(meter, clock_monotonic_us());
	assert_true(page_has("committed_messages_total{broker=\"b\",lane=\"bulk\",topic=\"alert\"} 1\n"));
}

static void every_row_of_topics_has_a_number_and_a_name_of_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < topics_count(); i++) {
		assert_int_equal(topics_index(topics_at(i)), i);
		for (size_t j = 0; j < i; j++) {
			const struct topic_handler *a = topics_at(i), *b = topics_at(j);
			bool same_suffix = a->suffix && b->suffix && strcmp(a->suffix, b->suffix) == 0;
			assert_false(same_suffix && a->grouped == b->grouped);
		}
	}
	assert_null(topics_at(topics_count()));
	assert_int_equal(topics_index(NULL), topics_count());
}

static void without_metrics_a_session_goes_on(void **state)
{
	(void)state;
	struct meter *blind = meter_new(NULL, "b", LANE_CONTROL);
	meter_consuming(blind, true);
	meter_batch_began(blind);
	meter_put(blind, NULL, true);
	meter_received(blind);
	meter_put(blind, NULL, true);
	meter_committed(blind, 0);
	meter_acknowledged(blind);
	meter_interrupted(blind);
	meter_free(blind);
	assert_false(page_has("lane=\"control\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_message_is_received_first_and_then_committed_or_set_aside, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_is_repeated_is_received_twice_and_committed_once, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			the_age_of_the_oldest_goes_on_over_an_interruption_until_it_is_acknowledged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_topic_of_the_other_lane_is_counted_where_it_came, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_row_of_topics_has_a_number_and_a_name_of_its_own, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(without_metrics_a_session_goes_on, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
