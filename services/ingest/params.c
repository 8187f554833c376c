/* ingest/params.c - params/local, params/local/<gid> and params/local/init (mqtt.md 4.2 and 4.5).
 *
 *   {"Light":{"Power":true,"Level":40},"Time":{"TZ":"Europe/Paris"}}
 *
 * A parameter's value is replaced whole and kept in the bytes that came. Devices that no configuration names are stored all
 * the same: reports may come before the configuration. */
#include "ingest/batch.h"
#include "ingest/decode.h"

static enum status put_device(struct batch *batch, const struct message *message, const struct json_member *device,
			      struct error *err)
{
	if (!json_is_object(device->value))
		return error_set(err, STATUS_INVALID, "'%s' is not an object of parameters", device->key);
	struct json_walk params = json_walk_start(device->value, device->text);
	struct json_member param;
	while (json_walk_next(&params, &param))
		batch_param(batch, message, device->key, param.key, param.text);
	return STATUS_OK;
}

/* All devices are looked at before the first is put: a bad report changes nothing. */
static enum status check_devices(json_t *document, struct error *err)
{
	const char *key;
	json_t *device;
	json_object_foreach (document, key, device) {
		if (!json_is_object(device))
			return error_set(err, STATUS_INVALID, "'%s' is not an object of parameters", key);
	}
	return STATUS_OK;
}

enum status handle_params(struct batch *batch, const struct message *message, struct error *err)
{
	CLEANUP(json) json_t *document = NULL;
	/* a device may be called "node_id": the shape, not decode_object(), decides here */
	enum status st = json_read_object(message->payload, &json_node_limits, &document, err);
	if (st == STATUS_OK)
		st = check_devices(document, err);
	if (st != STATUS_OK)
		return st;
	struct json_walk devices = json_walk_start(document, message->payload);
	struct json_member device;
	while (st == STATUS_OK && json_walk_next(&devices, &device))
		st = put_device(batch, message, &device, err);
	return st;
}

enum status handle_params_init(struct batch *batch, const struct message *message, struct error *err)
{
	enum status st = handle_params(batch, message, err);
	if (st == STATUS_OK)
		report_params_full(batch_report(batch), message->node_id, message->received_at_us);
	return st;
}
