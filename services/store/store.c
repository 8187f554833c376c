#include "store/store.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/secret.h"
#include "store/connection.h"
#include "store/query.h"

struct statement {
	const char *name, *text;
};

static const struct statement statements[N_QUERIES] = {
#define QUERY(symbol, name, text) { name, text },
#include "queries.inc"
#undef QUERY
};

struct store {
	struct store_options options;
	PGconn *connection; /* NULL while the database is away */
	int64_t retry_at_us;
	int n_sent; /* statements of the batch that is being sent */
};

/* What the failure of a statement means to the caller, by SQLSTATE (PostgreSQL appendix A). */
static enum status status_of_result(const PGresult *result, PGconn *connection, struct error *err)
{
	const char *sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	if (!sqlstate)
		return error_set(err, STATUS_UNAVAILABLE, "database: %s", PQerrorMessage(connection));
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
	if (strncmp(sqlstate, "23", 2) == 0)
		return error_set(err, STATUS_CONFLICT, "%s", constraint ? constraint : message);
	if (strncmp(sqlstate, "22", 2) == 0 || strncmp(sqlstate, "54", 2) == 0) /* data, or a limit that it crosses */
		return error_set(err, STATUS_INVALID, "database refused a value: %s", message);
	/* 08 connection, 40 rolled back, 53 resources, 55 lock or state, 57 operator, 58 system: retry may help */
	static const char *const passing[] = { "08", "40", "53", "55", "57", "58", "25006" };
	for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
		if (strncmp(sqlstate, passing[i], strlen(passing[i])) == 0)
			return error_set(err, STATUS_UNAVAILABLE, "database: %s %s", sqlstate, message);
	}
	return error_set(err, STATUS_INTERNAL, "database: %s %s", sqlstate, message);
}

static enum status run_text(PGconn *connection, const char *text, struct error *err)
{
	CLEANUP(pg_result) PGresult *result = PQexec(connection, text);
	ExecStatusType kind = PQresultStatus(result);
	if (kind == PGRES_COMMAND_OK || kind == PGRES_TUPLES_OK)
		return STATUS_OK;
	return status_of_result(result, connection, err);
}

enum status connection_open(const struct store_options *options, PGconn **ret_connection, struct error *err)
{
	CLEANUP(secret) struct secret password = { .len = 0 };
	if (options->password_file && *options->password_file) {
		enum status st = secret_read(&password, options->password_file, err);
		if (st != STATUS_OK)
			return st;
	}
	char connect_timeout[12];
	(void)snprintf(connect_timeout, sizeof(connect_timeout), "%d", STORE_CONNECT_TIMEOUT_S);
	const char *const keys[] = { "dbname",          "password",        "application_name",
				     "connect_timeout", "client_encoding", NULL };
	/* an empty password means "none" to libpq; expand_dbname lets the URL stand in dbname */
	const char *const values[] = { options->url,  password.len ? password.bytes : NULL,
				       options->name, connect_timeout,
				       "UTF8",        NULL };
	CLEANUP(pg_connection) PGconn *connection = PQconnectdbParams(keys, values, 1);
	if (PQstatus(connection) != CONNECTION_OK)
		return error_set(err, STATUS_UNAVAILABLE, "database: %s", PQerrorMessage(connection));
	*ret_connection = STEAL(connection);
	return STATUS_OK;
}

enum status connection_run(PGconn *connection, const char *text, struct error *err)
{
	return run_text(connection, text, err);
}

static enum status set_up_session(const struct store_options *options, PGconn *connection, struct error *err)
{
	char text[128];
	(void)snprintf(text, sizeof(text), "SET statement_timeout = %d; SET timezone = 'UTC'",
		       options->statement_timeout_ms);
	enum status st = run_text(connection, text, err);
	if (st != STATUS_OK || !options->role || !*options->role)
		return st;
	char *role = PQescapeIdentifier(connection, options->role, strlen(options->role));
	if (!role)
		return error_set(err, STATUS_INVALID, "database role is not a name");
	char set_role[256];
	int len = snprintf(set_role, sizeof(set_role), "SET ROLE %s", role);
	PQfreemem(role);
	if (len < 0 || (size_t)len >= sizeof(set_role))
		return error_set(err, STATUS_INVALID, "database role is too long");
	return run_text(connection, set_role, err);
}

static enum status check_schema(PGconn *connection, struct error *err)
{
	CLEANUP(pg_result)
	PGresult *result = PQexec(connection, "SELECT coalesce(max(version), 0) FROM schema_version");
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	if (sqlstate && strcmp(sqlstate, "42P01") == 0)
		return error_set(err, STATUS_CONFLICT, "the database has no schema yet: run 'cistern migrate'");
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		return status_of_result(result, connection, err);
	int64_t version = row_i64(result, 0, 0);
	if (version < STORE_SCHEMA_VERSION)
		return error_set(err, STATUS_CONFLICT,
				 "the schema is at version %d, this program needs %d: run 'cistern migrate'",
				 (int)version, STORE_SCHEMA_VERSION);
	return STATUS_OK;
}

/* Reads the result of one pipelined statement; the NULL behind it is read too. */
static enum status take_pipeline_result(PGconn *connection, ExecStatusType wanted, struct error *err)
{
	CLEANUP(pg_result) PGresult *result = PQgetResult(connection);
	ExecStatusType kind = result ? PQresultStatus(result) : PGRES_FATAL_ERROR;
	enum status st = STATUS_OK;
	if (kind == PGRES_PIPELINE_ABORTED)
		st = error_set(err, STATUS_INTERNAL, "statement skipped after a failure");
	else if (kind != wanted && !(wanted == PGRES_COMMAND_OK && kind == PGRES_TUPLES_OK))
		st = status_of_result(result, connection, err);
	if (kind != PGRES_PIPELINE_SYNC && result) {
		CLEANUP(pg_result) PGresult *end = PQgetResult(connection);
		(void)end; /* NULL: the end of this statement's results */
	}
	return st;
}

/* All results up to and with the sync; the first failure is the one that is told. */
static enum status drain_pipeline(PGconn *connection, int n_statements, struct error *err)
{
	enum status first = STATUS_OK;
	for (int i = 0; i < n_statements; i++) {
		enum status st = take_pipeline_result(connection, PGRES_COMMAND_OK, first == STATUS_OK ? err : NULL);
		if (first == STATUS_OK)
			first = st;
	}
	enum status st = take_pipeline_result(connection, PGRES_PIPELINE_SYNC, first == STATUS_OK ? err : NULL);
	return first != STATUS_OK ? first : st;
}

static enum status prepare_all(PGconn *connection, struct error *err)
{
	if (!PQenterPipelineMode(connection))
		return error_set(err, STATUS_INTERNAL, "no pipeline mode");
	for (size_t i = 0; i < N_QUERIES; i++) {
		if (!PQsendPrepare(connection, statements[i].name, statements[i].text, 0, NULL))
			return error_set(err, STATUS_UNAVAILABLE, "database: %s", PQerrorMessage(connection));
	}
	if (!PQpipelineSync(connection))
		return error_set(err, STATUS_UNAVAILABLE, "database: %s", PQerrorMessage(connection));
	enum status st = drain_pipeline(connection, N_QUERIES, err);
	if (st == STATUS_OK && !PQexitPipelineMode(connection))
		st = error_set(err, STATUS_INTERNAL, "pipeline mode did not end");
	return st;
}

static enum status connect_store(struct store *store, struct error *err)
{
	CLEANUP(pg_connection) PGconn *connection = NULL;
	enum status st = connection_open(&store->options, &connection, err);
	if (st == STATUS_OK)
		st = set_up_session(&store->options, connection, err);
	if (st == STATUS_OK)
		st = check_schema(connection, err);
	if (st == STATUS_OK)
		st = prepare_all(connection, err);
	if (st != STATUS_OK)
		return st;
	store->connection = STEAL(connection);
	return STATUS_OK;
}

static void drop_connection(struct store *store)
{
	PQfinish(store->connection);
	store->connection = NULL;
}

static enum status need_connection(struct store *store, struct error *err)
{
	if (store->connection)
		return STATUS_OK;
	int64_t now_us = clock_monotonic_us();
	if (now_us < store->retry_at_us)
		return error_set(err, STATUS_UNAVAILABLE, "database is away");
	store->retry_at_us = now_us + STORE_RETRY_MS * 1000;
	return connect_store(store, err);
}

/* After a failure: is the connection still good for the next statement? */
static enum status after_failure(struct store *store, enum status st)
{
	if (PQstatus(store->connection) != CONNECTION_OK)
		drop_connection(store);
	return st;
}

enum status store_open(const struct store_options *options, struct store **ret_store, struct error *err)
{
	CLEANUP(store) struct store *store = calloc(1, sizeof(*store));
	if (!store)
		abort();
	store->options = *options;
	enum status st = connect_store(store, err);
	if (st != STATUS_OK)
		return st;
	*ret_store = STEAL(store);
	return STATUS_OK;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	PQfinish(store->connection);
	free(store);
}

enum status store_ping(struct store *store, struct error *err)
{
	return store_execute(store, QUERY_PING, NULL, 0, NULL, err);
}

struct arg_lists {
	const char *values[QUERY_ARGS_MAX];
	int lengths[QUERY_ARGS_MAX], formats[QUERY_ARGS_MAX];
};

static void spread(const struct arg *args, size_t n_args, struct arg_lists *ret_lists)
{
	if (n_args > QUERY_ARGS_MAX)
		abort();
	for (size_t i = 0; i < n_args; i++) {
		bool is_number = !args[i].bytes && args[i].len > 0;
		ret_lists->values[i] = is_number ? args[i].number : args[i].bytes;
		ret_lists->lengths[i] = args[i].len;
		ret_lists->formats[i] = args[i].format;
	}
}

enum status store_query(struct store *store, enum query query, const struct arg *args, size_t n_args,
			PGresult **ret_rows, struct error *err)
{
	enum status st = need_connection(store, err);
	if (st != STATUS_OK)
		return st;
	struct arg_lists lists;
	spread(args, n_args, &lists);
	CLEANUP(pg_result)
	PGresult *rows = PQexecPrepared(store->connection, statements[query].name, (int)n_args, lists.values,
					lists.lengths, lists.formats, 0);
	ExecStatusType kind = PQresultStatus(rows);
	if (kind != PGRES_TUPLES_OK && kind != PGRES_COMMAND_OK)
		return after_failure(store, status_of_result(rows, store->connection, err));
	*ret_rows = STEAL(rows);
	return STATUS_OK;
}

enum status store_execute(struct store *store, enum query query, const struct arg *args, size_t n_args,
			  int64_t *ret_affected, struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, query, args, n_args, &rows, err);
	if (st != STATUS_OK)
		return st;
	int64_t affected = 0;
	if (ret_affected && !parse_i64(PQcmdTuples(rows), 0, INT64_MAX, &affected))
		affected = 0; /* a statement that counts nothing */
	if (ret_affected)
		*ret_affected = affected;
	return STATUS_OK;
}

enum status store_batch_begin(struct store *store, struct error *err)
{
	enum status st = need_connection(store, err);
	if (st != STATUS_OK)
		return st;
	if (!PQenterPipelineMode(store->connection))
		return error_set(err, STATUS_INTERNAL, "no pipeline mode");
	store->n_sent = 0;
	return STATUS_OK;
}

enum status store_batch_send(struct store *store, enum query query, const struct arg *args, size_t n_args,
			     struct error *err)
{
	struct arg_lists lists;
	spread(args, n_args, &lists);
	if (!PQsendQueryPrepared(store->connection, statements[query].name, (int)n_args, lists.values, lists.lengths,
				 lists.formats, 0)) {
		enum status st = error_set(err, STATUS_UNAVAILABLE, "database: %s", PQerrorMessage(store->connection));
		drop_connection(store);
		return st;
	}
	store->n_sent++;
	return STATUS_OK;
}

/* Without an explicit BEGIN the statements up to the sync are one transaction, committed by the sync (PostgreSQL 15, 34.5.1.1). */
enum status store_batch_finish(struct store *store, struct error *err)
{
	if (!PQpipelineSync(store->connection)) {
		enum status st = error_set(err, STATUS_UNAVAILABLE, "database: %s", PQerrorMessage(store->connection));
		drop_connection(store);
		return st;
	}
	enum status st = drain_pipeline(store->connection, store->n_sent, err);
	if (!PQexitPipelineMode(store->connection))
		drop_connection(store); /* only after a lost connection; the next call opens a new one */
	else
		st = after_failure(store, st);
	return st;
}

struct arg arg_text(const char *text)
{
	return (struct arg){ .bytes = text };
}

struct arg arg_bytes(const void *bytes, size_t len)
{
	return (struct arg){ .bytes = bytes, .len = (int)len, .format = 1 };
}

struct arg arg_i64(int64_t value)
{
	struct arg arg = { .bytes = NULL };
	arg.len = snprintf(arg.number, sizeof(arg.number), "%lld", (long long)value);
	return arg;
}

struct arg arg_bool(bool value)
{
	return arg_text(value ? "t" : "f");
}

struct arg arg_time_us(int64_t time_us)
{
	return arg_i64(time_us); /* the statement says time_us($n) */
}

const char *row_text(const PGresult *rows, int row, int column)
{
	return PQgetvalue(rows, row, column);
}

int64_t row_i64(const PGresult *rows, int row, int column)
{
	int64_t value = 0;
	if (!parse_i64(PQgetvalue(rows, row, column), INT64_MIN, INT64_MAX, &value))
		return 0; /* NULL */
	return value;
}

bool row_bool(const PGresult *rows, int row, int column)
{
	return PQgetvalue(rows, row, column)[0] == 't';
}

bool row_copy(const PGresult *rows, int row, int column, char *ret_text, size_t size)
{
	size_t len = (size_t)PQgetlength(rows, row, column);
	if (len >= size)
		return false;
	memcpy(ret_text, PQgetvalue(rows, row, column), len + 1);
	return true;
}
