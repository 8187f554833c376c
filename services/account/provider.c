#include "account/provider.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "account/fetch.h"
#include "account/url.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/secret.h"

struct provider {
	struct provider_options options;
	struct secret client_secret;
	atomic_bool stopping;
	pthread_mutex_t mutex; /* guards everything below, also while one asks the provider */
	json_t *metadata, *keys;
	int64_t metadata_until_us, keys_until_us; /* monotonic */
	int64_t keys_again_us, ask_again_us;
};

/* --- what the provider says of itself --- */

static enum status fetch_json(struct provider *provider, const char *url, json_t **ret_document, struct error *err)
{
	CLEANUP(buffer) struct buffer body = { .bytes = NULL };
	const struct fetch fetch = { .url = url,
				     .ca_file = provider->options.ca_file,
				     .stopping = &provider->stopping };
	enum status st = fetch_run(&fetch, &body, err);
	if (st != STATUS_OK)
		return error_set(err, STATUS_UNAVAILABLE, "%s", err->text);
	const struct json_slice text = { buffer_text(&body), body.len };
	if (json_read_object(text, &json_request_limits, ret_document, err) != STATUS_OK)
		return error_set(err, STATUS_UNAVAILABLE, "the provider's answer is no JSON object");
	return STATUS_OK;
}

/* "" when it is not there or not such an address. */
static const char *endpoint(const json_t *metadata, const char *name)
{
	const char *url = json_member_text(metadata, name, "");
	return strlen(url) <= OIDC_URL_BYTES_MAX && url_is_https(url) ? url : "";
}

/* The issuer in the document must be the one asked (Discovery 4.3): else one provider could speak for another. */
static bool metadata_will_do(const json_t *metadata, const char *issuer)
{
	return strcmp(json_member_text(metadata, "issuer", ""), issuer) == 0 &&
	       *endpoint(metadata, "authorization_endpoint") && *endpoint(metadata, "token_endpoint") &&
	       *endpoint(metadata, "jwks_uri");
}

static enum status refresh_metadata(struct provider *provider, struct error *err)
{
	CLEANUP(buffer) struct buffer url = { .bytes = NULL };
	CLEANUP(json) json_t *metadata = NULL;
	const char *issuer = provider->options.issuer;
	size_t len = strlen(issuer);
	buffer_put(&url, issuer, issuer[len - 1] == '/' ? len - 1 : len);
	buffer_puts(&url, "/.well-known/openid-configuration");
	enum status st = fetch_json(provider, buffer_text(&url), &metadata, err);
	if (st == STATUS_OK && !metadata_will_do(metadata, issuer))
		st = error_set(err, STATUS_UNAVAILABLE, "the provider's configuration is not for oidc_issuer");
	if (st != STATUS_OK)
		return st;
	json_decref(provider->metadata);
	provider->metadata = STEAL(metadata);
	provider->metadata_until_us = clock_monotonic_us() + PROVIDER_AGE_S * 1000000LL;
	return STATUS_OK;
}

static enum status refresh_keys(struct provider *provider, struct error *err)
{
	CLEANUP(json) json_t *keys = NULL;
	enum status st = fetch_json(provider, endpoint(provider->metadata, "jwks_uri"), &keys, err);
	if (st == STATUS_OK && !json_is_array(json_object_get(keys, "keys")))
		st = error_set(err, STATUS_UNAVAILABLE, "the provider's keys are no set of keys");
	if (st != STATUS_OK)
		return st;
	json_decref(provider->keys);
	provider->keys = STEAL(keys);
	provider->keys_until_us = clock_monotonic_us() + PROVIDER_AGE_S * 1000000LL;
	provider->keys_again_us = clock_monotonic_us() + PROVIDER_KEYS_AGAIN_S * 1000000LL;
	return STATUS_OK;
}

typedef enum status refresher(struct provider *provider, struct error *err);

/* Not right after a failure. */
static enum status refresh(struct provider *provider, refresher *how, struct error *err)
{
	if (clock_monotonic_us() < provider->ask_again_us)
		return error_set(err, STATUS_UNAVAILABLE, "the provider was away a moment ago");
	enum status st = how(provider, err);
	if (st != STATUS_OK)
		provider->ask_again_us = clock_monotonic_us() + PROVIDER_PAUSE_S * 1000000LL;
	return st;
}

static enum status need_metadata(struct provider *provider, struct error *err)
{
	if (provider->metadata && clock_monotonic_us() < provider->metadata_until_us)
		return STATUS_OK;
	return refresh(provider, refresh_metadata, err);
}

static enum status need_keys(struct provider *provider, struct error *err)
{
	enum status st = need_metadata(provider, err);
	if (st != STATUS_OK || (provider->keys && clock_monotonic_us() < provider->keys_until_us))
		return st;
	return refresh(provider, refresh_keys, err);
}

/* --- the way there --- */

static void put_sign_in_url(const struct provider *provider, const struct provider_proof *proof, struct buffer *out)
{
	url_put_base(out, endpoint(provider->metadata, "authorization_endpoint"));
	url_put_param(out, "response_type", "code");
	url_put_param(out, "client_id", provider->options.client_id);
	url_put_param(out, "redirect_uri", provider->options.redirect_url);
	url_put_param(out, "scope", provider->options.scopes);
	url_put_param(out, "state", proof->state);
	url_put_param(out, "nonce", proof->nonce);
	url_put_param(out, "code_challenge", proof->challenge);
	url_put_param(out, "code_challenge_method", "S256");
}

enum status provider_sign_in_url(struct provider *provider, const struct provider_proof *proof, struct buffer *ret_url,
				 struct error *err)
{
	pthread_mutex_lock(&provider->mutex);
	enum status st = need_metadata(provider, err);
	if (st == STATUS_OK)
		put_sign_in_url(provider, proof, ret_url);
	pthread_mutex_unlock(&provider->mutex);
	return st;
}

/* --- the way back --- */

static bool lists(const json_t *array, const char *word)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *each = json_array_get(array, i);
		if (json_is_string(each) && strcmp(json_string_value(each), word) == 0)
			return true;
	}
	return false;
}

/* Where the token endpoint is, and whether it wants the secret in the form; Basic unless it says otherwise (Discovery 3). */
static enum status token_endpoint(struct provider *provider, struct buffer *ret_url, bool *ret_in_form,
				  struct error *err)
{
	pthread_mutex_lock(&provider->mutex);
	enum status st = need_metadata(provider, err);
	if (st == STATUS_OK) {
		const json_t *methods = json_object_get(provider->metadata, "token_endpoint_auth_methods_supported");
		*ret_in_form = lists(methods, "client_secret_post") && !lists(methods, "client_secret_basic");
		buffer_puts(ret_url, endpoint(provider->metadata, "token_endpoint"));
	}
	pthread_mutex_unlock(&provider->mutex);
	return st;
}

static void wipe(struct buffer *buffer)
{
	if (buffer->bytes)
		explicit_bzero(buffer->bytes, buffer->capacity);
	buffer_done(buffer);
}

/* RFC 6749 2.3.1: both parts are form-urlencoded before they become Basic. */
static void put_basic(const struct provider *provider, struct buffer *out)
{
	url_put_escaped(out, provider->options.client_id);
	buffer_putc(out, ':');
	url_put_escaped(out, provider->client_secret.bytes);
}

static void put_form(const struct provider *provider, const char *code, const char *verifier, bool secret_in_form,
		     struct buffer *out)
{
	bool is_public = provider->client_secret.len == 0;
	url_put_param(out, "grant_type", "authorization_code");
	url_put_param(out, "code", code);
	url_put_param(out, "redirect_uri", provider->options.redirect_url);
	url_put_param(out, "code_verifier", verifier);
	if (is_public || secret_in_form)
		url_put_param(out, "client_id", provider->options.client_id);
	if (!is_public && secret_in_form)
		url_put_param(out, "client_secret", provider->client_secret.bytes);
}

static enum status ask_token(struct provider *provider, const char *code, const char *verifier, struct buffer *ret_body,
			     struct error *err)
{
	CLEANUP(buffer) struct buffer url = { .bytes = NULL };
	bool in_form = false;
	enum status st = token_endpoint(provider, &url, &in_form, err);
	if (st != STATUS_OK)
		return st;
	struct buffer form = { .bytes = NULL }, basic = { .bytes = NULL };
	put_form(provider, code, verifier, in_form, &form);
	put_basic(provider, &basic);
	bool with_basic = provider->client_secret.len > 0 && !in_form;
	const struct fetch fetch = { .url = buffer_text(&url),
				     .form = buffer_text(&form),
				     .basic = with_basic ? buffer_text(&basic) : NULL,
				     .ca_file = provider->options.ca_file,
				     .stopping = &provider->stopping };
	st = fetch_run(&fetch, ret_body, err);
	wipe(&form);
	wipe(&basic);
	return st;
}

/* With keys that were asked for again, if that is allowed, when the token's is not among those we have. */
static enum status check(struct provider *provider, struct json_slice token, const char *nonce,
			 struct id_token *ret_token, struct error *err)
{
	const struct id_token_rules rules = { .issuer = provider->options.issuer,
					      .client_id = provider->options.client_id,
					      .nonce = nonce,
					      .now_s = clock_now_us() / 1000000 };
	enum status st = need_keys(provider, err);
	if (st == STATUS_OK)
		st = id_token_check(token, provider->keys, &rules, ret_token, err);
	if (st != STATUS_NOT_FOUND)
		return st;
	if (clock_monotonic_us() < provider->keys_again_us)
		return error_set(err, STATUS_DENIED, "id token: signed with no key of the provider");
	st = refresh(provider, refresh_keys, err);
	if (st == STATUS_OK)
		st = id_token_check(token, provider->keys, &rules, ret_token, err);
	return st == STATUS_NOT_FOUND ? error_set(err, STATUS_DENIED, "id token: no key of the provider") : st;
}

enum status provider_exchange(struct provider *provider, const char *code, const char *verifier, const char *nonce,
			      struct id_token *ret_token, struct error *err)
{
	struct buffer body = { .bytes = NULL };
	CLEANUP(json) json_t *answer = NULL;
	enum status st = ask_token(provider, code, verifier, &body, err);
	const struct json_slice text = { buffer_text(&body), body.len };
	struct error syntax = { .status = STATUS_OK };
	if (st == STATUS_OK && json_read_object(text, &json_request_limits, &answer, &syntax) != STATUS_OK)
		st = error_set(err, STATUS_DENIED, "the provider's answer to the code is no JSON object");
	wipe(&body); /* it holds tokens of the provider's that we do not want */
	if (st != STATUS_OK)
		return st;
	const json_t *token = json_object_get(answer, "id_token");
	if (!json_is_string(token))
		return error_set(err, STATUS_DENIED, "the provider gave no id token");
	const struct json_slice slice = { json_string_value(token), json_string_length(token) };
	pthread_mutex_lock(&provider->mutex);
	st = check(provider, slice, nonce, ret_token, err);
	pthread_mutex_unlock(&provider->mutex);
	return st;
}

/* --- open and close --- */

static enum status check_options(const struct provider_options *options, struct error *err)
{
	if (!url_is_https(options->issuer) || strchr(options->issuer, '?'))
		return error_set(err, STATUS_INVALID, "oidc_issuer is not an https:// address");
	if (!*options->client_id)
		return error_set(err, STATUS_INVALID, "oidc_issuer needs an oidc_client_id");
	if (!url_is_https(options->redirect_url) && strncmp(options->redirect_url, "http://", 7) != 0)
		return error_set(err, STATUS_INVALID, "oidc_redirect_url, or else api_public_url, is not an address");
	return STATUS_OK;
}

enum status provider_open(const struct provider_options *options, struct provider **ret_provider, struct error *err)
{
	enum status st = check_options(options, err);
	if (st != STATUS_OK)
		return st;
	CLEANUP(provider) struct provider *provider = calloc(1, sizeof(*provider));
	if (!provider || pthread_mutex_init(&provider->mutex, NULL) != 0)
		abort();
	provider->options = *options;
	if (options->client_secret_file && *options->client_secret_file)
		st = secret_read(&provider->client_secret, options->client_secret_file, err);
	if (st == STATUS_OK)
		*ret_provider = STEAL(provider);
	return st;
}

void provider_stop(struct provider *provider)
{
	if (provider)
		atomic_store(&provider->stopping, true);
}

void provider_close(struct provider *provider)
{
	if (!provider)
		return;
	json_decref(provider->metadata);
	json_decref(provider->keys);
	secret_done(&provider->client_secret);
	pthread_mutex_destroy(&provider->mutex);
	free(provider);
}
