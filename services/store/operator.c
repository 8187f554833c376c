#include "store/operator.h"

#include "store/query.h"

enum status store_operator_lock_node(struct store *store, const char *node_id, struct error *err)
{
	const struct arg args[] = { arg_text(node_id) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_OPERATOR_LOCK_NODE, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (!row_bool(rows, 0, 0))
		return error_set(err, STATUS_CONFLICT, "somebody else is just adding node '%s'", node_id);
	return STATUS_OK;
}

/* One row about one node. */
static enum status query_node(struct store *store, enum query query, const char *node_id, const char *what,
			      PGresult **ret_rows, struct error *err)
{
	const struct arg args[] = { arg_text(node_id) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, query, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return error_set(err, STATUS_NOT_FOUND, "no %s '%s'", what, node_id);
	*ret_rows = STEAL(rows);
	return STATUS_OK;
}

static void put_column(const PGresult *rows, int column, struct buffer *out)
{
	buffer_put(out, PQgetvalue(rows, 0, column), (size_t)PQgetlength(rows, 0, column));
}

enum status store_operator_node_certificate(struct store *store, const char *node_id,
					    struct operator_certificate *ret_certificate, struct buffer *ret_pem,
					    struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = query_node(store, QUERY_OPERATOR_NODE_CERTIFICATE, node_id, "certificate of node", &rows, err);
	if (st != STATUS_OK)
		return st;
	struct operator_certificate certificate = { .not_before_us = row_i64(rows, 0, 1),
						    .not_after_us = row_i64(rows, 0, 2),
						    .issued_at_us = row_i64(rows, 0, 3) };
	if (!row_copy(rows, 0, 0, certificate.serial_hex, sizeof(certificate.serial_hex)))
		return error_set(err, STATUS_INTERNAL, "a serial is longer than its limit");
	*ret_certificate = certificate;
	put_column(rows, 4, ret_pem);
	return STATUS_OK;
}

enum status store_operator_node_detail(struct store *store, const char *node_id, int64_t *ret_config_received_at_us,
				       struct buffer *ret_devices_json, struct buffer *ret_users_json,
				       struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = query_node(store, QUERY_OPERATOR_NODE_DETAIL, node_id, "node", &rows, err);
	if (st != STATUS_OK)
		return st;
	*ret_config_received_at_us = row_i64(rows, 0, 0);
	put_column(rows, 1, ret_devices_json);
	put_column(rows, 2, ret_users_json);
	return STATUS_OK;
}

enum status store_operator_node_params(struct store *store, const char *node_id, struct buffer *ret_json,
				       struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = query_node(store, QUERY_OPERATOR_NODE_PARAMS, node_id, "node", &rows, err);
	if (st != STATUS_OK)
		return st;
	put_column(rows, 0, ret_json);
	return STATUS_OK;
}

enum status store_operator_migrations(struct store *store, operator_migration_each *each, void *context,
				      struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_OPERATOR_MIGRATIONS, NULL, 0, &rows, err);
	if (st != STATUS_OK)
		return st;
	for (int row = 0; row < PQntuples(rows); row++) {
		struct operator_migration migration = { .version = row_i64(rows, row, 0),
							.applied_at_us = row_i64(rows, row, 2) };
		if (!row_copy(rows, row, 1, migration.what, sizeof(migration.what)))
			return error_set(err, STATUS_INTERNAL, "a migration's name is longer than its limit");
		each(context, &migration);
	}
	return STATUS_OK;
}
