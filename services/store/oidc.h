/* store/oidc.h - sign-ins with an OpenID Connect provider: under way, finished, and turned into a session by the app.
 *
 * States and codes are known by their SHA-256 only; each works once, decided by the database.
 *
 * Thread:  any; each thread brings its own struct store.
 * Memory:  fills the caller's structs; keeps no pointer after return.
 * Errors:  as each function says; else as store/store.h.
 */
#ifndef CISTERN_STORE_OIDC_H
#define CISTERN_STORE_OIDC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "model/limits.h"
#include "store/store.h"

enum {
	OIDC_HASH_BYTES = 32,
	OIDC_CHALLENGE_BYTES = 43, /* base64url of a SHA-256 */
	OIDC_APP_STATE_BYTES_MAX = 128,
	OIDC_URL_BYTES_MAX = 511,
	OIDC_SUBJECT_BYTES_MAX = 255,
};

/* What the app wants back; "" for what it did not give. */
struct oidc_app {
	char return_url[OIDC_URL_BYTES_MAX + 1];
	char challenge[OIDC_CHALLENGE_BYTES + 1];
	char state[OIDC_APP_STATE_BYTES_MAX + 1];
};

struct oidc_identity {
	const char *issuer, *subject;
	const char *email; /* verified by the issuer, in canonical form */
	bool may_link;     /* to an existing account of that address */
};

struct oidc_user {
	char user_id[UUID_BYTES + 1], user_name[USER_NAME_BYTES_MAX + 1];
};

/* LIMIT: n_max are under way. */
MUST_CHECK enum status store_oidc_begin(struct store *store, const unsigned char state_hash[OIDC_HASH_BYTES],
					const unsigned char browser_hash[OIDC_HASH_BYTES], const struct oidc_app *app,
					int64_t lifetime_s, int64_t n_max, struct error *err);
/* NOT_FOUND: unknown, used, outdated, or another browser's. */
MUST_CHECK enum status store_oidc_take_state(struct store *store, const unsigned char state_hash[OIDC_HASH_BYTES],
					     const unsigned char browser_hash[OIDC_HASH_BYTES],
					     struct oidc_app *ret_app, struct error *err);
/* Finds, links or makes the account, and keeps the code. CONFLICT: the address is that of an account which may not be linked. */
MUST_CHECK enum status store_oidc_sign_in(struct store *store, const struct oidc_identity *identity,
					  const struct oidc_app *app, const unsigned char code_hash[OIDC_HASH_BYTES],
					  int64_t lifetime_s, struct error *err);
/* `challenge` of the verifier that came with it, `return_url` as the app names it; NULL: none. NOT_FOUND: the code is unknown, used or
 * outdated, or one of the two is not what it was made for. */
MUST_CHECK enum status store_oidc_take_code(struct store *store, const unsigned char code_hash[OIDC_HASH_BYTES],
					    const char *challenge, const char *return_url, struct oidc_user *ret_user,
					    struct error *err);

#endif
