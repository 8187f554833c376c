#include "store/key.h"

#include "store/query.h"

#define FIRST_ID "00000000-0000-0000-0000-000000000000"

static enum status column_too_long(struct error *err)
{
	return error_set(err, STATUS_INTERNAL, "a column of api_key is longer than its limit");
}

enum status store_key_new(struct store *store, const struct key_wish *wish, char ret_key_id[UUID_BYTES + 1],
			  int64_t *ret_expires_at_us, struct error *err)
{
	const struct arg args[] = {
		arg_text(wish->user_id), arg_text(wish->name),      arg_bytes(wish->hash, KEY_HASH_BYTES),
		arg_i64(wish->scopes),   arg_i64(wish->lifetime_s), arg_i64(KEYS_PER_USER_MAX)
	};
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_KEY_NEW, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return error_set(err, STATUS_CONFLICT, "the account has %d keys", KEYS_PER_USER_MAX);
	if (!row_copy(rows, 0, 0, ret_key_id, UUID_BYTES + 1))
		return column_too_long(err);
	*ret_expires_at_us = row_i64(rows, 0, 1);
	return STATUS_OK;
}

enum status store_key_revoke(struct store *store, const char *user_id, const char *key_id, struct error *err)
{
	const struct arg args[] = { arg_text(user_id), arg_text(key_id) };
	int64_t n_revoked = 0;
	enum status st = store_execute(store, QUERY_KEY_REVOKE, args, ARRAY_LEN(args), &n_revoked, err);
	if (st == STATUS_OK && n_revoked == 0)
		return error_set(err, STATUS_NOT_FOUND, "no such key");
	return st;
}

/* Column order: key_list in sql/queries/key.sql. */
static enum status key_from_row(const PGresult *rows, int row, struct key *ret_key, struct error *err)
{
	struct key key = { .scopes = (unsigned)row_i64(rows, row, 2),
			   .created_at_us = row_i64(rows, row, 3),
			   .expires_at_us = row_i64(rows, row, 4),
			   .last_used_at_us = row_i64(rows, row, 5),
			   .expired = row_bool(rows, row, 6) };
	if (!row_copy(rows, row, 0, key.id, sizeof(key.id)) || !row_copy(rows, row, 1, key.name, sizeof(key.name)))
		return column_too_long(err);
	*ret_key = key;
	return STATUS_OK;
}

enum status store_key_list(struct store *store, const char *user_id, const char *after, int64_t limit, key_each *each,
			   void *context, struct error *err)
{
	const struct arg args[] = { arg_text(user_id), arg_text(after ? after : FIRST_ID), arg_i64(limit) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_KEY_LIST, args, ARRAY_LEN(args), &rows, err);
	for (int row = 0; st == STATUS_OK && row < PQntuples(rows); row++) {
		struct key key;
		st = key_from_row(rows, row, &key, err);
		if (st == STATUS_OK)
			each(context, &key);
	}
	return st;
}

/* Column order: key_access and key_access_params in sql/queries/key.sql. */
static enum status query_access(struct store *store, enum query query, const unsigned char *hash, const char *node_id,
				struct session_access *ret_access, PGresult **ret_rows, struct error *err)
{
	const struct arg args[] = { arg_bytes(hash, KEY_HASH_BYTES), arg_text(node_id) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, query, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return error_set(err, STATUS_NOT_FOUND, "no such key lives");
	struct session_access access = { .node_role = node_role_read(row_text(rows, 0, 2)),
					 .by_key = true,
					 .scopes = (unsigned)row_i64(rows, 0, 3) };
	if (!account_role_read(row_text(rows, 0, 1), &access.role))
		return error_set(err, STATUS_INTERNAL, "an account has no known role");
	if (!row_copy(rows, 0, 0, access.user_id, sizeof(access.user_id)))
		return column_too_long(err);
	*ret_access = access;
	*ret_rows = STEAL(rows);
	return STATUS_OK;
}

enum status store_key_access(struct store *store, const unsigned char hash[KEY_HASH_BYTES], const char *node_id,
			     struct session_access *ret_access, struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	return query_access(store, QUERY_KEY_ACCESS, hash, node_id, ret_access, &rows, err);
}

enum status store_key_access_params(struct store *store, const unsigned char hash[KEY_HASH_BYTES], const char *node_id,
				    struct session_access *ret_access, struct buffer *ret_json, struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = query_access(store, QUERY_KEY_ACCESS_PARAMS, hash, node_id, ret_access, &rows, err);
	if (st == STATUS_OK && ret_access->node_role != NODE_ROLE_NONE)
		buffer_put(ret_json, PQgetvalue(rows, 0, 4), (size_t)PQgetlength(rows, 0, 4));
	return st;
}
