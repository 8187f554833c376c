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

enum { SESSION_CLIENT_BYTES_MAX = 200, SESSION_SOURCE_BYTES_MAX = 45 };

/* As its owner sees it. Times are microseconds since 1970 UTC. */
struct session {
	char id[UUID_BYTES + 1];
	int64_t created_at_us, last_used_at_us, expires_at_us;
	char source[SESSION_SOURCE_BYTES_MAX + 1]; /* "" when not known */
	char client[SESSION_CLIENT_BYTES_MAX + 1];
};

struct session_user {
	char session_id[UUID_BYTES + 1], user_id[UUID_BYTES + 1];
	char user_name[USER_NAME_BYTES_MAX + 1];
};

/* What a new session begins with. */
struct session_start {
	const char *user_id;
	const char *password_hash; /* the one that was checked; NULL: the user was known by other means */
	const unsigned char *refresh_hash;
	size_t refresh_hash_len;
	int64_t lifetime_s, keep_max;
	const char *source; /* an address as text; NULL: not known */
	const char *client; /* SESSION_CLIENT_BYTES_MAX */
};

/* NOT_FOUND: the account is gone, or its password is another by now. The longest unused beyond keep_max end. */
MUST_CHECK enum status store_session_open(struct store *store, const struct session_start *start,
					  char ret_session_id[UUID_BYTES + 1], struct error *err);
/* `node_id` may be NULL. */
MUST_CHECK enum status store_session_access(struct store *store, const char *session_id, const char *node_id,
					    struct session_access *ret_access, struct error *err);
/* The same, and the node's parameters in the same statement; nothing is written when node_role is NONE. */
MUST_CHECK enum status store_session_access_params(struct store *store, const char *session_id, const char *node_id,
						   struct session_access *ret_access, struct buffer *ret_json,
						   struct error *err);
/* One of many such questions. */
struct session_params_ask {
	const char *session_id, *node_id; /* neither is NULL */
	struct buffer *json;              /* what is found is put here */
	struct session_access access;     /* written when status is OK */
	enum status status;               /* OK; NOT_FOUND no live session; INTERNAL */
};
/* All of them in one statement. A failure is that of all, and nothing is written then. */
MUST_CHECK enum status store_session_access_params_of_many(struct store *store, struct session_params_ask *asks,
							   size_t n_asks, struct error *err);

enum session_refresh {
	SESSION_REFRESH_OK,
	SESSION_REFRESH_UNKNOWN, /* nobody's; ret_user says nothing */
	SESSION_REFRESH_ENDED,   /* of a session that has ended; the audit knows */
	SESSION_REFRESH_STOLEN,  /* from too many networks: the session has ended just now */
};

/* How many networks a refresh token may come from within a time. */
struct session_networks {
	int64_t max, window_s;
};

/* Marks the session as used now, from there. */
MUST_CHECK enum status store_session_refresh(struct store *store, const unsigned char *refresh_hash,
					     size_t refresh_hash_len, const char *source,
					     struct session_networks networks, enum session_refresh *ret_refresh,
					     struct session_user *ret_user, struct error *err);

enum session_end { SESSION_END_LOGOUT, SESSION_END_REVOKED };

/* One session, or all of the user's. NOT_FOUND: there was none to end. */
MUST_CHECK enum status store_session_end(struct store *store, const char *user_id, const char *session_id, bool all,
					 enum session_end why, struct error *err);

/* Live sessions, newest first, behind `after` (NULL for the first page). Calls `each` for at most `limit` rows. */
typedef void session_each(void *context, const struct session *session);
MUST_CHECK enum status store_session_list(struct store *store, const char *user_id, const char *after, int64_t limit,
					  session_each *each, void *context, struct error *err);

/* Whether a session of that account has been in the network of `source`; no for a name that is nobody's. */
MUST_CHECK enum status store_session_knows_network(struct store *store, const char *user_name, const char *source,
						   bool *ret_knows, struct error *err);

#endif
