/* store/renewal.h - requests of nodes for their next certificate: ingest writes them (report_certificate_request), the renewal thread
 * answers them.
 *
 * Thread:  any; each thread brings its own struct store. One thread answers: nothing else marks a request as answered.
 * Memory:  texts of an open request are borrowed for the call of `each`.
 * Errors:  as store/claim.h; NOT_FOUND also: the node has asked for something else meanwhile.
 * Units:   times are microseconds since 1970 UTC.
 */
#ifndef CISTERN_STORE_RENEWAL_H
#define CISTERN_STORE_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>

#include "store/claim.h"
#include "store/store.h"

struct renewal_request {
	const char *node_id, *csr;
	const char *digest_hex; /* names this request */
	int64_t received_at_us;
	const char *answer;     /* NULL: none yet. Else what was published before, and is still true */
	const char *node_state; /* active, suspended, revoked */
	bool too_soon;          /* it had a certificate this way less than interval_s ago */
};

typedef void renewal_each(void *context, const struct renewal_request *request);
/* The oldest open requests. The store may not be used by `each`. */
MUST_CHECK enum status store_renewal_open(struct store *store, int64_t limit, int64_t interval_s, renewal_each *each,
					  void *context, struct error *err);

/* CONFLICT when the key serves another node. */
MUST_CHECK enum status store_renewal_check_key(struct store *store, const char *node_id,
					       const unsigned char key_hash[CERTIFICATE_KEY_HASH_BYTES],
					       struct error *err);
/* The certificate and the answer that carries it, both or neither. */
MUST_CHECK enum status store_renewal_record(struct store *store, const char *node_id, const char *digest_hex,
					    const char *answer, const struct certificate_record *certificate,
					    struct error *err);
/* The answer was published. keeps: it is the recorded one, and will be the answer to the same request again. */
MUST_CHECK enum status store_renewal_answered(struct store *store, const struct renewal_request *request, bool keeps,
					      struct error *err);

#endif
