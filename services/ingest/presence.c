/* ingest/presence.c - who is connected, as the broker's plugin tells it.
 *
 *   cistern/presence/<node_id>  {"event":"connected","session":N,"at_ms":M,"address":"192.0.2.7","certificate":"<64 hex>"}
 *   cistern/presence/<node_id>  {"event":"disconnected","session":N,"at_ms":M,"reason":"closed"}
 *
 * The numbers grow with every connection, so that a late word about an old session changes nothing. What is beside event, session and
 * time is for the history and to tell that a new certificate works: without it, or with something unknown in its place (an older
 * plugin's number for a reason), who is connected is still told. */
#include <string.h>

#include "ingest/batch.h"
#include "ingest/decode.h"
#include "model/revocation.h"

enum { ADDRESS_MAX = 64 };

/* The member when it is a text of min..max of these characters, otherwise NULL. */
static const char *optional(const json_t *document, const char *key, size_t min, size_t max, const char *characters)
{
	const char *text = NULL;
	if (decode_text(document, key, min, max, &text, NULL) != STATUS_OK || text[strspn(text, characters)] != '\0')
		return NULL;
	return text;
}

enum status handle_presence(struct batch *batch, const struct message *message, struct error *err)
{
	CLEANUP(json) json_t *document = NULL;
	const char *event = NULL;
	int64_t at_ms = 0;
	struct presence_row row = { .node_id = message->node_id, .broker = message->broker };
	enum status st = decode_object(message, &document, err);
	if (st == STATUS_OK)
		st = decode_text(document, "event", 1, 32, &event, err);
	if (st == STATUS_OK)
		st = decode_integer(document, "session", &row.session_no, err);
	if (st == STATUS_OK)
		st = decode_integer(document, "at_ms", &at_ms, err);
	if (st != STATUS_OK)
		return st;
	row.connected = strcmp(event, "connected") == 0;
	if (!row.connected && strcmp(event, "disconnected") != 0)
		return error_set(err, STATUS_INVALID, "unknown presence event '%s'", event);
	row.at_us = at_ms * 1000;
	row.address = optional(document, "address", 1, ADDRESS_MAX, "0123456789abcdefABCDEF.:%");
	row.certificate = optional(document, "certificate", FINGERPRINT_HEX, FINGERPRINT_HEX, "0123456789abcdef");
	row.reason = optional(document, "reason", 1, REVOCATION_WORD_MAX, "abcdefghijklmnopqrstuvwxyz_");
	report_presence(batch_report(batch), &row);
	return STATUS_OK;
}
