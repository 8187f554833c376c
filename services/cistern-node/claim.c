#include "claim.h"

#include "answer.h"
#include "credentials.h"
#include "csr.h"
#include "event.h"
#include "http.h"

#include "base/json.h"
#include "base/secret.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAC_HEX = 12, HTTP_OK = 200 };

/* One claim under way. */
struct claim {
	const struct options *options;
	struct secret token, secret; /* one of them is empty */
	char mac[MAC_HEX + 1];
	char node_id[ANSWER_NODE_ID_MAX];
	char auth_id[ANSWER_AUTH_ID_MAX], response[CLAIM_RESPONSE_HEX + 1]; /* "": a user's claim */
	char certificate[ANSWER_BYTES_MAX], mqtt_host[ANSWER_HOST_MAX];
};

static void cleanup_claim(struct claim *claim)
{
	explicit_bzero(claim, sizeof(*claim));
}

bool claim_read_mac(const char *text, char ret_mac[13])
{
	if (strlen(text) != MAC_HEX || text[strspn(text, "0123456789abcdefABCDEF")])
		return false;
	for (size_t i = 0; i <= MAC_HEX; i++)
		ret_mac[i] = (char)toupper((unsigned char)text[i]);
	return true;
}

static bool read_hex(const char *text, unsigned char *ret_bytes, size_t *ret_len)
{
	size_t n_digits = strlen(text);

	if (n_digits == 0 || n_digits % 2 || n_digits > (size_t)2 * CLAIM_SECRET_BYTES_MAX ||
	    text[strspn(text, "0123456789abcdefABCDEF")])
		return false;
	for (size_t i = 0; i < n_digits / 2; i++) {
		const char pair[3] = { text[2 * i], text[2 * i + 1], '\0' };
		ret_bytes[i] = (unsigned char)strtoul(pair, NULL, 16);
	}
	*ret_len = n_digits / 2;
	return true;
}

enum status claim_respond(const char *secret_hex, const char *challenge, char ret_response[CLAIM_RESPONSE_HEX + 1],
			  struct error *err)
{
	unsigned char secret[CLAIM_SECRET_BYTES_MAX], hash[EVP_MAX_MD_SIZE];
	size_t secret_len = 0;
	unsigned int hash_len = 0;

	if (!read_hex(secret_hex, secret, &secret_len))
		return error_set(err, STATUS_INVALID, "the chip's secret is not 1..%d bytes in hexadecimal",
				 CLAIM_SECRET_BYTES_MAX);
	const unsigned char *made = HMAC(EVP_sha512(), secret, (int)secret_len, (const unsigned char *)challenge,
					 strlen(challenge), hash, &hash_len);
	explicit_bzero(secret, sizeof(secret));
	if (!made)
		return error_set(err, STATUS_INTERNAL, "HMAC failed");
	for (unsigned int i = 0; i < hash_len; i++)
		(void)snprintf(ret_response + (size_t)2 * i, 3, "%02X", hash[i]);
	return STATUS_OK;
}

/* What a refusal says for a person; it comes from outside, so only the event's and the terminal's writers show it. */
static enum status refused(const char *step, const struct http_reply *reply, struct error *err)
{
	const struct json_slice text = { reply->body, reply->body_len };
	CLEANUP(json) json_t *body = NULL;
	const char *description = NULL;

	if (json_read_object(text, &json_node_limits, &body, NULL) == STATUS_OK)
		description = json_member_text(body, "description", NULL);
	event_write("claim_refused", NULL, F_STR("step", step), F_I64("code", reply->code),
		    F_STR("description", description));
	return error_set(err, STATUS_UNAVAILABLE, "%s is refused with %ld%s%s", step, reply->code,
			 description ? ": " : "", description ? description : "");
}

static enum status post(const struct claim *claim, const char *step, const char *path, const char *json,
			struct http_reply *ret_reply, struct error *err)
{
	const struct options *options = claim->options;
	const char *token = claim->token.len > 0 ? claim->token.bytes : NULL;

	enum status st = http_post(options->claim, path, options->claim_ca, token, json, ret_reply, err);
	if (st != STATUS_OK)
		return st;
	return ret_reply->code == HTTP_OK ? STATUS_OK : refused(step, ret_reply, err);
}

/* An answer that a device cannot read is the server's fault, and not that of who started us. */
static enum status blame_server(enum status st, struct error *err)
{
	if (st != STATUS_INVALID && st != STATUS_NOT_FOUND)
		return st;
	if (err)
		err->status = STATUS_UNAVAILABLE;
	return STATUS_UNAVAILABLE;
}

/* The challenge of a device that claims by itself: its id is its MAC. */
static enum status read_challenge(struct claim *claim, const struct http_reply *reply, struct error *err)
{
	char challenge[ANSWER_CHALLENGE_MAX];

	enum status st =
		answer_text(reply->body, reply->body_len, "auth_id", claim->auth_id, sizeof(claim->auth_id), err);
	if (st == STATUS_OK)
		st = answer_text(reply->body, reply->body_len, "challenge", challenge, sizeof(challenge), err);
	if (st == STATUS_OK && (!*claim->auth_id || !*challenge))
		st = error_set(err, STATUS_UNAVAILABLE, "the challenge is empty");
	if (st != STATUS_OK)
		return blame_server(st, err);
	memcpy(claim->node_id, claim->mac, sizeof(claim->mac));
	return claim_respond(claim->secret.bytes, challenge, claim->response, err);
}

static enum status initiate(struct claim *claim, struct error *err)
{
	struct http_reply reply;
	char json[128];

	/* letter for letter as the device builds it, and the app passes it on */
	(void)snprintf(json, sizeof(json), "{\"mac_addr\":\"%s\",\"platform\":\"%s\"}", claim->mac, "host");
	enum status st = post(claim, "initiate", "/claim/initiate", json, &reply, err);
	if (st == STATUS_OK)
		st = claim->secret.len > 0
			     ? read_challenge(claim, &reply, err)
			     : blame_server(answer_node_id(reply.body, reply.body_len, claim->node_id, err), err);
	if (st == STATUS_OK)
		event_write("claim_initiated", claim->node_id, F_STR("mac", claim->mac));
	return st;
}

static void put_verify(struct buffer *out, const struct claim *claim, const char *csr_pem)
{
	buffer_puts(out, "{");
	if (*claim->auth_id) {
		buffer_puts(out, "\"auth_id\":");
		buffer_put_json_string(out, claim->auth_id, strlen(claim->auth_id));
		buffer_printf(out, ",\"challenge_response\":\"%s\",", claim->response);
	}
	buffer_puts(out, "\"csr\":");
	csr_put_json(out, csr_pem);
	buffer_puts(out, *claim->auth_id ? "}" : ",\"send_mqtt_host\":true}");
}

static enum status verify(struct claim *claim, const struct csr *csr, struct error *err)
{
	struct http_reply reply;
	CLEANUP(buffer) struct buffer json = { 0 };

	put_verify(&json, claim, csr->pem);
	enum status st = post(claim, "verify", "/claim/verify", buffer_text(&json), &reply, err);
	if (st == STATUS_OK)
		st = answer_certificate(reply.body, reply.body_len, claim->certificate, err);
	if (st == STATUS_OK)
		st = csr_check_certificate(csr->key_pem, claim->certificate, claim->node_id, err);
	if (st != STATUS_OK)
		return blame_server(st, err);
	st = answer_host(reply.body, reply.body_len, claim->mqtt_host, err);
	bool asked_for = !*claim->auth_id; /* only a user's claim does */
	return st == STATUS_NOT_FOUND && !asked_for ? STATUS_OK : blame_server(st, err);
}

static enum status read_options(struct claim *claim, struct error *err)
{
	const struct options *options = claim->options;

	if (!claim_read_mac(options->mac, claim->mac))
		return error_set(err, STATUS_INVALID, "--mac: '%s' is not twelve hexadecimal digits", options->mac);
	return options->token_file ? secret_read(&claim->token, options->token_file, err)
				   : secret_read(&claim->secret, options->claim_secret_file, err);
}

enum status claim_run(const struct options *options, struct error *err)
{
	CLEANUP(claim) struct claim claim = { .options = options };
	CLEANUP(csr) struct csr csr = { 0 };
	enum csr_key kind;

	if (!csr_key_by_name(options->key_type, &kind))
		return error_set(err, STATUS_INVALID, "--key-type: p256 or rsa, not '%s'", options->key_type);
	enum status st = read_options(&claim, err);
	if (st == STATUS_OK)
		st = initiate(&claim, err);
	if (st == STATUS_OK)
		st = csr_make(kind, claim.node_id, &csr, err);
	if (st == STATUS_OK)
		st = verify(&claim, &csr, err);
	if (st != STATUS_OK)
		return st;
	const struct credentials credentials = { .key_pem = csr.key_pem,
						 .certificate_pem = claim.certificate,
						 .node_id = claim.node_id,
						 .endpoint = *claim.mqtt_host ? claim.mqtt_host : NULL };
	st = credentials_store(options->credentials, &credentials, err);
	if (st == STATUS_OK)
		event_write("claimed", claim.node_id, F_STR("mqtt_host", claim.mqtt_host));
	return st;
}
