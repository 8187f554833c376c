/* ca/ca_internal.h - what open.c reads from the files and issue.c signs with; for this room only. */
#ifndef CISTERN_CA_CA_INTERNAL_H
#define CISTERN_CA_CA_INTERNAL_H

#include <stdint.h>

#include "ca/ca.h"
#include "ca/openssl.h"

struct ca {
	X509 *certificate;
	EVP_PKEY *key;
	int64_t not_before_s, not_after_s; /* of its certificate */
};

#endif
