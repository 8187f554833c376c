#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/parse.h"

static void only_whole_decimal_numbers_within_bounds_are_numbers(void **state)
{
	(void)state;
	static const char *const refused[] = { "",    " 1",  "1 ", "+1",  "0x1",
					       "1.0", "1e3", "-",  "--1", "9223372036854775808",
					       "11",  "-3" };
	int64_t value = 42;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		if (parse_i64(refused[i], -2, 10, &value))
			fail_msg("'%s' was taken", refused[i]);
	}
	assert_int_equal(value, 42);
	assert_true(parse_i64("-2", -2, 10, &value));
	assert_int_equal(value, -2);
	assert_true(parse_i64("9223372036854775807", INT64_MIN, INT64_MAX, &value));
	assert_true(value == INT64_MAX);
}

static void a_boolean_may_be_in_any_case(void **state)
{
	(void)state;
	bool flag = false;
	assert_true(parse_bool("True", &flag));
	assert_true(flag);
	assert_true(parse_bool("FALSE", &flag));
	assert_false(flag);
	assert_false(parse_bool("1", &flag));
	assert_false(parse_bool("undefined", &flag));
	assert_false(parse_bool("", &flag));
}

static void a_uuid_has_its_canonical_form(void **state)
{
	(void)state;
	assert_true(parse_is_uuid("02e95749-8d9d-4b8e-972c-43325ad27c63"));
	assert_true(parse_is_uuid("02E95749-8D9D-4B8E-972C-43325AD27C63"));
	assert_false(parse_is_uuid("02e957498d9d4b8e972c43325ad27c63"));
	assert_false(parse_is_uuid("02e95749-8d9d-4b8e-972c-43325ad27c6g"));
	assert_false(parse_is_uuid("02e95749-8d9d-4b8e-972c-43325ad27c63 "));
	assert_false(parse_is_uuid(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_whole_decimal_numbers_within_bounds_are_numbers),
		cmocka_unit_test(a_boolean_may_be_in_any_case),
		cmocka_unit_test(a_uuid_has_its_canonical_form),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
