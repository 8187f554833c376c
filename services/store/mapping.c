#include "store/mapping.h"

#include <string.h>

#include "store/column.h"
#include "store/query.h"

static const char *const state_names[] = {
	[MAPPING_REQUESTED] = "requested",
	[MAPPING_CONFIRMED] = "confirmed",
	[MAPPING_TIMEDOUT] = "timedout",
	[MAPPING_DISCARDED] = "discarded",
};

const char *mapping_state_name(enum mapping_state state)
{
	return state_names[state];
}

static enum status state_from_text(const char *text, enum mapping_state *ret_state, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(state_names); i++) {
		if (strcmp(text, state_names[i]) == 0) {
			*ret_state = (enum mapping_state)i;
			return STATUS_OK;
		}
	}
	if (strcmp(text, "limit") == 0)
		return error_set(err, STATUS_LIMIT, "too many mapping requests");
	if (strcmp(text, "metadata") == 0)
		return error_set(err, STATUS_TOO_LARGE, "too much metadata");
	return error_set(err, STATUS_INTERNAL, "unknown mapping state '%s'", text);
}

enum status store_mapping_request(struct store *store, const struct mapping_request *request,
				  enum mapping_state *ret_state, struct error *err)
{
	CLEANUP(column) struct column tags;
	column_init_texts(&tags, request->tags.tags, request->tags.n);
	const struct arg args[] = {
		arg_text(request->request_id),    arg_text(request->user_id),
		arg_text(request->node_id),       arg_bytes(request->secret_hash, request->secret_hash_len),
		arg_i64(request->window_s),       arg_column(&tags),
		arg_text(request->metadata_json), arg_text(request->group_id)
	};
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_MAPPING_REQUEST, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	return state_from_text(row_text(rows, 0, 0), ret_state, err);
}

static enum mapping_left_out left_out_from_text(const char *text)
{
	if (strcmp(text, "group") == 0)
		return MAPPING_WITHOUT_GROUP;
	if (strcmp(text, "tags") == 0)
		return MAPPING_WITHOUT_TAGS;
	return *text ? MAPPING_WITHOUT_METADATA : MAPPING_ALL_APPLIED;
}

enum status store_mapping_state(struct store *store, const char *user_id, const char *request_id,
				enum mapping_state *ret_state, enum mapping_left_out *ret_left_out, struct error *err)
{
	const struct arg args[] = { arg_text(request_id), arg_text(user_id) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_MAPPING_STATE, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return error_set(err, STATUS_NOT_FOUND, "no such mapping request");
	*ret_left_out = left_out_from_text(row_text(rows, 0, 1));
	return state_from_text(row_text(rows, 0, 0), ret_state, err);
}

enum status store_mapping_remove(struct store *store, const char *user_id, const char *node_id, struct error *err)
{
	const struct arg args[] = { arg_text(user_id), arg_text(node_id) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_MAPPING_REMOVE, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	const char *said = row_text(rows, 0, 0);
	if (strcmp(said, "removed") == 0)
		return STATUS_OK;
	if (strcmp(said, "by_group") == 0)
		return error_set(err, STATUS_CONFLICT, "node comes by a group");
	return error_set(err, STATUS_NOT_FOUND, "node is not the user's");
}
