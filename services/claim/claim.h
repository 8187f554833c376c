/* claim/claim.h - who may have a certificate: a signed-in user for a device at hand (assisted and host-driven claiming, claiming.md
 * sections 1 and 6), and a device of the administrator's list for itself (self-claiming, section 5; the proof is in
 * claim/self_claim.h).
 *
 *   initiate   promises a node id to this user's device (user, MAC), pending for pending_s
 *   verify     in the order of threats.md section 5: size, parse once, key policy, proof of possession (all four ca/csr.h), who may,
 *              then signerd signs, then the record, in one transaction; the answer goes out when that is committed
 *
 * What is refused has cost no signature: everything that can refuse is asked before signerd is, once more when the certificate is
 * recorded, and a lock on the node id keeps two requests for one node apart in between. A certificate that is not recorded never
 * leaves this room.
 *
 * Thread:  any; each thread brings its own struct store. claim_verify() and claim_verify_self() wait for signerd: never on a
 *          thread that must not wait. claim_open() and claim_close() from main.
 * Memory:  claim_open() makes it, claim_close() ends it (NULL is fine) and wipes the key. Answers go behind what is in the buffer.
 * Errors:  INVALID the request is not one, or its key is not good enough; the text is for who sent it. NOT_FOUND this user has no such
 *          claim pending: never promised, promised to somebody else, used, or run out - all the same. DENIED the node is suspended
 *          or revoked, or self-claiming is off. UNAUTHENTICATED the device did not prove itself. CONFLICT the key serves another node.
 *          LIMIT the quota is used up, or too many challenges are pending. UNAVAILABLE, TIMEOUT database or signerd away; nothing
 *          is recorded.
 */
#ifndef CISTERN_CLAIM_CLAIM_H
#define CISTERN_CLAIM_CLAIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/macros.h"
#include "ca/csr.h"
#include "claim/signer.h"
#include "model/limits.h"
#include "store/self_claim.h"
#include "store/store.h"

enum {
	CLAIM_NODE_ID_LEN = 22, /* of 62 characters: 131 random bits */
	CLAIM_PLATFORM_MAX = 32,
	CLAIM_POLICIES_MAX = 256,
	CLAIM_MAC_LEN = SELF_CLAIM_MAC_LEN,
	CLAIM_CHALLENGE_LIFE_S = 300,
	CLAIM_CHALLENGES_PER_MAC = 4, /* pending; the oldest make room */
	CLAIM_CHALLENGES_MAX = 10000, /* pending in all */
};

struct claim;

struct claim_options {
	struct signer_options signer;
	int64_t quota, pending_s;
	const char *mqtt_host, *mqtt_cred_host; /* told with a certificate; an empty second is left out */
	/* The host of the node's own broker, where there are several; NULL or false: mqtt_host. Of BROKER_HOST_MAX characters at most. */
	bool (*mqtt_host_of)(void *context, const char *node_id, char *ret_host);
	void *mqtt_host_context;
	bool self_claim;
	const char *self_claim_key_file; /* NULL or "": none; then nothing can be put on the list */
};

/* The options' texts must outlive the claim. INVALID: the key file, or none with self_claim. */
MUST_CHECK enum status claim_open(const struct claim_options *options, struct claim **ret_claim, struct error *err);
void claim_close(struct claim *claim);

int64_t claim_quota(const struct claim *claim);
bool claim_is_self_on(const struct claim *claim);

/* 12 hexadecimal digits in either case; gives them in upper case. */
MUST_CHECK bool claim_mac_canonical(const char *text, char ret_mac[CLAIM_MAC_LEN + 1]);
/* A new node id: letters and digits, never of a MAC's form. */
void claim_make_node_id(char ret_node_id[CLAIM_NODE_ID_LEN + 1]);

/* `platform` as the client gave it: cleaned and cut here; NULL is fine. */
MUST_CHECK enum status claim_initiate(const struct claim *claim, struct store *store, const char *user_id,
				      const char *mac, const char *platform, char ret_node_id[NODE_ID_MAX + 1],
				      struct error *err);

/* A request that csr_read() has passed, and the bytes that it was read from, for signerd to read again. */
struct claim_request {
	const struct csr *csr;
	const char *pem;
	size_t pem_len;
};

MUST_CHECK enum status claim_verify(const struct claim *claim, struct store *store, const char *user_id,
				    const struct claim_request *request, const char *policies,
				    struct buffer *ret_answer, struct error *err);

/* --- the device by itself --- */

struct claim_challenge {
	char auth_id[SELF_CLAIM_AUTH_ID_MAX + 1], text[SELF_CLAIM_CHALLENGE_MAX + 1];
};

/* For any MAC, whether it is on the list or not: nothing is told about that. */
MUST_CHECK enum status claim_initiate_self(const struct claim *claim, struct store *store, const char *mac,
					   struct claim_challenge *ret_challenge, struct error *err);
/* The CN is the MAC. */
MUST_CHECK enum status claim_verify_self(const struct claim *claim, struct store *store, const char *auth_id,
					 const char *response, const struct claim_request *request,
					 struct buffer *ret_answer, struct error *err);

/* The administrator's list: the secrets are encrypted here. CONFLICT: no key file. */
struct claim_device_secret {
	char mac[CLAIM_MAC_LEN + 1];
	const unsigned char *secret;
	size_t secret_len;
};
MUST_CHECK enum status claim_allow_devices(const struct claim *claim, struct store *store,
					   const struct claim_device_secret *devices, size_t n_devices,
					   struct error *err);

DEFINE_CLEANUP(claim, struct claim *, claim_close)

#endif
