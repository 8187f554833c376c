#include "store/admin_user.h"

#include "store/query.h"

static enum status no_user(const char *user_name, struct error *err)
{
	return error_set(err, STATUS_NOT_FOUND, "no user '%s'", user_name);
}

enum status store_admin_user_list(struct store *store, const char *user_name, const char *after, int64_t limit,
				  admin_user_each *each, void *context, struct error *err)
{
	const struct arg args[] = { arg_text(after), arg_i64(limit), arg_text(user_name) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_ADMIN_USER_LIST, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	for (int row = 0; row < PQntuples(rows); row++) {
		struct admin_user user = { .id = row_text(rows, row, 0),
					   .name = row_text(rows, row, 1),
					   .display_name = row_text(rows, row, 2),
					   .confirmed = row_bool(rows, row, 4),
					   .created_at_us = row_i64(rows, row, 5),
					   .n_nodes = row_i64(rows, row, 6) };
		if (!account_role_read(row_text(rows, row, 3), &user.role))
			return error_set(err, STATUS_INTERNAL, "an account has no known role");
		each(context, &user);
	}
	return STATUS_OK;
}

enum status store_admin_user_nodes(struct store *store, const char *user_name, const char *after, int64_t limit,
				   admin_user_node_each *each, void *context, struct error *err)
{
	const struct arg args[] = { arg_text(user_name), arg_text(after), arg_i64(limit) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_ADMIN_USER_NODES, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return no_user(user_name, err);
	for (int row = 0; row < PQntuples(rows); row++) {
		const struct admin_user_node node = { .node_id = row_text(rows, row, 0),
						      .role = row_text(rows, row, 1),
						      .since_us = row_i64(rows, row, 2) };
		if (*node.node_id)
			each(context, &node);
	}
	return STATUS_OK;
}

/* A statement that gives the id of the one account that it found. */
static enum status query_one(struct store *store, enum query query, const struct arg *args, size_t n_args,
			     const char *user_name, char ret_user_id[UUID_BYTES + 1], struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, query, args, n_args, &rows, err);
	if (st == STATUS_CONFLICT)
		return error_set(err, STATUS_CONFLICT, "'%s' is the last administrator", user_name);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return no_user(user_name, err);
	if (!row_copy(rows, 0, 0, ret_user_id, UUID_BYTES + 1))
		return error_set(err, STATUS_INTERNAL, "a user id is longer than a UUID");
	return STATUS_OK;
}

enum status store_admin_user_set_role(struct store *store, const char *user_name, enum account_role role,
				      char ret_user_id[UUID_BYTES + 1], struct error *err)
{
	const struct arg args[] = { arg_text(user_name), arg_text(account_role_name(role)) };
	return query_one(store, QUERY_ADMIN_USER_ROLE, args, ARRAY_LEN(args), user_name, ret_user_id, err);
}

enum status store_admin_user_delete(struct store *store, const char *user_name, char ret_user_id[UUID_BYTES + 1],
				    struct error *err)
{
	const struct arg args[] = { arg_text(user_name) };
	return query_one(store, QUERY_ADMIN_USER_DELETE, args, ARRAY_LEN(args), user_name, ret_user_id, err);
}
