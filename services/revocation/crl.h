/* revocation/crl.h - the thread that keeps a certificate revocation list (RFC 5280 section 5) of each of our CAs: for others than our
 * broker, which is told by revocation.h.
 *
 * A list is made when a certificate of the CA was revoked since the last one, at most every CRL_EVERY_MS, and when the last one has
 * lived half its life, so that nobody meets an expired one. signerd signs it; it is checked and put into the database, where the API
 * serves it, and all lists into a file if one is named. While signerd is away the last one stays.
 *
 * Thread:  crl_start() and crl_stop() from main. One thread of its own with its own database connection; it waits for signerd and
 *          for the database.
 * Memory:  crl_start() makes it, crl_stop() ends it (NULL is fine). While a list is made, all its entries are held: some 100 bytes
 *          each, at most CRL_ENTRIES_MAX.
 * Errors:  crl_start() fails only when its thread cannot be made.
 */
#ifndef CISTERN_REVOCATION_CRL_H
#define CISTERN_REVOCATION_CRL_H

#include "claim/signer.h"
#include "store/store.h"

enum { CRL_EVERY_MS = 2000, CRL_LOOK_MS = 60000, CRL_RETRY_MS = 5000, CRL_CAS_MAX = 8, CRL_ENTRIES_MAX = 500000 };

struct crl;

struct crl_options {
	struct store_options store;
	struct signer_options signer;
	const char *file; /* PEM; "": none */
};

/* The options' texts must outlive it. Without a signer there is no list, and no thread: *ret_crl becomes NULL. */
MUST_CHECK enum status crl_start(const struct crl_options *options, struct crl **ret_crl, struct error *err);
void crl_stop(struct crl *crl);

#endif
