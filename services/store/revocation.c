#include "store/revocation.h"

#include "store/query.h"

enum status store_revocation_look(struct store *store, const char *broker, struct revocation_look *ret_look,
				  struct error *err)
{
	const struct arg args[] = { arg_text(broker) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_REVOCATION_LOOK, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	struct revocation_look look = { .n_said = 0 };
	if (PQntuples(rows) != 1 || !row_copy(rows, 0, 0, look.wanted.epoch, sizeof(look.wanted.epoch)) ||
	    !row_copy(rows, 0, 2, look.said.epoch, sizeof(look.said.epoch)))
		return error_set(err, STATUS_INTERNAL, "revocation_state has no row, or an epoch is too long");
	look.wanted.version = row_i64(rows, 0, 1);
	look.said.version = row_i64(rows, 0, 3);
	look.n_said = row_i64(rows, 0, 4);
	*ret_look = look;
	return STATUS_OK;
}

/* Column order: revocation_changes and revocation_set. */
static enum status read_rows(struct store *store, enum query query, const struct arg *args, size_t n_args,
			     revocation_each *each, void *context, struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, query, args, n_args, &rows, err);
	if (st != STATUS_OK)
		return st;
	for (int row = 0; row < PQntuples(rows); row++) {
		const struct revocation_row read = { .is_node = row_bool(rows, row, 0),
						     .value = row_text(rows, row, 1),
						     .node_id = row_text(rows, row, 2),
						     .word = row_text(rows, row, 3),
						     .lifted = row_bool(rows, row, 4),
						     .version = row_i64(rows, row, 5) };
		each(context, &read);
	}
	return STATUS_OK;
}

enum status store_revocation_changes(struct store *store, int64_t after, int64_t up_to, size_t limit,
				     revocation_each *each, void *context, struct error *err)
{
	const struct arg args[] = { arg_i64(after), arg_i64(up_to), arg_i64((int64_t)limit) };
	return read_rows(store, QUERY_REVOCATION_CHANGES, args, ARRAY_LEN(args), each, context, err);
}

enum status store_revocation_set(struct store *store, int64_t after, size_t limit, revocation_each *each, void *context,
				 struct error *err)
{
	const struct arg args[] = { arg_i64(after), arg_i64((int64_t)limit) };
	return read_rows(store, QUERY_REVOCATION_SET, args, ARRAY_LEN(args), each, context, err);
}

enum status store_revocation_prune(struct store *store, int64_t *ret_n, struct error *err)
{
	return store_execute(store, QUERY_REVOCATION_PRUNE, NULL, 0, ret_n, err);
}
