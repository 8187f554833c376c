/* The user's side of mapping a node: asking, polling, letting go (rest.md 4.4). */
#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "api/body.h"
#include "api/handlers.h"
#include "api/node_texts.h"
#include "model/node_id.h"
#include "store/mapping.h"

enum { REQUEST_ID_RANDOM_BYTES = 16, REQUEST_ID_LEN = 22, GROUP_ID_MAX = 64 };

struct wish {
	const char *user_id, *node_id, *secret_key, *operation, *group_id;
	struct node_texts texts;
};

static bool is_of_id_alphabet(const char *text, size_t len_max)
{
	size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
	return text[len] == '\0' && len <= len_max;
}

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
	if (st == STATUS_OK)
		st = body_text(request, body, "group_id", &ret_wish->group_id, err);
	return st == STATUS_OK ? node_texts_read(request, body, &ret_wish->texts, err) : st;
}

/* With a mapping nothing is taken away: null is like nothing. */
static const char *metadata_to_merge(const struct node_texts *texts)
{
	return texts->metadata_json && texts->metadata_json[0] == '{' ? texts->metadata_json : NULL;
}

static enum status add(struct request *request, const struct wish *wish, struct error *err)
{
	if (!wish->secret_key || strlen(wish->secret_key) > MAPPING_SECRET_BYTES_MAX ||
	    (wish->group_id && !is_of_id_alphabet(wish->group_id, GROUP_ID_MAX)))
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
						 .window_s = request->options->mapping_window_s,
						 .tags = wish->texts.tags,
						 .metadata_json = metadata_to_merge(&wish->texts),
						 .group_id = wish->group_id };
	enum mapping_state state = MAPPING_REQUESTED;
	enum status st = store_mapping_request(request->store, &mapping, &state, err);
	if (st == STATUS_LIMIT)
		return reply_fail(&request->reply, FAILURE_MAPPING_LIMIT, err);
	if (st == STATUS_TOO_LARGE)
		return reply_fail(&request->reply, FAILURE_NODE_METADATA, err);
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
	if (st == STATUS_CONFLICT)
		return reply_fail(&request->reply, FAILURE_MAPPING_BY_GROUP, err);
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

/* A mapping that holds, but not with all that was to come with it. */
static void put_left_out(struct buffer *body, enum mapping_left_out left_out)
{
	static const char *const words[][2] = {
		[MAPPING_ALL_APPLIED] = { NULL, NULL },
		[MAPPING_WITHOUT_GROUP] = { "103035", "Mapped, but adding to the group failed" },
		[MAPPING_WITHOUT_TAGS] = { "105011", "Mapped, but the tags are too many for the node" },
		[MAPPING_WITHOUT_METADATA] = { "105012", "Mapped, but the metadata is too much for the node" },
	};
	if (left_out == MAPPING_ALL_APPLIED)
		return;
	reply_put_member(body, "error_code", words[left_out][0]);
	reply_put_member(body, "description", words[left_out][1]);
}

/* All values are strings: iOS reads the object as a map of them. */
enum status mapping_get(struct request *request, struct error *err)
{
	const char *request_id = params_query_text(&request->query, "request_id");
	if (!request_id)
		return error_set(err, STATUS_INVALID, "request_id is missing");
	enum mapping_state state = MAPPING_REQUESTED;
	enum mapping_left_out left_out = MAPPING_ALL_APPLIED;
	enum status st = STATUS_NOT_FOUND;
	/* ours have one form; another text may hold bytes that the database refuses */
	if (is_of_id_alphabet(request_id, REQUEST_ID_LEN))
		st = store_mapping_state(request->store, request->caller.user_id, request_id, &state, &left_out, err);
	if (st == STATUS_NOT_FOUND)
		return reply_fail(&request->reply, FAILURE_MAPPING_REQUEST, err);
	if (st != STATUS_OK)
		return st;
	buffer_putc(&request->reply.body, '{');
	reply_put_member(&request->reply.body, "request_status", mapping_state_name(state));
	put_left_out(&request->reply.body, left_out);
	buffer_putc(&request->reply.body, '}');
	return STATUS_OK;
}
