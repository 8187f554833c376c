/* Keys as text: what is taken, and that nothing else is. */
#include "account/api_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <string.h>

static void derive(const char *token_key, struct api_key_secret *ret_secret)
{
	struct token_key key = { .secret = { .len = strlen(token_key) } };
	memcpy(key.secret.bytes, token_key, strlen(token_key));
	assert_true(sodium_init() >= 0);
	api_key_derive(&key, ret_secret);
}

static enum status check(const struct api_key_secret *secret, const char *text,
			 unsigned char ret_hash[API_KEY_HASH_BYTES])
{
	struct error err = { .status = STATUS_OK };
	return api_key_check(secret, text, strlen(text), ret_hash, &err);
}

static void a_key_is_ck_and_two_parts_of_32_small_hexadecimal_digits(void **state)
{
	(void)state;
	struct api_key_secret secret;
	char key[API_KEY_BYTES + 1];
	unsigned char hash[API_KEY_HASH_BYTES], again[API_KEY_HASH_BYTES], sha256[crypto_hash_sha256_BYTES];
	derive("0123456789abcdef0123456789abcdef", &secret);
	api_key_make(&secret, key, hash);
	assert_int_equal(strlen(key), 68);
	assert_memory_equal(key, "ck_", 3);
	assert_int_equal(strspn(key + 3, "0123456789abcdef"), 32);
	assert_int_equal(key[35], '_');
	assert_int_equal(strspn(key + 36, "0123456789abcdef"), 32);
	assert_int_equal(check(&secret, key, again), STATUS_OK);
	assert_memory_equal(hash, again, sizeof(hash));
	crypto_hash_sha256(sha256, (const unsigned char *)key, 68);
	assert_memory_equal(hash, sha256, sizeof(hash));
}

static void no_two_keys_are_alike(void **state)
{
	(void)state;
	struct api_key_secret secret;
	char keys[2][API_KEY_BYTES + 1];
	unsigned char hash[API_KEY_HASH_BYTES];
	derive("0123456789abcdef0123456789abcdef", &secret);
	api_key_make(&secret, keys[0], hash);
	api_key_make(&secret, keys[1], hash);
	assert_memory_not_equal(keys[0] + 3, keys[1] + 3, 32);
}

static void a_key_with_any_byte_changed_is_refused(void **state)
{
	(void)state;
	struct api_key_secret secret;
	char key[API_KEY_BYTES + 1], changed[API_KEY_BYTES + 1];
	unsigned char hash[API_KEY_HASH_BYTES];
	derive("0123456789abcdef0123456789abcdef", &secret);
	api_key_make(&secret, key, hash);
	for (size_t i = 0; i < API_KEY_BYTES; i++) {
		for (int other = 1; other < 256; other++) {
			memcpy(changed, key, sizeof(changed));
			if ((unsigned char)changed[i] == other)
				continue;
			changed[i] = (char)other;
			assert_int_equal(check(&secret, changed, hash), STATUS_UNAUTHENTICATED);
		}
	}
}

static void a_key_cut_or_with_more_behind_it_is_refused(void **state)
{
	(void)state;
	struct api_key_secret secret;
	char key[API_KEY_BYTES + 2] = "";
	unsigned char hash[API_KEY_HASH_BYTES];
	struct error err = { .status = STATUS_OK };
	derive("0123456789abcdef0123456789abcdef", &secret);
	api_key_make(&secret, key, hash);
	for (size_t len = 0; len < API_KEY_BYTES; len++)
		assert_int_equal(api_key_check(&secret, key, len, hash, &err), STATUS_UNAUTHENTICATED);
	key[API_KEY_BYTES] = ' ';
	assert_int_equal(check(&secret, key, hash), STATUS_UNAUTHENTICATED);
}

static void a_key_made_under_another_token_key_is_refused(void **state)
{
	(void)state;
	struct api_key_secret secret, other;
	char key[API_KEY_BYTES + 1];
	unsigned char hash[API_KEY_HASH_BYTES];
	derive("0123456789abcdef0123456789abcdef", &secret);
	derive("0123456789abcdef0123456789abcdeg", &other);
	api_key_make(&secret, key, hash);
	assert_int_equal(check(&other, key, hash), STATUS_UNAUTHENTICATED);
}

static void no_token_looks_like_a_key(void **state)
{
	(void)state;
	assert_true(api_key_looks_like("ck_"));
	assert_false(api_key_looks_like("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.x"));
	assert_false(api_key_looks_like("CK_"));
	assert_false(api_key_looks_like("ck"));
	assert_false(api_key_looks_like(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_ck_and_two_parts_of_32_small_hexadecimal_digits),
		cmocka_unit_test(no_two_keys_are_alike),
		cmocka_unit_test(a_key_with_any_byte_changed_is_refused),
		cmocka_unit_test(a_key_cut_or_with_more_behind_it_is_refused),
		cmocka_unit_test(a_key_made_under_another_token_key_is_refused),
		cmocka_unit_test(no_token_looks_like_a_key),
	};
	return cmocka_run_group_tests_name("account/api_key", tests, NULL, NULL);
}
