#include "store/connection.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"

/* Texts, as libpq takes them. */
#define CONNECT_TIMEOUT_S     "3"
#define KEEPALIVES_IDLE_S     "5"
#define KEEPALIVES_INTERVAL_S "1"
#define KEEPALIVES_COUNT      "3"
#define TCP_USER_TIMEOUT_MS   "8000"

/* What the failure of a statement means to the caller, by SQLSTATE (PostgreSQL appendix A). */
enum status connection_status(const PGresult *result, PGconn *connection, struct error *err)
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

/* What stands before dbname the URL may replace, what stands after it not: expand_dbname lets the URL stand in dbname, and of a
 * keyword that comes twice the last one counts. An empty or missing value means "none" to libpq.
 *
 * A server whose machine is gone sends no word of it. Data that it does not acknowledge, the server's or a probe's, ends the
 * connection after TCP_USER_TIMEOUT_MS; probes go out when nothing else does. With libpq's own times that takes two hours.
 * Of several servers the first that can be written to is taken; a standby can not be, nor one that was told to be read-only. */
static PGconn *connect_to_writable(const struct store_options *options, const char *password)
{
	const struct {
		const char *key, *value;
	} words[] = {
		{ "connect_timeout", CONNECT_TIMEOUT_S },
		{ "keepalives_idle", KEEPALIVES_IDLE_S },
		{ "keepalives_interval", KEEPALIVES_INTERVAL_S },
		{ "keepalives_count", KEEPALIVES_COUNT },
		{ "tcp_user_timeout", TCP_USER_TIMEOUT_MS },
		{ "dbname", options->url },
		{ "password", password },
		{ "application_name", options->name },
		{ "client_encoding", "UTF8" },
		{ "target_session_attrs", "read-write" },
	};
	const char *keys[ARRAY_LEN(words) + 1] = { NULL }, *values[ARRAY_LEN(words) + 1] = { NULL };
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		keys[i] = words[i].key;
		values[i] = words[i].value;
	}
	return PQconnectdbParams(keys, values, 1);
}

bool connection_is_read_only(const PGconn *connection)
{
	static const char *const words[] = { "in_hot_standby", "default_transaction_read_only" };
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		const char *value = PQparameterStatus(connection, words[i]);
		if (value && strcmp(value, "on") == 0)
			return true;
	}
	return false;
}

enum status connection_open(const struct store_options *options, PGconn **ret_connection, struct error *err)
{
	CLEANUP(secret) struct secret password = { .len = 0 };
	if (!*options->url) /* libpq would make one up from its environment */
		return error_set(err, STATUS_INVALID, "setting 'database_url' is not set");
	if (options->password_file && *options->password_file) {
		enum status st = secret_read(&password, options->password_file, err);
		if (st != STATUS_OK)
			return st;
	}
	CLEANUP(pg_connection) PGconn *connection = connect_to_writable(options, password.len ? password.bytes : NULL);
	if (PQstatus(connection) != CONNECTION_OK)
		return error_set(err, STATUS_UNAVAILABLE, "database: %s", PQerrorMessage(connection));
	*ret_connection = STEAL(connection);
	return STATUS_OK;
}

enum status connection_run(PGconn *connection, const char *text, struct error *err)
{
	CLEANUP(pg_result) PGresult *result = PQexec(connection, text);
	ExecStatusType kind = PQresultStatus(result);
	if (kind == PGRES_COMMAND_OK || kind == PGRES_TUPLES_OK)
		return STATUS_OK;
	return connection_status(result, connection, err);
}

enum status connection_wait(PGconn *connection, int wait_ms, struct error *err)
{
	int64_t deadline_us = clock_monotonic_us() + (int64_t)wait_ms * 1000;
	while (PQisBusy(connection)) {
		int64_t left_us = deadline_us - clock_monotonic_us();
		struct pollfd socket = { .fd = PQsocket(connection), .events = POLLIN };
		int poll_ms = wait_ms < 0 ? -1 : (int)((left_us + 999) / 1000);
		int n_ready = wait_ms < 0 || left_us > 0 ? poll(&socket, 1, poll_ms) : 0;
		if (n_ready == 0)
			return error_set(err, STATUS_TIMEOUT, "database: no answer in %d ms", wait_ms);
		if (n_ready < 0 && errno != EINTR)
			return error_set(err, STATUS_UNAVAILABLE, "database: poll: %s", strerror(errno));
		if (n_ready > 0 && !PQconsumeInput(connection))
			return error_set(err, STATUS_UNAVAILABLE, "database: %s", PQerrorMessage(connection));
	}
	return STATUS_OK;
}
