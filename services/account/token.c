#include "account/token.h"

#include <jansson.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "account/user_name.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/parse.h"

enum { SIGNATURE_TEXT_LEN = 43 }; /* 32 bytes in base64 without padding */

/* base64url of {"alg":"HS256","typ":"JWT"}, and the dot behind it */
static const char fixed_header[] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";
enum { HEADER_LEN = sizeof(fixed_header) - 1 };

enum status token_key_read(const char *path, const char *issuer, int64_t lifetime_s, struct token_key *ret_key,
			   struct error *err)
{
	CLEANUP(secret) struct secret secret = { .len = 0 };
	enum status st = secret_read(&secret, path, err);
	if (st != STATUS_OK)
		return st;
	if (secret.len < TOKEN_KEY_BYTES_MIN)
		return error_set(err, STATUS_INVALID, "%s: a token key has at least %d characters", path,
				 TOKEN_KEY_BYTES_MIN);
	*ret_key = (struct token_key){ .secret = secret, .issuer = issuer, .lifetime_s = lifetime_s };
	return STATUS_OK;
}

void token_key_done(struct token_key *key)
{
	secret_done(&key->secret);
}

static void put_base64url(struct buffer *out, const void *bytes, size_t len)
{
	size_t size = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	(void)sodium_bin2base64(buffer_reserve(out, size), size, bytes, len,
				sodium_base64_VARIANT_URLSAFE_NO_PADDING); /* returns its second argument */
	out->len += size - 1;
}

static void sign(const struct token_key *key, const char *text, size_t len, char ret_signature[SIGNATURE_TEXT_LEN + 1])
{
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state state;
	crypto_auth_hmacsha256_init(&state, (const unsigned char *)key->secret.bytes, key->secret.len);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)text, len);
	crypto_auth_hmacsha256_final(&state, mac);
	(void)sodium_bin2base64(ret_signature, SIGNATURE_TEXT_LEN + 1, mac, sizeof(mac),
				sodium_base64_VARIANT_URLSAFE_NO_PADDING); /* returns its first argument */
	sodium_memzero(&state, sizeof(state));
}

/* The four ASCII characters whose low six bits are 62 or 63; the header says why. They occur inside strings only. */
static void put_decoder_safe(struct buffer *out, const char *json)
{
	for (; *json; json++) {
		if (*json == '>' || *json == '?' || *json == '~' || *json == 0x7f)
			buffer_printf(out, "\\u%04x", (unsigned)*json);
		else
			buffer_putc(out, *json);
	}
}

static void put_token(const struct token_key *key, json_t *claims, struct buffer *out)
{
	char *json = json_dumps(claims, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (!json)
		abort(); /* out of memory */
	CLEANUP(buffer) struct buffer payload = { 0 };
	put_decoder_safe(&payload, json);
	free(json);
	size_t start = out->len;
	buffer_puts(out, fixed_header);
	put_base64url(out, payload.bytes, payload.len);
	char signature[SIGNATURE_TEXT_LEN + 1];
	sign(key, out->bytes + start, out->len - start, signature);
	buffer_putc(out, '.');
	buffer_puts(out, signature);
}

/* What both kinds hold. */
static json_t *new_claims(const struct token_key *key, const struct token_claims *about, const char *use)
{
	json_int_t now_s = clock_now_us() / 1000000;
	json_t *claims =
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "iss", key->issuer, "aud", use, "sub", about->user_id,
			  "sid", about->session_id, "token_use", use, "iat", now_s, "exp", now_s + key->lifetime_s);
	if (!claims)
		abort(); /* out of memory, or an issuer that is not UTF-8: token_key_read's caller has settings in UTF-8 */
	return claims;
}

void token_put_access(const struct token_key *key, const struct token_claims *claims, struct buffer *out)
{
	CLEANUP(json) json_t *payload = new_claims(key, claims, "access");
	put_token(key, payload, out);
}

void token_put_id(const struct token_key *key, const struct token_claims *claims, const char *user_name,
		  struct buffer *out)
{
	CLEANUP(json) json_t *payload = new_claims(key, claims, "id");
	bool is_phone = user_name_is_phone(user_name);
	if (json_object_set_new(payload, "custom:user_id", json_string(claims->user_id)) != 0 ||
	    json_object_set_new(payload, is_phone ? "phone_number" : "email", json_string(user_name)) != 0 ||
	    json_object_set_new(payload, is_phone ? "phone_number_verified" : "email_verified", json_true()) != 0)
		abort(); /* out of memory */
	put_token(key, payload, out);
}

/* The payload's segment of a token with our header and our signature. */
static enum status check_signature(const struct token_key *key, const char *token, size_t token_len,
				   struct json_slice *ret_payload, struct error *err)
{
	if (token_len > TOKEN_BYTES_MAX || token_len < HEADER_LEN + 1 + SIGNATURE_TEXT_LEN ||
	    memcmp(token, fixed_header, HEADER_LEN) != 0)
		return error_set(err, STATUS_UNAUTHENTICATED, "not a token of ours");
	size_t signed_len = token_len - SIGNATURE_TEXT_LEN - 1;
	if (token[signed_len] != '.')
		return error_set(err, STATUS_UNAUTHENTICATED, "not a token of ours");
	char signature[SIGNATURE_TEXT_LEN + 1];
	sign(key, token, signed_len, signature);
	if (sodium_memcmp(signature, token + signed_len + 1, SIGNATURE_TEXT_LEN) != 0)
		return error_set(err, STATUS_UNAUTHENTICATED, "the token's signature is not ours");
	*ret_payload = (struct json_slice){ token + HEADER_LEN, signed_len - HEADER_LEN };
	return STATUS_OK;
}

static enum status check_claims(const struct token_key *key, const json_t *payload, struct token_claims *ret_claims,
				struct error *err)
{
	if (strcmp(json_member_text(payload, "iss", ""), key->issuer) != 0)
		return error_set(err, STATUS_UNAUTHENTICATED, "the token's issuer is another");
	if (strcmp(json_member_text(payload, "aud", ""), "access") != 0 ||
	    strcmp(json_member_text(payload, "token_use", ""), "access") != 0)
		return error_set(err, STATUS_UNAUTHENTICATED, "not an access token");
	/* No skew at the end: the client reads `exp` and refreshes by itself. */
	int64_t now_s = clock_now_us() / 1000000;
	if (json_integer_value(json_object_get(payload, "exp")) <= now_s)
		return error_set(err, STATUS_UNAUTHENTICATED, "the token has expired");
	const json_t *issued = json_object_get(payload, "iat");
	if (!json_is_integer(issued) || json_integer_value(issued) > now_s + TOKEN_SKEW_S)
		return error_set(err, STATUS_UNAUTHENTICATED, "the token is from the future");
	const json_t *not_before = json_object_get(payload, "nbf"); /* none of ours has it; who adds it is heard */
	if (not_before && (!json_is_integer(not_before) || json_integer_value(not_before) > now_s + TOKEN_SKEW_S))
		return error_set(err, STATUS_UNAUTHENTICATED, "the token is not good yet");
	const char *user_id = json_member_text(payload, "sub", "");
	const char *session_id = json_member_text(payload, "sid", "");
	if (!parse_is_uuid(user_id) || !parse_is_uuid(session_id))
		return error_set(err, STATUS_UNAUTHENTICATED, "the token names no session");
	memcpy(ret_claims->user_id, user_id, UUID_BYTES + 1);
	memcpy(ret_claims->session_id, session_id, UUID_BYTES + 1);
	return STATUS_OK;
}

enum status token_check_access(const struct token_key *key, const char *token, size_t token_len,
			       struct token_claims *ret_claims, struct error *err)
{
	struct json_slice encoded = { 0 };
	enum status st = check_signature(key, token, token_len, &encoded, err);
	if (st != STATUS_OK)
		return st;
	char json[TOKEN_BYTES_MAX];
	size_t json_len = 0;
	if (sodium_base642bin((unsigned char *)json, sizeof(json), encoded.at, encoded.len, NULL, &json_len, NULL,
			      sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
		return error_set(err, STATUS_UNAUTHENTICATED, "the token's payload is not base64url");
	CLEANUP(json) json_t *payload = NULL;
	st = json_read_object((struct json_slice){ json, json_len }, &json_request_limits, &payload, err);
	if (st != STATUS_OK)
		return error_set(err, STATUS_UNAUTHENTICATED, "the token's payload is not an object");
	return check_claims(key, payload, ret_claims, err);
}

void token_make_refresh(char ret_token[REFRESH_TOKEN_BYTES + 1])
{
	unsigned char random[REFRESH_TOKEN_BYTES / 2];
	randombytes_buf(random, sizeof(random));
	(void)sodium_bin2hex(ret_token, REFRESH_TOKEN_BYTES + 1, random,
			     sizeof(random)); /* returns its first argument */
	sodium_memzero(random, sizeof(random));
}

enum status token_hash_refresh(const char *token, unsigned char ret_hash[REFRESH_HASH_BYTES], struct error *err)
{
	if (strspn(token, "0123456789abcdef") != REFRESH_TOKEN_BYTES || token[REFRESH_TOKEN_BYTES] != '\0')
		return error_set(err, STATUS_UNAUTHENTICATED, "not a refresh token");
	crypto_hash_sha256(ret_hash, (const unsigned char *)token, REFRESH_TOKEN_BYTES);
	return STATUS_OK;
}
