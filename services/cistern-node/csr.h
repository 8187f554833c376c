/* csr.h - a node's own key, and the request for a certificate over it, as firmware makes them (contract/claiming.md section 2):
 * subject CN alone, SHA-256, no extensions, a text that fits the device's buffer.
 *
 * Thread:  any.
 * Memory:  csr_make() gives two texts that the caller frees by csr_done(), which wipes the key.
 * Errors:  INVALID the name does not fit the device's buffers. INTERNAL OpenSSL could not.
 */
#ifndef CISTERN_NODE_CSR_H
#define CISTERN_NODE_CSR_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/macros.h"

#include <stdbool.h>

enum {
	CSR_BYTES_MAX = 1024, /* PEM with its NUL, in the device */
	CSR_SUBJECT_MAX = 50, /* "CN=", name, NUL */
	CSR_COMMON_NAME_MAX = 46,
};

enum csr_key { CSR_KEY_P256, CSR_KEY_RSA };

struct csr {
	char *key_pem, *pem;
};

/* "p256" or "rsa". */
MUST_CHECK bool csr_key_by_name(const char *name, enum csr_key *ret_key);
/* The kind of the key in a file. */
MUST_CHECK enum status csr_key_of_file(const char *key_file, enum csr_key *ret_key, struct error *err);

MUST_CHECK enum status csr_make(enum csr_key kind, const char *common_name, struct csr *ret_csr, struct error *err);
void csr_done(struct csr *csr);
/* The PEM as a JSON string with `\n` for each line end, which is what firmware writes. */
void csr_put_json(struct buffer *out, const char *pem);

/* Is it a certificate for that name over that key? INVALID otherwise. */
MUST_CHECK enum status csr_check_certificate(const char *key_pem, const char *certificate_pem, const char *common_name,
					     struct error *err);

static inline void cleanup_csr(struct csr *csr)
{
	csr_done(csr);
}

#endif
