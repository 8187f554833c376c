/* ingest/broker.c - what the broker's plugin says of itself.
 *
 *   cistern/broker      {"event":"snapshot","boot_session":S}            its life began with session S; what is older is over
 *   cistern/revocation  {"epoch":"...","version":7,...}                  whom it refuses by now (model/revocation.h)
 *   cistern/counters    {...}                                           what it has counted, and its limits
 *
 * After a snapshot the plugin repeats `connected` for every session that lives. Of the other two the last one counts. */
#include <string.h>

#include "ingest/batch.h"
#include "ingest/decode.h"
#include "model/revocation.h"

enum status handle_broker(struct batch *batch, const struct message *message, struct error *err)
{
	CLEANUP(json) json_t *document = NULL;
	int64_t session_no = 0;
	enum status st = json_read_object(message->payload, &json_node_limits, &document, err);
	if (st == STATUS_OK)
		st = decode_integer(document, "boot_session", &session_no, err);
	if (st == STATUS_OK)
		report_broker_started(batch_report(batch), message->broker, session_no, message->received_at_us);
	return st;
}

enum status handle_broker_revocation(struct batch *batch, const struct message *message, struct error *err)
{
	CLEANUP(json) json_t *document = NULL;
	const char *epoch = NULL;
	int64_t version = 0;
	enum status st = json_read_object(message->payload, &json_node_limits, &document, err);
	if (st == STATUS_OK)
		st = decode_text(document, "epoch", 0, REVOCATION_EPOCH_MAX, &epoch, err);
	if (st == STATUS_OK)
		st = decode_integer(document, "version", &version, err);
	if (st != STATUS_OK)
		return st;
	const struct broker_said_row row = { .broker = message->broker,
					     .epoch = batch_copy(batch, epoch, strlen(epoch)),
					     .version = version,
					     .said = message->payload,
					     .at_us = message->received_at_us };
	report_broker_revocation(batch_report(batch), &row);
	return STATUS_OK;
}

enum status handle_broker_counters(struct batch *batch, const struct message *message, struct error *err)
{
	CLEANUP(json) json_t *document = NULL;
	enum status st = json_read_object(message->payload, &json_node_limits, &document, err);
	if (st != STATUS_OK)
		return st;
	const struct broker_said_row row = {
		.broker = message->broker, .epoch = "", .said = message->payload, .at_us = message->received_at_us
	};
	report_broker_counters(batch_report(batch), &row);
	return STATUS_OK;
}
