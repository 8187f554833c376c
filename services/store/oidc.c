#include "store/oidc.h"

#include <string.h>

#include "store/query.h"

static struct arg arg_optional(const char *text)
{
	return arg_text(text && *text ? text : NULL);
}

enum status store_oidc_begin(struct store *store, const unsigned char state_hash[OIDC_HASH_BYTES],
			     const unsigned char browser_hash[OIDC_HASH_BYTES], const struct oidc_app *app,
			     int64_t lifetime_s, int64_t n_max, struct error *err)
{
	const struct arg args[] = { arg_bytes(state_hash, OIDC_HASH_BYTES),
				    arg_bytes(browser_hash, OIDC_HASH_BYTES),
				    arg_text(app->return_url),
				    arg_optional(app->challenge),
				    arg_optional(app->state),
				    arg_i64(lifetime_s),
				    arg_i64(n_max) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_OIDC_BEGIN, args, ARRAY_LEN(args), &rows, err);
	if (st == STATUS_OK && PQntuples(rows) == 0)
		return error_set(err, STATUS_LIMIT, "too many sign-ins with the provider are under way");
	return st;
}

/* Column order: oidc_take_state in sql/queries/oidc.sql. */
enum status store_oidc_take_state(struct store *store, const unsigned char state_hash[OIDC_HASH_BYTES],
				  const unsigned char browser_hash[OIDC_HASH_BYTES], struct oidc_app *ret_app,
				  struct error *err)
{
	const struct arg args[] = { arg_bytes(state_hash, OIDC_HASH_BYTES), arg_bytes(browser_hash, OIDC_HASH_BYTES) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_OIDC_TAKE_STATE, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return error_set(err, STATUS_NOT_FOUND, "no such sign-in is under way in this browser");
	struct oidc_app app;
	if (!row_copy(rows, 0, 0, app.return_url, sizeof(app.return_url)) ||
	    !row_copy(rows, 0, 1, app.challenge, sizeof(app.challenge)) ||
	    !row_copy(rows, 0, 2, app.state, sizeof(app.state)))
		return error_set(err, STATUS_INTERNAL, "a column of oidc_state is longer than its limit");
	*ret_app = app;
	return STATUS_OK;
}

enum status store_oidc_sign_in(struct store *store, const struct oidc_identity *identity, const struct oidc_app *app,
			       const unsigned char code_hash[OIDC_HASH_BYTES], int64_t lifetime_s, struct error *err)
{
	const struct arg args[] = { arg_text(identity->issuer),
				    arg_text(identity->subject),
				    arg_text(identity->email),
				    arg_bool(identity->may_link),
				    arg_bytes(code_hash, OIDC_HASH_BYTES),
				    arg_text(app->return_url),
				    arg_optional(app->challenge),
				    arg_i64(lifetime_s) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_OIDC_SIGN_IN, args, ARRAY_LEN(args), &rows, err);
	if (st == STATUS_OK && strcmp(row_text(rows, 0, 0), "ok") != 0)
		return error_set(err, STATUS_CONFLICT, "the address belongs to an account that is not linked");
	return st;
}

/* Column order: oidc_take_code in sql/queries/oidc.sql. */
enum status store_oidc_take_code(struct store *store, const unsigned char code_hash[OIDC_HASH_BYTES],
				 const char *challenge, const char *return_url, struct oidc_user *ret_user,
				 struct error *err)
{
	const struct arg args[] = { arg_bytes(code_hash, OIDC_HASH_BYTES), arg_text(challenge), arg_text(return_url) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_OIDC_TAKE_CODE, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return error_set(err, STATUS_NOT_FOUND,
				 "the code is unknown, used or outdated, or not for this verifier");
	struct oidc_user user;
	if (!row_copy(rows, 0, 0, user.user_id, sizeof(user.user_id)) ||
	    !row_copy(rows, 0, 1, user.user_name, sizeof(user.user_name)))
		return error_set(err, STATUS_INTERNAL, "a column of account is longer than its limit");
	*ret_user = user;
	return STATUS_OK;
}
