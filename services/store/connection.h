/* store/connection.h - a bare PostgreSQL connection, before any statement is prepared; for this room only. */
#ifndef CISTERN_STORE_CONNECTION_H
#define CISTERN_STORE_CONNECTION_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "store/store.h"

/* To the first server of the URL that takes writes. UNAVAILABLE: none does, or none answers; each that does not answer takes 3 s. */
MUST_CHECK enum status connection_open(const struct store_options *options, PGconn **ret_connection, struct error *err);
/* Runs fixed text of this program: session set-up and migrations, never anything from outside. */
MUST_CHECK enum status connection_run(PGconn *connection, const char *text, struct error *err);

/* True when the server has said, with its last answer, that it takes no writes any more. PostgreSQL 14 and newer say so. */
bool connection_is_read_only(const PGconn *connection);

/* What the failure of a statement means to the caller; `result` may be NULL. Never OK. */
MUST_CHECK enum status connection_status(const PGresult *result, PGconn *connection, struct error *err);

/* Until PQgetResult() would not block; wait_ms -1 for ever. TIMEOUT: the server does not answer; the connection is of no
 * more use. */
MUST_CHECK enum status connection_wait(PGconn *connection, int wait_ms, struct error *err);

DEFINE_CLEANUP(pg_result, PGresult *, PQclear)
DEFINE_CLEANUP(pg_connection, PGconn *, PQfinish)

#endif
