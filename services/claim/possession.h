/* claim/possession.h - did the key of this certificate sign this text? How a node shows whose certificate it has (mqtt.md section 5.1).
 *
 *   signature = of SHA-256 over the text      P-256, P-384: ECDSA, DER      RSA: PSS, SHA-256, MGF1 with SHA-256, any salt length
 *
 * Nothing else: no PKCS #1 v1.5, no other hash, no other curve, no key that we would not certify.
 *
 * Thread:  any; no state. Memory: none kept.
 * Errors:  DENIED the signature is not that. INTERNAL the certificate cannot be read.
 */
#ifndef CISTERN_CLAIM_POSSESSION_H
#define CISTERN_CLAIM_POSSESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/macros.h"

enum { POSSESSION_SIGNATURE_MAX = 512 }; /* RSA-4096 */

struct possession_signature {
	unsigned char bytes[POSSESSION_SIGNATURE_MAX];
	size_t len;
};

/* Hexadecimal digits in any case, two a byte, at least one byte. */
MUST_CHECK bool possession_signature_read(const char *hex, struct possession_signature *ret_signature);

MUST_CHECK enum status possession_check(const char *certificate_pem, const char *text,
					const struct possession_signature *signature, struct error *err);

#endif
