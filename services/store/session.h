/* store/session.h - sessions of signed-in users.
 *
 * A session that was ended or has run out is as if it were not there, from the commit on: every request asks.
 *
 * Thread:  any; each thread brings its own struct store.
 * Memory:  fills the caller's structs; keeps no pointer after return.
 * Errors:  NOT_FOUND no live session. Else as store/store.h.
 */
#ifndef CISTERN_STORE_SESSION_H
#define CISTERN_STORE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "model/limits.h"
#include "model/permission.h"
#include "store/store.h"

/* Who is asking, and what a named node is to them. */
struct session_access {
	char user_id[UUID_BYTES + 1];
	enum account_role role;
	enum node_role node_role; /* NONE also when no node was named */
	bool by_key;
	unsigned scopes; /* of the key */
};

struct session_user {
	char session_id[UUID_BYTES + 1], user_id[UUID_BYTES + 1];
	char user_name[USER_NAME_BYTES_MAX + 1];
};

/* Also forgets the user's dead sessions, and the longest unused ones beyond keep_max. */
MUST_CHECK enum status store_session_new(struct store *store, const char *user_id, const unsigned char *refresh_hash,
					 size_t refresh_hash_len, int64_t lifetime_s, int64_t keep_max,
					 char ret_session_id[UUID_BYTES + 1], struct error *err);
/* `node_id` may be NULL. */
MUST_CHECK enum status store_session_access(struct store *store, const char *session_id, const char *node_id,
					    struct session_access *ret_access, struct error *err);
/* The same, and the node's parameters in the same statement; nothing is written when node_role is NONE. */
MUST_CHECK enum status store_session_access_params(struct store *store, const char *session_id, const char *node_id,
						   struct session_access *ret_access, struct buffer *ret_json,
						   struct error *err);
/* Marks the session as used now. */
MUST_CHECK enum status store_session_refresh(struct store *store, const unsigned char *refresh_hash,
					     size_t refresh_hash_len, struct session_user *ret_user, struct error *err);
/* One session, or all of the user's. Ending what has ended is fine. */
MUST_CHECK enum status store_session_end(struct store *store, const char *user_id, const char *session_id, bool all,
					 struct error *err);

#endif
