/* ingest/config.c - the node's configuration (mqtt.md 4.1): kept verbatim, with a few columns that operators search.
 *
 * What is not JSON, or has no `info`, replaces nothing: one known firmware sends a trailing comma, another a stub without info. */
#include <string.h>

#include "ingest/batch.h"
#include "ingest/decode.h"

/* Our own columns are a help for operators, so what is too long for them is left out; the document itself keeps it. */
static const char *searchable(struct batch *batch, const json_t *info, const char *key)
{
	const char *text = json_member_text(info, key, NULL);
	return text && strlen(text) <= 256 ? batch_copy(batch, text, strlen(text)) : NULL;
}

static enum status check_list(const json_t *document, const char *key, struct error *err)
{
	const json_t *list = json_object_get(document, key);
	if (!list)
		return STATUS_OK;
	if (!json_is_array(list))
		return error_set(err, STATUS_INVALID, "%s is not an array", key);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);
		if (!json_is_string(json_object_get(entry, "name")))
			return error_set(err, STATUS_INVALID, "%s[%zu] has no name", key, i);
		const json_t *params = json_object_get(entry, "params");
		if (params && !json_is_array(params))
			return error_set(err, STATUS_INVALID, "%s[%zu].params is not an array", key, i);
	}
	return STATUS_OK;
}

enum status handle_config(struct batch *batch, const struct message *message, struct error *err)
{
	CLEANUP(json) json_t *document = NULL;
	enum status st = decode_object(message, &document, err);
	if (st != STATUS_OK)
		return st;
	const json_t *info = json_object_get(document, "info");
	if (!json_is_object(info))
		return error_set(err, STATUS_INVALID, "configuration without info: the former one stays");
	st = check_list(document, "devices", err);
	if (st == STATUS_OK)
		st = check_list(document, "services", err);
	if (st != STATUS_OK)
		return st;
	const struct config_row row = { .node_id = message->node_id,
					.config = message->payload,
					.name = searchable(batch, info, "name"),
					.type = searchable(batch, info, "type"),
					.model = searchable(batch, info, "model"),
					.fw_version = searchable(batch, info, "fw_version"),
					.at_us = message->received_at_us };
	batch_config(batch, &row);
	return STATUS_OK;
}
