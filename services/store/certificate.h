/* store/certificate.h - a certificate as it is recorded: what signerd said of it, for every statement that keeps one.
 *
 * Memory:  texts and bytes are borrowed from the caller for the call.
 * Units:   times are microseconds since 1970 UTC.
 */
#ifndef CISTERN_STORE_CERTIFICATE_H
#define CISTERN_STORE_CERTIFICATE_H

#include <stdint.h>

enum { CERTIFICATE_KEY_HASH_BYTES = 32 };

struct certificate_record {
	const char *serial_hex, *pem; /* serial in upper case */
	int64_t not_before_us, not_after_us;
	const unsigned char *key_hash; /* CERTIFICATE_KEY_HASH_BYTES: SHA-256 of the SubjectPublicKeyInfo */
	const char *ca_key_id;         /* subjectKeyIdentifier of the CA, lower-case hex */
};

#endif
