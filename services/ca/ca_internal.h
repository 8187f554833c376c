/* ca/ca_internal.h - what open.c reads from the files and issue.c and crl.c sign with; for this room only. */
#ifndef CISTERN_CA_CA_INTERNAL_H
#define CISTERN_CA_CA_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "ca/ca.h"
#include "ca/openssl.h"

struct ca {
	X509 *certificate;
	EVP_PKEY *key;
	struct ca_about about;
	int64_t not_before_s, not_after_s; /* of its certificate */
};

/* UNAVAILABLE: now is outside the CA's life. */
MUST_CHECK enum status ca_check_clock(const struct ca *ca, int64_t now_s, struct error *err);

/* What the crypto library asks for a passphrase; its own would ask at the terminal. */
struct passphrase_question {
	const struct secret *passphrase; /* NULL: none */
	bool asked;
};
int passphrase_answer(char *buffer, int size, int for_writing, void *question);

/* open_uri.c: the private key that a URI names, through the stores of the crypto library or its PKCS #11 engine. */
MUST_CHECK enum status ca_key_from_uri(const char *uri, const struct secret *passphrase, EVP_PKEY **ret_key,
				       struct error *err);

#endif
