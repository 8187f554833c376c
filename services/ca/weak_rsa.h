/* ca/weak_rsa.h - families of RSA moduli that can be taken apart although they are long enough; for this room only.
 *
 * Thread:  any; no state.
 * Memory:  keeps nothing.
 * Errors:  INVALID the modulus is of such a family. INTERNAL the crypto library failed.
 */
#ifndef CISTERN_CA_WEAK_RSA_H
#define CISTERN_CA_WEAK_RSA_H

#include <openssl/bn.h>

#include "base/error.h"
#include "base/macros.h"

/* An odd modulus of at least 2048 bits. */
MUST_CHECK enum status weak_rsa_check(const BIGNUM *modulus, struct error *err);

#endif
