/* A device's answer to a challenge, and how its secret is kept (claiming.md section 5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ctype.h>
#include <sodium.h>
#include <unistd.h>

#include "claim/self_claim.h"

static const char mac[] = "AABBCC112233";
static const unsigned char secret[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

/* RFC 4231 sections 4.2, 4.3 and 4.7 (a key longer than a block), in upper case. */
static void the_answer_is_hmac_sha_512_in_upper_case_hex(void **state)
{
	(void)state;
	static const struct {
		const char *key;
		size_t key_len;
		unsigned char fill;
		const char *challenge, *response;
	} cases[] = {
		{ NULL, 20, 0x0b, "Hi There",
		  "87AA7CDEA5EF619D4FF0B4241A1D6CB02379F4E2CE4EC2787AD0B30545E17CDE"
		  "DAA833B7D6B8A702038B274EAEA3F4E4BE9D914EEB61F1702E696C203A126854" },
		{ "Jefe", 4, 0, "what do ya want for nothing?",
		  "164B7A7BFCF819E2E395FBE73B56E0A387BD64222E831FD610270CD7EA250554"
		  "9758BF75C05A994A6D034F65F8F0E6FDCAEAB1A34D4A6B4B636E070A38BCE737" },
		{ NULL, 131, 0xaa, "Test Using Larger Than Block-Size Key - Hash Key First",
		  "80B24263C7C1A3EBB71493C1DD7BE8B49B46D1F41B4AEEC1121B013783F8F352"
		  "6B56D037E05F2598BD0FD2215D6A1E5295E64F73F63F0AEC8B915A985D786598" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned char key[131];
		memset(key, cases[i].fill, sizeof(key));
		if (cases[i].key)
			memcpy(key, cases[i].key, cases[i].key_len);
		char response[SELF_CLAIM_RESPONSE_LEN + 1];
		self_claim_response(key, cases[i].key_len, cases[i].challenge, response);
		assert_string_equal(response, cases[i].response);
	}
}

static void only_the_whole_answer_in_upper_case_is_right(void **state)
{
	(void)state;
	char right[SELF_CLAIM_RESPONSE_LEN + 1], wrong[SELF_CLAIM_RESPONSE_LEN + 2];
	self_claim_response(secret, sizeof(secret), "challenge", right);
	assert_true(self_claim_response_is_right(secret, sizeof(secret), "challenge", right));
	assert_false(self_claim_response_is_right(secret, sizeof(secret), "Challenge", right));
	assert_false(self_claim_response_is_right(secret, sizeof(secret) - 1, "challenge", right));
	assert_false(self_claim_response_is_right(secret, sizeof(secret), "challenge", ""));
	memcpy(wrong, right, sizeof(right));
	wrong[SELF_CLAIM_RESPONSE_LEN - 1] = '\0';
	assert_false(self_claim_response_is_right(secret, sizeof(secret), "challenge", wrong));
	memcpy(wrong, right, sizeof(right));
	wrong[SELF_CLAIM_RESPONSE_LEN] = '0';
	wrong[SELF_CLAIM_RESPONSE_LEN + 1] = '\0';
	assert_false(self_claim_response_is_right(secret, sizeof(secret), "challenge", wrong));
	for (size_t i = 0; i <= SELF_CLAIM_RESPONSE_LEN; i++)
		wrong[i] = (char)tolower((unsigned char)right[i]);
	assert_false(self_claim_response_is_right(secret, sizeof(secret), "challenge", wrong));
}

static struct self_claim_key key_of(const char *text)
{
	char path[] = "/tmp/self_claim_test.XXXXXX";
	int fd = mkstemp(path);
	struct self_claim_key key;
	struct error err;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	assert_int_equal(self_claim_key_read(path, &key, &err), STATUS_OK);
	unlink(path);
	return key;
}

static void a_key_file_needs_32_characters(void **state)
{
	(void)state;
	char path[] = "/tmp/self_claim_test.XXXXXX";
	int fd = mkstemp(path);
	struct self_claim_key key;
	struct error err;
	assert_int_equal(write(fd, "0123456789012345678901234567890\nmore than enough behind it", 57), 57);
	close(fd);
	assert_int_equal(self_claim_key_read(path, &key, &err), STATUS_INVALID);
	unlink(path);
	assert_int_equal(self_claim_key_read(path, &key, &err), STATUS_UNAVAILABLE);
}

static void a_sealed_secret_opens_with_its_key_for_its_device_only(void **state)
{
	(void)state;
	struct self_claim_key key = key_of("0123456789012345678901234567890a\n");
	struct self_claim_key other_key = key_of("0123456789012345678901234567890b\n");
	struct self_claim_device device, again;
	unsigned char opened[SELF_CLAIM_SECRET_MAX];
	size_t len = 0;
	struct error err;
	assert_int_equal(self_claim_seal(&key, mac, secret, sizeof(secret), &device, &err), STATUS_OK);
	assert_int_equal(self_claim_unseal(&key, &device, opened, &len, &err), STATUS_OK);
	assert_int_equal(len, sizeof(secret));
	assert_memory_equal(opened, secret, len);
	assert_int_equal(device.sealed_len, 24 + 16 + sizeof(secret));

	assert_int_equal(self_claim_unseal(&other_key, &device, opened, &len, &err), STATUS_INVALID);
	again = device;
	memcpy(again.mac, "AABBCC112234", sizeof(again.mac));
	assert_int_equal(self_claim_unseal(&key, &again, opened, &len, &err), STATUS_INVALID);
	for (size_t i = 0; i < device.sealed_len; i++) {
		again = device;
		again.sealed[i] ^= 1;
		assert_int_equal(self_claim_unseal(&key, &again, opened, &len, &err), STATUS_INVALID);
		again = device;
		again.sealed_len = i;
		assert_int_equal(self_claim_unseal(&key, &again, opened, &len, &err), STATUS_INVALID);
	}
	/* the same secret twice does not show */
	assert_int_equal(self_claim_seal(&key, mac, secret, sizeof(secret), &again, &err), STATUS_OK);
	assert_memory_not_equal(again.sealed, device.sealed, device.sealed_len);
}

static void a_secret_is_8_to_64_bytes_in_hexadecimal(void **state)
{
	(void)state;
	char longest[131];
	memset(longest, 'f', sizeof(longest));
	static const char *const bad[] = { "",
					   "0123456789abcd",    /* 7 bytes */
					   "0123456789abcdef0", /* half a byte */
					   "0123456789abcdeg",
					   "0x0123456789abcd",
					   "01 23 45 67 89 ab cd ef",
					   "0123456789abcdef\n" };
	unsigned char read[SELF_CLAIM_SECRET_MAX];
	size_t len = 0;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(self_claim_secret_read(bad[i], read, &len));
	longest[130] = '\0';
	assert_false(self_claim_secret_read(longest, read, &len));
	longest[128] = '\0';
	assert_true(self_claim_secret_read(longest, read, &len));
	assert_int_equal(len, 64);
	assert_true(self_claim_secret_read("0123456789ABCDEFabcdef0000000000", read, &len));
	assert_int_equal(len, 16);
	assert_int_equal(read[0], 0x01);
	assert_int_equal(read[8], 0xab);
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_answer_is_hmac_sha_512_in_upper_case_hex),
		cmocka_unit_test(only_the_whole_answer_in_upper_case_is_right),
		cmocka_unit_test(a_key_file_needs_32_characters),
		cmocka_unit_test(a_sealed_secret_opens_with_its_key_for_its_device_only),
		cmocka_unit_test(a_secret_is_8_to_64_bytes_in_hexadecimal),
	};
	return cmocka_run_group_tests_name("claim/self_claim", tests, NULL, NULL);
}
