/* store/mapping.h - the user's side of mapping a node, and its end (rest.md section 4.4). Replays and races are decided by the
 * database functions in sql/migrations/0002_mapping.sql.
 *
 * Thread:  any; each thread brings its own struct store.
 * Memory:  fills the caller's structs; keeps no pointer.
 * Errors:  LIMIT too many live requests of this user. TOO_LARGE metadata. NOT_FOUND no such request (or not the user's), or node not
 *          mapped. CONFLICT the node comes by a group.
 */
#ifndef CISTERN_STORE_MAPPING_H
#define CISTERN_STORE_MAPPING_H

#include <stddef.h>

#include "model/tag.h"
#include "store/store.h"

/* What of a confirmed request could not be applied. */
enum mapping_left_out { MAPPING_ALL_APPLIED, MAPPING_WITHOUT_GROUP, MAPPING_WITHOUT_TAGS, MAPPING_WITHOUT_METADATA };

enum mapping_state { MAPPING_REQUESTED, MAPPING_CONFIRMED, MAPPING_TIMEDOUT, MAPPING_DISCARDED };

/* The word for it on the wire. */
const char *mapping_state_name(enum mapping_state state);

struct mapping_request {
	const char *request_id; /* random, made by the caller */
	const char *user_id, *node_id;
	const unsigned char *secret_hash; /* SHA-256 */
	size_t secret_hash_len;
	int window_s;
	struct tag_list tags;                 /* these three are applied when the node confirms */
	const char *metadata_json, *group_id; /* NULL: none */
};

/* For an unknown node the request is made all the same and runs out (threats.md rule 6). */
MUST_CHECK enum status store_mapping_request(struct store *store, const struct mapping_request *request,
					     enum mapping_state *ret_state, struct error *err);
MUST_CHECK enum status store_mapping_state(struct store *store, const char *user_id, const char *request_id,
					   enum mapping_state *ret_state, enum mapping_left_out *ret_left_out,
					   struct error *err);
MUST_CHECK enum status store_mapping_remove(struct store *store, const char *user_id, const char *node_id,
					    struct error *err);

#endif
