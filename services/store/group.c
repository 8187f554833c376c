#include "store/group.h"

#include <stdlib.h>
#include <string.h>

#include "store/column.h"
#include "store/query.h"

/* --- to do --- */

static const char *const words[N_GROUP_WORDS] = {
	[GROUP_DONE] = "ok",
	[GROUP_UNKNOWN] = "unknown",
	[GROUP_NOT_PRIMARY] = "not_primary",
	[GROUP_NO_NODE] = "no_node",
	[GROUP_GROUPS_LIMIT] = "groups_limit",
	[GROUP_NODES_LIMIT] = "nodes_limit",
	[GROUP_TOO_DEEP] = "depth",
	[GROUP_CYCLE] = "cycle",
	[GROUP_DATA_TOO_LARGE] = "too_large",
	[GROUP_NOT_SHARED] = "not_shared",
	[GROUP_OTHER_PRIMARY] = "other_primary",
	[GROUP_LAST_PRIMARY] = "last_primary",
	[GROUP_BY_PARENT] = "by_parent",
};

static enum status call(struct store *store, enum query query, const struct arg *args, size_t n_args,
			enum group_word *ret_word, struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, query, args, n_args, &rows, err);
	if (st != STATUS_OK)
		return st;
	for (enum group_word word = GROUP_DONE; word < N_GROUP_WORDS; word++) {
		if (strcmp(words[word], row_text(rows, 0, 0)) == 0) {
			*ret_word = word;
			return STATUS_OK;
		}
	}
	return error_set(err, STATUS_INTERNAL, "the database said '%s'", row_text(rows, 0, 0));
}

enum status store_group_make(struct store *store, const char *user_id, const char *group_id,
			     const struct group_change *with, enum group_word *ret_word, struct error *err)
{
	CLEANUP(column) struct column nodes;
	column_init_texts(&nodes, with->added.ids, with->added.n);
	const struct arg args[] = { arg_text(user_id),           arg_text(group_id), arg_text(with->parent_id),
				    arg_text(with->fields_json), arg_column(&nodes), arg_i64(GROUPS_PER_USER_MAX),
				    arg_i64(NODES_PER_GROUP_MAX) };
	return call(store, QUERY_GROUP_MAKE, args, ARRAY_LEN(args), ret_word, err);
}

enum status store_group_change(struct store *store, const char *user_id, const char *group_id,
			       const struct group_change *change, enum group_word *ret_word, struct error *err)
{
	CLEANUP(column) struct column added;
	CLEANUP(column) struct column removed;
	column_init_texts(&added, change->added.ids, change->added.n);
	column_init_texts(&removed, change->removed.ids, change->removed.n);
	const struct arg args[] = { arg_text(user_id),       arg_text(group_id),          arg_text(change->fields_json),
				    arg_bool(change->moves), arg_text(change->parent_id), arg_column(&added),
				    arg_column(&removed),    arg_i64(NODES_PER_GROUP_MAX) };
	return call(store, QUERY_GROUP_CHANGE, args, ARRAY_LEN(args), ret_word, err);
}

enum status store_group_delete(struct store *store, const char *user_id, const char *group_id,
			       enum group_word *ret_word, struct error *err)
{
	const struct arg args[] = { arg_text(user_id), arg_text(group_id) };
	return call(store, QUERY_GROUP_DELETE, args, ARRAY_LEN(args), ret_word, err);
}

enum status store_group_leave(struct store *store, const char *user_id, const char *group_id, enum group_word *ret_word,
			      struct error *err)
{
	const struct arg args[] = { arg_text(user_id), arg_text(group_id) };
	return call(store, QUERY_GROUP_LEAVE, args, ARRAY_LEN(args), ret_word, err);
}

enum status store_group_unshare(struct store *store, const char *user_id, const char *group_id, const char *user_name,
				enum group_word *ret_word, struct error *err)
{
	const struct arg args[] = { arg_text(user_id), arg_text(group_id), arg_text(user_name) };
	return call(store, QUERY_GROUP_UNSHARE, args, ARRAY_LEN(args), ret_word, err);
}

/* --- to see --- */

struct group_page {
	PGresult *rows;
	size_t n_rows;
};

/* Column order: group_list in sql/queries/group.sql. */
enum { LIST_TOTAL_COLUMN = 12 };

static struct group group_from_row(const PGresult *rows, int row)
{
	return (struct group){
		.group_id = row_text(rows, row, 0),
		.level = row_i64(rows, row, 1),
		.name = row_text(rows, row, 2),
		.type = row_text(rows, row, 3),
		.description = row_text(rows, row, 4),
		.mutually_exclusive = row_bool(rows, row, 5),
		.custom_data_json = row_text(rows, row, 6),
		.metadata_json = row_text(rows, row, 7),
		.parent_id = row_text(rows, row, 8),
		.is_primary = strcmp(row_text(rows, row, 9), "primary") == 0,
		.n_nodes = row_i64(rows, row, 10),
		.nodes_json = row_text(rows, row, 11),
	};
}

enum status store_group_list(struct store *store, const struct group_query *query, struct group_page **ret_page,
			     struct error *err)
{
	const struct arg args[] = { arg_text(query->user_id), arg_text(query->group_id), arg_text(query->group_name),
				    arg_text(query->after),   arg_i64(query->limit + 1), arg_bool(query->sub_groups),
				    arg_bool(query->nodes) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_GROUP_LIST, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	struct group_page *page = calloc(1, sizeof(*page));
	if (!page)
		abort();
	page->n_rows = PQgetisnull(rows, 0, 0) ? 0 : (size_t)PQntuples(rows);
	page->rows = STEAL(rows);
	*ret_page = page;
	return STATUS_OK;
}

void group_page_free(struct group_page *page)
{
	if (!page)
		return;
	PQclear(page->rows);
	free(page);
}

size_t group_page_rows(const struct group_page *page)
{
	return page->n_rows;
}

int64_t group_page_total(const struct group_page *page)
{
	return row_i64(page->rows, 0, LIST_TOTAL_COLUMN);
}

struct group group_page_row(const struct group_page *page, size_t row)
{
	return group_from_row(page->rows, (int)row);
}

/* Column order: group_nodes in sql/queries/group.sql. */
static struct node_list_entry node_from_row(const PGresult *rows, int row)
{
	return (struct node_list_entry){
		.node_id = row_text(rows, row, 1),
		.role = row_text(rows, row, 2),
		.mapped_at_us = row_i64(rows, row, 3),
		.connected = row_bool(rows, row, 4),
		.presence_at_us = row_i64(rows, row, 5),
		.config_json = PQgetisnull(rows, row, 6) ? NULL : row_text(rows, row, 6),
		.params_json = row_text(rows, row, 7),
		.tags_json = row_text(rows, row, 8),
		.metadata_json = row_text(rows, row, 9),
	};
}

enum status store_group_nodes(struct store *store, const char *user_id, const struct group_page *page, size_t n_rows,
			      group_nodes_each *each, void *context, struct error *err)
{
	CLEANUP(column) struct column ids;
	column_init(&ids, COLUMN_TEXT);
	for (size_t row = 0; row < n_rows; row++) {
		const char *group_id = row_text(page->rows, (int)row, 0);
		column_put_text(&ids, group_id, strlen(group_id));
	}
	const struct arg args[] = { arg_text(user_id), arg_column(&ids) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_GROUP_NODES, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	for (int row = 0; row < PQntuples(rows); row++) {
		struct node_list_entry entry = node_from_row(rows, row);
		each(context, (size_t)row_i64(rows, row, 0) - 1, &entry);
	}
	return STATUS_OK;
}
