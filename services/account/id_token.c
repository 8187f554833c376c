#include "account/id_token.h"

#include <cjose/cjose.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

DEFINE_CLEANUP(jws, cjose_jws_t *, cjose_jws_release)

static inline void cleanup_jwk(cjose_jwk_t **jwk)
{
	if (*jwk)
		(void)cjose_jwk_release(*jwk); /* says whether it was the last reference */
}

static enum status denied(struct error *err, const char *why)
{
	return error_set(err, STATUS_DENIED, "id token: %s", why);
}

/* --- base64url --- */

/* cjose ends the process, by an assertion, at a text that no number of bytes gives. RFC 7515 section 2: no padding in it. */
static bool is_base64url(const char *at, size_t len)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	for (size_t i = 0; i < len; i++) {
		if (!memchr(alphabet, at[i], sizeof(alphabet) - 1))
			return false;
	}
	return len > 0 && len % 4 != 1;
}

/* header "." payload "." signature */
static bool is_signed_token(struct json_slice token)
{
	const char *at = token.at, *end = token.at + token.len;
	for (size_t part = 0; part < 2; part++) {
		const char *dot = memchr(at, '.', (size_t)(end - at));
		if (!dot || !is_base64url(at, (size_t)(dot - at)))
			return false;
		at = dot + 1;
	}
	return is_base64url(at, (size_t)(end - at));
}

/* --- the key --- */

/* What a key must be for an algorithm; NULL ends the list. */
struct algorithm {
	const char *name, *key_type, *curve; /* curve NULL: none */
};

static const struct algorithm *find_algorithm(const char *name)
{
	static const struct algorithm algorithms[] = { { "RS256", "RSA", NULL }, { "ES256", "EC", "P-256" } };
	for (size_t i = 0; name && i < ARRAY_LEN(algorithms); i++) {
		if (strcmp(algorithms[i].name, name) == 0)
			return &algorithms[i];
	}
	return NULL;
}

static bool is_text(const json_t *object, const char *name, const char *wanted)
{
	const json_t *member = json_object_get(object, name);
	return json_is_string(member) && strcmp(json_string_value(member), wanted) == 0;
}

static bool is_absent_or(const json_t *object, const char *name, const char *wanted)
{
	return !json_object_get(object, name) || is_text(object, name, wanted);
}

static bool fits(const json_t *key, const struct algorithm *algorithm, const char *kid)
{
	return is_text(key, "kty", algorithm->key_type) && is_absent_or(key, "use", "sig") &&
	       is_absent_or(key, "alg", algorithm->name) &&
	       (!algorithm->curve || is_text(key, "crv", algorithm->curve)) && (!kid || is_text(key, "kid", kid));
}

/* A token without kid has the one key that fits, or none (OpenID Connect Core 10.1). */
static const json_t *find_key(const json_t *keys, const struct algorithm *algorithm, const char *kid)
{
	const json_t *array = json_object_get(keys, "keys"), *found = NULL;
	size_t n = json_array_size(array);
	for (size_t i = 0; i < n && i < ID_TOKEN_KEYS_MAX; i++) {
		const json_t *key = json_array_get(array, i);
		if (!fits(key, algorithm, kid))
			continue;
		if (kid)
			return key;
		if (found)
			return NULL;
		found = key;
	}
	return found;
}

/* What makes the key public and nothing else of what the provider sent; a new reference, NULL if a part is missing or malformed. */
static json_t *public_part(const json_t *key, const struct algorithm *algorithm)
{
	static const char *const rsa[] = { "n", "e", NULL }, *const ec[] = { "x", "y", NULL };
	json_t *public = json_pack("{s:s, s:s*}", "kty", algorithm->key_type, "crv", algorithm->curve);
	for (const char *const *name = algorithm->curve ? ec : rsa; *name && public; name++) {
		json_t *member = json_object_get(key, *name);
		if (!json_is_string(member) || !is_base64url(json_string_value(member), json_string_length(member)) ||
		    json_object_set(public, *name, member) != 0) {
			json_decref(public);
			public = NULL;
		}
	}
	return public;
}

static enum status import_key(const json_t *key, const struct algorithm *algorithm, cjose_jwk_t **ret_jwk,
			      struct error *err)
{
	cjose_err why;
	CLEANUP(json) json_t *public = public_part(key, algorithm);
	if (!public)
		return denied(err, "the provider's key is none");
	char *text = json_dumps(public, JSON_COMPACT);
	if (!text)
		abort();
	CLEANUP(jwk) cjose_jwk_t *jwk = cjose_jwk_import(text, strlen(text), &why);
	free(text);
	if (!jwk)
		return denied(err, "the provider's key is none");
	size_t bits = cjose_jwk_get_keysize(jwk, &why);
	if (!algorithm->curve && (bits < ID_TOKEN_RSA_BITS_MIN || bits > ID_TOKEN_RSA_BITS_MAX))
		return denied(err, "the provider's RSA key is too short or too long");
	*ret_jwk = STEAL(jwk);
	return STATUS_OK;
}

/* --- the signature --- */

static bool has_member(cjose_header_t *header, const char *name)
{
	cjose_err why;
	char *raw = cjose_header_get_raw(header, name, &why);
	bool has = raw != NULL;
	free(raw);
	return has;
}

static enum status check_signature(cjose_jws_t *jws, const json_t *keys, struct error *err)
{
	cjose_err why;
	cjose_header_t *header = cjose_jws_get_protected(jws); /* borrowed */
	const struct algorithm *algorithm = find_algorithm(cjose_header_get(header, "alg", &why));
	if (!algorithm)
		return denied(err, "not signed with RS256 or ES256");
	if (has_member(header, "crit"))
		return denied(err, "its header wants something understood that we do not");
	const json_t *key = find_key(keys, algorithm, cjose_header_get(header, "kid", &why));
	if (!key)
		return error_set(err, STATUS_NOT_FOUND, "id token: the provider has no such key");
	CLEANUP(jwk) cjose_jwk_t *jwk = NULL;
	enum status st = import_key(key, algorithm, &jwk, err);
	if (st != STATUS_OK)
		return st;
	return cjose_jws_verify(jws, jwk, &why) ? STATUS_OK : denied(err, "the signature is wrong");
}

/* --- the claims --- */

static bool is_for_us(const json_t *claims, const char *client_id)
{
	const json_t *audience = json_object_get(claims, "aud"), *party = json_object_get(claims, "azp");
	bool named = json_is_string(audience) && strcmp(json_string_value(audience), client_id) == 0;
	for (size_t i = 0; i < json_array_size(audience); i++) {
		const json_t *each = json_array_get(audience, i);
		named = named || (json_is_string(each) && strcmp(json_string_value(each), client_id) == 0);
	}
	if (json_array_size(audience) > 1 && !party)
		return false;
	return named && (!party || is_text(claims, "azp", client_id));
}

/* A whole number or one with a fraction (RFC 7519 section 2); false for anything else. */
static bool read_time(const json_t *claims, const char *name, double *ret_s)
{
	const json_t *member = json_object_get(claims, name);
	if (!json_is_number(member))
		return false;
	*ret_s = json_number_value(member);
	return true;
}

static enum status check_times(const json_t *claims, int64_t now_s, struct error *err)
{
	double now = (double)now_s, expires = 0, issued = 0, begins = 0;
	if (!read_time(claims, "exp", &expires) || expires + ID_TOKEN_SKEW_S <= now)
		return denied(err, "expired");
	if (!read_time(claims, "iat", &issued) || issued > now + ID_TOKEN_SKEW_S ||
	    issued + ID_TOKEN_AGE_MAX_S + ID_TOKEN_SKEW_S < now)
		return denied(err, "not issued now");
	if (json_object_get(claims, "nbf") && (!read_time(claims, "nbf", &begins) || begins > now + ID_TOKEN_SKEW_S))
		return denied(err, "not yet valid");
	return STATUS_OK;
}

static bool is_nonce(const json_t *claims, const char *nonce)
{
	const json_t *member = json_object_get(claims, "nonce");
	size_t len = strlen(nonce);
	return json_is_string(member) && json_string_length(member) == len &&
	       sodium_memcmp(json_string_value(member), nonce, len) == 0;
}

static enum status read_subject(const json_t *claims, struct id_token *ret_token, struct error *err)
{
	const json_t *subject = json_object_get(claims, "sub");
	size_t len = json_is_string(subject) ? json_string_length(subject) : 0;
	if (len == 0 || len > OIDC_SUBJECT_BYTES_MAX)
		return denied(err, "no subject");
	memcpy(ret_token->subject, json_string_value(subject), len + 1); /* no NUL in it: jansson takes none */
	return STATUS_OK;
}

static enum status read_email(const json_t *claims, struct id_token *ret_token, struct error *err)
{
	const json_t *email = json_object_get(claims, "email");
	struct error why = { .status = STATUS_OK };
	if (!json_is_true(json_object_get(claims, "email_verified")) || !json_is_string(email))
		return error_set(err, STATUS_INVALID, "id token: no verified e-mail address");
	if (user_name_canonical(json_string_value(email), ret_token->email, &why) != STATUS_OK ||
	    user_name_is_phone(ret_token->email))
		return error_set(err, STATUS_INVALID, "id token: not an e-mail address that can be a user name");
	return STATUS_OK;
}

static enum status check_claims(const json_t *claims, const struct id_token_rules *rules, struct id_token *ret_token,
				struct error *err)
{
	if (!is_text(claims, "iss", rules->issuer))
		return denied(err, "another issuer");
	if (!is_for_us(claims, rules->client_id))
		return denied(err, "for another client");
	enum status st = check_times(claims, rules->now_s, err);
	if (st == STATUS_OK && !is_nonce(claims, rules->nonce))
		st = denied(err, "of another sign-in");
	if (st == STATUS_OK)
		st = read_subject(claims, ret_token, err);
	return st == STATUS_OK ? read_email(claims, ret_token, err) : st;
}

enum status id_token_check(struct json_slice token, const json_t *keys, const struct id_token_rules *rules,
			   struct id_token *ret_token, struct error *err)
{
	cjose_err why;
	if (token.len == 0 || token.len > ID_TOKEN_BYTES_MAX)
		return denied(err, "empty or too long");
	if (!is_signed_token(token))
		return denied(err, "no signed token");
	CLEANUP(jws) cjose_jws_t *jws = cjose_jws_import(token.at, token.len, &why);
	if (!jws)
		return denied(err, "no signed token");
	enum status st = check_signature(jws, keys, err);
	if (st != STATUS_OK)
		return st;
	uint8_t *payload = NULL; /* borrowed */
	size_t len = 0;
	if (!cjose_jws_get_plaintext(jws, &payload, &len, &why))
		return denied(err, "no payload");
	CLEANUP(json) json_t *claims = NULL;
	const struct json_slice text = { (const char *)payload, len };
	struct error syntax = { .status = STATUS_OK };
	if (json_read_object(text, &json_request_limits, &claims, &syntax) != STATUS_OK)
		return denied(err, "its payload is no JSON object");
	struct id_token checked = { .subject = "" };
	st = check_claims(claims, rules, &checked, err);
	if (st == STATUS_OK)
		*ret_token = checked;
	return st;
}
