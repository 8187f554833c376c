#include <libpq-fe.h>
#include <stdio.h>

#include "store/connection.h"
#include "store/query.h"
#include "store/store.h"

struct migration {
	int version;
	const char *what, *text;
};

/* C17 promises string literals of 4095 bytes only; gcc and clang take any length. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverlength-strings"
static const struct migration migrations[] = {
#define MIGRATION(version, what, text) { version, what, text },
#include "migrations.inc"
#undef MIGRATION
};
#pragma GCC diagnostic pop

/* One number for all of Cistern's migrations in a cluster. */
#define LOCK_TEXT "SELECT pg_advisory_lock(4211337)"

static const char prepare_text[] =
	"CREATE TABLE IF NOT EXISTS schema_version (version integer PRIMARY KEY, what text NOT NULL,"
	" applied_at timestamptz NOT NULL DEFAULT now());";

/* The daemon's role. Where the owner may not make roles, an administrator makes it once by hand. */
static const char role_text[] = "DO $$ BEGIN"
				" IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cistern_app') THEN"
				"  CREATE ROLE cistern_app NOLOGIN;"
				" END IF;"
				" IF NOT pg_has_role(current_user, 'cistern_app', 'MEMBER') AND (SELECT rolcreaterole "
				"FROM pg_roles WHERE rolname = current_user) THEN"
				"  EXECUTE format('GRANT cistern_app TO %I', current_user);"
				" END IF;"
				" END $$;";

/* Rows, never tables: the daemon runs without the right to change the schema. */
static const char grant_text[] = "REVOKE CREATE ON SCHEMA public FROM PUBLIC;"
				 "GRANT USAGE ON SCHEMA public TO cistern_app;"
				 "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO cistern_app;"
				 "REVOKE INSERT, UPDATE, DELETE ON schema_version FROM cistern_app;"
				 /* events are added and read */
				 "REVOKE UPDATE, DELETE, TRUNCATE ON audit_event FROM cistern_app;"
				 "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO cistern_app;"
				 "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO cistern_app;";

static enum status current_version(PGconn *connection, int64_t *ret_version, struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = PQexec(connection, "SELECT coalesce(max(version), 0) FROM schema_version");
	if (PQresultStatus(rows) != PGRES_TUPLES_OK)
		return error_set(err, STATUS_UNAVAILABLE, "database: %s", PQerrorMessage(connection));
	*ret_version = row_i64(rows, 0, 0);
	return STATUS_OK;
}

/* A migration and its row in schema_version are one transaction: an interrupted run leaves both or neither. */
static enum status apply(PGconn *connection, const struct migration *migration, struct error *err)
{
	char record[160];
	(void)snprintf(record, sizeof(record), "INSERT INTO schema_version (version, what) VALUES (%d, '%s')",
		       migration->version,
		       migration->what); /* both from a file's name, checked by sql/migrations.awk */
	enum status st = connection_run(connection, "BEGIN", err);
	if (st == STATUS_OK)
		st = connection_run(connection, migration->text, err);
	if (st == STATUS_OK)
		st = connection_run(connection, record, err);
	if (st == STATUS_OK)
		return connection_run(connection, "COMMIT", err);
	IGNORE_RESULT(connection_run(connection, "ROLLBACK", NULL)); /* the failure itself is already told */
	return st;
}

enum status store_migrate(const struct store_options *owner, int *ret_applied, struct error *err)
{
	CLEANUP(pg_connection) PGconn *connection = NULL;
	enum status st = connection_open(owner, &connection, err);
	/* the lock ends with the connection, also when this process is killed */
	if (st == STATUS_OK)
		st = connection_run(connection, "SET client_min_messages = warning; " LOCK_TEXT, err);
	if (st == STATUS_OK)
		st = connection_run(connection, prepare_text, err);
	int64_t version = 0;
	if (st == STATUS_OK)
		st = current_version(connection, &version, err);
	int applied = 0;
	for (size_t i = 0; st == STATUS_OK && i < ARRAY_LEN(migrations); i++) {
		if (migrations[i].version <= version)
			continue;
		st = apply(connection, &migrations[i], err);
		applied++;
	}
	if (st == STATUS_OK)
		st = connection_run(connection, role_text, err);
	if (st == STATUS_OK)
		st = connection_run(connection, grant_text, err);
	if (st == STATUS_OK)
		*ret_applied = applied;
	return st;
}
