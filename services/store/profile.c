#include "store/profile.h"

#include <string.h>

#include "store/query.h"

static void take_text(const PGresult *rows, int column, struct buffer *out)
{
	buffer_put(out, PQgetvalue(rows, 0, column), (size_t)PQgetlength(rows, 0, column));
}

/* Column order: profile_get in sql/queries/profile.sql. */
enum status store_profile_get(struct store *store, const char *user_id, bool with_data, struct profile *ret_profile,
			      struct error *err)
{
	const struct arg args[] = { arg_text(user_id), arg_bool(with_data) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_PROFILE_GET, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return error_set(err, STATUS_NOT_FOUND, "no such user");
	struct profile profile = { .role = ROLE_USER };
	if (!row_copy(rows, 0, 0, profile.user_id, sizeof(profile.user_id)) ||
	    !row_copy(rows, 0, 1, profile.user_name, sizeof(profile.user_name)) ||
	    !row_copy(rows, 0, 2, profile.display_name, sizeof(profile.display_name)) ||
	    !account_role_read(row_text(rows, 0, 3), &profile.role) ||
	    !row_copy(rows, 0, 4, profile.locale, sizeof(profile.locale)))
		return error_set(err, STATUS_INTERNAL, "a column of account is not within its limit");
	take_text(rows, 5, &profile.tags);
	take_text(rows, 6, &profile.data);
	*ret_profile = profile;
	return STATUS_OK;
}

/* A constraint refuses only what is too much: the rest was checked before. */
static enum status changed(enum status st, int64_t n_changed, struct error *err)
{
	bool is_gone = st == STATUS_CONFLICT && strcmp(err->text, "account_data_user_id_fkey") == 0;
	if (is_gone || (st == STATUS_OK && n_changed == 0))
		return error_set(err, STATUS_NOT_FOUND, "no such user");
	if (st == STATUS_CONFLICT)
		return error_set(err, STATUS_TOO_LARGE, "more than an account may hold");
	return st;
}

enum status store_profile_change(struct store *store, const char *user_id, const struct profile_change *change,
				 struct error *err)
{
	const struct arg args[] = { arg_text(user_id), arg_text(change->display_name), arg_text(change->locale),
				    arg_text(change->tags_to_add), arg_text(change->tags_to_remove) };
	int64_t n_changed = 0;
	enum status st = store_execute(store, QUERY_PROFILE_CHANGE, args, ARRAY_LEN(args), &n_changed, err);
	return changed(st, n_changed, err);
}

enum status store_profile_merge_data(struct store *store, const char *user_id, const char *patch, struct error *err)
{
	const struct arg args[] = { arg_text(user_id), arg_text(patch) };
	int64_t n_changed = 0;
	enum status st = store_execute(store, QUERY_PROFILE_MERGE_DATA, args, ARRAY_LEN(args), &n_changed, err);
	return changed(st, n_changed, err);
}

void profile_done(struct profile *profile)
{
	buffer_done(&profile->tags);
	buffer_done(&profile->data);
}
