/* claim/renewal.h - a node's next certificate, asked for over its own mutual-TLS link (docs/certificates.md).
 *
 *   node/<id>/certificate/request    {"csr":"-----BEGIN CERTIFICATE REQUEST-----\n..."}    to the cloud; ingest keeps it in a row
 *   node/<id>/certificate/response   {"status":"success","certificate":"-----BEGIN CERTIFICATE-----\n..."}    to the node
 *                                    {"status":"failure","description":"..."}
 *
 * Who asks is known from the link: the broker lets a node publish for itself only, and only with a certificate that is live. The old
 * certificate stays good until the new one has connected. The same request again - by a redelivery, or by a node that missed the
 * answer - gets the same certificate as long as that is live; a failure is not kept and is looked at again. What can refuse is asked
 * before signerd is. The certificate and the answer that carries it are recorded in one transaction and published afterwards,
 * again after a crash.
 *
 * Limits:  one certificate a node in RENEWAL_INTERVAL_S. While signerd is away a request waits, RENEWAL_WAIT_MAX_S at most.
 * Thread:  renewal_start() and renewal_stop() from main. One thread, which waits on its database connection (the queue is the table
 *          certificate_request; ingest tells of new rows) and may block on signerd and on the broker's acknowledgement.
 * Memory:  renewal_start() makes it, renewal_stop() ends it (NULL is fine).
 * Errors:  UNAVAILABLE no thread.
 */
#ifndef CISTERN_CLAIM_RENEWAL_H
#define CISTERN_CLAIM_RENEWAL_H

#include "base/error.h"
#include "base/macros.h"
#include "claim/signer.h"
#include "store/store.h"

enum { RENEWAL_INTERVAL_S = 600, RENEWAL_WAIT_MAX_S = 600 };

struct pool;
struct renewal;

struct renewal_options {
	struct store_options store;
	struct signer_options signer;
	struct pool *pool; /* the brokers */
};

/* The options' texts and the pool must outlive it. */
MUST_CHECK enum status renewal_start(const struct renewal_options *options, struct renewal **ret_renewal,
				     struct error *err);
/* Finishes the request in hand. */
void renewal_stop(struct renewal *renewal);

#endif
