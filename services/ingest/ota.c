/* ingest/ota.c - otafetch and otastatus (mqtt.md section 8), checked and kept; the OTA engine answers them. */
#include <string.h>

#include "ingest/batch.h"
#include "ingest/decode.h"

enum { VERSION_BYTES_MAX = 128, JOB_ID_BYTES_MAX = 64, INFO_BYTES_MAX = 1024 };

enum status handle_ota_fetch(struct batch *batch, const struct message *message, struct error *err)
{
	CLEANUP(json) json_t *document = NULL;
	const char *fw_version = NULL, *network_id = NULL;
	enum status st = decode_object(message, &document, err);
	if (st == STATUS_OK)
		st = decode_text(document, "fw_version", 1, VERSION_BYTES_MAX, &fw_version, err);
	if (st == STATUS_OK)
		st = decode_optional_text(document, "network_id", VERSION_BYTES_MAX, NULL, &network_id, err);
	if (st != STATUS_OK)
		return st;
	batch_ota_fetch(batch, message, batch_copy(batch, fw_version, strlen(fw_version)),
			network_id ? batch_copy(batch, network_id, strlen(network_id)) : NULL);
	return STATUS_OK;
}

struct status_word {
	const char *said, *stored;
};

static const struct status_word status_words[] = {
	{ "in-progress", "in-progress" }, { "success", "success" },
	{ "failed", "failed" },           { "fail", "failed" }, /* the textbook's word */
	{ "delayed", "delayed" },         { "rejected", "rejected" },
	{ "invalid", "invalid" },
};

static enum status stored_status(const char *said, const char **ret_stored, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(status_words); i++) {
		if (strcmp(said, status_words[i].said) == 0) {
			*ret_stored = status_words[i].stored;
			return STATUS_OK;
		}
	}
	return error_set(err, STATUS_INVALID, "unknown OTA status '%s'", said);
}

enum status handle_ota_status(struct batch *batch, const struct message *message, struct error *err)
{
	CLEANUP(json) json_t *document = NULL;
	struct ota_status_row row = {
		.node_id = message->node_id, .node_ts = -1, .at_us = message->received_at_us, .key = message->key
	};
	const char *said = NULL;
	enum status st = decode_object(message, &document, err);
	if (st == STATUS_OK)
		st = decode_text(document, "ota_job_id", 1, JOB_ID_BYTES_MAX, &row.ota_job_id, err);
	if (st == STATUS_OK)
		st = decode_text(document, "status", 1, JOB_ID_BYTES_MAX, &said, err);
	if (st == STATUS_OK)
		st = stored_status(said, &row.status, err);
	if (st == STATUS_OK)
		st = decode_optional_text(document, "additional_info", INFO_BYTES_MAX, "", &row.additional_info, err);
	if (st == STATUS_OK && json_object_get(document, "ts"))
		st = decode_integer(document, "ts", &row.node_ts, err);
	if (st == STATUS_OK)
		report_ota_status(batch_report(batch), &row);
	return st;
}
