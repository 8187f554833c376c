#include "store/node.h"

#include <string.h>

#include "store/column.h"
#include "store/query.h"
#include "store/session_row.h"

enum status store_node_register(struct store *store, const char *node_id, const struct certificate_record *certificate,
				struct error *err)
{
	struct arg args[1 + CERTIFICATE_ARGS] = { arg_text(node_id) };
	arg_certificate(args + 1, certificate);
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_NODE_REGISTER, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	const char *said = row_text(rows, 0, 0);
	if (strcmp(said, "ok") == 0)
		return STATUS_OK;
	if (strcmp(said, "key_taken") == 0)
		return error_set(err, STATUS_CONFLICT, "the key serves another node");
	return error_set(err, STATUS_CONFLICT, "the node is %s", said);
}

/* Copies what fits, never half of a UTF-8 character. */
static void copy_cut(char *to, size_t size, const char *text)
{
	size_t len = strnlen(text, size);
	if (len == size) {
		len = size - 1;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(to, text, len);
	to[len] = '\0';
}

/* Column order: node_by_id in sql/queries/node.sql. */
static void node_from_row(const PGresult *rows, int row, struct node *ret_node)
{
	struct node node = { .registered_at_us = row_i64(rows, row, 1),
			     .connected = row_bool(rows, row, 2),
			     .presence_at_us = row_i64(rows, row, 3),
			     .session_no = row_i64(rows, row, 4),
			     .n_users = row_i64(rows, row, 9) };
	copy_cut(node.id, sizeof(node.id), row_text(rows, row, 0));
	copy_cut(node.name, sizeof(node.name), row_text(rows, row, 5));
	copy_cut(node.type, sizeof(node.type), row_text(rows, row, 6));
	copy_cut(node.model, sizeof(node.model), row_text(rows, row, 7));
	copy_cut(node.fw_version, sizeof(node.fw_version), row_text(rows, row, 8));
	*ret_node = node;
}

enum status store_node_get(struct store *store, const char *node_id, struct node *ret_node, struct error *err)
{
	const struct arg args[] = { arg_text(node_id) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_NODE_BY_ID, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return error_set(err, STATUS_NOT_FOUND, "no node '%s'", node_id);
	node_from_row(rows, 0, ret_node);
	return STATUS_OK;
}

/* One row about one node of one user; no row means that the node is not the user's. */
static enum status query_for_user(struct store *store, enum query query, const char *user_id, const char *node_id,
				  PGresult **ret_rows, struct error *err)
{
	const struct arg args[] = { arg_text(user_id), arg_text(node_id) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, query, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return error_set(err, STATUS_NOT_FOUND, "node is not the user's");
	*ret_rows = STEAL(rows);
	return STATUS_OK;
}

enum status store_node_config(struct store *store, const char *user_id, const char *node_id, struct buffer *ret_json,
			      struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = query_for_user(store, QUERY_NODE_CONFIG_FOR_USER, user_id, node_id, &rows, err);
	if (st != STATUS_OK)
		return st;
	buffer_put(ret_json, PQgetvalue(rows, 0, 0), (size_t)PQgetlength(rows, 0, 0)); /* NULL is empty */
	return STATUS_OK;
}

enum status store_node_presence(struct store *store, const char *user_id, const char *node_id, bool *ret_connected,
				int64_t *ret_at_us, struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = query_for_user(store, QUERY_NODE_PRESENCE_FOR_USER, user_id, node_id, &rows, err);
	if (st != STATUS_OK)
		return st;
	*ret_connected = row_bool(rows, 0, 0);
	*ret_at_us = row_i64(rows, 0, 1);
	return STATUS_OK;
}

/* Column order: node_list_for_user in sql/queries/node.sql. */
enum { LIST_TOTAL_COLUMN = 9 };

static const char *text_or_null(const PGresult *rows, int row, int column)
{
	return PQgetisnull(rows, row, column) ? NULL : row_text(rows, row, column);
}

static struct node_list_entry list_entry_from_row(const PGresult *rows, int row)
{
	return (struct node_list_entry){
		.node_id = row_text(rows, row, 0),
		.role = row_text(rows, row, 1),
		.mapped_at_us = row_i64(rows, row, 2),
		.connected = row_bool(rows, row, 3),
		.presence_at_us = row_i64(rows, row, 4),
		.config_json = text_or_null(rows, row, 5),
		.params_json = text_or_null(rows, row, 6),
		.tags_json = text_or_null(rows, row, 7),
		.metadata_json = text_or_null(rows, row, 8),
	};
}

static void give_list(const PGresult *rows, const struct node_list_query *query, node_list_each *each, void *context,
		      struct node_list_end *ret_end)
{
	int n_rows = PQgetisnull(rows, 0, 0) ? 0 : PQntuples(rows);
	bool more = n_rows > query->limit;
	for (int row = 0; row < (more ? (int)query->limit : n_rows); row++) {
		struct node_list_entry entry = list_entry_from_row(rows, row);
		each(context, &entry);
	}
	*ret_end = (struct node_list_end){ .total = row_i64(rows, 0, LIST_TOTAL_COLUMN), .more = more };
}

enum { LIST_ARGS = 8 };

/* One row more than asked for tells whether another page follows. */
static void list_args(const struct node_list_query *query, struct arg ret_args[LIST_ARGS])
{
	const struct arg args[LIST_ARGS] = { arg_text(query->user_id),   arg_text(query->node_id),
					     arg_text(query->after),     arg_i64(query->limit + 1),
					     arg_bool(query->config),    arg_bool(query->params),
					     arg_text(query->with_tags), arg_bool(query->details) };
	memcpy(ret_args, args, sizeof(args));
}

enum status store_node_list_for_user(struct store *store, const struct node_list_query *query, node_list_each *each,
				     void *context, struct node_list_end *ret_end, struct error *err)
{
	struct arg args[LIST_ARGS];
	list_args(query, args);
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_NODE_LIST_FOR_USER, args, ARRAY_LEN(args), &rows, err);
	if (st == STATUS_OK)
		give_list(rows, query, each, context, ret_end);
	return st;
}

enum status store_node_list_with_session(struct store *store, const char *session_id,
					 const struct node_list_query *query, struct session_access *ret_access,
					 node_list_each *each, void *context, struct node_list_end *ret_end,
					 struct error *err)
{
	const struct arg session_args[] = { arg_text(session_id), arg_text(NULL) };
	struct arg args[LIST_ARGS];
	list_args(query, args);
	const struct query_call calls[2] = { { QUERY_SESSION_ACCESS, session_args, ARRAY_LEN(session_args) },
					     { QUERY_NODE_LIST_FOR_USER, args, ARRAY_LEN(args) } };
	PGresult *both[2] = { NULL, NULL };
	enum status st = store_query_both(store, calls, both, err);
	CLEANUP(pg_result) PGresult *session = both[0];
	CLEANUP(pg_result) PGresult *rows = both[1];
	if (st == STATUS_OK)
		st = session_access_from_row(session, 0, ret_access, err);
	if (st != STATUS_OK)
		return st;
	if (strcmp(ret_access->user_id, query->user_id) != 0)
		return error_set(err, STATUS_NOT_FOUND, "the session is another user's");
	give_list(rows, query, each, context, ret_end);
	return STATUS_OK;
}

/* --- what users write on a node --- */

/* What does not fit is the caller's to tell: LIMIT tags, TOO_LARGE metadata. */
static enum status status_of_write(const char *said, struct error *err)
{
	if (strcmp(said, "ok") == 0)
		return STATUS_OK;
	if (strcmp(said, "unknown") == 0)
		return error_set(err, STATUS_NOT_FOUND, "node is not the user's");
	if (strcmp(said, "not_owned") == 0)
		return error_set(err, STATUS_DENIED, "node is only shared with the user");
	if (strcmp(said, "tags") == 0)
		return error_set(err, STATUS_LIMIT, "too many tags");
	if (strcmp(said, "metadata") == 0)
		return error_set(err, STATUS_TOO_LARGE, "too much metadata");
	return error_set(err, STATUS_INTERNAL, "node_write said '%s'", said);
}

enum status store_node_write(struct store *store, const char *user_id, const char *node_id,
			     const struct node_write *write, struct error *err)
{
	CLEANUP(column) struct column added;
	CLEANUP(column) struct column removed;
	column_init_texts(&added, write->added.tags, write->added.n);
	column_init_texts(&removed, write->removed.tags, write->removed.n);
	const struct arg args[] = { arg_text(user_id), arg_text(node_id), arg_column(&added), arg_column(&removed),
				    arg_text(write->metadata_json) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_NODE_WRITE, args, ARRAY_LEN(args), &rows, err);
	return st == STATUS_OK ? status_of_write(row_text(rows, 0, 0), err) : st;
}
