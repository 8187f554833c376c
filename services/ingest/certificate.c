/* ingest/certificate.c - a node asks for its next certificate (claim/renewal.h).
 *
 *   {"csr":"-----BEGIN CERTIFICATE REQUEST-----\n..."}
 *
 * Here it is only kept: whether it is a good request takes longer to find out than a message may, and is answered to the node. */
#include <sodium.h>
#include <string.h>

#include "ingest/batch.h"
#include "ingest/decode.h"

enum { CSR_TEXT_MAX = 4096 }; /* the column's limit; a CSR for RSA-4096 has 1800 */

enum status handle_certificate_request(struct batch *batch, const struct message *message, struct error *err)
{
	CLEANUP(json) json_t *document = NULL;
	const char *csr = NULL;
	enum status st = decode_object(message, &document, err);
	if (st == STATUS_OK)
		st = decode_text(document, "csr", 1, CSR_TEXT_MAX, &csr, err);
	if (st != STATUS_OK)
		return st;
	unsigned char hash[crypto_hash_sha256_BYTES];
	(void)crypto_hash_sha256(hash, (const unsigned char *)csr, strlen(csr)); /* always 0 */
	const struct certificate_request_row row = { .node_id = message->node_id,
						     .csr = csr,
						     .csr_hash = hash,
						     .csr_hash_len = sizeof(hash),
						     .at_us = message->received_at_us };
	report_certificate_request(batch_report(batch), &row);
	return STATUS_OK;
}
