/* The load's window and pace, against a connection that only counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cistern-node/device.c"
#include "cistern-node/load.c"
#include "cistern-node/template.c"

enum { SECOND_US = 1000000 };

static int n_published;
static char last_payload[64];

int connection_publish(struct connection *connection, const char *topic, const void *payload, size_t payload_len)
{
	(void)connection;
	(void)topic;
	(void)snprintf(last_payload, sizeof(last_payload), "%.*s", (int)payload_len, (const char *)payload);
	return ++n_published;
}

static struct load make_load(double rate, int64_t count, int64_t inflight)
{
	const struct options options = { .publish_rate = rate, .publish_count = count, .inflight = inflight };
	struct device_model model;
	struct load load;

	n_published = 0;
	assert_int_equal(device_model_from_template("lamp", false, &model, NULL), STATUS_OK);
	load_init(&load, &options, &model);
	device_model_done(&model);
	return load;
}

static void nothing_leaves_before_the_start(void **state)
{
	struct load load = make_load(0, 0, 20);
	struct load_node node = { 0 };

	(void)state;
	load_pump(&load, &node, NULL, SECOND_US);
	assert_int_equal(n_published, 0);
	load_done(&load);
}

static void the_window_is_refilled_when_half_of_it_is_free(void **state)
{
	struct load load = make_load(0, 0, 20);
	struct load_node node = { 0 };

	(void)state;
	load_start(&load, SECOND_US);
	load_pump(&load, &node, NULL, SECOND_US);
	assert_int_equal(n_published, 20);
	assert_string_equal(last_payload, "{\"Light\":{\"Level\":19}}");
	for (int i = 0; i < 9; i++)
		load_acked(&load, &node, SECOND_US);
	load_pump(&load, &node, NULL, SECOND_US);
	assert_int_equal(n_published, 20);
	load_acked(&load, &node, SECOND_US);
	load_pump(&load, &node, NULL, SECOND_US);
	assert_int_equal(n_published, 30);
	load_done(&load);
}

static void a_node_is_finished_with_its_last_acknowledgement(void **state)
{
	struct load load = make_load(0, 3, 20);
	struct load_node node = { 0 };

	(void)state;
	load_start(&load, SECOND_US);
	load_pump(&load, &node, NULL, SECOND_US);
	assert_int_equal(n_published, 3);
	load_acked(&load, &node, SECOND_US);
	load_acked(&load, &node, SECOND_US);
	assert_int_equal(load.n_finished, 0);
	load_acked(&load, &node, SECOND_US);
	assert_int_equal(load.n_finished, 1);
	load_pump(&load, &node, NULL, SECOND_US);
	assert_int_equal(n_published, 3);
	load_done(&load);
}

static void a_pace_is_kept_and_a_long_pause_not_made_up_for(void **state)
{
	struct load load = make_load(10, 0, 1000);
	struct load_node node = { .due_us = SECOND_US };

	(void)state;
	load_start(&load, SECOND_US);
	load_pump(&load, &node, NULL, SECOND_US + 450000); /* at 0, 100, 200, 300, 400 ms */
	assert_int_equal(n_published, 5);
	assert_int_equal(load_due_us(&load, &node), SECOND_US + 500000);
	load_pump(&load, &node, NULL, 60 * (int64_t)SECOND_US);
	assert_int_equal(n_published, 6);
	load_done(&load);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_leaves_before_the_start),
		cmocka_unit_test(the_window_is_refilled_when_half_of_it_is_free),
		cmocka_unit_test(a_node_is_finished_with_its_last_acknowledgement),
		cmocka_unit_test(a_pace_is_kept_and_a_long_pause_not_made_up_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
