/* claim/signer.h - asks signerd over its local socket; the messages are ca/wire.h's.
 *
 * One connection a call. signerd checks by the socket who is asking; here it is checked that the socket's other end is the
 * process that it should be.
 *
 * Thread:  any; no state. A call waits for the answer, at most timeout_ms: never on a thread that must not wait.
 * Memory:  fills the caller's structs.
 * Errors:  INVALID signerd refuses the request, with its reason. UNAVAILABLE signerd is away, or its clock or CA does not let it sign.
 *          TIMEOUT no answer in time; a certificate may have been signed, which only signerd's log knows. INTERNAL a bug here.
 * Units:   times are microseconds since 1970 UTC.
 */
#ifndef CISTERN_CLAIM_SIGNER_H
#define CISTERN_CLAIM_SIGNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/macros.h"
#include "store/certificate.h"

enum { SIGNER_SERIAL_HEX_MAX = 40, SIGNER_PEM_MAX = 4095, SIGNER_KEY_HASH_BYTES = 32, SIGNER_CA_KEY_ID_HEX = 40 };

struct signer_options {
	const char *socket_path; /* "": there is no signer; every call is UNAVAILABLE */
	int timeout_ms;
};

struct signed_certificate {
	char serial_hex[SIGNER_SERIAL_HEX_MAX + 1];
	char pem[SIGNER_PEM_MAX + 1]; /* one block, LF line ends */
	int64_t not_before_us, not_after_us;
	unsigned char key_hash[SIGNER_KEY_HASH_BYTES];
	char ca_key_id[SIGNER_CA_KEY_ID_HEX + 1]; /* subjectKeyIdentifier of the CA, lower-case hex */
};

/* For the database; it borrows from the certificate. */
static inline struct certificate_record signer_record_of(const struct signed_certificate *certificate)
{
	return (struct certificate_record){ .serial_hex = certificate->serial_hex,
					    .pem = certificate->pem,
					    .not_before_us = certificate->not_before_us,
					    .not_after_us = certificate->not_after_us,
					    .key_hash = certificate->key_hash,
					    .ca_key_id = certificate->ca_key_id };
}

/* A certificate for `node_id` over the key of the request, whose CN must be the same. */
MUST_CHECK enum status signer_sign(const struct signer_options *options, const char *node_id, const char *csr_pem,
				   size_t csr_len, struct signed_certificate *ret_certificate, struct error *err);

/* The CAs that signerd has; `issues`: new certificates come from it. */
typedef void signer_ca_each(void *context, const char *ca_key_id, const char *certificate_pem, bool issues);
MUST_CHECK enum status signer_cas(const struct signer_options *options, signer_ca_each *each, void *context,
				  struct error *err);

struct signer_crl_entry {
	const char *serial_hex;
	int64_t at_us;
	const char *reason; /* `superseded` or anything else, which is told as unspecified */
};

/* A CRL (RFC 5280 section 5) in DER, signed by that CA. */
MUST_CHECK enum status signer_crl(const struct signer_options *options, const char *ca_key_id, int64_t number,
				  const struct signer_crl_entry *entries, size_t n_entries, struct buffer *ret_der,
				  int64_t *ret_next_update_us, struct error *err);

#endif
