#include "claim/claim.h"

#include <ctype.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "claim/answer.h"
#include "claim/self_claim.h"
#include "store/claim.h"

_Static_assert((int)CSR_KEY_HASH_BYTES == (int)CERTIFICATE_KEY_HASH_BYTES &&
		       (int)SIGNER_KEY_HASH_BYTES == (int)CERTIFICATE_KEY_HASH_BYTES,
	       "one hash of a key");

struct claim {
	struct claim_options options;
	bool has_key;
	struct self_claim_key key;
	unsigned char unknown_secret[16]; /* stands in for that of a device that is not on the list */
};

static bool is_set(const char *text)
{
	return text && *text;
}

enum status claim_open(const struct claim_options *options, struct claim **ret_claim, struct error *err)
{
	CLEANUP(claim) struct claim *claim = calloc(1, sizeof(*claim));
	if (!claim || sodium_init() < 0)
		abort();
	claim->options = *options;
	claim->has_key = is_set(options->self_claim_key_file);
	randombytes_buf(claim->unknown_secret, sizeof(claim->unknown_secret));
	if (options->self_claim && !claim->has_key)
		return error_set(err, STATUS_INVALID, "self_claim needs self_claim_key_file");
	if (claim->has_key) {
		enum status st = self_claim_key_read(options->self_claim_key_file, &claim->key, err);
		if (st != STATUS_OK)
			return st;
	}
	*ret_claim = STEAL(claim);
	return STATUS_OK;
}

void claim_close(struct claim *claim)
{
	if (!claim)
		return;
	sodium_memzero(claim, sizeof(*claim));
	free(claim);
}

int64_t claim_quota(const struct claim *claim)
{
	return claim->options.quota;
}

bool claim_is_self_on(const struct claim *claim)
{
	return claim->options.self_claim;
}

bool claim_mac_canonical(const char *text, char ret_mac[CLAIM_MAC_LEN + 1])
{
	if (strlen(text) != CLAIM_MAC_LEN || strspn(text, "0123456789abcdefABCDEF") != CLAIM_MAC_LEN)
		return false;
	for (size_t i = 0; i <= CLAIM_MAC_LEN; i++)
		ret_mac[i] = (char)toupper((unsigned char)text[i]);
	return true;
}

/* Unlike a MAC it has 22 characters, so an id from here never meets one that a device claimed by itself. */
void claim_make_node_id(char ret_node_id[CLAIM_NODE_ID_LEN + 1])
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	for (size_t i = 0; i < CLAIM_NODE_ID_LEN; i++)
		ret_node_id[i] = alphabet[randombytes_uniform(sizeof(alphabet) - 1)];
	ret_node_id[CLAIM_NODE_ID_LEN] = '\0';
}

/* Clients are free in what they say here (claiming.md section 1): what is no word of a chip's name is left out. */
static void clean_platform(const char *text, char ret_platform[CLAIM_PLATFORM_MAX + 1])
{
	size_t len = 0;
	for (; text && *text && len < CLAIM_PLATFORM_MAX; text++) {
		if (isascii((unsigned char)*text) && (isalnum((unsigned char)*text) || strchr("_-. ", *text)))
			ret_platform[len++] = *text;
	}
	ret_platform[len] = '\0';
}

enum status claim_initiate(const struct claim *claim, struct store *store, const char *user_id, const char *mac,
			   const char *platform, char ret_node_id[NODE_ID_MAX + 1], struct error *err)
{
	char new_node_id[CLAIM_NODE_ID_LEN + 1], clean[CLAIM_PLATFORM_MAX + 1];
	claim_make_node_id(new_node_id);
	clean_platform(platform, clean);
	const struct claim_wish wish = { .user_id = user_id,
					 .mac = mac,
					 .platform = clean,
					 .new_node_id = new_node_id,
					 .quota = claim->options.quota,
					 .pending_s = claim->options.pending_s };
	return store_claim_initiate(store, &wish, ret_node_id, err);
}

/* --- signing --- */

/* The broker that the node is told; `room` is for a host that is not in the settings. */
static const char *host_for(const struct claim *claim, const char *node_id, char room[BROKER_HOST_MAX + 1])
{
	const struct claim_options *options = &claim->options;
	if (options->mqtt_host_of && options->mqtt_host_of(options->mqtt_host_context, node_id, room))
		return room;
	return options->mqtt_host;
}

/* Before anything is signed: would its answer fit the device? */
static enum status check_answer_fits(const struct claim *claim, const struct csr *csr, struct error *err)
{
	int key_len = i2d_PUBKEY(csr->key, NULL);
	if (key_len <= 0)
		return error_set(err, STATUS_INTERNAL, "a key that was read cannot be written");
	char room[BROKER_HOST_MAX + 1];
	const char *host = host_for(claim, csr->node_id, room);
	if (answer_bytes_bound((size_t)key_len, host, claim->options.mqtt_cred_host) > CLAIM_ANSWER_BYTES_MAX)
		return error_set(err, STATUS_INVALID, "the key is too large: its certificate would not fit the device");
	return STATUS_OK;
}

/* The certificate and the answer that carries it; neither is of any use to anybody before it is recorded. */
static enum status sign(const struct claim *claim, const struct claim_request *request,
			struct signed_certificate *ret_certificate, struct buffer *ret_answer, struct error *err)
{
	const struct csr *csr = request->csr;
	enum status st =
		signer_sign(&claim->options.signer, csr->node_id, request->pem, request->pem_len, ret_certificate, err);
	if (st != STATUS_OK)
		return st;
	if (memcmp(ret_certificate->key_hash, csr->key_hash, CSR_KEY_HASH_BYTES) != 0)
		return error_set(err, STATUS_INTERNAL, "signerd signed for another key");
	size_t before = ret_answer->len;
	char room[BROKER_HOST_MAX + 1];
	st = answer_put(ret_answer, ret_certificate->pem, host_for(claim, csr->node_id, room),
			claim->options.mqtt_cred_host, err);
	if (st != STATUS_OK)
		return error_set(err, STATUS_INTERNAL, "signerd's certificate is not such a text");
	if (ret_answer->len - before > CLAIM_ANSWER_BYTES_MAX)
		return error_set(err, STATUS_INTERNAL, "the answer has %zu bytes", ret_answer->len - before);
	return STATUS_OK;
}

static enum status verify_locked(const struct claim *claim, struct store *store, const char *user_id,
				 const struct claim_request *request, const char *policies, struct buffer *ret_answer,
				 struct error *err)
{
	const struct csr *csr = request->csr;
	enum status st = store_claim_check(store, user_id, csr->node_id, csr->key_hash, err);
	struct signed_certificate certificate;
	if (st == STATUS_OK)
		st = sign(claim, request, &certificate, ret_answer, err);
	if (st != STATUS_OK)
		return st;
	const struct certificate_record record = signer_record_of(&certificate);
	return store_claim_complete(store, user_id, csr->node_id, policies, &record, err);
}

/* Somebody else's request for this node is in hand: for this one there is no claim left. */
static enum status lock(struct store *store, const char *node_id, struct error *err)
{
	enum status st = store_claim_lock(store, node_id, err);
	return st == STATUS_CONFLICT ? error_set(err, STATUS_NOT_FOUND, "another request for this node is in hand")
				     : st;
}

enum status claim_verify(const struct claim *claim, struct store *store, const char *user_id,
			 const struct claim_request *request, const char *policies, struct buffer *ret_answer,
			 struct error *err)
{
	enum status st = check_answer_fits(claim, request->csr, err);
	if (st == STATUS_OK)
		st = lock(store, request->csr->node_id, err);
	if (st != STATUS_OK)
		return st;
	CLEANUP(buffer) struct buffer answer = { 0 };
	st = verify_locked(claim, store, user_id, request, policies, &answer, err);
	store_claim_unlock(store, request->csr->node_id);
	if (st == STATUS_OK)
		buffer_put(ret_answer, answer.bytes, answer.len);
	return st;
}

/* --- the device by itself --- */

enum { AUTH_ID_RANDOM = 24, CHALLENGE_RANDOM = 32 };

enum status claim_initiate_self(const struct claim *claim, struct store *store, const char *mac,
				struct claim_challenge *ret_challenge, struct error *err)
{
	static const struct self_claim_bounds bounds = { .life_s = CLAIM_CHALLENGE_LIFE_S,
							 .per_mac = CLAIM_CHALLENGES_PER_MAC,
							 .in_all = CLAIM_CHALLENGES_MAX };
	if (!claim->options.self_claim)
		return error_set(err, STATUS_DENIED, "self-claiming is off");
	unsigned char random[AUTH_ID_RANDOM + CHALLENGE_RANDOM];
	struct claim_challenge challenge;
	randombytes_buf(random, sizeof(random));
	(void)sodium_bin2hex(challenge.auth_id, sizeof(challenge.auth_id), random, AUTH_ID_RANDOM);
	(void)sodium_bin2hex(challenge.text, sizeof(challenge.text), random + AUTH_ID_RANDOM,
			     CHALLENGE_RANDOM); /* both return their first argument */
	enum status st = store_self_claim_challenge(store, challenge.auth_id, mac, challenge.text, &bounds, err);
	if (st == STATUS_OK)
		*ret_challenge = challenge;
	return st;
}

/* The device's secret; for one that is not on the list a secret that nobody knows, so that it fails in the same way and time. */
static enum status find_secret(const struct claim *claim, struct store *store, const char *mac,
			       unsigned char ret_secret[SELF_CLAIM_SECRET_MAX], size_t *ret_secret_len,
			       struct error *err)
{
	struct self_claim_device device;
	enum status st = store_self_claim_get(store, mac, &device, err);
	if (st == STATUS_OK)
		return self_claim_unseal(&claim->key, &device, ret_secret, ret_secret_len, err) == STATUS_OK
			       ? STATUS_OK
			       : error_set(err, STATUS_INTERNAL, "a secret cannot be read: wrong self_claim_key_file?");
	if (st != STATUS_NOT_FOUND)
		return st;
	memcpy(ret_secret, claim->unknown_secret, sizeof(claim->unknown_secret));
	*ret_secret_len = sizeof(claim->unknown_secret);
	return STATUS_OK;
}

/* The challenge is gone after this, whatever comes of it. */
static enum status check_response(const struct claim *claim, struct store *store, const char *auth_id,
				  const char *response, const char *mac, struct error *err)
{
	struct self_claim_challenge challenge;
	enum status st = store_self_claim_take(store, auth_id, &challenge, err);
	if (st == STATUS_NOT_FOUND)
		return error_set(err, STATUS_UNAUTHENTICATED, "no such challenge");
	unsigned char secret[SELF_CLAIM_SECRET_MAX];
	size_t secret_len = 0;
	if (st == STATUS_OK)
		st = find_secret(claim, store, mac, secret, &secret_len, err);
	if (st != STATUS_OK)
		return st;
	bool is_right = self_claim_response_is_right(secret, secret_len, challenge.text, response);
	sodium_memzero(secret, sizeof(secret));
	if (!is_right || !challenge.live || strcmp(challenge.mac, mac) != 0)
		return error_set(err, STATUS_UNAUTHENTICATED,
				 is_right ? "challenge has run out or is another device's"
					  : "wrong answer to the challenge");
	return STATUS_OK;
}

static enum status verify_self_locked(const struct claim *claim, struct store *store,
				      const struct claim_request *request, struct buffer *ret_answer, struct error *err)
{
	const struct csr *csr = request->csr;
	enum status st = store_self_claim_check(store, csr->node_id, csr->key_hash, err);
	struct signed_certificate certificate;
	if (st == STATUS_OK)
		st = sign(claim, request, &certificate, ret_answer, err);
	if (st != STATUS_OK)
		return st;
	const struct certificate_record record = signer_record_of(&certificate);
	return store_self_claim_complete(store, csr->node_id, &record, err);
}

enum status claim_verify_self(const struct claim *claim, struct store *store, const char *auth_id, const char *response,
			      const struct claim_request *request, struct buffer *ret_answer, struct error *err)
{
	char mac[CLAIM_MAC_LEN + 1];
	const char *node_id = request->csr->node_id;
	if (!claim->options.self_claim)
		return error_set(err, STATUS_DENIED, "self-claiming is off");
	if (!claim_mac_canonical(node_id, mac) || strcmp(mac, node_id) != 0)
		return error_set(err, STATUS_INVALID,
				 "the CN must be the device's MAC: 12 upper-case hexadecimal digits");
	enum status st = check_answer_fits(claim, request->csr, err);
	if (st == STATUS_OK)
		st = check_response(claim, store, auth_id, response, mac, err);
	if (st == STATUS_OK)
		st = lock(store, node_id, err);
	if (st != STATUS_OK)
		return st;
	CLEANUP(buffer) struct buffer answer = { 0 };
	st = verify_self_locked(claim, store, request, &answer, err);
	store_claim_unlock(store, node_id);
	if (st == STATUS_OK)
		buffer_put(ret_answer, answer.bytes, answer.len);
	return st;
}

enum status claim_allow_devices(const struct claim *claim, struct store *store,
				const struct claim_device_secret *secrets, size_t n_devices, struct error *err)
{
	if (!claim->has_key)
		return error_set(err, STATUS_CONFLICT, "setting 'self_claim_key_file' is not set");
	struct self_claim_device *devices = calloc(n_devices ? n_devices : 1, sizeof(*devices));
	if (!devices)
		abort();
	enum status st = STATUS_OK;
	for (size_t i = 0; i < n_devices && st == STATUS_OK; i++)
		st = self_claim_seal(&claim->key, secrets[i].mac, secrets[i].secret, secrets[i].secret_len, &devices[i],
				     err);
	if (st == STATUS_OK)
		st = store_self_claim_put(store, devices, n_devices, err);
	free(devices);
	return st;
}
