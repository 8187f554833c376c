#include "command/params.h"

#include <stdio.h>

#include "command/brokers.h"
#include "command/check.h"
#include "model/node_id.h"
#include "store/node.h"

enum { REMOTE_TOPIC_BYTES = sizeof("node//params/remote") + NODE_ID_MAX };

static enum status check_against_config(struct store *store, const char *user_id, const char *node_id,
					const json_t *payload, struct error *err)
{
	CLEANUP(buffer) struct buffer text = { .bytes = NULL };
	enum status st = store_node_config(store, user_id, node_id, &text, err);
	if (st != STATUS_OK)
		return st;
	if (text.len == 0)
		return error_set(err, STATUS_INVALID, "node has not reported its configuration yet");
	/* it was checked when the node sent it; limits of the day before may have been wider */
	CLEANUP(json) json_t *config = NULL;
	st = json_read_object((struct json_slice){ text.bytes, text.len }, &json_request_limits, &config, err);
	if (st != STATUS_OK)
		return error_set(err, STATUS_INTERNAL, "stored configuration of '%s' is not readable", node_id);
	return check_params(config, payload, err);
}

enum status command_set_params(struct store *store, struct pool *pool, const char *user_id, const char *node_id,
			       json_t *payload, struct json_slice payload_text, struct error *err)
{
	enum status st = check_against_config(store, user_id, node_id, payload, err);
	if (st != STATUS_OK)
		return st;
	CLEANUP(buffer) struct buffer compact = { .bytes = NULL };
	json_put_compact(&compact, payload_text);
	if (compact.len > PARAMS_REMOTE_BYTES_MAX)
		return error_set(err, STATUS_TOO_LARGE, "payload is larger than %d bytes", PARAMS_REMOTE_BYTES_MAX);
	char remote[REMOTE_TOPIC_BYTES], textbook[REMOTE_TOPIC_BYTES];
	(void)snprintf(remote, sizeof(remote), "node/%s/params/remote", node_id);
	(void)snprintf(textbook, sizeof(textbook), "node/%s/remote", node_id);
	const struct broker_message messages[] = { { remote, compact.bytes, compact.len },
						   { textbook, compact.bytes, compact.len } };
	return brokers_publish(store, pool, node_id, messages, ARRAY_LEN(messages), COMMAND_TIMEOUT_MS, err);
}
