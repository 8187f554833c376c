/* The policy of rest.md 1.3 (101004) and the hash of threats.md section 6. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sodium.h>

#include "account/password.h"

static bool allowed(const char *password)
{
	struct error err = { .status = STATUS_OK };
	enum status st = password_check_policy(password, &err);
	assert_true(st == STATUS_OK || st == STATUS_INVALID);
	return st == STATUS_OK;
}

static void a_password_has_a_capital_a_small_letter_a_digit_and_eight_characters(void **state)
{
	(void)state;
	assert_true(allowed("Abcdefg1"));
	assert_true(allowed("pass word Of 1"));
	assert_false(allowed(""));
	assert_false(allowed("Abcdef1"));
	assert_false(allowed("abcdefg1"));
	assert_false(allowed("ABCDEFG1"));
	assert_false(allowed("Abcdefgh"));
}

static void characters_are_counted_and_not_bytes(void **state)
{
	(void)state;
	assert_false(allowed("Aa1\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"));        /* 7 characters in 11 bytes */
	assert_true(allowed("Aa1\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4")); /* 8 */
	char longest[PASSWORD_CHARACTERS_MAX + 2];
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "A1", 2);
	longest[PASSWORD_CHARACTERS_MAX] = '\0';
	assert_true(allowed(longest));
	longest[PASSWORD_CHARACTERS_MAX] = 'x';
	longest[PASSWORD_CHARACTERS_MAX + 1] = '\0';
	assert_false(allowed(longest));
}

static void a_hash_is_argon2id_and_fits_its_own_password_only(void **state)
{
	(void)state;
	struct error err = { .status = STATUS_OK };
	password_hash_text one, two;
	assert_int_equal(password_hash("Secret12", one, &err), STATUS_OK);
	assert_int_equal(password_hash("Secret12", two, &err), STATUS_OK);
	assert_int_equal(strncmp(one, "$argon2id$", 10), 0);
	assert_string_not_equal(one, two);
	assert_int_equal(password_verify("Secret12", one, &err), STATUS_OK);
	assert_int_equal(password_verify("Secret13", one, &err), STATUS_UNAUTHENTICATED);
	assert_int_equal(password_verify("", one, &err), STATUS_UNAUTHENTICATED);
	assert_int_equal(password_verify("Secret12", "", &err), STATUS_UNAUTHENTICATED);
	assert_int_equal(password_verify("Secret12", "$argon2id$nonsense", &err), STATUS_UNAUTHENTICATED);
}

int main(void)
{
	if (sodium_init() < 0)
		return EXIT_FAILURE;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_has_a_capital_a_small_letter_a_digit_and_eight_characters),
		cmocka_unit_test(characters_are_counted_and_not_bytes),
		cmocka_unit_test(a_hash_is_argon2id_and_fits_its_own_password_only),
	};
	return cmocka_run_group_tests_name("account/password", tests, NULL, NULL);
}
