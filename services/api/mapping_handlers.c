/* The user's side of mapping a node: asking, polling, letting go (rest.md 4.4). */
#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "api/body.h"
#include "api/handlers.h"
#include "model/node_id.h"
#include "store/mapping.h"

enum { REQUEST_ID_RANDOM_BYTES = 16, REQUEST_ID_LEN = 22 };

struct wish {
	const char *user_id, *node_id, *secret_key, *operation;
};

static enum status read_wish(struct request *request, struct wish *ret_wish, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	enum status st = body_object(request, false, &body, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "user_id", &ret_wish->user_id, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "node_id", &ret_wish->node_id, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "secret_key", &ret_wish->secret_key, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "operation", &ret_wish->operation, err);
	return st;
}

static enum status add(struct request *request, const struct wish *wish, struct error *err)
{
	if (!wish->secret_key || strlen(wish->secret_key) > MAPPING_SECRET_BYTES_MAX)
		return reply_fail(&request->reply, FAILURE_MAPPING_FIELD, err);
	unsigned char random[REQUEST_ID_RANDOM_BYTES], hash[crypto_hash_sha256_BYTES];
	char request_id[REQUEST_ID_LEN + 1];
	randombytes_buf(random, sizeof(random));
	(void)sodium_bin2base64(request_id, sizeof(request_id), random, sizeof(random),
				sodium_base64_VARIANT_URLSAFE_NO_PADDING); /* returns its first argument */
	crypto_hash_sha256(hash, (const unsigned char *)wish->secret_key, strlen(wish->secret_key));
	const struct mapping_request mapping = { .request_id = request_id,
						 .user_id = request->caller.user_id,
						 .node_id = wish->node_id,
						 .secret_hash = hash,
						 .secret_hash_len = sizeof(hash),
						 .window_s = request->options->mapping_window_s };
	enum mapping_state state = MAPPING_REQUESTED;
	enum status st = store_mapping_request(request->store, &mapping, &state, err);
	if (st == STATUS_LIMIT)
		return reply_fail(&request->reply, FAILURE_MAPPING_LIMIT, err);
	if (st != STATUS_OK)
		return st;
	struct buffer *body = &request->reply.body;
	buffer_puts(body, "{\"status\":\"success\"");
	reply_put_member(body, "description", state == MAPPING_CONFIRMED ? "Mapping confirmed" : "Mapping requested");
	reply_put_member(body, "request_id", request_id);
	buffer_putc(body, '}');
	return STATUS_OK;
}

static enum status remove_node(struct request *request, const struct wish *wish, struct error *err)
{
	enum status st = store_mapping_remove(request->store, request->caller.user_id, wish->node_id, err);
	if (st == STATUS_NOT_FOUND)
		return reply_fail(&request->reply, FAILURE_NODE, err);
	if (st == STATUS_OK)
		reply_put_success(&request->reply, "Mapping removed");
	return st;
}

enum status mapping_put(struct request *request, struct error *err)
{
	struct wish wish = { .operation = NULL };
	enum status st = read_wish(request, &wish, err);
	if (st != STATUS_OK)
		return st;
	if (wish.user_id && strcasecmp(wish.user_id, request->caller.user_id) != 0)
		return reply_fail(&request->reply, FAILURE_MAPPING_USER, err);
	if (wish.operation && wish.node_id && node_id_valid(wish.node_id, strlen(wish.node_id))) {
		if (strcmp(wish.operation, "add") == 0)
			return add(request, &wish, err);
		if (strcmp(wish.operation, "remove") == 0)
			return remove_node(request, &wish, err);
	}
	return reply_fail(&request->reply, FAILURE_MAPPING_FIELD, err);
}

/* All values are strings: iOS reads the object as a map of them. */
enum status mapping_get(struct request *request, struct error *err)
{
	const char *request_id = params_query_text(&request->query, "request_id");
	if (!request_id)
		return error_set(err, STATUS_INVALID, "request_id is missing");
	enum mapping_state state = MAPPING_REQUESTED;
	enum status st = STATUS_NOT_FOUND;
	/* ours have one form; another text may hold bytes that the database refuses */
	if (strspn(request_id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == REQUEST_ID_LEN &&
	    request_id[REQUEST_ID_LEN] == '\0')
		st = store_mapping_state(request->store, request->caller.user_id, request_id, &state, err);
	if (st == STATUS_NOT_FOUND)
		return reply_fail(&request->reply, FAILURE_MAPPING_REQUEST, err);
	if (st != STATUS_OK)
		return st;
	buffer_putc(&request->reply.body, '{');
	reply_put_member(&request->reply.body, "request_status", mapping_state_name(state));
	buffer_putc(&request->reply.body, '}');
	return STATUS_OK;
}
