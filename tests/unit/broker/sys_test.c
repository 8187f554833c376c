/* What a broker tells of itself, as it becomes figures; and what is passed over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mosquitto.h>

#include "base/buffer.h"
#include "broker/sys.h"

struct fixture {
	struct metrics *metrics;
	struct broker_sys *sys;
};

static int set_up(void **state)
{
	static struct fixture fixture;
	fixture.metrics = metrics_new();
	fixture.sys = broker_sys_new(fixture.metrics, "b1");
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	broker_sys_free(fixture->sys);
	metrics_free(fixture->metrics);
	return 0;
}

/* The payload need not end in a NUL. */
static void tell(struct fixture *fixture, const char *topic, const char *payload)
{
	size_t len = strlen(payload);
	char *bytes = malloc(len + 1);
	assert_non_null(bytes);
	memcpy(bytes, payload, len);
	bytes[len] = '7';
	broker_sys_take(fixture->sys, topic, bytes, len);
	free(bytes);
}

static bool page_has(struct fixture *fixture, const char *text)
{
	struct buffer page = { .bytes = NULL };
	metrics_render(fixture->metrics, &page);
	bool has = strstr(buffer_text(&page), text) != NULL;
	buffer_done(&page);
	return has;
}

static void a_figure_is_the_number_in_front(void **state)
{
	tell(*state, "$SYS/broker/store/messages/count", "42");
	tell(*state, "$SYS/broker/uptime", "12 seconds");
	assert_true(page_has(*state, "\ncistern_broker_stored_messages{broker=\"b1\"} 42\n"));
	assert_true(page_has(*state, "\ncistern_broker_uptime_seconds{broker=\"b1\"} 12\n"));
	tell(*state, "$SYS/broker/store/messages/count", "0");
	assert_true(page_has(*state, "\ncistern_broker_stored_messages{broker=\"b1\"} 0\n"));
}

static void what_is_no_figure_changes_nothing(void **state)
{
	static const char *const payloads[] = { "", "-1", "x", " 1", "99999999999999999999999999" };
	tell(*state, "$SYS/broker/clients/connected", "5");
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
		tell(*state, "$SYS/broker/clients/connected", payloads[i]);
	tell(*state, "$SYS/broker/clients/total", "9");
	tell(*state, "node/n1/params/local", "9");
	assert_true(page_has(*state, "\ncistern_broker_connected_clients{broker=\"b1\"} 5\n"));
	assert_false(page_has(*state, "} 9\n"));
}

static void the_plugins_counters_are_told_apart_by_their_reasons(void **state)
{
	tell(*state, "cistern/counters",
	     "{\"at_ms\":1,\"live\":3,\"connects\":8,\"disconnects\":5,\"product_publishes\":2,"
	     "\"revocation\":{\"version\":7,\"alarm\":\"none\"},\"kicks\":{\"revoked\":1},"
	     "\"denied\":{\"client_id\":4,\"retained\":0}}");
	static const char *const lines[] = {
		"\ncistern_broker_connected_nodes{broker=\"b1\"} 3\n",
		"\ncistern_broker_connects_total{broker=\"b1\"} 8\n",
		"\ncistern_broker_disconnects_total{broker=\"b1\"} 5\n",
		"\ncistern_broker_product_messages_total{broker=\"b1\"} 2\n",
		"\ncistern_broker_revocation_version{broker=\"b1\"} 7\n",
		"\ncistern_broker_revocation_alarm{broker=\"b1\"} 0\n",
		"\ncistern_broker_cut_total{broker=\"b1\",reason=\"revoked\"} 1\n",
		"\ncistern_broker_denied_total{broker=\"b1\",reason=\"client_id\"} 4\n",
		"\ncistern_broker_denied_total{broker=\"b1\",reason=\"retained\"} 0\n",
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_true(page_has(*state, lines[i]));
	tell(*state, "cistern/counters", "{\"revocation\":{\"alarm\":\"file_damaged\"}}");
	assert_true(page_has(*state, "\ncistern_broker_revocation_alarm{broker=\"b1\"} 1\n"));
}

static void counters_of_another_shape_are_passed_over(void **state)
{
	static const char *const payloads[] = {
		"",
		"{",
		"[]",
		"{\"denied\":[1],\"live\":\"3\",\"connects\":1.5,\"revocation\":7,\"kicks\":null}",
		"{\"denied\":{\"A node\":1,\"x\\ny\":1,\"\":1,\"ok\":\"1\"}}",
		"{\"denied\":{\"a_reason_that_is_longer_than_any_of_ours_is_and_ever_will_be\":1}}",
	};
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
		tell(*state, "cistern/counters", payloads[i]);
	assert_false(page_has(*state, "reason="));
	assert_false(page_has(*state, "cistern_broker_connected_nodes{"));
	assert_false(page_has(*state, "cistern_broker_connects_total{"));
}

static void the_connection_is_told(void **state)
{
	struct fixture *fixture = *state;
	struct mosquitto *client = mosquitto_new(NULL, true, NULL); /* not connected: what it asks for goes nowhere */
	assert_non_null(client);
	assert_true(page_has(fixture, "\ncistern_broker_publisher_connected{broker=\"b1\"} 0\n"));
	broker_sys_connected(fixture->sys, client);
	assert_true(page_has(fixture, "\ncistern_broker_publisher_connected{broker=\"b1\"} 1\n"));
	broker_sys_disconnected(fixture->sys);
	assert_true(page_has(fixture, "\ncistern_broker_publisher_connected{broker=\"b1\"} 0\n"));
	mosquitto_destroy(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_figure_is_the_number_in_front, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_figure_changes_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_plugins_counters_are_told_apart_by_their_reasons, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(counters_of_another_shape_are_passed_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_connection_is_told, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
