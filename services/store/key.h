/* store/key.h - keys for machines. A key comes here as its hash only.
 *
 * Revoked, run out, unknown, or the account gone: it is as if it were not there, from the commit on.
 *
 * Thread:  any; each thread brings its own struct store.
 * Memory:  fills the caller's structs; keeps no pointer after return.
 * Errors:  NOT_FOUND no live key. CONFLICT the account has KEYS_PER_USER_MAX. Else as store/store.h.
 * Units:   times are microseconds since 1970 UTC.
 */
#ifndef CISTERN_STORE_KEY_H
#define CISTERN_STORE_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/macros.h"
#include "model/limits.h"
#include "store/session.h"
#include "store/store.h"

enum { KEY_HASH_BYTES = 32 };

struct key {
	char id[UUID_BYTES + 1];
	char name[KEY_NAME_BYTES_MAX + 1];
	unsigned scopes;
	int64_t created_at_us, expires_at_us, last_used_at_us; /* 0: never */
	bool expired;
};

/* What a new key is; its id and its end come back. */
struct key_wish {
	const char *user_id, *name;
	const unsigned char *hash; /* KEY_HASH_BYTES */
	unsigned scopes;
	int64_t lifetime_s;
};

MUST_CHECK enum status store_key_new(struct store *store, const struct key_wish *wish, char ret_key_id[UUID_BYTES + 1],
				     int64_t *ret_expires_at_us, struct error *err);
MUST_CHECK enum status store_key_revoke(struct store *store, const char *user_id, const char *key_id,
					struct error *err);

/* In order of their ids, behind `after` (NULL for the first page). Calls `each` for at most `limit` rows. */
typedef void key_each(void *context, const struct key *key);
MUST_CHECK enum status store_key_list(struct store *store, const char *user_id, const char *after, int64_t limit,
				      key_each *each, void *context, struct error *err);

/* As store_session_access() and store_session_access_params(), by a key. */
MUST_CHECK enum status store_key_access(struct store *store, const unsigned char hash[KEY_HASH_BYTES],
					const char *node_id, struct session_access *ret_access, struct error *err);
MUST_CHECK enum status store_key_access_params(struct store *store, const unsigned char hash[KEY_HASH_BYTES],
					       const char *node_id, struct session_access *ret_access,
					       struct buffer *ret_json, struct error *err);

#endif
