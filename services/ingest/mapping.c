/* ingest/mapping.c - the node's side of a user-node mapping (mqtt.md section 5).
 *
 *   {"node_id":"GK5aVZ2mXq","user_id":"6f1d...-uuid","secret_key":"q8Zr0...","reset":true}
 *
 * The secret is hashed here and goes no further. What the message does is decided by the database, mapping_on_report(). */
#include <sodium.h>
#include <string.h>

#include "ingest/batch.h"
#include "ingest/decode.h"
#include "model/limits.h"

/* What a node says after a factory reset: it belongs to nobody; there is nothing to confirm. */
static const char factory_reset_user[] = "esp-rmaker";

enum status handle_mapping(struct batch *batch, const struct message *message, struct error *err)
{
	CLEANUP(json) json_t *document = NULL;
	const char *user_id = NULL, *secret = NULL;
	enum status st = decode_object(message, &document, err);
	if (st == STATUS_OK)
		st = decode_text(document, "user_id", 1, 128, &user_id, err);
	if (st == STATUS_OK)
		st = decode_text(document, "secret_key", 1, MAPPING_SECRET_BYTES_MAX, &secret, err);
	if (st != STATUS_OK)
		return st;
	const json_t *reset = json_object_get(document, "reset");
	if (reset && !json_is_boolean(reset))
		return error_set(err, STATUS_INVALID, "reset is not a boolean");
	bool is_dummy = strcmp(user_id, factory_reset_user) == 0;
	if (is_dummy && !json_is_true(reset))
		return error_set(err, STATUS_INVALID, "user_id %s without reset", factory_reset_user);
	unsigned char hash[crypto_hash_sha256_BYTES];
	(void)crypto_hash_sha256(hash, (const unsigned char *)secret, strlen(secret)); /* always 0 */
	const struct mapping_row row = { .node_id = message->node_id,
					 .user_id = user_id,
					 .secret_hash = hash,
					 .secret_hash_len = sizeof(hash),
					 .reset = json_is_true(reset),
					 .factory_reset = is_dummy,
					 .key = message->key };
	report_mapping(batch_report(batch), &row);
	return STATUS_OK;
}
