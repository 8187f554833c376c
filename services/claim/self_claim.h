/* claim/self_claim.h - a device's secret, kept encrypted, and its answer to a challenge (claiming.md section 5).
 *
 *   answer  = upper-case hex of HMAC-SHA-512(key = secret, message = the challenge's text)
 *   sealed  = nonce (24) | XChaCha20-Poly1305 (secret), with the MAC's text as additional data, so that a row of the database
 *             cannot be passed off as another device's
 *
 * The sealing key is BLAKE2b-256 of the key file's first line, which must have SELF_CLAIM_KEY_TEXT_MIN characters.
 *
 * Thread:  any; a key is only read once it is made.
 * Memory:  fills the caller's structs; the caller wipes a key and a secret.
 * Errors:  INVALID a key file, or a sealed secret that this key did not seal for this MAC.
 */
#ifndef CISTERN_CLAIM_SELF_CLAIM_H
#define CISTERN_CLAIM_SELF_CLAIM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/macros.h"
#include "store/self_claim.h"

enum {
	SELF_CLAIM_KEY_BYTES = 32,
	SELF_CLAIM_KEY_TEXT_MIN = 32,
	SELF_CLAIM_SECRET_MIN = 8, /* bytes; the chip's has 16 */
	SELF_CLAIM_SECRET_MAX = 64,
	SELF_CLAIM_RESPONSE_LEN = 128, /* hexadecimal digits */
};

struct self_claim_key {
	unsigned char bytes[SELF_CLAIM_KEY_BYTES];
};

MUST_CHECK enum status self_claim_key_read(const char *path, struct self_claim_key *ret_key, struct error *err);

/* Seals the secret of `mac`, of SELF_CLAIM_SECRET_MIN to _MAX bytes, as a row of the list. */
MUST_CHECK enum status self_claim_seal(const struct self_claim_key *key, const char *mac, const unsigned char *secret,
				       size_t secret_len, struct self_claim_device *ret_device, struct error *err);
MUST_CHECK enum status self_claim_unseal(const struct self_claim_key *key, const struct self_claim_device *device,
					 unsigned char ret_secret[SELF_CLAIM_SECRET_MAX], size_t *ret_secret_len,
					 struct error *err);

/* Hexadecimal digits in either case, two a byte, of a secret; false: not of that form or length. */
MUST_CHECK bool self_claim_secret_read(const char *hex, unsigned char ret_secret[SELF_CLAIM_SECRET_MAX],
				       size_t *ret_secret_len);

void self_claim_response(const unsigned char *secret, size_t secret_len, const char *challenge,
			 char ret_response[SELF_CLAIM_RESPONSE_LEN + 1]);
/* Compared in constant time. */
MUST_CHECK bool self_claim_response_is_right(const unsigned char *secret, size_t secret_len, const char *challenge,
					     const char *response);

#endif
