/* ca/key.h - public keys that we are willing to certify, and new key pairs.
 *
 * Policy (threats.md section 5):
 *   EC    P-256 or P-384, as a named curve, with a valid point
 *   RSA   2048..4096 bits in whole bytes, odd exponent from 65537 to 256 bits, modulus odd, composite, without small factors,
 *         not of a known weak family: ROCA, close primes (ca/weak_rsa.h)
 * All else is refused: other curves, explicit curve parameters, Ed25519, RSA-PSS, DSA. Listed keys: signerd's list, ca/folder.h.
 *
 * Thread:  any; no state.
 * Memory:  the caller frees a key (CLEANUP(evp_pkey)) and wipes a secret (CLEANUP(secret)).
 * Errors:  INVALID the key breaks the policy. INTERNAL the crypto library failed.
 */
#ifndef CISTERN_CA_KEY_H
#define CISTERN_CA_KEY_H

#include <openssl/evp.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/macros.h"
#include "base/secret.h"

MUST_CHECK enum status ca_key_check(EVP_PKEY *key, struct error *err);
/* Of a key that passed the check: is it RSA? */
bool ca_key_is_rsa(const EVP_PKEY *key);

/* A new EC P-256 key pair. */
MUST_CHECK enum status ca_key_new(EVP_PKEY **ret_key, struct error *err);
/* The private key as PEM, PKCS #8 without a passphrase. */
MUST_CHECK enum status ca_key_private_pem(const EVP_PKEY *key, struct secret *ret_pem, struct error *err);

DEFINE_CLEANUP(evp_pkey, EVP_PKEY *, EVP_PKEY_free)

#endif
