#include "inbox.h"

#include "command.h"
#include "payload.h"
#include "renew.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

/* --- parameters --- */

static void applied(void *owner, const struct device_param *param, const json_t *value)
{
	const struct node *node = owner;
	char *text = device_json_text(value);

	node_detail(node, "applied", F_STR("device", param->device), F_STR("param", param->name), F_STR("value", text));
	free(text);
}

static void rejected(void *owner, const char *device, const char *param, const char *reason)
{
	const struct node *node = owner;

	node_detail(node, "rejected", F_STR("device", device), F_STR("param", param), F_STR("reason", reason));
}

/* NULL and an event: not a JSON object. */
static json_t *read_object(struct node *node, const void *bytes, size_t len)
{
	json_error_t why;
	json_t *body = json_loadb(bytes ? bytes : "", len, JSON_REJECT_DUPLICATES, &why);

	if (json_is_object(body))
		return body;
	rejected(node, "-", "-", body ? "not a JSON object" : why.text);
	json_decref(body);
	return NULL;
}

static json_t *apply(struct node *node, json_t *wish)
{
	const struct device_watch watch = { .owner = node, .applied = applied, .rejected = rejected };

	return device_apply(&node->device, wish, &watch);
}

static void params_received(struct node *node, const void *payload, size_t payload_len)
{
	CLEANUP(json) json_t *wish = read_object(node, payload, payload_len);
	if (!wish)
		return;
	CLEANUP(json) json_t *accepted = apply(node, wish);
	node_report(node, accepted);
}

/* --- requests --- */

static void respond(struct node *node, const struct command_request *request, enum command_status status,
		    const char *data)
{
	CLEANUP(buffer) struct buffer response = { 0 };

	command_response_put(&response, request->request_id, status, request->command, data, strlen(data));
	node_publish(node, "from-node", response.bytes, response.len);
	node_detail(node, "responded", F_STR("request_id", request->request_id), F_U64("status", status),
		    F_STR("data", data));
}

/* The accepted values go back in the response and not on params/local. */
static void set_params(struct node *node, const struct command_request *request)
{
	CLEANUP(json) json_t *data = read_object(node, request->data.bytes, request->data.len);
	json_t *wish = json_object_get(data, "params");
	CLEANUP(json) json_t *accepted = json_is_object(wish) ? apply(node, wish) : json_object();

	if (json_object_size(accepted) == 0) {
		respond(node, request, COMMAND_FAILED, "{\"status\":\"fail\"}");
		return;
	}
	CLEANUP(json) json_t *answer = json_pack("{ss sO}", "status", "success", "params", accepted);
	char *text = device_json_text(answer);
	respond(node, request, COMMAND_OK, text);
	free(text);
}

static enum command_status check_request(enum command_status read, const struct command_request *request)
{
	const int users = COMMAND_ROLE_SUPER_ADMIN | COMMAND_ROLE_PRIMARY | COMMAND_ROLE_SECONDARY;

	if (read != COMMAND_OK)
		return read;
	if (request->command != COMMAND_SET_PARAMS)
		return COMMAND_NOT_FOUND;
	return request->role & COMMAND_ROLE_MASK & users ? COMMAND_OK : COMMAND_DENIED;
}

static void request_received(struct node *node, const void *payload, size_t payload_len)
{
	CLEANUP(command_request) struct command_request request;
	enum command_status status = command_request_read(payload, payload_len, &request);

	node_detail(node, "command", F_STR("request_id", request.request_id), F_U64("role", request.role),
		    F_U64("command", request.command), F_STR("payload", buffer_text(&request.data)));
	status = check_request(status, &request);
	if (status == COMMAND_OK)
		set_params(node, &request);
	else
		respond(node, &request, status, "");
}

/* --- firmware offers --- */

/* There is no update engine yet: the offer is refused, which ends the job for this node. */
static void ota_received(struct node *node, const void *payload, size_t payload_len)
{
	CLEANUP(json) json_t *offer = read_object(node, payload, payload_len);
	const char *job_id = json_member_text(offer, "ota_job_id", NULL);

	node_detail(node, "ota_offered", F_STR("job", job_id), F_STR("url", json_member_text(offer, "url", NULL)));
	if (!job_id)
		return;
	char *text = payload_otastatus(job_id, "rejected", "OTA not supported by the virtual node yet",
				       clock_now_us() / 1000000);
	node_publish_text(node, "otastatus", text);
	free(text);
}

/* The part after "node/<id>/"; NULL: not of this node. */
static const char *suffix_of(const struct node *node, const char *topic)
{
	size_t id_len = strlen(node->id);

	if (strncmp(topic, "node/", 5) != 0 || strncmp(topic + 5, node->id, id_len) != 0 || topic[5 + id_len] != '/')
		return NULL;
	return topic + 5 + id_len + 1;
}

void inbox_received(struct node *node, const char *topic, const void *payload, size_t payload_len)
{
	const char *suffix = suffix_of(node, topic);

	if (!suffix)
		return;
	if (strcmp(suffix, "to-node") == 0) {
		request_received(node, payload, payload_len);
	} else if (strcmp(suffix, "otaurl") == 0) {
		ota_received(node, payload, payload_len);
	} else if (strcmp(suffix, "certificate/response") == 0) {
		renew_received(node, payload ? payload : "", payload_len);
	} else { /* params/remote, with or without group id, or the textbook's remote */
		node_detail(node, "command", F_STR("topic", topic),
			    F_STR("payload", payload)); /* libmosquitto adds a NUL */
		params_received(node, payload, payload_len);
	}
}
