/* ingest/alert.c - alerts (mqtt.md section 6), kept before anyone is told.
 *
 *   {"esp.alert.str":"Water on the floor"}     free text
 *   {"Door":{"Open":true}}                     a parameter; the stored state does not change by it
 *
 * Nodes do not escape the text, so a quote in it breaks the JSON. Such a message is salvaged: what stands between the fixed
 * beginning and the fixed end is the text. */
#include <string.h>

#include "ingest/batch.h"
#include "ingest/decode.h"

static const char text_key[] = "esp.alert.str";
enum { ALERT_TEXT_BYTES_MAX = 1024 };

static void put_alert(struct batch *batch, const struct message *message, const char *kind, struct json_slice body,
		      bool salvaged)
{
	const struct alert_row row = { .node_id = message->node_id,
				       .kind = kind,
				       .body = body,
				       .salvaged = salvaged,
				       .at_us = message->received_at_us,
				       .key = message->key };
	report_alert(batch_report(batch), &row);
}

static bool has_control_bytes(struct json_slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.at[i] < 0x20)
			return true;
	}
	return false;
}

/* The text between {"esp.alert.str":" and "}, blanks around the signs allowed. */
static bool find_raw_text(struct json_slice payload, struct json_slice *ret_text)
{
	static const char *const signs[] = { "{", "\"esp.alert.str\"", ":", "\"" };
	const char *at = payload.at, *end = payload.at + payload.len;
	for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
		while (at < end && (*at == ' ' || *at == '\n' || *at == '\t'))
			at++;
		size_t len = strlen(signs[i]);
		if ((size_t)(end - at) < len || memcmp(at, signs[i], len) != 0)
			return false;
		at += len;
	}
	static const char closing[] = { '}', '"' };
	for (size_t i = 0; i < sizeof(closing); i++) {
		while (end > at && (end[-1] == ' ' || end[-1] == '\n' || end[-1] == '\t'))
			end--;
		if (end == at || end[-1] != closing[i])
			return false;
		end--;
	}
	*ret_text = (struct json_slice){ at, (size_t)(end - at) };
	return true;
}

static enum status salvage(struct batch *batch, const struct message *message, struct error *err)
{
	struct json_slice text;
	if (!find_raw_text(message->payload, &text) || text.len == 0 || text.len > ALERT_TEXT_BYTES_MAX)
		return err->status;
	CLEANUP(buffer) struct buffer body = { .bytes = NULL };
	buffer_put_json_string(&body, text.at, text.len);
	CLEANUP(json) json_t *checked = NULL;
	const struct json_slice quoted = { body.bytes, body.len };
	/* our own quoting makes it JSON, unless the bytes are no UTF-8; the first failure is what the letter says */
	if (has_control_bytes(text) || json_read(quoted, &json_node_limits, &checked, NULL) != STATUS_OK)
		return err->status;
	put_alert(batch, message, "text", quoted, true);
	return STATUS_OK;
}

static enum status check_params(const json_t *document, struct error *err)
{
	const json_t *device = json_object_iter_value(json_object_iter((json_t *)(uintptr_t)document));
	if (json_object_size(document) == 0 || !json_is_object(device))
		return error_set(err, STATUS_INVALID, "neither %s nor {device: {param: value}}", text_key);
	return STATUS_OK;
}

static struct json_slice member_slice(json_t *document, struct json_slice payload, const char *key)
{
	struct json_walk walk = json_walk_start(document, payload);
	struct json_member member = { .key = "" };
	while (json_walk_next(&walk, &member) && strcmp(member.key, key) != 0)
		;
	return member.text;
}

enum status handle_alert(struct batch *batch, const struct message *message, struct error *err)
{
	CLEANUP(json) json_t *document = NULL;
	enum status st = json_read_object(message->payload, &json_node_limits, &document, err);
	if (st == STATUS_INVALID)
		return salvage(batch, message, err);
	if (st == STATUS_OK)
		st = decode_node_id(document, message, err); /* wrong is not broken: nothing to salvage */
	if (st != STATUS_OK)
		return st;
	if (!json_object_get(document, text_key)) {
		st = check_params(document, err);
		if (st == STATUS_OK)
			put_alert(batch, message, "params", message->payload, false);
		return st;
	}
	const char *text = NULL;
	st = decode_text(document, text_key, 1, ALERT_TEXT_BYTES_MAX, &text, err);
	if (st == STATUS_OK)
		put_alert(batch, message, "text", member_slice(document, message->payload, text_key), false);
	return st;
}
