/* So many at once, then one each period/n; a full table forgets the emptiest bucket first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/limiter.c"

static const struct limiter_rate five_a_minute = { 5, 60000000 };

static int set_up(void **state)
{
	*state = limiter_new();
	return 0;
}

static int tear_down(void **state)
{
	clock_test_shift_us = 0;
	limiter_free(*state);
	return 0;
}

static bool take(struct limiter *limiter, enum limiter_kind kind, const char *key)
{
	int retry_after_s = 0;
	bool taken = limiter_take(limiter, kind, key, strlen(key), five_a_minute, &retry_after_s);
	assert_true(taken ? retry_after_s == 0 : retry_after_s >= 1 && retry_after_s <= 12);
	return taken;
}

static void n_come_at_once_and_then_one_each_period_over_n(void **state)
{
	for (int i = 0; i < 5; i++)
		assert_true(take(*state, LIMITER_SOURCE_SIGN_IN, "a"));
	assert_false(take(*state, LIMITER_SOURCE_SIGN_IN, "a"));
	assert_false(take(*state, LIMITER_SOURCE_SIGN_IN, "a"));
	clock_test_shift_us += 12100000;
	assert_true(take(*state, LIMITER_SOURCE_SIGN_IN, "a"));
	assert_false(take(*state, LIMITER_SOURCE_SIGN_IN, "a"));
	clock_test_shift_us += 60000000;
	for (int i = 0; i < 5; i++)
		assert_true(take(*state, LIMITER_SOURCE_SIGN_IN, "a"));
	assert_false(take(*state, LIMITER_SOURCE_SIGN_IN, "a"));
}

static void what_was_given_back_may_be_taken_again(void **state)
{
	limiter_give_back(*state, LIMITER_SOURCE_SIGN_IN, "a", 1, five_a_minute); /* of nothing */
	for (int i = 0; i < 5; i++)
		assert_true(take(*state, LIMITER_SOURCE_SIGN_IN, "a"));
	assert_false(take(*state, LIMITER_SOURCE_SIGN_IN, "a"));
	limiter_give_back(*state, LIMITER_SOURCE_SIGN_IN, "a", 1, five_a_minute);
	assert_true(take(*state, LIMITER_SOURCE_SIGN_IN, "a"));
	assert_false(take(*state, LIMITER_SOURCE_SIGN_IN, "a"));
}

/* Else a try that was begun long ago would add to what may come at once. */
static void giving_back_late_is_no_credit(void **state)
{
	assert_true(take(*state, LIMITER_SOURCE_SIGN_IN, "a"));
	clock_test_shift_us += 60000000;
	for (int i = 0; i < 9; i++)
		limiter_give_back(*state, LIMITER_SOURCE_SIGN_IN, "a", 1, five_a_minute);
	for (int i = 0; i < 5; i++)
		assert_true(take(*state, LIMITER_SOURCE_SIGN_IN, "a"));
	assert_false(take(*state, LIMITER_SOURCE_SIGN_IN, "a"));
}

static void keys_and_kinds_do_not_touch_each_other(void **state)
{
	for (int i = 0; i < 5; i++)
		assert_true(take(*state, LIMITER_SOURCE_SIGN_IN, "a"));
	assert_false(take(*state, LIMITER_SOURCE_SIGN_IN, "a"));
	assert_true(take(*state, LIMITER_SOURCE_SIGN_IN, "b"));
	assert_true(take(*state, LIMITER_ACCOUNT_SIGN_IN, "a"));
	assert_true(take(*state, LIMITER_SOURCE_SIGN_IN, ""));
}

static void a_flood_of_new_keys_does_not_free_one_that_is_held_back(void **state)
{
	for (int i = 0; i < 5; i++)
		assert_true(take(*state, LIMITER_SOURCE_SIGN_IN, "held"));
	char key[24];
	for (int i = 0; i < 4 * LIMITER_BUCKETS; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		assert_true(take(*state, LIMITER_SOURCE_SIGN_IN, key));
	}
	assert_false(take(*state, LIMITER_SOURCE_SIGN_IN, "held"));
}

static void asking_takes_nothing(void **state)
{
	int retry_after_s = 0;
	for (int i = 0; i < 50; i++)
		assert_true(limiter_allows(*state, LIMITER_DEVICE_FAILURE, "a", 1, five_a_minute, &retry_after_s));
	for (int i = 0; i < 5; i++)
		assert_true(take(*state, LIMITER_DEVICE_FAILURE, "a"));
	assert_int_equal(retry_after_s, 0);
	assert_false(limiter_allows(*state, LIMITER_DEVICE_FAILURE, "a", 1, five_a_minute, &retry_after_s));
	assert_in_range(retry_after_s, 1, 12);
	assert_true(limiter_allows(*state, LIMITER_DEVICE_FAILURE, "b", 1, five_a_minute, &retry_after_s));
	clock_test_shift_us += 12100000;
	assert_true(limiter_allows(*state, LIMITER_DEVICE_FAILURE, "a", 1, five_a_minute, &retry_after_s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(n_come_at_once_and_then_one_each_period_over_n, set_up, tear_down),
		cmocka_unit_test_setup_teardown(asking_takes_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_given_back_may_be_taken_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(giving_back_late_is_no_credit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keys_and_kinds_do_not_touch_each_other, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_flood_of_new_keys_does_not_free_one_that_is_held_back, set_up,
						tear_down),
	};
	return cmocka_run_group_tests_name("api/limiter", tests, NULL, NULL);
}
