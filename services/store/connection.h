/* store/connection.h - a bare PostgreSQL connection, before any statement is prepared; for this room only. */
#ifndef CISTERN_STORE_CONNECTION_H
#define CISTERN_STORE_CONNECTION_H

#include <libpq-fe.h>

#include "store/store.h"

MUST_CHECK enum status connection_open(const struct store_options *options, PGconn **ret_connection, struct error *err);
/* Runs fixed text of this program: session set-up and migrations, never anything from outside. */
MUST_CHECK enum status connection_run(PGconn *connection, const char *text, struct error *err);

DEFINE_CLEANUP(pg_connection, PGconn *, PQfinish)

#endif
