/* Lists of ids and places in the list of invitations, as they come in a query. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/sharing_query.h"

#define ID "3Qm0aVZ2mXq7pRtW81b-_A"

static void an_id_has_22_characters_of_base64url(void **state)
{
	(void)state;
	assert_true(sharing_id_valid(ID));
	static const char *const bad[] = {
		"", "a", ID "x", "3Qm0aVZ2mXq7pRtW81b-_", "3Qm0aVZ2mXq7pRtW81b-/A", "3Qm0aVZ2mXq7pRtW81b-_\xc3"
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(sharing_id_valid(bad[i]));
}

static void ids_are_split_at_commas(void **state)
{
	(void)state;
	char text[] = "a,bc,d";
	const char *ids[3];
	assert_int_equal(sharing_ids_split(text, ids, 3), 3);
	assert_string_equal(ids[0], "a");
	assert_string_equal(ids[1], "bc");
	assert_string_equal(ids[2], "d");
}

static void an_empty_id_or_one_too_many_spoils_the_list(void **state)
{
	(void)state;
	const char *ids[3];
	static const char *const bad[] = { "", ",", "a,", ",a", "a,,b", "a,b,c,d" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[16];
		(void)snprintf(text, sizeof(text), "%s", bad[i]);
		assert_int_equal(sharing_ids_split(text, ids, 3), 0);
	}
}

static void a_cursor_is_a_time_and_an_id(void **state)
{
	(void)state;
	int64_t at_us = 0;
	const char *id = NULL;
	assert_true(sharing_cursor_read("1767225600123456." ID, &at_us, &id));
	assert_true(at_us == 1767225600123456);
	assert_string_equal(id, ID);
	assert_true(sharing_cursor_read("9223372036854775807." ID, &at_us, &id));
	assert_true(at_us == INT64_MAX);
}

static void what_is_no_cursor_writes_nothing(void **state)
{
	(void)state;
	static const char *const bad[] = { "",
					   ".",
					   ID,
					   "." ID,
					   "1" ID,
					   "1,",
					   "1.",
					   "1." ID "x",
					   "-1." ID,
					   "+1." ID,
					   " 1." ID,
					   "9223372036854775808." ID,
					   "10000000000000000000." ID,
					   "1.1." ID };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t at_us = 7;
		const char *id = NULL;
		assert_false(sharing_cursor_read(bad[i], &at_us, &id));
		assert_true(at_us == 7 && id == NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_has_22_characters_of_base64url),
		cmocka_unit_test(ids_are_split_at_commas),
		cmocka_unit_test(an_empty_id_or_one_too_many_spoils_the_list),
		cmocka_unit_test(a_cursor_is_a_time_and_an_id),
		cmocka_unit_test(what_is_no_cursor_writes_nothing),
	};
	return cmocka_run_group_tests_name("api/sharing_query", tests, NULL, NULL);
}
