#include "store/sharing.h"

#include <string.h>

#include "model/limits.h"
#include "store/column.h"
#include "store/query.h"

/* Beyond any invitation, and within what a timestamptz holds. */
static const int64_t end_of_time_us = 253402300799000000; /* the year 9999 */

static const char *const kind_names[] = { [SHARING_NODES] = "node", [SHARING_GROUPS] = "group" };

/* What the functions answer: sql/migrations/0007_sharing.sql. */
static const char *const outcome_names[] = {
	[SHARING_DONE] = "ok",
	[SHARING_UNKNOWN] = "unknown",
	[SHARING_NOT_PRIMARY] = "not_primary",
	[SHARING_NOT_TOP] = "not_top",
	[SHARING_SELF] = "self",
	[SHARING_ALREADY] = "already",
	[SHARING_FULL] = "full",
	[SHARING_METADATA] = "metadata",
	[SHARING_PENDING_LIMIT] = "pending_limit",
	[SHARING_DAY_LIMIT] = "day_limit",
	[SHARING_SETTLED] = "settled",
	[SHARING_NOTHING] = "nothing",
	[SHARING_NOT_SHARED] = "not_shared",
	[SHARING_OTHER_PRIMARY] = "other_primary",
};

static enum status ask(struct store *store, enum query query, const struct arg *args, size_t n_args,
		       enum sharing_outcome *ret_outcome, struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, query, args, n_args, &rows, err);
	if (st != STATUS_OK)
		return st;
	const char *word = row_text(rows, 0, 0);
	for (size_t i = 0; i < ARRAY_LEN(outcome_names); i++) {
		if (strcmp(word, outcome_names[i]) == 0) {
			*ret_outcome = (enum sharing_outcome)i;
			return STATUS_OK;
		}
	}
	return error_set(err, STATUS_INTERNAL, "unknown outcome '%s' of sharing", word);
}

static void column_of(struct sharing_ids ids, struct column *ret_column)
{
	column_init(ret_column, COLUMN_TEXT);
	for (size_t i = 0; i < ids.n; i++)
		column_put_text(ret_column, ids.at[i], strlen(ids.at[i]));
}

enum status store_sharing_invite(struct store *store, const struct sharing_invitation *invitation,
				 enum sharing_outcome *ret_outcome, struct error *err)
{
	struct column ids;
	column_of(invitation->ids, &ids);
	const struct arg args[] = { arg_text(invitation->request_id),
				    arg_text(kind_names[invitation->kind]),
				    arg_text(invitation->from_user),
				    arg_text(invitation->to_name),
				    arg_column(&ids),
				    arg_bool(invitation->as_primary),
				    arg_bool(invitation->transfer),
				    arg_text(invitation->new_role),
				    arg_text(invitation->metadata),
				    arg_i64(invitation->lifetime_s),
				    arg_i64(SHARING_USERS_MAX),
				    arg_i64(SHARING_PENDING_MAX),
				    arg_i64(SHARING_DAY_MAX) };
	enum status st = ask(store, QUERY_SHARING_INVITE, args, ARRAY_LEN(args), ret_outcome, err);
	column_done(&ids);
	return st;
}

enum status store_sharing_answer(struct store *store, enum sharing_kind kind, const char *request_id,
				 const char *user_id, bool accepts, enum sharing_outcome *ret_outcome,
				 struct error *err)
{
	const struct arg args[] = { arg_text(request_id), arg_text(kind_names[kind]), arg_text(user_id),
				    arg_bool(accepts), arg_i64(SHARING_USERS_MAX) };
	return ask(store, QUERY_SHARING_ANSWER, args, ARRAY_LEN(args), ret_outcome, err);
}

enum status store_sharing_cancel(struct store *store, enum sharing_kind kind, const char *request_id,
				 const char *user_id, enum sharing_outcome *ret_outcome, struct error *err)
{
	const struct arg args[] = { arg_text(request_id), arg_text(kind_names[kind]), arg_text(user_id) };
	return ask(store, QUERY_SHARING_CANCEL, args, ARRAY_LEN(args), ret_outcome, err);
}

enum status store_sharing_remove(struct store *store, enum sharing_kind kind, const char *user_id,
				 struct sharing_ids ids, const char *user_name, enum sharing_outcome *ret_outcome,
				 struct error *err)
{
	struct column column;
	column_of(ids, &column);
	const struct arg args[] = { arg_text(kind_names[kind]), arg_text(user_id), arg_column(&column),
				    arg_text(user_name) };
	enum status st = ask(store, QUERY_SHARING_REMOVE, args, ARRAY_LEN(args), ret_outcome, err);
	column_done(&column);
	return st;
}

/* One row more than the page tells that another follows. */
static bool hand_over(const PGresult *rows, int64_t limit, struct sharing_entry (*entry_of)(const PGresult *, int),
		      sharing_each *each, void *context)
{
	int n_rows = PQntuples(rows);
	bool more = n_rows > limit;
	for (int row = 0; row < (more ? (int)limit : n_rows); row++) {
		const struct sharing_entry entry = entry_of(rows, row);
		each(context, &entry);
	}
	return more;
}

/* Column order: sharing_list_nodes and sharing_list_groups in sql/queries/sharing.sql. */
static struct sharing_entry shared_from_row(const PGresult *rows, int row)
{
	return (struct sharing_entry){ .id = row_text(rows, row, 0), .user_name = "", .json = row_text(rows, row, 1) };
}

enum status store_sharing_list(struct store *store, const struct sharing_list_query *query, sharing_each *each,
			       void *context, bool *ret_more, struct error *err)
{
	const struct arg args[] = { arg_text(query->user_id),      arg_text(query->id),
				    arg_text(query->after),        arg_i64(query->limit + 1),
				    arg_bool(query->metadata),     arg_bool(query->sub_groups),
				    arg_bool(query->parent_groups) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = query->kind == SHARING_NODES
				 ? store_query(store, QUERY_SHARING_LIST_NODES, args, 4, &rows, err)
				 : store_query(store, QUERY_SHARING_LIST_GROUPS, args, ARRAY_LEN(args), &rows, err);
	if (st == STATUS_OK)
		*ret_more = hand_over(rows, query->limit, shared_from_row, each, context);
	return st;
}

/* Column order: sharing_requests in sql/queries/sharing.sql. */
static struct sharing_entry request_from_row(const PGresult *rows, int row)
{
	return (struct sharing_entry){ .created_at_us = row_i64(rows, row, 0),
				       .id = row_text(rows, row, 1),
				       .user_name = row_text(rows, row, 2),
				       .json = row_text(rows, row, 3) };
}

enum status store_sharing_requests(struct store *store, const struct sharing_requests_query *query, sharing_each *each,
				   void *context, bool *ret_more, struct error *err)
{
	int64_t before_us = query->before_us < end_of_time_us ? query->before_us : end_of_time_us;
	const struct arg args[] = { arg_text(query->user_id),    arg_text(kind_names[query->kind]),
				    arg_bool(query->sent),       arg_bool(query->received),
				    arg_text(query->request_id), arg_i64(before_us),
				    arg_text(query->before_id),  arg_i64(query->limit + 1) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_SHARING_REQUESTS, args, ARRAY_LEN(args), &rows, err);
	if (st == STATUS_OK)
		*ret_more = hand_over(rows, query->limit, request_from_row, each, context);
	return st;
}
