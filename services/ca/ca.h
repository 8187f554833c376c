/* ca/ca.h - the signer: the node CA's key, and the one profile of certificate that it signs.
 *
 *   subject       CN = node id, nothing else           issuer      the CA's subject
 *   serial        127 random bits                      signature   SHA-256
 *   notBefore     a day back, but not before the CA's own: nodes' and brokers' clocks differ
 *   notAfter      CA_LIFE_DAYS ahead, but not after the CA's own: a node never renews (claiming.md section 2)
 *   extensions    basicConstraints critical CA:FALSE; keyUsage critical digitalSignature, with RSA also keyEncipherment;
 *                 extendedKeyUsage clientAuth; subjectKeyIdentifier; authorityKeyIdentifier
 *
 * Whether somebody may have a certificate, and that it is recorded, is the caller's business. Nothing but the public key is
 * taken from the other side.
 *
 * Thread:  any; a struct ca is only read once it is open.
 * Memory:  ca_open() makes it, ca_close() ends it (NULL is fine) and wipes the key. Results go into the caller's struct.
 * Errors:  ca_open(): UNAVAILABLE a file cannot be read; INVALID it does not hold what it should.
 *          ca_issue(): INVALID node id, or a key outside the policy of ca/key.h; UNAVAILABLE the clock is outside the CA's
 *          life, so either it or the CA is wrong; INTERNAL the crypto library failed.
 * Units:   times are microseconds since 1970 UTC, whole seconds.
 */
#ifndef CISTERN_CA_CA_H
#define CISTERN_CA_CA_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/macros.h"
#include "ca/key.h"

enum {
	CA_LIFE_DAYS = 36525, /* a hundred years */
	CA_SERIAL_HEX_MAX = 40,
	CA_PEM_MAX = 4095, /* an RSA-4096 key signed by an RSA-4096 CA takes about 2000 */
};

struct ca;

struct ca_certificate {
	char serial_hex[CA_SERIAL_HEX_MAX + 1]; /* upper case, without leading zero bytes */
	char pem[CA_PEM_MAX + 1];               /* one block, LF line ends */
	size_t pem_len;
	int64_t not_before_us, not_after_us;
};

/* PEM files; the key without a passphrase and closed to others. The two must fit, the key must be within the policy too, and
 * the certificate must be one of a CA: CA:TRUE, keyCertSign, subjectKeyIdentifier. */
MUST_CHECK enum status ca_open(const char *cert_file, const char *key_file, struct ca **ret_ca, struct error *err);
void ca_close(struct ca *ca);

/* `key` may be a pair: only its public half is looked at. */
MUST_CHECK enum status ca_issue(const struct ca *ca, const char *node_id, EVP_PKEY *key,
				struct ca_certificate *ret_certificate, struct error *err);

DEFINE_CLEANUP(ca, struct ca *, ca_close)

#endif
