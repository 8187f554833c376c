/* account/password.h - the policy for passwords and their hash.
 *
 * Hash: libsodium's crypto_pwhash_str, argon2id, OPSLIMIT and MEMLIMIT INTERACTIVE (2 passes over 64 MiB, about 60 ms).
 * Memory and time of one hash are bounded by that; how many run at once is bounded by the caller (api/lane.h: two).
 *
 * Thread:  any; blocks for the time of a hash: never on a thread that serves other connections.
 * Memory:  fills the caller's array.
 * Errors:  INVALID the password breaks the policy. UNAUTHENTICATED it is not the one. UNAVAILABLE no memory for a hash.
 */
#ifndef CISTERN_ACCOUNT_PASSWORD_H
#define CISTERN_ACCOUNT_PASSWORD_H

#include "base/error.h"
#include "base/macros.h"

enum {
	PASSWORD_CHARACTERS_MIN = 8,
	PASSWORD_CHARACTERS_MAX = 128, /* Unicode characters; four times as many bytes at most */
	PASSWORD_HASH_BYTES = 128,     /* crypto_pwhash_STRBYTES, NUL included */
};

typedef char password_hash_text[PASSWORD_HASH_BYTES];

/* 8-128 characters, at least one ASCII capital, one small letter and one digit (rest.md 1.3: 101004). */
MUST_CHECK enum status password_check_policy(const char *password, struct error *err);
MUST_CHECK enum status password_hash(const char *password, password_hash_text ret_hash, struct error *err);
/* `hash` is what password_hash() made. */
MUST_CHECK enum status password_verify(const char *password, const char *hash, struct error *err);

#endif
