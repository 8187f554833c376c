/* ca/certificate.h - a certificate that was issued, as signerd hands it out. A plain value. */
#ifndef CISTERN_CA_CERTIFICATE_H
#define CISTERN_CA_CERTIFICATE_H

#include <stddef.h>
#include <stdint.h>

#include "ca/csr.h"

enum {
	CA_SERIAL_HEX_MAX = 40,
	CA_PEM_MAX = 4095, /* an RSA-4096 key signed by an RSA-4096 CA takes about 2000 */
	CA_KEY_ID_HEX = 40,
};

struct ca_certificate {
	char serial_hex[CA_SERIAL_HEX_MAX + 1]; /* upper case, without leading zero bytes */
	char pem[CA_PEM_MAX + 1];               /* one block, LF line ends */
	size_t pem_len;
	int64_t not_before_us, not_after_us; /* since 1970 UTC, whole seconds */
	unsigned char key_hash[CSR_KEY_HASH_BYTES];
	char ca_key_id[CA_KEY_ID_HEX + 1]; /* the CA's subjectKeyIdentifier, lower-case hex */
};

#endif
