/* Query parameters as clients really send them (rest.md 1.1), and no two readings of one query. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/params_query.h"

static int set_up(void **state)
{
	*state = arena_new(65536);
	return 0;
}

static int tear_down(void **state)
{
	arena_free(*state);
	return 0;
}

static enum status read_query(struct arena *arena, const char *text, struct params_query *ret_query)
{
	struct error err = { .status = STATUS_OK };
	return params_query_read(text, strlen(text), arena, ret_query, &err);
}

static struct params_query must_read(struct arena *arena, const char *text)
{
	struct params_query query;
	assert_int_equal(read_query(arena, text, &query), STATUS_OK);
	return query;
}

static void pairs_are_decoded_and_empty_ones_skipped(void **state)
{
	struct params_query query = must_read(*state, "&request_id=r9&&user%5fname=bob%40example.org&t=a+b%2Bc&flag&");
	assert_string_equal(params_query_text(&query, "request_id"), "r9");
	assert_string_equal(params_query_text(&query, "user_name"), "bob@example.org");
	assert_string_equal(params_query_text(&query, "t"), "a b+c");
	assert_null(params_query_text(&query, "flag"));
	assert_null(params_query_text(&query, "other"));
	query = must_read(*state, "");
	assert_int_equal(query.n_pairs, 0);
}

static void a_user_name_keeps_its_plus_however_it_was_written(void **state)
{
	struct params_query query =
		must_read(*state, "a=bob+home@example.org&b=bob%2Bhome%40example.org&c=+4930123456&d=&e=%20+");
	struct error err = { .status = STATUS_OK };
	const char *cases[][2] = {
		{ "a", "bob+home@example.org" }, { "b", "bob+home@example.org" }, { "c", "+4930123456" }, { "e", "++" }
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *text = NULL;
		assert_int_equal(params_query_user_name(&query, cases[i][0], *state, &text, &err), STATUS_OK);
		assert_string_equal(text, cases[i][1]);
	}
	const char *text = "x";
	assert_int_equal(params_query_user_name(&query, "d", *state, &text, &err), STATUS_OK);
	assert_null(text);
	assert_string_equal(params_query_text(&query, "a"), "bob home@example.org"); /* as it is for all else */
}

static void an_empty_value_and_undefined_count_as_absent(void **state)
{
	struct params_query query = must_read(*state, "a=&b=undefined&c=Undefined&d==");
	assert_null(params_query_text(&query, "a"));
	assert_null(params_query_text(&query, "b"));
	assert_string_equal(params_query_text(&query, "c"), "Undefined");
	assert_string_equal(params_query_text(&query, "d"), "=");
}

static void a_doubled_name_a_bad_escape_and_a_nul_are_refused(void **state)
{
	static const char *const cases[] = { "a=1&a=2", "a=1&%61=1", "a&a",   "a=%", "a=%4",
					     "a=%zz",   "%=1",       "a=%00", "%00" };
	struct params_query query;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(read_query(*state, cases[i], &query), STATUS_INVALID);
}

static void pairs_and_bytes_have_a_limit(void **state)
{
	char text[PARAMS_QUERY_BYTES_MAX + 2];
	struct params_query query;
	size_t len = 0;
	for (int i = 0; i <= PARAMS_QUERY_PAIRS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "p%d=1&", i);
	assert_int_equal(read_query(*state, text, &query), STATUS_TOO_LARGE);
	memset(text, 'a', sizeof(text));
	text[PARAMS_QUERY_BYTES_MAX + 1] = '\0';
	assert_int_equal(read_query(*state, text, &query), STATUS_TOO_LARGE);
	text[PARAMS_QUERY_BYTES_MAX] = '\0';
	assert_int_equal(read_query(*state, text, &query), STATUS_OK);
}

static void either_name_will_do_but_not_two_values(void **state)
{
	struct error err = { .status = STATUS_OK };
	const char *value = "untouched";
	struct params_query query = must_read(*state, "nodeid=a");
	assert_int_equal(params_query_either(&query, "node_id", "nodeid", &value, &err), STATUS_OK);
	assert_string_equal(value, "a");
	query = must_read(*state, "nodeid=a&node_id=a");
	assert_int_equal(params_query_either(&query, "node_id", "nodeid", &value, &err), STATUS_OK);
	query = must_read(*state, "nodeid=a&node_id=b");
	assert_int_equal(params_query_either(&query, "node_id", "nodeid", &value, &err), STATUS_INVALID);
	query = must_read(*state, "");
	assert_int_equal(params_query_either(&query, "node_id", "nodeid", &value, &err), STATUS_OK);
	assert_null(value);
}

static void booleans_come_in_any_case_and_counts_within_bounds(void **state)
{
	struct error err = { .status = STATUS_OK };
	bool flag = false;
	int64_t n = 0;
	struct params_query query = must_read(
		*state,
		"t=True&f=false&u=undefined&bad=1&n=7&big=99999&zero=0&word=x&minus=-1&huge=99999999999999999999");
	assert_int_equal(params_query_bool(&query, "t", false, &flag, &err), STATUS_OK);
	assert_true(flag);
	assert_int_equal(params_query_bool(&query, "f", true, &flag, &err), STATUS_OK);
	assert_false(flag);
	assert_int_equal(params_query_bool(&query, "u", true, &flag, &err), STATUS_OK);
	assert_true(flag);
	assert_int_equal(params_query_bool(&query, "bad", true, &flag, &err), STATUS_INVALID);
	assert_int_equal(params_query_count(&query, "n", 1, 100, 25, &n, &err), STATUS_OK);
	assert_int_equal(n, 7);
	assert_int_equal(params_query_count(&query, "big", 1, 100, 25, &n, &err), STATUS_OK);
	assert_int_equal(n, 100);
	assert_int_equal(params_query_count(&query, "absent", 1, 100, 25, &n, &err), STATUS_OK);
	assert_int_equal(n, 25);
	static const char *const bad[] = { "zero", "word", "minus", "huge" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(params_query_count(&query, bad[i], 1, 100, 25, &n, &err), STATUS_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pairs_are_decoded_and_empty_ones_skipped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_user_name_keeps_its_plus_however_it_was_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_empty_value_and_undefined_count_as_absent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_doubled_name_a_bad_escape_and_a_nul_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pairs_and_bytes_have_a_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(either_name_will_do_but_not_two_values, set_up, tear_down),
		cmocka_unit_test_setup_teardown(booleans_come_in_any_case_and_counts_within_bounds, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("api/params_query", tests, NULL, NULL);
}
