#include "ingest/decode.h"

#include <string.h>

enum status decode_node_id(const json_t *document, const struct message *message, struct error *err)
{
	const json_t *claimed = json_object_get(document, "node_id");
	if (json_is_string(claimed) && strcmp(json_string_value(claimed), message->node_id) != 0)
		return error_set(err, STATUS_INVALID, "node_id in the payload is not the topic's");
	return STATUS_OK;
}

enum status decode_object(const struct message *message, json_t **ret_document, struct error *err)
{
	CLEANUP(json) json_t *document = NULL;
	enum status st = json_read_object(message->payload, &json_node_limits, &document, err);
	if (st == STATUS_OK)
		st = decode_node_id(document, message, err);
	if (st != STATUS_OK)
		return st;
	*ret_document = STEAL(document);
	return STATUS_OK;
}

enum status decode_text(const json_t *object, const char *key, size_t min, size_t max, const char **ret_text,
			struct error *err)
{
	const json_t *member = json_object_get(object, key);
	if (!json_is_string(member))
		return error_set(err, STATUS_INVALID, "%s is missing or not a string", key);
	size_t len = json_string_length(member);
	if (len < min || len > max)
		return error_set(err, STATUS_INVALID, "%s must have %zu to %zu bytes", key, min, max);
	*ret_text = json_string_value(member);
	return STATUS_OK;
}

enum status decode_optional_text(const json_t *object, const char *key, size_t max, const char *otherwise,
				 const char **ret_text, struct error *err)
{
	const json_t *member = json_object_get(object, key);
	if (member && !json_is_null(member))
		return decode_text(object, key, 0, max, ret_text, err);
	*ret_text = otherwise;
	return STATUS_OK;
}

enum status decode_integer(const json_t *object, const char *key, int64_t *ret_number, struct error *err)
{
	const json_t *member = json_object_get(object, key);
	if (!json_is_integer(member))
		return error_set(err, STATUS_INVALID, "%s is missing or not an integer", key);
	*ret_number = json_integer_value(member);
	return STATUS_OK;
}
