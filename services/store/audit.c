#include "store/audit.h"

#include <string.h>

#include "store/column.h"
#include "store/query.h"

enum status store_audit_note(struct store *store, const struct audit_note *note, struct error *err)
{
	const struct arg args[] = { arg_text(note->kind), arg_text(note->action), arg_text(note->object_kind),
				    arg_text(note->object_id), arg_text(note->reason) };
	return store_execute(store, QUERY_AUDIT_NOTE, args, ARRAY_LEN(args), NULL, err);
}

enum status store_audit_params_set(struct store *store, const char *const *node_ids, size_t n_nodes, struct error *err)
{
	struct column column;
	column_init(&column, COLUMN_TEXT);
	for (size_t i = 0; i < n_nodes; i++)
		column_put_text(&column, node_ids[i], strlen(node_ids[i]));
	const struct arg args[] = { arg_column(&column) };
	enum status st = store_execute(store, QUERY_AUDIT_PARAMS_SET, args, ARRAY_LEN(args), NULL, err);
	column_done(&column);
	return st;
}

static const char *text_or_null(const PGresult *rows, int row, int column)
{
	return PQgetisnull(rows, row, column) ? NULL : row_text(rows, row, column);
}

/* Column order: audit_list in sql/queries/audit.sql. */
static struct audit_event event_from_row(const PGresult *rows, int row)
{
	return (struct audit_event){
		.id = row_i64(rows, row, 0),
		.at_us = row_i64(rows, row, 1),
		.kind = row_text(rows, row, 2),
		.action = row_text(rows, row, 3),
		.user_id = text_or_null(rows, row, 4),
		.user_name = text_or_null(rows, row, 5),
		.via = row_text(rows, row, 6),
		.source = text_or_null(rows, row, 7),
		.request_id = text_or_null(rows, row, 8),
		.object_kind = row_text(rows, row, 9),
		.object_id = row_text(rows, row, 10),
		.detail_json = row_text(rows, row, 11),
	};
}

static struct arg arg_time_or_null(int64_t time_us)
{
	return time_us ? arg_time_us(time_us) : arg_text(NULL);
}

enum status store_audit_list(struct store *store, const struct audit_filter *filter, int64_t before, int64_t limit,
			     audit_each *each, void *context, struct error *err)
{
	const struct arg args[] = { arg_i64(before),
				    arg_i64(limit),
				    arg_text(filter->kind),
				    arg_text(filter->action),
				    arg_text(filter->user_id),
				    arg_text(filter->user_name),
				    arg_text(filter->object_kind),
				    arg_text(filter->object_id),
				    arg_time_or_null(filter->since_us),
				    arg_time_or_null(filter->until_us) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query_filtered(store, QUERY_AUDIT_LIST, args, ARRAY_LEN(args), &rows, err);
	for (int row = 0; st == STATUS_OK && row < PQntuples(rows); row++) {
		struct audit_event event = event_from_row(rows, row);
		each(context, &event);
	}
	return st;
}

enum status store_audit_prune(struct store *store, int64_t before_us, int64_t *ret_n_events, struct error *err)
{
	const struct arg args[] = { arg_time_us(before_us) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_AUDIT_PRUNE, args, ARRAY_LEN(args), &rows, err);
	if (st == STATUS_OK)
		*ret_n_events = row_i64(rows, 0, 0);
	return st;
}
