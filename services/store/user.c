#include "store/user.h"

#include <string.h>

#include "store/query.h"

enum status store_user_sign_up(struct store *store, const struct user_sign_up *sign_up, bool *ret_was_confirmed,
			       struct error *err)
{
	const struct arg stale[] = { arg_i64(USER_STALE_PER_SIGN_UP) };
	enum status st = store_execute(store, QUERY_USER_FORGET_STALE, stale, ARRAY_LEN(stale), NULL, err);
	if (st != STATUS_OK)
		return st;
	const struct arg args[] = {
		arg_text(sign_up->user_name),      arg_bytes(sign_up->code_hash, sign_up->code_hash_len),
		arg_text(sign_up->password_hash),  arg_i64(sign_up->code_tries),
		arg_i64(sign_up->code_lifetime_s), arg_text(sign_up->locale)
	};
	CLEANUP(pg_result) PGresult *rows = NULL;
	st = store_query(store, QUERY_USER_SIGN_UP, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	*ret_was_confirmed = row_bool(rows, 0, 0);
	return STATUS_OK;
}

/* A statement that says whether the code was right. */
static enum status spend(struct store *store, enum query query, const struct arg *args, size_t n_args,
			 struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, query, args, n_args, &rows, err);
	if (st != STATUS_OK)
		return st;
	return row_bool(rows, 0, 0) ? STATUS_OK : error_set(err, STATUS_NOT_FOUND, "no live code, or not this one");
}

enum status store_user_confirm(struct store *store, const char *user_name, const unsigned char *code_hash,
			       size_t code_hash_len, struct error *err)
{
	const struct arg args[] = { arg_text(user_name), arg_bytes(code_hash, code_hash_len) };
	return spend(store, QUERY_USER_CONFIRM, args, ARRAY_LEN(args), err);
}

enum status store_user_send_code(struct store *store, const struct user_code *code, bool *ret_is_known,
				 struct error *err)
{
	const struct arg args[] = { arg_text(code->user_name), arg_text(code->purpose),
				    arg_bytes(code->hash, code->hash_len), arg_i64(code->tries),
				    arg_i64(code->lifetime_s) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_USER_SEND_CODE, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	*ret_is_known = row_bool(rows, 0, 0);
	return STATUS_OK;
}

enum status store_user_reset(struct store *store, const char *user_name, const unsigned char *code_hash,
			     size_t code_hash_len, const char *password_hash, struct error *err)
{
	const struct arg args[] = { arg_text(user_name), arg_bytes(code_hash, code_hash_len), arg_text(password_hash) };
	return spend(store, QUERY_USER_RESET, args, ARRAY_LEN(args), err);
}

enum status store_user_change_password(struct store *store, const char *user_id, const char *session_id,
				       const char *old_hash, const char *new_hash, struct error *err)
{
	const struct arg args[] = { arg_text(user_id), arg_text(session_id), arg_text(old_hash), arg_text(new_hash) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_USER_CHANGE_PASSWORD, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	return row_bool(rows, 0, 0) ? STATUS_OK
				    : error_set(err, STATUS_CONFLICT, "the password or the session is no more");
}

enum status store_user_delete(struct store *store, const char *user_name, const unsigned char *code_hash,
			      size_t code_hash_len, struct error *err)
{
	const struct arg args[] = { arg_text(user_name), arg_bytes(code_hash, code_hash_len) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_USER_DELETE, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	const char *outcome = row_text(rows, 0, 0);
	if (strcmp(outcome, "last_admin") == 0)
		return error_set(err, STATUS_CONFLICT, "the last administrator");
	return strcmp(outcome, "ok") == 0 ? STATUS_OK
					  : error_set(err, STATUS_NOT_FOUND, "no live code, or not this one");
}

enum status store_user_event(struct store *store, const char *user_name, const char *action, struct error *err)
{
	const struct arg args[] = { arg_text(user_name), arg_text(action) };
	return store_execute(store, QUERY_USER_EVENT, args, ARRAY_LEN(args), NULL, err);
}

enum status store_user_add(struct store *store, const char *user_name, const char *password_hash, bool super_admin,
			   char ret_user_id[UUID_BYTES + 1], struct error *err)
{
	const struct arg args[] = { arg_text(user_name), arg_text(password_hash), arg_bool(super_admin) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_USER_ADD, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return error_set(err, STATUS_CONFLICT, "there is a user '%s' already", user_name);
	if (!row_copy(rows, 0, 0, ret_user_id, UUID_BYTES + 1))
		return error_set(err, STATUS_INTERNAL, "a user id is longer than a UUID");
	return STATUS_OK;
}

enum status store_user_login(struct store *store, const char *user_name, struct user_login *ret_login,
			     struct error *err)
{
	const struct arg args[] = { arg_text(user_name) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_USER_LOGIN, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return error_set(err, STATUS_NOT_FOUND, "no such user");
	struct user_login login = { .confirmed = row_bool(rows, 0, 1) };
	if (!row_copy(rows, 0, 0, login.id, sizeof(login.id)) ||
	    !row_copy(rows, 0, 2, login.password_hash, sizeof(login.password_hash)))
		return error_set(err, STATUS_INTERNAL, "a column of account is longer than its limit");
	*ret_login = login;
	return STATUS_OK;
}

/* Column order: user_by_id and user_list in sql/queries/user.sql. */
static enum status user_from_row(const PGresult *rows, int row, struct user *ret_user, struct error *err)
{
	struct user user = { .super_admin = row_bool(rows, row, 3),
			     .confirmed = row_bool(rows, row, 4),
			     .created_at_us = row_i64(rows, row, 5),
			     .n_nodes = row_i64(rows, row, 6) };
	if (!row_copy(rows, row, 0, user.id, sizeof(user.id)) ||
	    !row_copy(rows, row, 1, user.name, sizeof(user.name)) ||
	    !row_copy(rows, row, 2, user.display_name, sizeof(user.display_name)))
		return error_set(err, STATUS_INTERNAL, "a column of account is longer than its limit");
	*ret_user = user;
	return STATUS_OK;
}

enum status store_user_get(struct store *store, const char *user_id, struct user *ret_user, struct error *err)
{
	const struct arg args[] = { arg_text(user_id) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_USER_BY_ID, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return error_set(err, STATUS_NOT_FOUND, "no such user");
	return user_from_row(rows, 0, ret_user, err);
}

enum status store_user_list(struct store *store, const char *after, int64_t limit, user_each *each, void *context,
			    struct error *err)
{
	const struct arg args[] = { arg_text(after), arg_i64(limit) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_USER_LIST, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	for (int row = 0; row < PQntuples(rows); row++) {
		struct user user;
		st = user_from_row(rows, row, &user, err);
		if (st != STATUS_OK)
			return st;
		each(context, &user);
	}
	return STATUS_OK;
}
