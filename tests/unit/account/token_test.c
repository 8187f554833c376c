/* A token is ours to the byte or it is nothing (threats.md section 6), and clients can decode it (rest.md section 2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "account/token.c"

/* Made with another HMAC implementation: key, claims as in `good`, iat 1700000000, exp 4102444800. */
static const char good[] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
			   "eyJpc3MiOiJjaXN0ZXJuIiwiYXVkIjoiYWNjZXNzIiwic3ViIjoiNmYxZDBjMWUtMDAwMC00MDAwLTgwMDAtMDAwMDA"
			   "wMDAwMDAxIiwic2lkIjoi"
			   "NmYxZDBjMWUtMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDAyIiwidG9rZW5fdXNlIjoiYWNjZXNzIiwiaWF0IjoxNzA"
			   "wMDAwMDAwLCJleHAiOjQx"
			   "MDI0NDQ4MDB9."
			   "1Bm7oOPsvMDOrrx8ic_wmsBPRrR-NHcEOZth5PVn2uM";
#define USER_ID    "6f1d0c1e-0000-4000-8000-000000000001"
#define SESSION_ID "6f1d0c1e-0000-4000-8000-000000000002"

static const struct token_claims about = { .user_id = USER_ID, .session_id = SESSION_ID };

static struct token_key test_key(void)
{
	return (struct token_key){ .secret = { .len = 32, .bytes = "0123456789abcdef0123456789abcdef" },
				   .issuer = "cistern",
				   .lifetime_s = 3600 };
}

static enum status verdict(const char *token, size_t len)
{
	struct token_key key = test_key();
	struct token_claims claims;
	struct error err = { .status = STATUS_OK };
	return token_check_access(&key, token, len, &claims, &err);
}

static void a_token_of_the_standard_form_is_read(void **state)
{
	(void)state;
	struct token_key key = test_key();
	struct token_claims claims;
	struct error err = { .status = STATUS_OK };
	assert_int_equal(token_check_access(&key, good, strlen(good), &claims, &err), STATUS_OK);
	assert_string_equal(claims.user_id, USER_ID);
	assert_string_equal(claims.session_id, SESSION_ID);
}

static void every_changed_byte_and_every_other_length_is_refused(void **state)
{
	(void)state;
	char token[sizeof(good) + 1];
	for (size_t i = 0; i < strlen(good); i++) {
		memcpy(token, good, sizeof(good));
		token[i] = token[i] == 'A' ? 'B' : 'A';
		assert_int_equal(verdict(token, strlen(good)), STATUS_UNAUTHENTICATED);
		assert_int_equal(verdict(good, i), STATUS_UNAUTHENTICATED);
	}
	(void)snprintf(token, sizeof(token), "%s=", good);
	assert_int_equal(verdict(token, strlen(token)), STATUS_UNAUTHENTICATED);
}

/* The last digit of 43 holds four bits of signature and two that nobody reads: another spelling of the same 32 bytes. */
static void the_same_signature_in_another_spelling_is_refused(void **state)
{
	(void)state;
	char token[sizeof(good)];
	memcpy(token, good, sizeof(good));
	token[strlen(good) - 1] = 'N'; /* M is 001100, N 001101 */
	assert_int_equal(verdict(token, strlen(good)), STATUS_UNAUTHENTICATED);
}

static void other_headers_are_refused_whatever_they_say(void **state)
{
	(void)state;
	static const char *const tokens[] = {
		/* {"typ":"JWT","alg":"HS256"}, rightly signed */
		"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9."
		"eyJpc3MiOiJjaXN0ZXJuIiwiYXVkIjoiYWNjZXNzIiwic3ViIjoiNmYxZDBjMWUtMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDAxIi"
		"wic2lk"
		"IjoiNmYxZDBjMWUtMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDAyIiwidG9rZW5fdXNlIjoiYWNjZXNzIiwiaWF0IjoxNzAwMDAwMD"
		"AwLCJl"
		"eHAiOjQxMDI0NDQ4MDB9.732N0uh-eDvmYbXBruSAAOAtj2zgpEL0VgLaAy5nvuQ",
		/* {"alg":"none","typ":"JWT"} */
		"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0."
		"eyJpc3MiOiJjaXN0ZXJuIiwiYXVkIjoiYWNjZXNzIiwic3ViIjoiNmYxZDBjMWUtMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDAxIi"
		"wic2lk"
		"IjoiNmYxZDBjMWUtMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDAyIiwidG9rZW5fdXNlIjoiYWNjZXNzIiwiaWF0IjoxNzAwMDAwMD"
		"AwLCJl"
		"eHAiOjQxMDI0NDQ4MDB9.",
		/* our header, a payload that is an array, one that is no base64url, none; the first two rightly signed */
		"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.WzFd.eUqK182P5IfBOE82cBqE-NjwumkR5AT4cckCf1VjXkg",
		"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.!!!!.hk8aQH2bUuUFBVEoJn0I4w7FXREq1vTKOFlviRG-c34",
		"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..hk8aQH2bUuUFBVEoJn0I4w7FXREq1vTKOFlviRG-c34",
		"",
		".",
		"..",
	};
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++)
		assert_int_equal(verdict(tokens[i], strlen(tokens[i])), STATUS_UNAUTHENTICATED);
}

static enum status verdict_of_claims(json_t *claims)
{
	struct token_key key = test_key();
	CLEANUP(buffer) struct buffer token = { 0 };
	put_token(&key, claims, &token);
	json_decref(claims);
	return verdict(token.bytes, token.len);
}

static json_t *good_claims(void)
{
	struct token_key key = test_key();
	return new_claims(&key, &about, "access");
}

static json_t *with(const char *name, json_t *value)
{
	json_t *claims = good_claims();
	json_object_set_new(claims, name, value);
	return claims;
}

static void each_claim_must_be_there_and_right(void **state)
{
	(void)state;
	json_int_t now_s = clock_now_us() / 1000000;
	assert_int_equal(verdict_of_claims(good_claims()), STATUS_OK);
	assert_int_equal(verdict_of_claims(with("other", json_true())), STATUS_OK);
	assert_int_equal(verdict_of_claims(with("iat", json_integer(now_s + 50))), STATUS_OK);
	static const char *const needed[] = { "iss", "aud", "sub", "sid", "token_use", "iat", "exp" };
	for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
		assert_int_equal(verdict_of_claims(with(needed[i], json_null())), STATUS_UNAUTHENTICATED);
		assert_int_equal(verdict_of_claims(with(needed[i], json_string("x"))), STATUS_UNAUTHENTICATED);
		assert_int_equal(verdict_of_claims(with(needed[i], json_real(4102444800.0))), STATUS_UNAUTHENTICATED);
	}
	assert_int_equal(verdict_of_claims(with("exp", json_integer(now_s))), STATUS_UNAUTHENTICATED);
	assert_int_equal(verdict_of_claims(with("iat", json_integer(now_s + 70))), STATUS_UNAUTHENTICATED);
	assert_int_equal(verdict_of_claims(with("nbf", json_integer(now_s + 50))), STATUS_OK);
	assert_int_equal(verdict_of_claims(with("nbf", json_integer(now_s + 70))), STATUS_UNAUTHENTICATED);
	assert_int_equal(verdict_of_claims(with("nbf", json_string("x"))), STATUS_UNAUTHENTICATED);
}

static void an_id_token_is_no_access_token(void **state)
{
	(void)state;
	struct token_key key = test_key();
	CLEANUP(buffer) struct buffer id = { 0 }, access = { 0 };
	token_put_id(&key, &about, "ann@example.org", &id);
	token_put_access(&key, &about, &access);
	assert_int_equal(verdict(access.bytes, access.len), STATUS_OK);
	assert_int_equal(verdict(id.bytes, id.len), STATUS_UNAUTHENTICATED);
}

static void a_token_ends_at_its_exp(void **state)
{
	(void)state;
	struct token_key key = test_key();
	CLEANUP(buffer) struct buffer access = { 0 };
	token_put_access(&key, &about, &access);
	clock_test_shift_us = 3590 * INT64_C(1000000);
	assert_int_equal(verdict(access.bytes, access.len), STATUS_OK);
	clock_test_shift_us = 3601 * INT64_C(1000000);
	assert_int_equal(verdict(access.bytes, access.len), STATUS_UNAUTHENTICATED);
	clock_test_shift_us = 0;
}

static char *payload_of(const struct buffer *token)
{
	const char *begin = (const char *)memchr(token->bytes, '.', token->len) + 1;
	return strndup(begin, (size_t)((const char *)memchr(begin, '.', token->len) - begin));
}

/* The names put each of > ? ~ at each place modulo 3; the CLI's decoder drops - and _, the SDK's throws. */
static void no_payload_holds_a_minus_or_an_underscore(void **state)
{
	(void)state;
	static const char *const names[] = {
		"~~~~@b", "a~~~@b", "ab~~~@b", "????@b", "a???@b", "ab??~@b", "~?~?~?~@b"
	};
	struct token_key key = test_key();
	key.issuer = "https://~?>\x7f\xc3\xa4/";
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEANUP(buffer) struct buffer id = { 0 };
		token_put_id(&key, &about, names[i], &id);
		char *payload = payload_of(&id);
		assert_null(strpbrk(payload, "-_"));
		unsigned char json[1024];
		size_t len = 0;
		assert_int_equal(sodium_base642bin(json, sizeof(json), payload, strlen(payload), NULL, &len, NULL,
						   sodium_base64_VARIANT_ORIGINAL_NO_PADDING),
				 0);
		for (size_t at = 0; at < len; at++)
			assert_in_range(json[at], 0x20, 0x7e);
		CLEANUP(json) json_t *claims = json_loadb((const char *)json, len, 0, NULL);
		assert_string_equal(json_member_text(claims, "email", ""), names[i]);
		assert_string_equal(json_member_text(claims, "iss", ""), key.issuer);
		assert_string_equal(json_member_text(claims, "custom:user_id", ""), USER_ID);
		free(payload);
	}
}

static void a_refresh_token_has_one_form(void **state)
{
	(void)state;
	char token[REFRESH_TOKEN_BYTES + 1], other[REFRESH_TOKEN_BYTES + 1];
	unsigned char hash[REFRESH_HASH_BYTES];
	struct error err = { .status = STATUS_OK };
	token_make_refresh(token);
	token_make_refresh(other);
	assert_string_not_equal(token, other);
	assert_int_equal(token_hash_refresh(token, hash, &err), STATUS_OK);
	token[0] = 'G';
	assert_int_equal(token_hash_refresh(token, hash, &err), STATUS_UNAUTHENTICATED);
	assert_int_equal(token_hash_refresh("", hash, &err), STATUS_UNAUTHENTICATED);
	other[REFRESH_TOKEN_BYTES - 1] = '\0';
	assert_int_equal(token_hash_refresh(other, hash, &err), STATUS_UNAUTHENTICATED);
}

int main(void)
{
	if (sodium_init() < 0)
		return EXIT_FAILURE;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_of_the_standard_form_is_read),
		cmocka_unit_test(every_changed_byte_and_every_other_length_is_refused),
		cmocka_unit_test(the_same_signature_in_another_spelling_is_refused),
		cmocka_unit_test(other_headers_are_refused_whatever_they_say),
		cmocka_unit_test(each_claim_must_be_there_and_right),
		cmocka_unit_test(an_id_token_is_no_access_token),
		cmocka_unit_test(a_token_ends_at_its_exp),
		cmocka_unit_test(no_payload_holds_a_minus_or_an_underscore),
		cmocka_unit_test(a_refresh_token_has_one_form),
	};
	return cmocka_run_group_tests_name("account/token", tests, NULL, NULL);
}
