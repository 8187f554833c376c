#include "store/broker.h"

#include <string.h>

#include "store/query.h"

/* Columns: broker_list in sql/queries/broker.sql. */
static enum status broker_from_row(const PGresult *rows, int row, struct broker_row *ret_row, struct error *err)
{
	struct broker_row broker = { .service_port = (int)row_i64(rows, row, 3),
				     .active = strcmp(row_text(rows, row, 4), "active") == 0,
				     .lost_at_us = row_i64(rows, row, 5) };
	if (!row_copy(rows, row, 0, broker.name, sizeof(broker.name)) ||
	    !row_copy(rows, row, 1, broker.mqtt_host, sizeof(broker.mqtt_host)) ||
	    !row_copy(rows, row, 2, broker.service_host, sizeof(broker.service_host)))
		return error_set(err, STATUS_INTERNAL, "a column of broker is longer than its limit");
	*ret_row = broker;
	return STATUS_OK;
}

enum status store_broker_list(struct store *store, struct broker_row ret_rows[BROKERS_MAX], size_t *ret_n,
			      struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_BROKER_LIST, NULL, 0, &rows, err);
	int n = st == STATUS_OK ? PQntuples(rows) : 0;
	if (n > BROKERS_MAX)
		n = BROKERS_MAX;
	for (int row = 0; st == STATUS_OK && row < n; row++)
		st = broker_from_row(rows, row, &ret_rows[row], err);
	if (st == STATUS_OK)
		*ret_n = (size_t)n;
	return st;
}

enum status store_broker_get(struct store *store, const char *name, struct broker_row *ret_row, struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_BROKER_LIST, NULL, 0, &rows, err);
	if (st != STATUS_OK)
		return st;
	for (int row = 0; row < PQntuples(rows); row++) {
		if (strcmp(row_text(rows, row, 0), name) == 0)
			return broker_from_row(rows, row, ret_row, err);
	}
	return error_set(err, STATUS_NOT_FOUND, "no broker '%s'; 'cistern broker add' makes one", name);
}

enum status store_broker_put_main(struct store *store, const char *mqtt_host, const char *service_host,
				  int service_port, struct error *err)
{
	const struct arg args[] = { arg_text(mqtt_host), arg_text(service_host), arg_i64(service_port) };
	return store_execute(store, QUERY_BROKER_PUT_MAIN, args, ARRAY_LEN(args), NULL, err);
}

/* The function's word; a constraint names what it refuses, so the person who gave the value learns which. */
static enum status ask(struct store *store, enum query query, const struct arg *args, size_t n_args, char ret_word[16],
		       struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, query, args, n_args, &rows, err);
	if (st == STATUS_CONFLICT)
		err->status = STATUS_INVALID;
	if (st != STATUS_OK)
		return st == STATUS_CONFLICT ? STATUS_INVALID : st;
	return row_copy(rows, 0, 0, ret_word, 16) ? STATUS_OK
						  : error_set(err, STATUS_INTERNAL, "an unknown word about a broker");
}

enum status store_broker_add(struct store *store, const struct broker_row *row, struct error *err)
{
	const struct arg args[] = { arg_text(row->name), arg_text(row->mqtt_host), arg_text(row->service_host),
				    arg_i64(row->service_port) };
	char word[16];
	enum status st = ask(store, QUERY_BROKER_ADD, args, ARRAY_LEN(args), word, err);
	if (st == STATUS_OK && strcmp(word, "t") != 0)
		return error_set(err, STATUS_CONFLICT, "there is a broker '%s'", row->name);
	return st;
}

static enum status status_of(const char *word, const char *name, struct error *err)
{
	if (strcmp(word, "no_broker") == 0)
		return error_set(err, STATUS_NOT_FOUND, "no broker '%s'", name);
	if (strcmp(word, "last") == 0)
		return error_set(err, STATUS_CONFLICT, "'%s' is the only active broker", name);
	if (strcmp(word, "connected") == 0)
		return error_set(err, STATUS_CONFLICT, "nodes are connected to '%s'", name);
	return STATUS_OK;
}

enum status store_broker_drain(struct store *store, const char *name, struct error *err)
{
	const struct arg args[] = { arg_text(name) };
	char word[16];
	enum status st = ask(store, QUERY_BROKER_DRAIN, args, ARRAY_LEN(args), word, err);
	return st == STATUS_OK ? status_of(word, name, err) : st;
}

enum status store_broker_remove(struct store *store, const char *name, bool force, struct error *err)
{
	const struct arg args[] = { arg_text(name), arg_bool(force) };
	char word[16];
	enum status st = ask(store, QUERY_BROKER_REMOVE, args, ARRAY_LEN(args), word, err);
	return st == STATUS_OK ? status_of(word, name, err) : st;
}

enum status store_broker_set_lost(struct store *store, const char *name, bool lost, struct error *err)
{
	const struct arg args[] = { arg_text(name), arg_bool(lost) };
	return store_execute(store, QUERY_BROKER_SET_LOST, args, ARRAY_LEN(args), NULL, err);
}

enum status store_broker_of_node(struct store *store, const char *node_id, char ret_name[BROKER_NAME_MAX + 1],
				 struct error *err)
{
	const struct arg args[] = { arg_text(node_id) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_BROKER_OF_NODE, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	ret_name[0] = '\0';
	if (PQntuples(rows) > 0 && !row_copy(rows, 0, 0, ret_name, BROKER_NAME_MAX + 1))
		return error_set(err, STATUS_INTERNAL, "node.broker is longer than its limit");
	return STATUS_OK;
}
