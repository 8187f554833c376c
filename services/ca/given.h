/* ca/given.h - a node's certificate that somebody brings along, checked as the broker will check it, and as we check what we sign.
 *
 *   one PEM block, no bytes behind it                       subject with one CN, a node id and no service's name
 *   chain to a CA of the trust, for a TLS client, today     not itself a CA; a key within the policy of ca/key.h
 *   a serial of 64 bits or more, as the database asks for   signatures that OpenSSL's level 2 accepts (SHA-256 and better)
 *
 * Thread:  one at a time for a trust.
 * Memory:  trust_open() makes it, trust_close() ends it (NULL is fine). given_read() fills the caller's struct.
 * Errors:  trust_open(): UNAVAILABLE the folder cannot be read. INVALID it holds no certificate, or a file that is none.
 *          given_read(): INVALID with the reason in words a person can act on. TOO_LARGE. INTERNAL the crypto library failed.
 */
#ifndef CISTERN_CA_GIVEN_H
#define CISTERN_CA_GIVEN_H

#include <stddef.h>

#include "base/error.h"
#include "base/macros.h"
#include "ca/certificate.h"
#include "model/node_id.h"

enum { GIVEN_FINGERPRINT_HEX = 64 };

struct trust;

/* Every file of the folder; NULL or "": none yet. */
MUST_CHECK enum status trust_open(const char *folder, struct trust **ret_trust, struct error *err);
/* One more. */
MUST_CHECK enum status trust_add(struct trust *trust, const char *pem, struct error *err);
void trust_close(struct trust *trust);

struct given_certificate {
	struct ca_certificate
		certificate; /* its PEM written anew; ca_key_id: "" when its CA has no subjectKeyIdentifier of our form */
	char node_id[NODE_ID_MAX + 1];
	char fingerprint[GIVEN_FINGERPRINT_HEX + 1]; /* SHA-256 of the DER form, lower-case hex */
};

/* `pem` may have CR LF line ends, or the two characters \n in place of line ends, as CSV files have it. */
MUST_CHECK enum status given_read(struct trust *trust, const char *pem, struct given_certificate *ret_given,
				  struct error *err);
/* The fingerprint of a certificate of ours. */
MUST_CHECK enum status given_fingerprint(const char *pem, char ret_fingerprint[GIVEN_FINGERPRINT_HEX + 1],
					 struct error *err);

DEFINE_CLEANUP(trust, struct trust *, trust_close)

#endif
