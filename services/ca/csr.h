/* ca/csr.h - certificate signing requests (PKCS #10, RFC 2986), read strictly.
 *
 * One reading serves the claiming room, which asks who may have it, and the signer, which trusts nobody and reads it again.
 * In the order of threats.md section 5: size, one PEM block, parse once, key policy (ca/key.h), signature by that key. Taken from it
 * are the public key and the CN; what it asks for beyond is ignored, but for CA:TRUE, which is refused. Signatures: RSA PKCS #1 v1.5
 * or ECDSA, each with SHA-256, SHA-384 or SHA-512.
 *
 * Thread:  any; no state.
 * Memory:  csr_read() fills the caller's struct, csr_done() frees its key (CLEANUP(csr)).
 * Errors:  INVALID not such a request, with the reason in words a person can act on; TOO_LARGE over CSR_BYTES_MAX;
 *          INTERNAL the crypto library failed.
 */
#ifndef CISTERN_CA_CSR_H
#define CISTERN_CA_CSR_H

#include <openssl/evp.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/macros.h"
#include "model/node_id.h"

enum { CSR_BYTES_MAX = 8192, CSR_KEY_HASH_BYTES = 32 };

struct csr {
	char node_id[NODE_ID_MAX + 1]; /* the one CN; valid, and no service's name */
	EVP_PKEY *key;
	unsigned char key_hash[CSR_KEY_HASH_BYTES]; /* SHA-256 of the SubjectPublicKeyInfo */
};

/* `pem` need not end in NUL or in a line end; lines may end in CR LF (claiming.md section 8). */
MUST_CHECK enum status csr_read(const char *pem, size_t pem_len, struct csr *ret_csr, struct error *err);
void csr_done(struct csr *csr);

/* Of any public key, in the one form that csr_read() uses. Brings an EC key's point into its uncompressed form. */
MUST_CHECK enum status csr_key_hash(EVP_PKEY *key, unsigned char ret_hash[CSR_KEY_HASH_BYTES], struct error *err);

/* A request of our own: CN = node_id, signed by `key` with SHA-256, LF line ends. */
MUST_CHECK enum status csr_write(EVP_PKEY *key, const char *node_id, struct buffer *ret_pem, struct error *err);

static inline void cleanup_csr(struct csr *csr)
{
	csr_done(csr);
}

#endif
