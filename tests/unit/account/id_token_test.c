/* An ID token is believed when its signature, its issuer, its audience, its times and its nonce are what they must be, and not
 * otherwise. The keys and signatures are made here; tests/scenario/test_oidc.py has those of another implementation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjose/cjose.h>

#include "account/id_token.h"

#define NOW 1750000000
static const struct id_token_rules rules = {
	.issuer = "https://id.example.org", .client_id = "cistern", .nonce = "n-0S6_WzA2Mj", .now_s = NOW
};
static cjose_jwk_t *rsa, *other_rsa, *ec, *short_rsa, *oct;
static json_t *keys;

static cjose_jwk_t *named(cjose_jwk_t *jwk, const char *kid)
{
	cjose_err why;
	assert_non_null(jwk);
	assert_true(cjose_jwk_set_kid(jwk, kid, strlen(kid), &why));
	return jwk;
}

static json_t *public_of(cjose_jwk_t *jwk)
{
	cjose_err why;
	char *text = cjose_jwk_to_json(jwk, false, &why);
	json_t *key = json_loads(text, 0, NULL);
	free(text);
	assert_non_null(key);
	return key;
}

static int make_keys(void **state)
{
	(void)state;
	static const uint8_t exponent[] = { 1, 0, 1 };
	cjose_err why;
	rsa = named(cjose_jwk_create_RSA_random(2048, exponent, sizeof(exponent), &why), "r1");
	other_rsa = named(cjose_jwk_create_RSA_random(2048, exponent, sizeof(exponent), &why), "r1");
	short_rsa = named(cjose_jwk_create_RSA_random(1024, exponent, sizeof(exponent), &why), "short");
	ec = named(cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &why), "e1");
	oct = named(cjose_jwk_create_oct_random(256, &why), "o1");
	keys = json_pack("{s:[o,o,o]}", "keys", public_of(rsa), public_of(ec), public_of(short_rsa));
	return keys ? 0 : -1;
}

static json_t *claims(void)
{
	json_t *made = json_pack("{s:s,s:s,s:s,s:i,s:i,s:s,s:s,s:b}", "iss", rules.issuer, "sub", "248289761001", "aud",
				 "cistern", "exp", NOW + 300, "iat", NOW - 5, "nonce", rules.nonce, "email",
				 "Ann@Example.org", "email_verified", 1);
	assert_non_null(made);
	return made;
}

static enum status check_text(const char *token, struct id_token *ret_token)
{
	struct error err = { .status = STATUS_OK };
	const struct json_slice slice = { token, strlen(token) };
	return id_token_check(slice, keys, &rules, ret_token, &err);
}

static enum status sign_and_check(const char *payload, const char *alg, const char *kid, cjose_jwk_t *key,
				  struct id_token *ret_token)
{
	cjose_err why;
	const char *token = NULL;
	cjose_header_t *header = cjose_header_new(&why);
	assert_true(cjose_header_set(header, "alg", alg, &why));
	if (kid)
		assert_true(cjose_header_set(header, "kid", kid, &why));
	cjose_jws_t *jws = cjose_jws_sign(key, header, (const uint8_t *)payload, strlen(payload), &why);
	assert_non_null(jws);
	assert_true(cjose_jws_export(jws, &token, &why));
	enum status st = check_text(token, ret_token);
	cjose_jws_release(jws);
	cjose_header_release(header);
	return st;
}

/* The claims with one of them another: JSON text in place of a value, NULL: without it. */
static enum status with(const char *name, const char *value)
{
	json_t *made = claims();
	if (value)
		json_object_set_new(made, name, json_loads(value, JSON_DECODE_ANY, NULL));
	else
		json_object_del(made, name);
	char *payload = json_dumps(made, 0);
	struct id_token token;
	enum status st = sign_and_check(payload, "ES256", "e1", ec, &token);
	free(payload);
	json_decref(made);
	return st;
}

static enum status signed_by(const char *alg, const char *kid, cjose_jwk_t *key)
{
	json_t *made = claims();
	char *payload = json_dumps(made, 0);
	struct id_token token;
	enum status st = sign_and_check(payload, alg, kid, key, &token);
	free(payload);
	json_decref(made);
	return st;
}

static void a_token_of_the_provider_says_who_it_is(void **state)
{
	(void)state;
	json_t *made = claims();
	char *payload = json_dumps(made, 0);
	struct id_token token;
	assert_int_equal(sign_and_check(payload, "RS256", "r1", rsa, &token), STATUS_OK);
	assert_string_equal(token.subject, "248289761001");
	assert_string_equal(token.email, "ann@example.org");
	free(payload);
	json_decref(made);
	assert_int_equal(signed_by("ES256", "e1", ec), STATUS_OK);
	assert_int_equal(signed_by("ES256", NULL, ec), STATUS_OK); /* the one key of that kind */
}

static void another_signature_or_algorithm_is_refused(void **state)
{
	(void)state;
	assert_int_equal(signed_by("RS256", "r1", other_rsa), STATUS_DENIED);
	assert_int_equal(signed_by("RS256", "short", short_rsa), STATUS_DENIED);
	assert_int_equal(signed_by("HS256", "r1", oct), STATUS_DENIED);
	assert_int_equal(signed_by("RS512", "r1", rsa), STATUS_DENIED);
	assert_int_equal(signed_by("PS256", "r1", rsa), STATUS_DENIED);
	assert_int_equal(signed_by("RS256", "e1", rsa), STATUS_NOT_FOUND); /* a key of the other kind */
	assert_int_equal(signed_by("RS256", "new", rsa), STATUS_NOT_FOUND);
	assert_int_equal(signed_by("RS256", NULL, rsa), STATUS_NOT_FOUND); /* there are two */
}

/* RFC 7515 section 2: base64url has no padding. The library that reads keys ends the process at these. */
static void a_key_whose_numbers_are_not_base64url_is_refused(void **state)
{
	(void)state;
	static const char *const numbers[] = { "f83OJ3D2xF1Bg8vub=tLe1gHMzV76e8Tus9uPHvRVEU", "AAAAA", "AAA=", "A+/A",
					       "" };
	json_t *ours = keys;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		json_t *key = public_of(ec);
		json_object_set_new(key, "x", json_string(numbers[i]));
		keys = json_pack("{s:[o]}", "keys", key);
		assert_int_equal(signed_by("ES256", "e1", ec), STATUS_DENIED);
		json_decref(keys);
	}
	keys = ours;
}

static void what_is_no_token_is_refused(void **state)
{
	(void)state;
	static char longest[ID_TOKEN_BYTES_MAX + 2];
	struct id_token token;
	memset(longest, 'a', sizeof(longest) - 1);
	assert_int_equal(check_text("", &token), STATUS_DENIED);
	assert_int_equal(check_text("a.b.c", &token), STATUS_DENIED);
	assert_int_equal(check_text("..", &token), STATUS_DENIED);
	assert_int_equal(check_text("eyJhbGciOiJFUzI1NiJ9.eyJp=3MiO.AAAAA", &token), STATUS_DENIED);
	assert_int_equal(check_text(longest, &token), STATUS_DENIED);
	/* {"alg":"none"} and {} */
	assert_int_equal(check_text("eyJhbGciOiJub25lIn0.e30.", &token), STATUS_DENIED);
	assert_int_equal(sign_and_check("[]", "ES256", "e1", ec, &token), STATUS_DENIED);
	assert_int_equal(sign_and_check("{\"sub\":\"a\",\"sub\":\"b\"}", "ES256", "e1", ec, &token), STATUS_DENIED);
}

static void each_claim_must_be_there_and_right(void **state)
{
	(void)state;
	static const struct {
		const char *name, *value;
		enum status status;
	} cases[] = {
		{ "iss", "\"https://id.example.org/\"", STATUS_DENIED },
		{ "iss", NULL, STATUS_DENIED },
		{ "aud", "\"other\"", STATUS_DENIED },
		{ "aud", NULL, STATUS_DENIED },
		{ "aud", "[]", STATUS_DENIED },
		{ "aud", "[\"cistern\"]", STATUS_OK },
		{ "aud", "[\"cistern\",\"other\"]", STATUS_DENIED }, /* and no azp */
		{ "azp", "\"other\"", STATUS_DENIED },
		{ "azp", "\"cistern\"", STATUS_OK },
		{ "exp", "1749999940", STATUS_DENIED }, /* 60 s ago: the skew is used up */
		{ "exp", "1749999941", STATUS_OK },
		{ "exp", "\"1750000300\"", STATUS_DENIED },
		{ "exp", NULL, STATUS_DENIED },
		{ "iat", "1750000061", STATUS_DENIED },
		{ "iat", "1749999339", STATUS_DENIED }, /* older than a sign-in may be */
		{ "iat", "1749999340", STATUS_OK },
		{ "iat", NULL, STATUS_DENIED },
		{ "nbf", "1750000061", STATUS_DENIED },
		{ "nbf", "1750000060", STATUS_OK },
		{ "nonce", "\"n-0S6_WzA2Mk\"", STATUS_DENIED },
		{ "nonce", "\"\"", STATUS_DENIED },
		{ "nonce", NULL, STATUS_DENIED },
		{ "sub", "\"\"", STATUS_DENIED },
		{ "sub", "7", STATUS_DENIED },
		{ "sub", NULL, STATUS_DENIED },
		{ "email_verified", "false", STATUS_INVALID },
		{ "email_verified", "\"true\"", STATUS_INVALID },
		{ "email_verified", NULL, STATUS_INVALID },
		{ "email", "\"no address\"", STATUS_INVALID },
		{ "email", "\"+4912345678\"", STATUS_INVALID },
		{ "email", NULL, STATUS_INVALID },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum status st = with(cases[i].name, cases[i].value);
		if (st != cases[i].status)
			fail_msg("%s %s: %d", cases[i].name, cases[i].value ? cases[i].value : "-", (int)st);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_of_the_provider_says_who_it_is),
		cmocka_unit_test(another_signature_or_algorithm_is_refused),
		cmocka_unit_test(a_key_whose_numbers_are_not_base64url_is_refused),
		cmocka_unit_test(what_is_no_token_is_refused),
		cmocka_unit_test(each_claim_must_be_there_and_right),
	};
	return cmocka_run_group_tests_name("account/id_token", tests, make_keys, NULL);
}
