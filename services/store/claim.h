/* store/claim.h - claims: who was promised which node id, and the certificates that came of it (claiming.md sections 1 and 6).
 * Replays and races are decided by the database functions in sql/migrations/0003_identity.sql.
 *
 * Thread:  any; each thread brings its own struct store.
 * Memory:  fills the caller's structs; keeps no pointer after return.
 * Errors:  LIMIT the user's quota is used up. NOT_FOUND the user has no such pending claim. DENIED the node is suspended or revoked.
 *          CONFLICT the key serves another node. Else as store/store.h. The texts of these four are fit for the outside.
 * Units:   times are microseconds since 1970 UTC.
 */
#ifndef CISTERN_STORE_CLAIM_H
#define CISTERN_STORE_CLAIM_H

#include <stdint.h>

#include "model/node_id.h"
#include "store/certificate.h"
#include "store/store.h"

struct claim_wish {
	const char *user_id;
	const char *mac;         /* 12 upper-case hexadecimal digits */
	const char *platform;    /* at most 32 characters */
	const char *new_node_id; /* for a device that this user has not claimed yet */
	int64_t quota, pending_s;
};

/* Gives the node id that is now promised to this user's device for pending_s. */
MUST_CHECK enum status store_claim_initiate(struct store *store, const struct claim_wish *wish,
					    char ret_node_id[NODE_ID_MAX + 1], struct error *err);

/* One request at a time for one node, over all daemons: CONFLICT while another holds it. Held until store_claim_unlock() or the
 * connection's end. */
MUST_CHECK enum status store_claim_lock(struct store *store, const char *node_id, struct error *err);
void store_claim_unlock(struct store *store, const char *node_id);

/* May this user have a certificate for this node and this key now? */
MUST_CHECK enum status store_claim_check(struct store *store, const char *user_id, const char *node_id,
					 const unsigned char key_hash[CERTIFICATE_KEY_HASH_BYTES], struct error *err);

/* Uses the claim up and records the certificate as the node's only one; both or neither. */
MUST_CHECK enum status store_claim_complete(struct store *store, const char *user_id, const char *node_id,
					    const char *policies, const struct certificate_record *certificate,
					    struct error *err);

/* What the database functions say, as a status; `said` is one of their words. */
MUST_CHECK enum status store_claim_status(const char *said, struct error *err);

#endif
