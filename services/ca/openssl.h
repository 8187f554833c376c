/* ca/openssl.h - scoped cleanup and failures of the crypto library; for this room only.
 *
 * Thread:  any; the library keeps its error queue for each thread.
 */
#ifndef CISTERN_CA_OPENSSL_H
#define CISTERN_CA_OPENSSL_H

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/error.h"
#include "base/macros.h"

/* Fills err with `what` and the library's own reason, and empties its queue. */
enum status openssl_failure(struct error *err, enum status status, const char *what);

DEFINE_CLEANUP(bio, BIO *, BIO_free_all)
DEFINE_CLEANUP(bignum, BIGNUM *, BN_free)
DEFINE_CLEANUP(evp_pkey_ctx, EVP_PKEY_CTX *, EVP_PKEY_CTX_free)
DEFINE_CLEANUP(x509, X509 *, X509_free)

#endif
