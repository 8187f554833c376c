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
};

/* Makes the account if it is new; an unconfirmed one gets the new code and password in the old ones' place, a confirmed
 * one stays as it is. Also forgets up to USER_STALE_PER_SIGN_UP accounts that stayed unconfirmed for a day: what strangers
 * can add is bounded by what they can add in a day. */
MUST_CHECK enum status store_user_sign_up(struct store *store, const struct user_sign_up *sign_up,
					  bool *ret_was_confirmed, struct error *err);
/* One try. NOT_FOUND: no live code, or not this one; the try is spent. */
MUST_CHECK enum status store_user_confirm(struct store *store, const char *user_name, const unsigned char *code_hash,
					  size_t code_hash_len, struct error *err);
/* A confirmed account at once. */
MUST_CHECK enum status store_user_add(struct store *store, const char *user_name, const char *password_hash,
				      bool super_admin, char ret_user_id[UUID_BYTES + 1], struct error *err);

MUST_CHECK enum status store_user_login(struct store *store, const char *user_name, struct user_login *ret_login,
					struct error *err);
MUST_CHECK enum status store_user_get(struct store *store, const char *user_id, struct user *ret_user,
				      struct error *err);

#endif
