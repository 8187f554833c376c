/* ingest/presence.c - who is connected, as the broker's plugin tells it.
 *
 *   cistern/presence/<node_id>  {"event":"connected"|"disconnected","session":N,"at_ms":M,...}
 *   cistern/broker              {"event":"snapshot","boot_session":S}
 *
 * The numbers grow with every connection, so that a late word about an old session changes nothing. After a snapshot the plugin
 * repeats `connected` for every session that lives. */
#include <string.h>

#include "ingest/batch.h"
#include "ingest/decode.h"

enum status handle_presence(struct batch *batch, const struct message *message, struct error *err)
{
	CLEANUP(json) json_t *document = NULL;
	const char *event = NULL;
	int64_t session_no = 0, at_ms = 0;
	enum status st = decode_object(message, &document, err);
	if (st == STATUS_OK)
		st = decode_text(document, "event", 1, 32, &event, err);
	if (st == STATUS_OK)
		st = decode_integer(document, "session", &session_no, err);
	if (st == STATUS_OK)
		st = decode_integer(document, "at_ms", &at_ms, err);
	if (st != STATUS_OK)
		return st;
	bool connected = strcmp(event, "connected") == 0;
	if (!connected && strcmp(event, "disconnected") != 0)
		return error_set(err, STATUS_INVALID, "unknown presence event '%s'", event);
	report_presence(batch_report(batch), message->node_id, connected, session_no, at_ms * 1000);
	return STATUS_OK;
}

enum status handle_broker(struct batch *batch, const struct message *message, struct error *err)
{
	CLEANUP(json) json_t *document = NULL;
	int64_t session_no = 0;
	enum status st = json_read_object(message->payload, &json_node_limits, &document, err);
	if (st == STATUS_OK)
		st = decode_integer(document, "boot_session", &session_no, err);
	if (st == STATUS_OK)
		report_broker_started(batch_report(batch), session_no, message->received_at_us);
	return st;
}
