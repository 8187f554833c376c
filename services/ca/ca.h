/* ca/ca.h - one node CA: its key, and the one profile of certificate that it signs.
 *
 *   subject       CN = node id, nothing else           issuer      the CA's subject
 *   serial        127 random bits                      signature   SHA-256
 *   notBefore     a day back, but not before the CA's own: nodes' and brokers' clocks differ
 *   notAfter      CA_LIFE_DAYS ahead, but not after the CA's own: most nodes never renew (claiming.md section 2)
 *   extensions    basicConstraints critical CA:FALSE; keyUsage critical digitalSignature, with RSA also keyEncipherment;
 *                 extendedKeyUsage clientAuth; subjectKeyIdentifier; authorityKeyIdentifier
 *
 * Whether somebody may have a certificate, and that it is recorded, is the caller's business. Nothing but the public key is
 * taken from the other side.
 *
 * Thread:  any; a struct ca is only read once it is open.
 * Memory:  ca_open() makes it, ca_close() ends it (NULL is fine) and wipes the key. Results go into the caller's struct; what
 *          ca_about() gives lives as long as the CA.
 * Errors:  ca_open(): UNAVAILABLE a file cannot be read; INVALID it does not hold what it should.
 *          ca_issue(): INVALID node id, or a key outside the policy of ca/key.h; UNAVAILABLE the clock is outside the CA's
 *          life, so either it or the CA is wrong; INTERNAL the crypto library failed.
 *          ca_sign_crl(): UNAVAILABLE as ca_issue(); INVALID a serial that is none.
 * Units:   times are microseconds since 1970 UTC, whole seconds.
 */
#ifndef CISTERN_CA_CA_H
#define CISTERN_CA_CA_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/macros.h"
#include "base/secret.h"
#include "ca/certificate.h"
#include "ca/key.h"
#include "ca/wire.h"

enum {
	CA_LIFE_DAYS = 36525, /* a hundred years */
	CA_SUBJECT_MAX = 255,
	/* It is signed anew with every change and before it ends; a reader that misses that must not be locked out soon. */
	CA_CRL_LIFE_DAYS = 30,
};

struct ca;

struct ca_about {
	char subject[CA_SUBJECT_MAX + 1]; /* CN=...; cut */
	char key_id[CA_KEY_ID_HEX + 1];   /* subjectKeyIdentifier, lower-case hex */
	char pem[CA_PEM_MAX + 1];         /* of its certificate */
	int64_t not_before_us, not_after_us;
};

/* The certificate alone, which must be one of a CA: CA:TRUE, keyCertSign, a subjectKeyIdentifier of 20 bytes. */
MUST_CHECK enum status ca_about_read(const char *cert_file, struct ca_about *ret_about, struct error *err);

/* The key's file is closed to others and holds either a key in PEM, encrypted exactly if there is a passphrase, or one line with
 * a URI that the crypto library's stores or its PKCS #11 engine know; the passphrase is then the PIN. Key and certificate must
 * fit, and the key be within the policy too. */
MUST_CHECK enum status ca_open(const char *cert_file, const char *key_file, const struct secret *passphrase,
			       struct ca **ret_ca, struct error *err);
void ca_close(struct ca *ca);
const struct ca_about *ca_about(const struct ca *ca);

/* `key` may be a pair: only its public half is looked at. */
MUST_CHECK enum status ca_issue(const struct ca *ca, const char *node_id, EVP_PKEY *key,
				struct ca_certificate *ret_certificate, struct error *err);

/* A CRL (RFC 5280 section 5) in DER: version 2, number, authorityKeyIdentifier. */
MUST_CHECK enum status ca_sign_crl(const struct ca *ca, int64_t number, const struct wire_crl_entry *entries,
				   size_t n_entries, struct buffer *ret_der, int64_t *ret_next_update_us,
				   struct error *err);

DEFINE_CLEANUP(ca, struct ca *, ca_close)

#endif
