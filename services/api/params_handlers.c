/* Setting parameters: one node's object, or an array of many nodes', each with its own result (rest.md 4.3). All of it runs
 * in the command lane, for it waits for the broker. */
#include <string.h>

#include "api/body.h"
#include "api/handlers.h"
#include "base/clock.h"
#include "base/log.h"
#include "command/params.h"
#include "model/node_id.h"
#include "store/audit.h"

/* From the request's begin. The CLI hangs up after 5 s (rest.md section 15, 14), and the last item may take COMMAND_TIMEOUT_MS. */
enum { ITEMS_DEADLINE_US = 2500000 };

enum status params_put(struct request *request, struct error *err)
{
	(void)err;
	return request_go_on(request, NULL);
}

/* A reason about the payload is made for who sent it, and goes out. */
static enum failure failure_of(enum status status)
{
	switch (status) {
	case STATUS_NOT_FOUND: return FAILURE_NODE;
	case STATUS_INVALID:
	case STATUS_TOO_LARGE: return FAILURE_PARAMS;
	case STATUS_UNAVAILABLE:
	case STATUS_TIMEOUT: return FAILURE_NODE_AWAY;
	case STATUS_OK:
	case STATUS_UNAUTHENTICATED:
	case STATUS_DENIED:
	case STATUS_CONFLICT:
	case STATUS_LIMIT:
	case STATUS_INTERNAL: return FAILURE_BY_STATUS;
	}
	return FAILURE_BY_STATUS;
}

static bool reason_goes_out(enum failure failure)
{
	return failure == FAILURE_PARAMS;
}

/* An id that could not exist is answered like a stranger's. */
static enum status set_one(struct request *request, const char *node_id, json_t *payload, struct json_slice text,
			   struct error *err)
{
	if (!node_id_valid(node_id, strlen(node_id)))
		return error_set(err, STATUS_NOT_FOUND, "not a node id");
	if (!json_is_object(payload))
		return error_set(err, STATUS_INVALID, "payload is not an object");
	return command_set_params(request->store, request->options->pool, request->caller.user_id, node_id, payload,
				  text, err);
}

/* Who turned what on is asked one day. The broker has it by now, so that this could not be written changes no answer. */
static void note_set(struct request *request, const char *const *node_ids, size_t n_nodes)
{
	struct error err = { .status = STATUS_OK };
	if (n_nodes > 0 && store_audit_params_set(request->store, node_ids, n_nodes, &err) != STATUS_OK)
		log_error("audit.lost", F_STR("request", request->id), F_STR("reason", err.text));
}

/* --- the object form --- */

static enum status put_object(struct request *request, json_t *payload, struct json_slice text, struct error *err)
{
	const char *node_id = NULL;
	enum status st = params_query_either(&request->query, "node_id", "nodeid", &node_id, err);
	if (st != STATUS_OK)
		return st;
	if (!node_id)
		return reply_fail(&request->reply, FAILURE_NODE_MISSING, err);
	st = set_one(request, node_id, payload, text, err);
	if (st == STATUS_OK) {
		note_set(request, &node_id, 1);
		reply_put_success(&request->reply, "Success");
		return STATUS_OK;
	}
	enum failure failure = failure_of(st);
	if (reason_goes_out(failure) && request_copy(request, err->text, &request->reply.reason, NULL) != STATUS_OK)
		request->reply.reason = NULL; /* the table's text stands in */
	return failure == FAILURE_BY_STATUS ? st : reply_fail(&request->reply, failure, err);
}

/* --- the array form --- */

struct item {
	const char *node_id;
	json_t *payload;
	struct json_slice text;
};

static bool read_item(const struct json_member *element, struct item *ret_item)
{
	*ret_item = (struct item){ .node_id = NULL };
	if (!json_is_object(element->value))
		return false;
	struct json_walk walk = json_walk_start(element->value, element->text);
	struct json_member member;
	while (json_walk_next(&walk, &member)) {
		if (strcmp(member.key, "node_id") == 0 && json_is_string(member.value))
			ret_item->node_id = json_string_value(member.value);
		if (strcmp(member.key, "payload") == 0) {
			ret_item->payload = member.value;
			ret_item->text = member.text;
		}
	}
	return ret_item->node_id != NULL;
}

static void put_result(struct buffer *body, const char *node_id, enum status st, const struct error *err)
{
	const struct failure_row *row = failure_row(failure_of(st), st);
	buffer_putc(body, '{');
	reply_put_member(body, "node_id", node_id);
	reply_put_member(body, "status", st == STATUS_OK ? "success" : "failure");
	reply_put_member(body, "description",
			 st == STATUS_OK ? "Success" : (reason_goes_out(failure_of(st)) ? err->text : row->text));
	if (st != STATUS_OK)
		buffer_printf(body, ",\"error_code\":%d", row->code);
	buffer_putc(body, '}');
}

/* All items are looked at before the first is published: a misshapen array has no effect. */
static bool items_are_well_formed(json_t *items, struct json_slice text)
{
	struct json_walk walk = json_walk_start(items, text);
	struct json_member element;
	struct item item;
	while (json_walk_next(&walk, &element)) {
		if (!read_item(&element, &item))
			return false;
	}
	return true;
}

static enum status put_array(struct request *request, json_t *items, struct json_slice text, struct error *err)
{
	if (json_array_size(items) > ITEMS_PER_PUT_MAX)
		return reply_fail(&request->reply, FAILURE_PARAMS_ITEMS, err);
	if (!items_are_well_formed(items, text))
		return reply_fail(&request->reply, FAILURE_BODY, err);
	struct buffer *body = &request->reply.body;
	int64_t deadline_us = request->began_at_us + ITEMS_DEADLINE_US;
	struct json_walk walk = json_walk_start(items, text);
	struct json_member element;
	struct item item;
	const char *done[ITEMS_PER_PUT_MAX];
	size_t n_done = 0;
	bool first = true;
	buffer_putc(body, '[');
	while (json_walk_next(&walk, &element)) {
		if (!read_item(&element, &item))
			return error_set(err, STATUS_INTERNAL, "an item changed between two looks");
		struct error why = { .status = STATUS_OK };
		enum status st = clock_monotonic_us() > deadline_us
					 ? error_set(&why, STATUS_TIMEOUT, "no time left for this node")
					 : set_one(request, item.node_id, item.payload, item.text, &why);
		if (!first)
			buffer_putc(body, ',');
		first = false;
		put_result(body, item.node_id, st, &why);
		if (st == STATUS_OK)
			done[n_done++] = item.node_id;
	}
	note_set(request, done, n_done);
	buffer_putc(body, ']');
	return STATUS_OK;
}

enum status params_put_slow(struct request *request, struct error *err)
{
	CLEANUP(json) json_t *document = NULL;
	struct json_slice text = { buffer_text(&request->body), request->body.len };
	if (json_read(text, &json_request_limits, &document, err) != STATUS_OK)
		return reply_fail(&request->reply, FAILURE_BODY, err);
	if (json_is_array(document))
		return put_array(request, document, text, err);
	if (json_is_object(document))
		return put_object(request, document, text, err);
	return reply_fail(&request->reply, FAILURE_BODY, err);
}
