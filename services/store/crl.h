/* store/crl.h - our CAs, each with its newest certificate revocation list.
 *
 * Thread:  any; each thread brings its own struct store.
 * Memory:  fills the caller's structs; texts are valid during the call of `each` only.
 * Errors:  NOT_FOUND no such CRL. UNAVAILABLE database away. INTERNAL a bug here.
 * Units:   times are microseconds since 1970 UTC.
 */
#ifndef CISTERN_STORE_CRL_H
#define CISTERN_STORE_CRL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "store/store.h"

struct crl_ca {
	const char *key_id;      /* subjectKeyIdentifier, lower-case hex */
	const char *certificate; /* PEM */
	bool issues;
};

struct crl_look {
	int64_t wanted_version; /* the newest that concerns a certificate of this CA; 0: none */
	int64_t version;        /* of the CRL that is kept; 0: none */
	int64_t made_at_us, next_update_us;
	bool same_ca; /* what is kept of the CA itself is as given */
};
MUST_CHECK enum status store_crl_look(struct store *store, const struct crl_ca *ca, struct crl_look *ret_look,
				      struct error *err);

/* A number for the next CRL, which must be greater than that of the last one (RFC 5280 section 5.2.3): the newest version, or, without
 * a change that a version has counted, a new version. */
MUST_CHECK enum status store_crl_number(struct store *store, bool take_new, int64_t *ret_number, struct error *err);

struct crl_row {
	const char *serial, *reason;
	int64_t at_us, version;
};
typedef void crl_each(void *context, const struct crl_row *row);
/* At most `limit` revoked certificates of the CA in the order of versions, beginning after `after`; not those that have expired. */
MUST_CHECK enum status store_crl_entries(struct store *store, const char *ca_key_id, int64_t after, size_t limit,
					 crl_each *each, void *context, struct error *err);

MUST_CHECK enum status store_crl_put(struct store *store, const struct crl_ca *ca, int64_t version,
				     const struct buffer *der, int64_t next_update_us, struct error *err);
/* CAs that are not among these go. */
MUST_CHECK enum status store_crl_keep_only(struct store *store, const char *const *ca_key_ids, size_t n,
					   struct error *err);

/* The CRL in DER, by key id; "": that of the CA that issues. */
MUST_CHECK enum status store_crl_get(struct store *store, const char *ca_key_id, struct buffer *ret_der,
				     struct error *err);
typedef void crl_list_each(void *context, const void *der, size_t der_len);
/* All of them, that of the issuing CA first. */
MUST_CHECK enum status store_crl_list(struct store *store, crl_list_each *each, void *context, struct error *err);
/* Our CAs' certificates one behind the other, the issuing one first. NOT_FOUND: none is known yet. */
MUST_CHECK enum status store_crl_certificates(struct store *store, struct buffer *ret_pem, struct error *err);

#endif
