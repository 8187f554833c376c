#include "store/store.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/parse.h"
#include "base/secret.h"
#include "store/certificate.h"
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
	bool listening[N_STORE_CHANNELS];
	const char *actor;      /* borrowed; NULL: statements run in our own name */
	unsigned n_connections; /* made so far */
	/* of the last connection: the server's process, and where it is */
	int process;
	char host[256], port[16];
};

static const enum query listen_queries[N_STORE_CHANNELS] = {
	[STORE_CHANNEL_REVOCATION] = QUERY_LISTEN_REVOCATION,
	[STORE_CHANNEL_CERTIFICATE_REQUEST] = QUERY_LISTEN_CERTIFICATE_REQUEST,
	[STORE_CHANNEL_REGISTRATION] = QUERY_LISTEN_REGISTRATION,
	[STORE_CHANNEL_BROKER] = QUERY_LISTEN_BROKER,
};

static enum status set_up_session(const struct store_options *options, PGconn *connection, struct error *err)
{
	char text[128];
	(void)snprintf(text, sizeof(text), "SET statement_timeout = %d; SET timezone = 'UTC'",
		       options->statement_timeout_ms);
	enum status st = connection_run(connection, text, err);
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
	return connection_run(connection, set_role, err);
}

static enum status check_schema(PGconn *connection, struct error *err)
{
	CLEANUP(pg_result)
	PGresult *result = PQexec(connection, "SELECT coalesce(max(version), 0) FROM schema_version");
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	if (sqlstate && strcmp(sqlstate, "42P01") == 0)
		return error_set(err, STATUS_CONFLICT, "the database has no schema yet: run 'cistern migrate'");
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		return connection_status(result, connection, err);
	int64_t version = row_i64(result, 0, 0);
	if (version < STORE_SCHEMA_VERSION)
		return error_set(err, STATUS_CONFLICT,
				 "the schema is at version %d, this program needs %d: run 'cistern migrate'",
				 (int)version, STORE_SCHEMA_VERSION);
	return STATUS_OK;
}

/* One result of a pipeline; NULL stands between two statements. */
static enum status status_in_pipeline(const PGresult *result, PGconn *connection, struct error *err)
{
	ExecStatusType kind = result ? PQresultStatus(result) : PGRES_COMMAND_OK;
	if (kind == PGRES_COMMAND_OK || kind == PGRES_TUPLES_OK || kind == PGRES_PIPELINE_SYNC)
		return STATUS_OK;
	if (kind == PGRES_PIPELINE_ABORTED)
		return error_set(err, STATUS_INTERNAL, "statement skipped after a failure");
	return connection_status(result, connection, err);
}

/* All results up to and with the sync, whose own failure is that of the commit. The first failure is the one that is told; TIMEOUT
 * leaves the rest unread. */
static enum status drain_pipeline(PGconn *connection, int wait_ms, struct error *err)
{
	enum status first = STATUS_OK;
	for (bool is_synced = false; !is_synced;) {
		if (PQstatus(connection) != CONNECTION_OK)
			return first != STATUS_OK ? first : connection_status(NULL, connection, err);
		enum status st = connection_wait(connection, wait_ms, first == STATUS_OK ? err : NULL);
		if (st == STATUS_TIMEOUT)
			return st;
		CLEANUP(pg_result) PGresult *result = st == STATUS_OK ? PQgetResult(connection) : NULL;
		is_synced = result && PQresultStatus(result) == PGRES_PIPELINE_SYNC;
		if (st == STATUS_OK)
			st = status_in_pipeline(result, connection, first == STATUS_OK ? err : NULL);
		if (first == STATUS_OK)
			first = st;
	}
	return first;
}

/* Longer than the server's own limit for a statement, so that this one speaks only when the server does not. */
static int answer_wait_ms(const struct store_options *options)
{
	return options->statement_timeout_ms > 0 ? options->statement_timeout_ms + STORE_GRACE_MS : -1;
}

static enum status prepare_all(PGconn *connection, int wait_ms, struct error *err)
{
	if (!PQenterPipelineMode(connection))
		return error_set(err, STATUS_INTERNAL, "no pipeline mode");
	for (size_t i = 0; i < N_QUERIES; i++) {
		if (!PQsendPrepare(connection, statements[i].name, statements[i].text, 0, NULL))
			return error_set(err, STATUS_UNAVAILABLE, "database: %s", PQerrorMessage(connection));
	}
	if (!PQpipelineSync(connection))
		return error_set(err, STATUS_UNAVAILABLE, "database: %s", PQerrorMessage(connection));
	enum status st = drain_pipeline(connection, wait_ms, err);
	if (st == STATUS_OK && !PQexitPipelineMode(connection))
		st = error_set(err, STATUS_INTERNAL, "pipeline mode did not end");
	return st;
}

/* Before anything is looked for on this connection, so that what comes after the look is told of. */
static enum status listen_again(const struct store *store, PGconn *connection, struct error *err)
{
	for (size_t i = 0; i < N_STORE_CHANNELS; i++) {
		if (!store->listening[i])
			continue;
		CLEANUP(pg_result)
		PGresult *result =
			PQexecPrepared(connection, statements[listen_queries[i]].name, 0, NULL, NULL, NULL, 0);
		if (PQresultStatus(result) != PGRES_COMMAND_OK)
			return connection_status(result, connection, err);
	}
	return STATUS_OK;
}

static bool is_server_of_last(const struct store *store, PGconn *connection)
{
	return store->process != 0 && strcmp(PQhost(connection), store->host) == 0 &&
	       strcmp(PQport(connection), store->port) == 0;
}

/* The server may still be at what our last connection asked for: it was frozen, or the commit waits for a standby. Were that done
 * after our repetition has looked for it, it would be there twice; and each attempt would leave a process behind until there is no
 * place for another. So it ends first: either undone, or there for everybody to see. */
static enum status end_last(const struct store *store, PGconn *connection, struct error *err)
{
	if (!is_server_of_last(store, connection))
		return STATUS_OK;
	char text[256];
	(void)snprintf(text, sizeof(text),
		       "SELECT pg_terminate_backend(pid, %d) FROM pg_stat_activity WHERE pid = %d "
		       "AND usename = session_user AND application_name = current_setting('application_name')",
		       STORE_GRACE_MS, store->process);
	return connection_run(connection, text, err);
}

static void note_server(struct store *store, PGconn *connection)
{
	store->process = PQbackendPID(connection);
	(void)snprintf(store->host, sizeof(store->host), "%s", PQhost(connection)); /* cut: then it is not recognised */
	(void)snprintf(store->port, sizeof(store->port), "%s", PQport(connection));
}

/* One of the two statements about options.sole; true when its first row says so. */
static enum status run_sole(const struct store *store, PGconn *connection, enum query query, bool *ret_true,
			    struct error *err)
{
	const char *const values[] = { store->options.sole };
	CLEANUP(pg_result)
	PGresult *result = PQexecPrepared(connection, statements[query].name, 1, values, NULL, NULL, 0);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		return connection_status(result, connection, err);
	*ret_true = PQntuples(result) > 0 && row_bool(result, 0, 0);
	return STATUS_OK;
}

static enum status take_sole_place(const struct store *store, PGconn *connection, struct error *err)
{
	if (!store->options.sole)
		return STATUS_OK;
	bool is_taken = false, is_evicted = false;
	enum status st = run_sole(store, connection, QUERY_SOLE_TAKE, &is_taken, err);
	if (st != STATUS_OK || is_taken)
		return st;
	st = run_sole(store, connection, QUERY_SOLE_EVICT, &is_evicted, err);
	if (st != STATUS_OK)
		return st;
	return error_set(err, STATUS_UNAVAILABLE, "database: the connection before this one is not over yet%s",
			 is_evicted ? "; it was told to end" : "");
}

static enum status make_connection(struct store *store, PGconn **ret_connection, struct error *err)
{
	CLEANUP(pg_connection) PGconn *connection = NULL;
	enum status st = connection_open(&store->options, &connection, err);
	if (st == STATUS_OK)
		st = end_last(store, connection, err);
	if (st == STATUS_OK)
		st = set_up_session(&store->options, connection, err);
	if (st == STATUS_OK)
		st = check_schema(connection, err);
	if (st == STATUS_OK)
		st = prepare_all(connection, answer_wait_ms(&store->options), err);
	if (st == STATUS_OK)
		st = listen_again(store, connection, err);
	if (st == STATUS_OK)
		st = take_sole_place(store, connection, err);
	if (st != STATUS_OK)
		return st;
	note_server(store, connection);
	*ret_connection = STEAL(connection);
	return STATUS_OK;
}

static void count_connection(const struct store *store, int n)
{
	metric_add(
		metrics_series(store->options.metrics, METRIC_DATABASE_CONNECTIONS, METRIC_LABELS(store->options.name)),
		n);
}

static enum status connect_store(struct store *store, struct error *err)
{
	struct metrics *metrics = store->options.metrics;
	enum status st = make_connection(store, &store->connection, err);
	metric_set(metrics_series(metrics, METRIC_DATABASE_UP, METRIC_NO_LABELS), st == STATUS_OK);
	metric_add(metrics_series(metrics, METRIC_DATABASE_CONNECT_FAILURES, METRIC_LABELS(store->options.name)),
		   st != STATUS_OK);
	if (st != STATUS_OK)
		return st;
	count_connection(store, 1);
	store->n_connections++;
	return STATUS_OK;
}

static void drop_connection(struct store *store)
{
	if (store->connection)
		count_connection(store, -1);
	PQfinish(store->connection);
	store->connection = NULL;
}

/* An idle connection has nothing to read unless the server has closed it, as it does when it is restarted. To find that out here
 * costs one poll(); to find it out with the statement would fail a request of each thread after every restart. */
static bool is_closed_by_server(PGconn *connection)
{
	struct pollfd socket = { .fd = PQsocket(connection), .events = POLLIN };
	while (poll(&socket, 1, 0) > 0) { /* first perhaps its last words, then the end */
		if (!PQconsumeInput(connection))
			return true;
	}
	return false;
}

static enum status need_connection(struct store *store, struct error *err)
{
	if (store->connection && (is_closed_by_server(store->connection) || connection_is_read_only(store->connection)))
		drop_connection(store);
	if (store->connection)
		return STATUS_OK;
	int64_t now_us = clock_monotonic_us();
	if (now_us < store->retry_at_us)
		return error_set(err, STATUS_UNAVAILABLE, "database is away");
	store->retry_at_us = now_us + STORE_RETRY_MS * 1000;
	return connect_store(store, err);
}

/* After a failure: a connection that is lost, or whose answer did not come, is dropped; the next call opens another. */
static enum status after_failure(struct store *store, enum status st)
{
	if (st == STATUS_TIMEOUT || PQstatus(store->connection) != CONNECTION_OK ||
	    PQpipelineStatus(store->connection) != PQ_PIPELINE_OFF)
		drop_connection(store);
	return st == STATUS_TIMEOUT ? STATUS_UNAVAILABLE : st;
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
	drop_connection(store);
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

void store_act_as(struct store *store, const char *actor)
{
	store->actor = actor;
}

/* The rows of two statements in their order, up to the sync. */
static enum status take_both(PGconn *connection, int wait_ms, PGresult *ret_rows[2], struct error *err)
{
	enum status first = STATUS_OK;
	CLEANUP(pg_result) PGresult *one = NULL;
	CLEANUP(pg_result) PGresult *two = NULL;
	int n_statements = 0;
	for (bool is_synced = false; !is_synced;) {
		enum status st = connection_wait(connection, wait_ms, first == STATUS_OK ? err : NULL);
		if (st != STATUS_OK)
			return st;
		CLEANUP(pg_result) PGresult *result = PQgetResult(connection);
		is_synced = result && PQresultStatus(result) == PGRES_PIPELINE_SYNC;
		if (!result && PQstatus(connection) != CONNECTION_OK)
			return connection_status(NULL, connection, err);
		if (!result)
			continue;
		st = status_in_pipeline(result, connection, first == STATUS_OK ? err : NULL);
		if (first == STATUS_OK)
			first = st;
		if (st != STATUS_OK || is_synced)
			continue;
		n_statements++;
		if (n_statements == 1)
			one = STEAL(result);
		else if (n_statements == 2)
			two = STEAL(result);
	}
	if (first == STATUS_OK) {
		ret_rows[0] = STEAL(one);
		ret_rows[1] = STEAL(two);
	}
	return first;
}

static bool send_prepared(PGconn *connection, enum query query, const struct arg_lists *lists, size_t n_args)
{
	return PQsendQueryPrepared(connection, statements[query].name, (int)n_args, lists->values, lists->lengths,
				   lists->formats, 0);
}

/* What is sent before one sync is one transaction, and one round trip. */
static enum status query_both(struct store *store, const struct query_call calls[2], PGresult *ret_rows[2],
			      struct error *err)
{
	PGconn *connection = store->connection;
	if (!PQenterPipelineMode(connection))
		return connection_status(NULL, connection, err);
	for (size_t i = 0; i < 2; i++) {
		struct arg_lists lists;
		spread(calls[i].args, calls[i].n_args, &lists);
		if (!send_prepared(connection, calls[i].query, &lists, calls[i].n_args))
			return connection_status(NULL, connection, err);
	}
	if (!PQpipelineSync(connection))
		return connection_status(NULL, connection, err);
	enum status st = take_both(connection, answer_wait_ms(&store->options), ret_rows, err);
	if (PQstatus(connection) == CONNECTION_OK && st != STATUS_TIMEOUT && !PQexitPipelineMode(connection))
		st = error_set(err, STATUS_INTERNAL, "pipeline mode did not end");
	return st;
}

enum status store_query_both(struct store *store, const struct query_call calls[2], PGresult *ret_rows[2],
			     struct error *err)
{
	enum status st = need_connection(store, err);
	if (st != STATUS_OK)
		return st;
	PGresult *rows[2] = { NULL, NULL };
	st = query_both(store, calls, rows, err);
	if (st != STATUS_OK) {
		PQclear(rows[0]);
		PQclear(rows[1]);
		return after_failure(store, st);
	}
	ret_rows[0] = rows[0];
	ret_rows[1] = rows[1];
	return STATUS_OK;
}

/* Who is acting goes before what is done. */
static enum status query_as_actor(struct store *store, enum query query, const struct arg *args, size_t n_args,
				  PGresult **ret_rows, struct error *err)
{
	const struct arg actor = arg_text(store->actor);
	const struct query_call calls[2] = { { QUERY_ACT_AS, &actor, 1 }, { query, args, n_args } };
	PGresult *rows[2] = { NULL, NULL };
	enum status st = store_query_both(store, calls, rows, err);
	PQclear(rows[0]);
	if (st == STATUS_OK)
		*ret_rows = rows[1];
	return st;
}

enum status store_query(struct store *store, enum query query, const struct arg *args, size_t n_args,
			PGresult **ret_rows, struct error *err)
{
	if (store->actor)
		return query_as_actor(store, query, args, n_args, ret_rows, err);
	enum status st = need_connection(store, err);
	if (st != STATUS_OK)
		return st;
	struct arg_lists lists;
	spread(args, n_args, &lists);
	PGconn *connection = store->connection;
	if (!send_prepared(connection, query, &lists, n_args))
		return after_failure(store, connection_status(NULL, connection, err));
	st = connection_wait(connection, answer_wait_ms(&store->options), err);
	if (st != STATUS_OK)
		return after_failure(store, st);
	CLEANUP(pg_result) PGresult *rows = PQgetResult(connection);
	/* the statement is done with its rows; only then comes the commit, whose failure is a second result */
	if (rows)
		st = connection_wait(connection, answer_wait_ms(&store->options), err);
	if (st != STATUS_OK)
		return after_failure(store, st);
	CLEANUP(pg_result) PGresult *failure = rows ? PQgetResult(connection) : NULL;
	ExecStatusType kind = PQresultStatus(rows);
	bool is_done = kind == PGRES_TUPLES_OK || kind == PGRES_COMMAND_OK;
	if (is_done && failure) {
		st = connection_status(failure, connection, err);
		for (PGresult *rest; (rest = PQgetResult(connection));) /* to the end, for the next statement */
			PQclear(rest);
		return after_failure(store, st);
	}
	if (!is_done)
		return after_failure(store, connection_status(rows, connection, err));
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

enum status store_listen(struct store *store, enum store_channel channel, struct error *err)
{
	store->listening[channel] = true;
	return store_execute(store, listen_queries[channel], NULL, 0, NULL, err);
}

/* Empties the list of what was told. */
static bool was_told(PGconn *connection)
{
	bool told = false;
	for (PGnotify *notify; (notify = PQnotifies(connection)); told = true)
		PQfreemem(notify);
	return told;
}

enum status store_wait_notify(struct store *store, int wait_ms, int wake_fd, struct error *err)
{
	unsigned n_connections = store->n_connections;
	enum status st = need_connection(store, err);
	if (store->n_connections != n_connections)
		return STATUS_OK; /* on the former one nobody listened at the end */
	if (st != STATUS_OK && wait_ms > STORE_RETRY_MS)
		wait_ms = STORE_RETRY_MS;
	int64_t until_us = clock_monotonic_us() + (int64_t)wait_ms * 1000;
	for (;;) {
		if (st == STATUS_OK && was_told(store->connection))
			return STATUS_OK;
		int64_t left_us = until_us - clock_monotonic_us();
		/* poll() passes over a negative file */
		struct pollfd files[] = { { .fd = wake_fd, .events = POLLIN },
					  { .fd = st == STATUS_OK ? PQsocket(store->connection) : -1,
					    .events = POLLIN } };
		int n_ready = poll(files, ARRAY_LEN(files), left_us > 0 ? (int)((left_us + 999) / 1000) : 0);
		if (n_ready == 0 || files[0].revents || (n_ready < 0 && errno != EINTR))
			return st;
		if (st == STATUS_OK && files[1].revents && !PQconsumeInput(store->connection))
			return after_failure(store, connection_status(NULL, store->connection, err));
	}
}

enum status store_batch_begin(struct store *store, struct error *err)
{
	enum status st = need_connection(store, err);
	if (st != STATUS_OK)
		return st;
	if (!PQenterPipelineMode(store->connection))
		return error_set(err, STATUS_INTERNAL, "no pipeline mode");
	const struct arg actor = arg_text(store->actor);
	return store->actor ? store_batch_send(store, QUERY_ACT_AS, &actor, 1, err) : STATUS_OK;
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
	enum status st = drain_pipeline(store->connection, answer_wait_ms(&store->options), err);
	if (PQexitPipelineMode(store->connection))
		return st == STATUS_OK ? STATUS_OK : after_failure(store, st);
	drop_connection(store); /* it was lost or is out of step: the next call opens another */
	if (st == STATUS_OK || st == STATUS_TIMEOUT)
		st = error_set(err, STATUS_UNAVAILABLE, "database: the batch got no answer");
	return st;
}

enum status store_query_filtered(struct store *store, enum query query, const struct arg *args, size_t n_args,
				 PGresult **ret_rows, struct error *err)
{
	struct error ignored;
	enum status st = store_execute(store, QUERY_PLAN_EACH, NULL, 0, NULL, err);
	if (st != STATUS_OK)
		return st;
	st = store_query(store, query, args, n_args, ret_rows, err);
	/* a connection that is lost has forgotten it; one that stays so plans more than it need */
	IGNORE_RESULT(store_execute(store, QUERY_PLAN_ONCE, NULL, 0, NULL, &ignored));
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

void arg_certificate(struct arg ret_args[CERTIFICATE_ARGS], const struct certificate_record *certificate)
{
	ret_args[0] = arg_text(certificate->serial_hex);
	ret_args[1] = arg_text(certificate->pem);
	ret_args[2] = arg_time_us(certificate->not_before_us);
	ret_args[3] = arg_time_us(certificate->not_after_us);
	ret_args[4] = arg_bytes(certificate->key_hash, CERTIFICATE_KEY_HASH_BYTES);
	ret_args[5] = arg_text(certificate->ca_key_id);
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
