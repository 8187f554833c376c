/* One spelling for one account, and nothing that could be two lines or two addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "account/user_name.h"

static void assert_canonical(const char *text, const char *expected)
{
	user_name_text name = "untouched";
	struct error err = { .status = STATUS_OK };
	enum status st = user_name_canonical(text, name, &err);
	assert_int_equal(st, expected ? STATUS_OK : STATUS_INVALID);
	assert_string_equal(name, expected ? expected : "untouched");
}

static void capitals_become_small_and_nothing_else_changes(void **state)
{
	(void)state;
	assert_canonical("Ann@Example.ORG", "ann@example.org");
	assert_canonical("a@b", "a@b");
	assert_canonical("first.last+tag@mail.example.org", "first.last+tag@mail.example.org");
	assert_canonical("!#$%&'*+/=?^_`{|}~-@example.org", "!#$%&'*+/=?^_`{|}~-@example.org");
	assert_canonical("+441234567890", "+441234567890");
	assert_canonical("+1234567", "+1234567");
	assert_canonical("+123456789012345", "+123456789012345");
	assert_canonical("+1@example.org", "+1@example.org");
}

static void what_is_no_address_and_no_number_is_refused(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"",
		"ann",
		"@",
		"a@",
		"@b",
		"a@@b",
		"a@b@c",
		" a@b",
		"a@b ",
		"a b@c",
		"a@b..c",
		"a@.b",
		"a@b.",
		"a@-b",
		"a@b-",
		".a@b",
		"a.@b",
		"a..b@c",
		"a\n@b",
		"a@b\r\nBcc: c@d",
		"<a@b>",
		"a@b,c@d",
		"\"a b\"@c",
		"a@[127.0.0.1]",
		"\xc3\xa4@b",
		"a@b\xc3\xa4",
		"+",
		"+123456",
		"+1234567890123456",
		"+12a4567",
		"1234567",
		"++1234567",
		"+1234567 ",
		"a@b_c",
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_canonical(cases[i], NULL);
}

static void names_are_254_bytes_at_most_and_their_parts_as_the_standard_says(void **state)
{
	(void)state;
	char name[400];
	memset(name, 'a', sizeof(name));
	name[64] = '@';
	name[66] = '\0';
	assert_canonical(name, name); /* 64 before the @ */
	memset(name, 'a', 70);
	name[65] = '@';
	name[67] = '\0';
	assert_canonical(name, NULL);
	memset(name, 'a', sizeof(name));
	name[1] = '@';
	name[65] = '\0';
	assert_canonical(name, name); /* a label of 63 */
	memset(name, 'a', 70);
	name[1] = '@';
	name[66] = '\0';
	assert_canonical(name, NULL);
	memset(name, 'a', sizeof(name));
	name[1] = '@';
	for (size_t i = 2; i < 300; i += 2)
		name[i] = i % 4 ? 'a' : 'b', name[i + 1] = '.';
	name[254] = '\0';
	name[253] = 'c';
	assert_canonical(name, name);
	name[253] = '.';
	name[254] = 'c';
	name[255] = '\0';
	assert_canonical(name, NULL);
}

static void a_name_with_an_at_sign_is_no_phone(void **state)
{
	(void)state;
	assert_true(user_name_is_phone("+441234567890"));
	assert_false(user_name_is_phone("+1@example.org"));
	assert_false(user_name_is_phone("ann@example.org"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(capitals_become_small_and_nothing_else_changes),
		cmocka_unit_test(what_is_no_address_and_no_number_is_refused),
		cmocka_unit_test(names_are_254_bytes_at_most_and_their_parts_as_the_standard_says),
		cmocka_unit_test(a_name_with_an_at_sign_is_no_phone),
	};
	return cmocka_run_group_tests_name("account/user_name", tests, NULL, NULL);
}
