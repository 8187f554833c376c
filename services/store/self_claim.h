/* store/self_claim.h - devices that may claim by themselves, and the challenges they were given.
 *
 * Secrets are kept as they are handed in: encrypted by the caller (claim/self_claim.h).
 *
 * Thread:  any; each thread brings its own struct store.
 * Memory:  fills the caller's structs; keeps no pointer after return.
 * Errors:  NOT_FOUND no such device or challenge. LIMIT too many challenges are pending. DENIED the node is suspended or revoked.
 *          CONFLICT the key serves another node. Else as store/store.h.
 * Units:   times are microseconds since 1970 UTC.
 */
#ifndef CISTERN_STORE_SELF_CLAIM_H
#define CISTERN_STORE_SELF_CLAIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/claim.h"
#include "store/store.h"

enum {
	SELF_CLAIM_MAC_LEN = 12,
	SELF_CLAIM_SEALED_MAX = 256, /* bytes of an encrypted secret */
	SELF_CLAIM_AUTH_ID_MAX = 63,
	SELF_CLAIM_CHALLENGE_MAX = 128,
};

struct self_claim_device {
	char mac[SELF_CLAIM_MAC_LEN + 1];
	size_t sealed_len;
	unsigned char sealed[SELF_CLAIM_SEALED_MAX];
};

/* All or none. A device that is on the list gets the new secret; of two rows of one MAC the later counts. */
MUST_CHECK enum status store_self_claim_put(struct store *store, const struct self_claim_device *devices,
					    size_t n_devices, struct error *err);
MUST_CHECK enum status store_self_claim_remove(struct store *store, const char *mac, struct error *err);

/* In order of MAC, behind `after` ("" for the first page). */
typedef void self_claim_each(void *context, const char *mac, int64_t added_at_us);
MUST_CHECK enum status store_self_claim_list(struct store *store, const char *after, int64_t limit,
					     self_claim_each *each, void *context, struct error *err);
MUST_CHECK enum status store_self_claim_get(struct store *store, const char *mac, struct self_claim_device *ret_device,
					    struct error *err);

struct self_claim_challenge {
	char mac[SELF_CLAIM_MAC_LEN + 1];
	char text[SELF_CLAIM_CHALLENGE_MAX + 1];
	bool live; /* false: it came too late */
};

struct self_claim_bounds {
	int64_t life_s, per_mac, in_all;
};

/* The oldest of the MAC's own make room; LIMIT when there are too many of all. */
MUST_CHECK enum status store_self_claim_challenge(struct store *store, const char *auth_id, const char *mac,
						  const char *text, const struct self_claim_bounds *bounds,
						  struct error *err);
/* Gives it and forgets it. */
MUST_CHECK enum status store_self_claim_take(struct store *store, const char *auth_id,
					     struct self_claim_challenge *ret_challenge, struct error *err);

/* May this device have a certificate for this key? */
MUST_CHECK enum status store_self_claim_check(struct store *store, const char *mac,
					      const unsigned char key_hash[CERTIFICATE_KEY_HASH_BYTES],
					      struct error *err);
/* Registers the node and records its certificate as its only one; both or neither. */
MUST_CHECK enum status store_self_claim_complete(struct store *store, const char *mac,
						 const struct certificate_record *certificate, struct error *err);

#endif
