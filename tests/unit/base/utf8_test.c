/* UTF-8 as RFC 3629 has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

static bool valid(const char *text)
{
	return utf8_valid(text, strlen(text));
}

static void characters_of_every_length_are_valid(void **state)
{
	(void)state;
	assert_true(valid("") && valid("a\x7f") && valid("\xc2\x80") && valid("\xdf\xbf") && valid("\xe0\xa0\x80"));
	assert_true(valid("\xed\x9f\xbf") && valid("\xee\x80\x80") && valid("\xef\xbf\xbf") &&
		    valid("\xf0\x90\x80\x80"));
	assert_true(valid("\xf4\x8f\xbf\xbf"));
}

static void overlong_surrogate_too_high_cut_and_stray_bytes_are_not(void **state)
{
	(void)state;
	assert_false(valid("\xc0\x80") || valid("\xc1\xbf") || valid("\xe0\x9f\xbf") || valid("\xf0\x8f\xbf\xbf"));
	assert_false(valid("\xed\xa0\x80") || valid("\xed\xbf\xbf") || valid("\xf4\x90\x80\x80") ||
		     valid("\xf5\x80\x80\x80"));
	assert_false(valid("\xc3") || valid("\xe2\x82") || valid("\xf0\x9f\x98") || valid("\x80") ||
		     valid("\xc3"
			   "a"));
	assert_false(valid("\xff") || valid("a\xfe"));
}

static void a_cut_is_between_two_characters(void **state)
{
	(void)state;
	assert_int_equal(utf8_cut("abc", 3, 5), 3);
	assert_int_equal(utf8_cut("abc", 3, 2), 2);
	assert_int_equal(utf8_cut("\xe2\x82\xac\xe2\x82\xac", 6, 5), 3);
	assert_int_equal(utf8_cut("\xe2\x82\xac\xe2\x82\xac", 6, 3), 3);
	assert_int_equal(utf8_cut("\xe2\x82\xac", 3, 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(characters_of_every_length_are_valid),
		cmocka_unit_test(overlong_surrogate_too_high_cut_and_stray_bytes_are_not),
		cmocka_unit_test(a_cut_is_between_two_characters),
	};
	return cmocka_run_group_tests_name("base/utf8", tests, NULL, NULL);
}
