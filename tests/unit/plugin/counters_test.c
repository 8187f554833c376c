/* Refusals: all counted, some logged, none able to forge a line. */
#include "../../../plugin/counters.c"
#include "../../../plugin/sessions.c"

#include "broker_stub.h"

#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

static uint64_t n_cut[SESSION_END_COUNT];
static struct rate_options limits = { 30, 100, 1000, 131072, 1048576 };
static struct revocation revocation;

static struct counters_view view_of(size_t n_live)
{
	return (struct counters_view){ n_live, n_cut, &limits, &revocation, "none" };
}

static void counters_say(struct counters *counters, size_t n_live, int64_t now_us, int64_t ticks_us)
{
	struct counters_view view = view_of(n_live);

	counters_tick(counters, &view, now_us, ticks_us);
}

static json_int_t number_in(const json_t *json, const char *object, const char *name)
{
	return json_integer_value(json_object_get(json_object_get(json, object), name));
}

static void twenty_lines_at_once_then_one_a_second(void **state)
{
	struct counters counters;

	(void)state;
	counters_init(&counters, 0);
	for (int i = 0; i < 1000; i++)
		counters_deny(&counters, DENIAL_CLIENT_ID, "connect", "c", NULL, 0);
	assert_int_equal(stub.n_log_lines, 20);
	counters_deny(&counters, DENIAL_CLIENT_ID, "connect", "c", NULL, SECOND - 1);
	assert_int_equal(stub.n_log_lines, 20);
	counters_deny(&counters, DENIAL_CLIENT_ID, "connect", "c", NULL, SECOND);
	assert_int_equal(stub.n_log_lines, 21);
	assert_string_equal(stub.log,
			    "cistern: event=plugin.denied what=connect reason=client_id client=c topic=- left_out=981");
	counters_deny(&counters, DENIAL_CLIENT_ID, "connect", "c", NULL, SECOND);
	assert_int_equal(stub.n_log_lines, 21);
	/* after a long quiet time there are twenty again, not more */
	for (int i = 0; i < 1000; i++)
		counters_deny(&counters, DENIAL_CLIENT_ID, "connect", "c", NULL, 1000000 * SECOND);
	assert_int_equal(stub.n_log_lines, 41);
	assert_int_equal(counters.denied[DENIAL_CLIENT_ID], 2003);
	assert_int_equal(counters.n_log_lines_left_out, 2003 - 41);
}

static void values_from_outside_stay_one_word(void **state)
{
	struct counters counters;
	char longest[1000];

	(void)state;
	counters_init(&counters, 0);
	counters_deny(&counters, DENIAL_CLIENT_ID, "publish", "a b\"\\\x7f", "x\ncistern: forged\x1b[2J\xc3\xa9", 0);
	assert_string_equal(stub.log, "cistern: event=plugin.denied what=publish reason=client_id "
				      "client=a\\x20b\\x22\\x5c\\x7f "
				      "topic=x\\x0acistern:\\x20forged\\x1b[2J\\xc3\\xa9 left_out=0");
	for (size_t len = 1; len < sizeof(longest); len++) {
		memset(longest, len % 2 ? '\n' : 'x', len);
		longest[len] = '\0';
		counters_deny(&counters, DENIAL_CLIENT_ID, "publish", longest, longest, (int64_t)len * SECOND);
		assert_true(strlen(stub.log) < 2 * LOG_VALUE_MAX + 100);
		assert_null(strchr(stub.log, '\n'));
	}
}

static void counters_leave_as_json_when_changed_and_at_most_every_ten_seconds(void **state)
{
	struct counters counters;
	const struct stub_message *message;

	(void)state;
	counters_init(&counters, 0);
	counters_say(&counters, 0, 0, 100 * SECOND);
	assert_null(stub_take());
	counters_deny(&counters, (enum denial)(DENIAL_ACCESS + (int)ACCESS_RETAINED), "publish", "c", "t", 0);
	counters.n_connects = 3;
	n_cut[SESSION_END_BYTE_RATE] = 4;
	revocation.set.version = 7;
	revocation.set.nodes.n_used = 5;
	revocation.set.certificates.n_used = 6;
	revocation.local.n_used = 8;
	counters_say(&counters, 2, 5 * SECOND, 10 * SECOND - 1);
	assert_null(stub_take());
	counters_say(&counters, 2, 5 * SECOND, 10 * SECOND);
	message = stub_take();
	assert_non_null(message);
	assert_string_equal(message->topic, "cistern/counters");
	assert_int_equal(message->qos, 0);
	assert_false(message->retain);

	json_t *json = json_loads(message->payload, JSON_REJECT_DUPLICATES, NULL);
	const json_t *denied = json_object_get(json, "denied");

	assert_int_equal(json_integer_value(json_object_get(json, "at_ms")), 5000);
	assert_int_equal(json_integer_value(json_object_get(json, "live")), 2);
	assert_int_equal(json_integer_value(json_object_get(json, "connects")), 3);
	assert_int_equal(json_integer_value(json_object_get(denied, "retained")), 1);
	assert_int_equal(json_integer_value(json_object_get(denied, "tree_foreign")), 0);
	assert_int_equal(json_object_size(denied), DENIAL_COUNT - 3);
	assert_int_equal(number_in(json, "limits", "connects_per_minute"), 30);
	assert_int_equal(number_in(json, "limits", "messages_per_second"), 100);
	assert_int_equal(number_in(json, "limits", "messages_burst"), 1000);
	assert_int_equal(number_in(json, "limits", "bytes_per_second"), 131072);
	assert_int_equal(number_in(json, "limits", "bytes_burst"), 1048576);
	assert_int_equal(number_in(json, "kicks", "byte_rate"), 4);
	assert_int_equal(number_in(json, "kicks", "revoked"), 0);
	assert_int_equal(json_object_size(json_object_get(json, "kicks")), 6);
	assert_int_equal(number_in(json, "revocation", "version"), 7);
	assert_int_equal(number_in(json, "revocation", "nodes"), 5);
	assert_int_equal(number_in(json, "revocation", "certificates"), 6);
	assert_int_equal(number_in(json, "revocation", "local"), 8);
	assert_string_equal(json_string_value(json_object_get(json_object_get(json, "revocation"), "alarm")), "none");
	json_decref(json);

	counters_say(&counters, 2, 6 * SECOND, 30 * SECOND);
	assert_null(stub_take());
}

static void the_largest_counters_fit(void **state)
{
	struct counters counters;
	const struct stub_message *message;

	(void)state;
	counters_init(&counters, 0);
	for (unsigned int i = 0; i < DENIAL_COUNT; i++)
		counters.denied[i] = UINT64_MAX;
	counters.n_connects = counters.n_disconnects = counters.n_product_publishes = UINT64_MAX;
	counters.n_log_lines_left_out = UINT64_MAX;
	for (int end = 0; end < SESSION_END_COUNT; end++)
		n_cut[end] = UINT64_MAX;
	limits = (struct rate_options){ INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX };
	revocation.set.version = INT64_MAX;
	revocation.set.nodes.n_used = revocation.set.certificates.n_used = revocation.local.n_used = SIZE_MAX;
	counters.changed = true;
	counters_say(&counters, SIZE_MAX, INT64_MAX, INT64_MAX);
	message = stub_take();
	assert_non_null(message);
	assert_true(message->payload[strlen(message->payload) - 2] == '}');
}

static void every_denial_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < DENIAL_COUNT; i++) {
		for (int k = 0; k < i; k++)
			assert_string_not_equal(denial_name((enum denial)i), denial_name((enum denial)k));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(twenty_lines_at_once_then_one_a_second, stub_reset),
		cmocka_unit_test_setup(values_from_outside_stay_one_word, stub_reset),
		cmocka_unit_test_setup(counters_leave_as_json_when_changed_and_at_most_every_ten_seconds, stub_reset),
		cmocka_unit_test_setup(the_largest_counters_fit, stub_reset),
		cmocka_unit_test_setup(every_denial_has_a_name_of_its_own, stub_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
