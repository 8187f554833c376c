/* store/user.h - accounts and their codes. Passwords, codes and tokens come here as hashes only.
 *
 * Thread:  any; each thread brings its own struct store.
 * Memory:  fills the caller's structs; keeps no pointer after return.
 * Errors:  NOT_FOUND no such account. CONFLICT the user name is taken. Else as store/store.h.
 * Units:   times are microseconds since 1970 UTC.
 */
#ifndef CISTERN_STORE_USER_H
#define CISTERN_STORE_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "model/limits.h"
#include "store/store.h"

enum { USER_DISPLAY_NAME_BYTES_MAX = 1024, USER_PASSWORD_HASH_BYTES_MAX = 127, USER_STALE_PER_SIGN_UP = 10 };

struct user {
	char id[UUID_BYTES + 1];
	char name[USER_NAME_BYTES_MAX + 1];
	char display_name[USER_DISPLAY_NAME_BYTES_MAX + 1];
	bool super_admin, confirmed;
	int64_t created_at_us;
	int64_t n_nodes;
};

/* What a sign-in needs. */
struct user_login {
	char id[UUID_BYTES + 1];
	bool confirmed;
	char password_hash[USER_PASSWORD_HASH_BYTES_MAX +
			   1]; /* of an unconfirmed account: the pending sign-up's; may be "" */
};

struct user_sign_up {
	const char *user_name, *password_hash;
	const unsigned char *code_hash;
	size_t code_hash_len;
	int code_tries, code_lifetime_s;
	const char *locale; /* NULL: none */
};

/* A code that comes by mail to somebody who has an account. */
struct user_code {
	const char *user_name;
	const char *purpose; /* forgot, delete */
	const unsigned char *hash;
	size_t hash_len;
	int tries, lifetime_s;
};

/* Makes the account if it is new; an unconfirmed one gets the new code and password in the old ones' place, a confirmed
 * one stays as it is. Also forgets up to USER_STALE_PER_SIGN_UP accounts that stayed unconfirmed for a day: what strangers
 * can add is bounded by what they can add in a day. */
MUST_CHECK enum status store_user_sign_up(struct store *store, const struct user_sign_up *sign_up,
					  bool *ret_was_confirmed, struct error *err);
/* One try. NOT_FOUND: no live code, or not this one; the try is spent. */
MUST_CHECK enum status store_user_confirm(struct store *store, const char *user_name, const unsigned char *code_hash,
					  size_t code_hash_len, struct error *err);
/* In the place of a former code of that purpose. A name without a confirmed account gets none, and takes as long. */
MUST_CHECK enum status store_user_send_code(struct store *store, const struct user_code *code, bool *ret_is_known,
					    struct error *err);
/* One try of a code `forgot`. OK: the password is the new one and every session has ended. NOT_FOUND: as above. */
MUST_CHECK enum status store_user_reset(struct store *store, const char *user_name, const unsigned char *code_hash,
					size_t code_hash_len, const char *password_hash, struct error *err);
/* In the place of `old_hash`, by a session that lives; the others end. CONFLICT: one of the two is no more. */
MUST_CHECK enum status store_user_change_password(struct store *store, const char *user_id, const char *session_id,
						  const char *old_hash, const char *new_hash, struct error *err);
/* One try of a code `delete`. OK: the account and all that hangs on it is gone. NOT_FOUND: as above. CONFLICT: the last
 * administrator; no try is spent. */
MUST_CHECK enum status store_user_delete(struct store *store, const char *user_name, const unsigned char *code_hash,
					 size_t code_hash_len, struct error *err);
/* A security event of the audit about that account, or about nobody: `action` as docs/audit.md lists them. */
MUST_CHECK enum status store_user_event(struct store *store, const char *user_name, const char *action,
					struct error *err);
/* A confirmed account at once. */
MUST_CHECK enum status store_user_add(struct store *store, const char *user_name, const char *password_hash,
				      bool super_admin, char ret_user_id[UUID_BYTES + 1], struct error *err);

MUST_CHECK enum status store_user_login(struct store *store, const char *user_name, struct user_login *ret_login,
					struct error *err);
MUST_CHECK enum status store_user_get(struct store *store, const char *user_id, struct user *ret_user,
				      struct error *err);

/* In order of user name, behind `after` ("" for the first page). Calls `each` for at most `limit` rows. */
typedef void user_each(void *context, const struct user *user);
MUST_CHECK enum status store_user_list(struct store *store, const char *after, int64_t limit, user_each *each,
				       void *context, struct error *err);

#endif
