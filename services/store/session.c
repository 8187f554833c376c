#include "store/session.h"

#include <string.h>

#include "store/column.h"
#include "store/query.h"
#include "store/session_row.h"

static enum status column_too_long(struct error *err)
{
	return error_set(err, STATUS_INTERNAL, "a column of session is longer than its limit");
}

enum status store_session_open(struct store *store, const struct session_start *start,
			       char ret_session_id[UUID_BYTES + 1], struct error *err)
{
	const struct arg args[] = { arg_text(start->user_id),
				    arg_text(start->password_hash),
				    arg_bytes(start->refresh_hash, start->refresh_hash_len),
				    arg_i64(start->lifetime_s),
				    arg_i64(start->keep_max),
				    arg_text(start->source),
				    arg_text(start->client) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_SESSION_OPEN, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (row_text(rows, 0, 0)[0] == '\0')
		return error_set(err, STATUS_NOT_FOUND, "the account or the password is no more");
	return row_copy(rows, 0, 0, ret_session_id, UUID_BYTES + 1) ? STATUS_OK : column_too_long(err);
}

/* Column order: session_access, session_access_params and the like of many in sql/queries/session.sql. */
enum status session_access_from_row(const PGresult *rows, int row, struct session_access *ret_access, struct error *err)
{
	if (row >= PQntuples(rows) || PQgetisnull(rows, row, 0))
		return error_set(err, STATUS_NOT_FOUND, "the session has ended");
	struct session_access access = { .node_role = node_role_read(row_text(rows, row, 2)) };
	if (!account_role_read(row_text(rows, row, 1), &access.role))
		return error_set(err, STATUS_INTERNAL, "an account has no known role");
	if (!row_copy(rows, row, 0, access.user_id, sizeof(access.user_id)))
		return column_too_long(err);
	*ret_access = access;
	return STATUS_OK;
}

static enum status query_access(struct store *store, enum query query, const char *session_id, const char *node_id,
				struct session_access *ret_access, PGresult **ret_rows, struct error *err)
{
	const struct arg args[] = { arg_text(session_id), arg_text(node_id) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, query, args, ARRAY_LEN(args), &rows, err);
	if (st == STATUS_OK)
		st = session_access_from_row(rows, 0, ret_access, err);
	if (st == STATUS_OK)
		*ret_rows = STEAL(rows);
	return st;
}

enum status store_session_access(struct store *store, const char *session_id, const char *node_id,
				 struct session_access *ret_access, struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	return query_access(store, QUERY_SESSION_ACCESS, session_id, node_id, ret_access, &rows, err);
}

enum status store_session_access_params(struct store *store, const char *session_id, const char *node_id,
					struct session_access *ret_access, struct buffer *ret_json, struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = query_access(store, QUERY_SESSION_ACCESS_PARAMS, session_id, node_id, ret_access, &rows, err);
	if (st == STATUS_OK && ret_access->node_role != NODE_ROLE_NONE)
		buffer_put(ret_json, PQgetvalue(rows, 0, 3), (size_t)PQgetlength(rows, 0, 3));
	return st;
}

enum status store_session_access_params_of_many(struct store *store, struct session_params_ask *asks, size_t n_asks,
						struct error *err)
{
	CLEANUP(column) struct column session_ids;
	CLEANUP(column) struct column node_ids;
	column_init(&session_ids, COLUMN_TEXT);
	column_init(&node_ids, COLUMN_TEXT);
	for (size_t i = 0; i < n_asks; i++) {
		column_put_text(&session_ids, asks[i].session_id, strlen(asks[i].session_id));
		column_put_text(&node_ids, asks[i].node_id, strlen(asks[i].node_id));
	}
	const struct arg args[] = { arg_column(&session_ids), arg_column(&node_ids) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_SESSION_ACCESS_PARAMS_OF_MANY, args, ARRAY_LEN(args), &rows, err);
	for (size_t i = 0; st == STATUS_OK && i < n_asks; i++) {
		struct session_params_ask *ask = &asks[i];
		ask->status = session_access_from_row(rows, (int)i, &ask->access, NULL);
		if (ask->status == STATUS_OK && ask->access.node_role != NODE_ROLE_NONE)
			buffer_put(ask->json, PQgetvalue(rows, (int)i, 3), (size_t)PQgetlength(rows, (int)i, 3));
	}
	return st;
}

static bool read_refresh(const char *word, enum session_refresh *ret_refresh)
{
	static const char *const words[] = { "ok", "unknown", "ended", "stolen" };
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(word, words[i]) != 0)
			continue;
		*ret_refresh = (enum session_refresh)i;
		return true;
	}
	return false;
}

/* Column order: session_refresh in sql/queries/session.sql. */
enum status store_session_refresh(struct store *store, const unsigned char *refresh_hash, size_t refresh_hash_len,
				  const char *source, struct session_networks networks,
				  enum session_refresh *ret_refresh, struct session_user *ret_user, struct error *err)
{
	const struct arg args[] = { arg_bytes(refresh_hash, refresh_hash_len), arg_text(source), arg_i64(networks.max),
				    arg_i64(networks.window_s) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_SESSION_REFRESH, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	struct session_user user;
	if (!row_copy(rows, 0, 1, user.session_id, sizeof(user.session_id)) ||
	    !row_copy(rows, 0, 2, user.user_id, sizeof(user.user_id)) ||
	    !row_copy(rows, 0, 3, user.user_name, sizeof(user.user_name)))
		return column_too_long(err);
	if (!read_refresh(row_text(rows, 0, 0), ret_refresh))
		return error_set(err, STATUS_INTERNAL, "a refresh has no known outcome");
	*ret_user = user;
	return STATUS_OK;
}

static const char *end_reason(enum session_end why)
{
	switch (why) {
	case SESSION_END_LOGOUT: return "logout";
	case SESSION_END_REVOKED: break;
	}
	return "revoked";
}

enum status store_session_end(struct store *store, const char *user_id, const char *session_id, bool all,
			      enum session_end why, struct error *err)
{
	const struct arg args[] = { arg_text(user_id), arg_text(session_id), arg_bool(all), arg_text(end_reason(why)) };
	int64_t n_ended = 0;
	enum status st = store_execute(store, QUERY_SESSION_END, args, ARRAY_LEN(args), &n_ended, err);
	if (st != STATUS_OK)
		return st;
	return n_ended > 0 ? STATUS_OK : error_set(err, STATUS_NOT_FOUND, "no such live session");
}

/* Column order: session_list in sql/queries/session.sql. */
static enum status session_from_row(const PGresult *rows, int row, struct session *ret_session, struct error *err)
{
	struct session session = { .created_at_us = row_i64(rows, row, 1),
				   .last_used_at_us = row_i64(rows, row, 2),
				   .expires_at_us = row_i64(rows, row, 3) };
	if (!row_copy(rows, row, 0, session.id, sizeof(session.id)) ||
	    !row_copy(rows, row, 4, session.source, sizeof(session.source)) ||
	    !row_copy(rows, row, 5, session.client, sizeof(session.client)))
		return column_too_long(err);
	*ret_session = session;
	return STATUS_OK;
}

enum status store_session_list(struct store *store, const char *user_id, const char *after, int64_t limit,
			       session_each *each, void *context, struct error *err)
{
	const struct arg args[] = { arg_text(user_id), arg_text(after), arg_i64(limit) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_SESSION_LIST, args, ARRAY_LEN(args), &rows, err);
	for (int row = 0; st == STATUS_OK && row < PQntuples(rows); row++) {
		struct session session;
		st = session_from_row(rows, row, &session, err);
		if (st == STATUS_OK)
			each(context, &session);
	}
	return st;
}

enum status store_session_knows_network(struct store *store, const char *user_name, const char *source, bool *ret_knows,
					struct error *err)
{
	const struct arg args[] = { arg_text(user_name), arg_text(source) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_SESSION_KNOWS_NETWORK, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	*ret_knows = row_bool(rows, 0, 0);
	return STATUS_OK;
}
