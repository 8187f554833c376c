#include "store/session.h"

#include "store/query.h"
#include "store/session_row.h"

static enum status column_too_long(struct error *err)
{
	return error_set(err, STATUS_INTERNAL, "a column of session is longer than its limit");
}

enum status store_session_new(struct store *store, const char *user_id, const unsigned char *refresh_hash,
			      size_t refresh_hash_len, int64_t lifetime_s, int64_t keep_max,
			      char ret_session_id[UUID_BYTES + 1], struct error *err)
{
	const struct arg args[] = { arg_text(user_id), arg_bytes(refresh_hash, refresh_hash_len), arg_i64(lifetime_s),
				    arg_i64(keep_max - 1) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_SESSION_NEW, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	return row_copy(rows, 0, 0, ret_session_id, UUID_BYTES + 1) ? STATUS_OK : column_too_long(err);
}

/* Column order: session_access and session_access_params in sql/queries/session.sql. */
enum status session_access_from_row(const PGresult *rows, struct session_access *ret_access, struct error *err)
{
	if (PQntuples(rows) == 0)
		return error_set(err, STATUS_NOT_FOUND, "the session has ended");
	struct session_access access = { .node_role = node_role_read(row_text(rows, 0, 2)) };
	if (!account_role_read(row_text(rows, 0, 1), &access.role))
		return error_set(err, STATUS_INTERNAL, "an account has no known role");
	if (!row_copy(rows, 0, 0, access.user_id, sizeof(access.user_id)))
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
		st = session_access_from_row(rows, ret_access, err);
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

/* Column order: session_refresh in sql/queries/session.sql. */
enum status store_session_refresh(struct store *store, const unsigned char *refresh_hash, size_t refresh_hash_len,
				  struct session_user *ret_user, struct error *err)
{
	const struct arg args[] = { arg_bytes(refresh_hash, refresh_hash_len) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_SESSION_REFRESH, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return error_set(err, STATUS_NOT_FOUND, "no live session has this refresh token");
	struct session_user user;
	if (!row_copy(rows, 0, 0, user.session_id, sizeof(user.session_id)) ||
	    !row_copy(rows, 0, 1, user.user_id, sizeof(user.user_id)) ||
	    !row_copy(rows, 0, 2, user.user_name, sizeof(user.user_name)))
		return column_too_long(err);
	*ret_user = user;
	return STATUS_OK;
}

enum status store_session_end(struct store *store, const char *user_id, const char *session_id, bool all,
			      struct error *err)
{
	const struct arg args[] = { arg_text(user_id), arg_text(session_id), arg_bool(all) };
	return store_execute(store, QUERY_SESSION_END, args, ARRAY_LEN(args), NULL, err);
}
