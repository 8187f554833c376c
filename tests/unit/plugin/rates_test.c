/* How often and how much: worked out by hand from the limits. */
#include "../../../plugin/rates.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define SECOND INT64_C(1000000)

static struct rates rates;

static void begin(int64_t connects, int64_t messages, int64_t burst, int64_t bytes, int64_t bytes_burst)
{
	const struct rate_options options = { connects, messages, burst, bytes, bytes_burst };

	assert_true(rates_init(&rates, &options));
}

static int tear_down(void **state)
{
	(void)state;
	rates_done(&rates);
	return 0;
}

static bool may_connect(const char *id, int64_t ticks_us)
{
	return rates_connect(&rates, id, strlen(id), ticks_us);
}

static void connects_come_at_once_up_to_the_limit_then_one_by_one(void **state)
{
	int64_t now = 1000 * SECOND;

	(void)state;
	begin(30, 0, 0, 0, 0);
	for (int i = 0; i < 30; i++)
		assert_true(may_connect("a", now));
	assert_false(may_connect("a", now));
	assert_true(may_connect("b", now)); /* another is not concerned */
	assert_false(may_connect("a", now + 2 * SECOND - 1));
	assert_true(may_connect("a", now + 2 * SECOND)); /* one each 60/30 s; refused ones did not count */
	assert_false(may_connect("a", now + 2 * SECOND));
	for (int i = 0; i < 30; i++)
		assert_true(may_connect("a", now + 120 * SECOND));
	assert_false(may_connect("a", now + 120 * SECOND));
}

static void no_limit_is_no_limit(void **state)
{
	struct session_rates session = { 0, 0 };

	(void)state;
	begin(0, 0, 0, 0, 0);
	for (int i = 0; i < 10000; i++) {
		assert_true(may_connect("a", 1));
		assert_int_equal(rates_message(&rates, &session, 100000, 1), RATE_KEPT);
	}
}

static void messages_have_a_burst_and_a_rate(void **state)
{
	struct session_rates session = { 0, 0 };
	int64_t now = 1000 * SECOND;

	(void)state;
	begin(0, 100, 1000, 0, 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(rates_message(&rates, &session, 0, now), RATE_KEPT);
	assert_int_equal(rates_message(&rates, &session, 0, now), RATE_MESSAGES);
	session = (struct session_rates){ 0, 0 };
	/* For ever at the rate, once the burst is used up. */
	for (int i = 0; i < 1000; i++)
		assert_int_equal(rates_message(&rates, &session, 0, now), RATE_KEPT);
	for (int i = 1; i < 10000; i++)
		assert_int_equal(rates_message(&rates, &session, 0, now + i * SECOND / 100), RATE_KEPT);
	assert_int_equal(rates_message(&rates, &session, 0, now + 9999 * SECOND / 100), RATE_MESSAGES);
}

static void bytes_have_a_burst_and_a_rate(void **state)
{
	struct session_rates session = { 0, 0 };
	int64_t now = 1000 * SECOND;

	(void)state;
	begin(0, 0, 0, 131072, 1048576);
	assert_int_equal(rates_message(&rates, &session, 1048576, now), RATE_KEPT);
	assert_int_equal(rates_message(&rates, &session, 1, now), RATE_BYTES);
	session = (struct session_rates){ 0, 0 };
	assert_int_equal(rates_message(&rates, &session, 1048577, now), RATE_BYTES);
	session = (struct session_rates){ 0, 0 };
	assert_int_equal(rates_message(&rates, &session, 1048576, now), RATE_KEPT);
	for (int i = 1; i < 100; i++)
		assert_int_equal(rates_message(&rates, &session, 131072, now + i * SECOND), RATE_KEPT);
}

/* A rate of 0 bytes or messages beside a burst of 0 would cut everybody; only the rate says whether there is a limit. */
static void one_limit_may_be_without_the_other(void **state)
{
	struct session_rates session = { 0, 0 };

	(void)state;
	begin(0, 1, 1, 0, 0);
	assert_int_equal(rates_message(&rates, &session, 1000000, 1), RATE_KEPT);
	assert_int_equal(rates_message(&rates, &session, 0, 1), RATE_MESSAGES);
}

static void the_largest_limits_do_not_overflow(void **state)
{
	struct session_rates session = { 0, 0 };
	int64_t now = INT64_C(100) * 365 * 86400 * SECOND; /* a hundred years of uptime */

	(void)state;
	begin(RATE_MAX, 1, RATE_MAX, 1, RATE_MAX);
	assert_int_equal(rates.connects.burst_ns, INT64_C(60000000000));
	assert_int_equal(rates.bytes.burst_ns, INT64_C(100000000000000000));
	assert_true(may_connect("a", now));
	assert_int_equal(rates_message(&rates, &session, 268435455, now), RATE_BYTES);
	assert_true(session.bytes_empty_at_ns > now);
}

/* A flood of other nodes in its place does not wash out one that is held back. */
static void who_is_held_back_stays_so_in_a_crowd(void **state)
{
	int64_t now = 1000 * SECOND;

	(void)state;
	begin(30, 0, 0, 0, 0);
	while (may_connect("culprit", now))
		;
	for (int i = 0; i < 200000; i++) {
		char id[16];

		(void)snprintf(id, sizeof(id), "n%d", i);
		assert_true(may_connect(id, now));
	}
	assert_false(may_connect("culprit", now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(connects_come_at_once_up_to_the_limit_then_one_by_one, tear_down),
		cmocka_unit_test_teardown(no_limit_is_no_limit, tear_down),
		cmocka_unit_test_teardown(messages_have_a_burst_and_a_rate, tear_down),
		cmocka_unit_test_teardown(bytes_have_a_burst_and_a_rate, tear_down),
		cmocka_unit_test_teardown(one_limit_may_be_without_the_other, tear_down),
		cmocka_unit_test_teardown(the_largest_limits_do_not_overflow, tear_down),
		cmocka_unit_test_teardown(who_is_held_back_stays_so_in_a_crowd, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
