#include "account/oidc.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "account/url.h"

struct oidc {
	struct oidc_options options;
	struct provider *provider;
	unsigned char key[ACCOUNT_KEY_BYTES];
};

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

/* --- checks of what comes from outside --- */

static bool is_made_of(const char *text, const char *alphabet, size_t min, size_t max)
{
	size_t len = strspn(text, alphabet);
	return text[len] == '\0' && len >= min && len <= max;
}

bool oidc_is_secret(const char *text)
{
	return is_made_of(text, base64url, OIDC_SECRET_BYTES, OIDC_SECRET_BYTES);
}

bool oidc_is_verifier(const char *text)
{
	return is_made_of(text, unreserved, 43, 128);
}

bool oidc_is_app_state(const char *text)
{
	return is_made_of(text, unreserved, 1, OIDC_APP_STATE_BYTES_MAX);
}

bool oidc_is_code(const char *text)
{
	size_t len = strnlen(text, PROVIDER_CODE_BYTES_MAX + 1);
	for (size_t i = 0; i < len; i++) {
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	}
	return len > 0 && len <= PROVIDER_CODE_BYTES_MAX;
}

bool oidc_is_return_url(const struct oidc *oidc, const char *url)
{
	size_t url_len = strlen(url);
	for (const char *at = oidc->options.return_urls; *at && url_len > 0;) {
		at += strspn(at, ", ");
		size_t len = strcspn(at, ", ");
		if (len == url_len && memcmp(at, url, len) == 0)
			return true;
		at += len;
	}
	return false;
}

/* --- secrets --- */

static void encode(const unsigned char bytes[OIDC_HASH_BYTES], oidc_secret ret_text)
{
	(void)sodium_bin2base64(ret_text, OIDC_SECRET_BYTES + 1, bytes, OIDC_HASH_BYTES,
				sodium_base64_VARIANT_URLSAFE_NO_PADDING); /* the size fits */
}

static void make_secret(oidc_secret ret_text)
{
	unsigned char bytes[OIDC_HASH_BYTES];
	randombytes_buf(bytes, sizeof(bytes));
	encode(bytes, ret_text);
	sodium_memzero(bytes, sizeof(bytes));
}

static void hash(const char *text, unsigned char ret_hash[OIDC_HASH_BYTES])
{
	(void)crypto_hash_sha256(ret_hash, (const unsigned char *)text, strlen(text)); /* always 0 */
}

/* RFC 7636 4.2 */
static void challenge_of(const char *verifier, oidc_secret ret_challenge)
{
	unsigned char digest[OIDC_HASH_BYTES];
	hash(verifier, digest);
	encode(digest, ret_challenge);
}

/* Nonce and verifier: only who has our key and the state can tell them. */
static void derive(const struct oidc *oidc, const char *what, const char *state, oidc_secret ret_text)
{
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state mac_state;
	crypto_auth_hmacsha256_init(&mac_state, oidc->key, sizeof(oidc->key));
	crypto_auth_hmacsha256_update(&mac_state, (const unsigned char *)what, strlen(what) + 1);
	crypto_auth_hmacsha256_update(&mac_state, (const unsigned char *)state, strlen(state));
	crypto_auth_hmacsha256_final(&mac_state, mac);
	encode(mac, ret_text);
	sodium_memzero(mac, sizeof(mac));
	sodium_memzero(&mac_state, sizeof(mac_state));
}

/* --- the three steps --- */

enum status oidc_start(struct oidc *oidc, struct store *store, const struct oidc_app *app, oidc_secret ret_browser,
		       struct buffer *ret_url, struct error *err)
{
	oidc_secret state, browser, nonce, verifier, challenge;
	unsigned char state_hash[OIDC_HASH_BYTES], browser_hash[OIDC_HASH_BYTES];
	make_secret(state);
	make_secret(browser);
	derive(oidc, "nonce", state, nonce);
	derive(oidc, "verifier", state, verifier);
	challenge_of(verifier, challenge);
	hash(state, state_hash);
	hash(browser, browser_hash);
	const struct provider_proof proof = { .state = state, .nonce = nonce, .challenge = challenge };
	enum status st = provider_sign_in_url(oidc->provider, &proof, ret_url, err);
	if (st == STATUS_OK)
		st = store_oidc_begin(store, state_hash, browser_hash, app, OIDC_STATE_S, OIDC_STATES_MAX, err);
	if (st == STATUS_OK)
		memcpy(ret_browser, browser, sizeof(browser));
	return st;
}

/* The person said no, or the provider could not: RFC 6749 4.1.2.1, with one word for all of it. */
static void put_refusal(const struct oidc_app *app, struct buffer *ret_url)
{
	url_put_base(ret_url, app->return_url);
	url_put_param(ret_url, "error", "access_denied");
	if (app->state[0])
		url_put_param(ret_url, "state", app->state);
}

static enum status sign_in(struct oidc *oidc, struct store *store, const struct id_token *token,
			   const struct oidc_app *app, struct buffer *ret_url, struct error *err)
{
	oidc_secret code;
	unsigned char code_hash[OIDC_HASH_BYTES];
	make_secret(code);
	hash(code, code_hash);
	const struct oidc_identity identity = { .issuer = oidc->options.provider.issuer,
						.subject = token->subject,
						.email = token->email,
						.may_link = oidc->options.link_by_email };
	enum status st = store_oidc_sign_in(store, &identity, app, code_hash, OIDC_CODE_S, err);
	if (st != STATUS_OK)
		return st;
	url_put_base(ret_url, app->return_url);
	url_put_param(ret_url, "code", code);
	if (app->state[0])
		url_put_param(ret_url, "state", app->state);
	return STATUS_OK;
}

enum status oidc_finish(struct oidc *oidc, struct store *store, const char *state, const char *browser,
			const char *code, struct buffer *ret_url, struct error *err)
{
	unsigned char state_hash[OIDC_HASH_BYTES], browser_hash[OIDC_HASH_BYTES];
	struct oidc_app app;
	hash(state, state_hash);
	hash(browser, browser_hash);
	enum status st = store_oidc_take_state(store, state_hash, browser_hash, &app, err);
	if (st != STATUS_OK)
		return st;
	if (!code) {
		put_refusal(&app, ret_url);
		return STATUS_OK;
	}
	oidc_secret nonce, verifier;
	struct id_token token;
	derive(oidc, "nonce", state, nonce);
	derive(oidc, "verifier", state, verifier);
	st = provider_exchange(oidc->provider, code, verifier, nonce, &token, err);
	return st == STATUS_OK ? sign_in(oidc, store, &token, &app, ret_url, err) : st;
}

enum status oidc_redeem(struct oidc *oidc, struct store *store, const struct oidc_redemption *redemption,
			struct account_tokens *ret_tokens, struct error *err)
{
	unsigned char code_hash[OIDC_HASH_BYTES];
	oidc_secret challenge;
	struct oidc_user user;
	hash(redemption->code, code_hash);
	if (redemption->verifier)
		challenge_of(redemption->verifier, challenge);
	enum status st = store_oidc_take_code(store, code_hash, redemption->verifier ? challenge : NULL,
					      redemption->return_url, &user, err);
	if (st != STATUS_OK)
		return st;
	const struct account_sign_in sign_in = { .user_name = user.user_name,
						 .source = redemption->source,
						 .client = redemption->client };
	return account_open_session(oidc->options.account, store, user.user_id, &sign_in, ret_tokens, err);
}

/* --- open and close --- */

/* An app's own scheme (RFC 8252) or https; http only on the machine itself. */
static enum status check_return_url(const char *url, size_t len, struct error *err)
{
	size_t scheme = strspn(url, "abcdefghijklmnopqrstuvwxyz0123456789+-.");
	bool has_scheme = scheme > 0 && scheme < len && url[scheme] == ':';
	bool is_http = has_scheme && scheme == 4 && memcmp(url, "http", 4) == 0;
	bool is_local =
		len > 17 && (memcmp(url, "http://127.0.0.1:", 17) == 0 || memcmp(url, "http://localhost:", 17) == 0);
	bool is_code = has_scheme && (strncmp(url, "javascript:", 11) == 0 || strncmp(url, "data:", 5) == 0);
	for (size_t i = 0; i < len; i++)
		has_scheme = has_scheme && url[i] > 0x20 && url[i] < 0x7f && url[i] != '#';
	if (len > OIDC_URL_BYTES_MAX || !has_scheme || is_code || (is_http && !is_local))
		return error_set(err, STATUS_INVALID, "oidc_allowed_return_urls: '%.*s' will not do", (int)len, url);
	return STATUS_OK;
}

static enum status check_return_urls(const char *urls, struct error *err)
{
	enum status st = STATUS_OK;
	int n = 0;
	for (const char *at = urls + strspn(urls, ", "); st == STATUS_OK && *at; n++) {
		size_t len = strcspn(at, ", ");
		st = check_return_url(at, len, err);
		at += len;
		at += strspn(at, ", ");
	}
	if (st == STATUS_OK && n == 0)
		return error_set(err, STATUS_INVALID, "oidc_issuer needs oidc_allowed_return_urls");
	return st;
}

enum status oidc_open(const struct oidc_options *options, struct oidc **ret_oidc, struct error *err)
{
	enum status st = check_return_urls(options->return_urls, err);
	if (st != STATUS_OK)
		return st;
	CLEANUP(oidc) struct oidc *oidc = calloc(1, sizeof(*oidc));
	if (!oidc)
		abort();
	oidc->options = *options;
	account_derive_key(options->account, "cistern oidc 1", oidc->key);
	st = provider_open(&options->provider, &oidc->provider, err);
	if (st == STATUS_OK)
		*ret_oidc = STEAL(oidc);
	return st;
}

void oidc_stop(struct oidc *oidc)
{
	if (oidc)
		provider_stop(oidc->provider);
}

void oidc_close(struct oidc *oidc)
{
	if (!oidc)
		return;
	provider_close(oidc->provider);
	sodium_memzero(oidc, sizeof(*oidc));
	free(oidc);
}
