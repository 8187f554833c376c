/* account/api_key.h - keys for machines, as text.
 *
 *   key = "ck_" id "_" mac       id: 16 random bytes, mac: the first 16 bytes of HMAC-SHA-256 over "ck_" id; both in small hexadecimal
 *
 * The mac's key is derived from the token key, so that garbage is refused without asking the database, and a text of which only the
 * database knows (a stolen backup: SHA-256 of the whole) is no key. Who makes the id is nobody but chance: it is not the key_id that
 * lists show. A new token key ends all keys, as it ends all sessions.
 *
 * Thread:  any; reading only. Memory: fills the caller's. Wipe what held a key.
 * Errors:  UNAUTHENTICATED not a key that was made here.
 */
#ifndef CISTERN_ACCOUNT_API_KEY_H
#define CISTERN_ACCOUNT_API_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "account/token.h"
#include "base/error.h"
#include "base/macros.h"

enum { API_KEY_BYTES = 68, API_KEY_HASH_BYTES = 32, API_KEY_SECRET_BYTES = 32 };

struct api_key_secret {
	unsigned char bytes[API_KEY_SECRET_BYTES];
};

void api_key_derive(const struct token_key *token_key, struct api_key_secret *ret_secret);

void api_key_make(const struct api_key_secret *secret, char ret_key[API_KEY_BYTES + 1],
		  unsigned char ret_hash[API_KEY_HASH_BYTES]);

/* Whether it begins as keys do, and no token can: those begin with their header. */
bool api_key_looks_like(const char *text);

/* The hash under which it is kept, if it is one. */
MUST_CHECK enum status api_key_check(const struct api_key_secret *secret, const char *text, size_t len,
				     unsigned char ret_hash[API_KEY_HASH_BYTES], struct error *err);

#endif
