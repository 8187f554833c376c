/* store/store.h - one connection to PostgreSQL.
 *
 * Opening it prepares every statement of sql/queries, so that a misspelt column stops the start and not a request.
 * With several hosts in the URL it goes to the first that takes writes; a server that has stopped to take them is given up.
 * A lost connection makes calls return UNAVAILABLE; each later call tries to reconnect, at most every STORE_RETRY_MS.
 *
 * Thread:  one thread at a time; each thread brings its own struct store.
 * Memory:  store_open() makes it, store_close() ends it (NULL is fine).
 * Errors:  UNAVAILABLE database away or slow beyond the timeout, safe to retry. INVALID the database refused a value.
 *          CONFLICT a unique or other constraint refused the row; the error's text is the constraint's name. INTERNAL a bug here.
 */
#ifndef CISTERN_STORE_STORE_H
#define CISTERN_STORE_STORE_H

#include "base/error.h"
#include "base/macros.h"

enum {
	STORE_SCHEMA_VERSION = 13, /* the newest migration that this program needs */
	STORE_RETRY_MS = 200,
	STORE_GRACE_MS = 2000, /* beyond statement_timeout_ms: then the server is taken for gone */
};

struct store;

struct store_options {
	const char *url; /* PostgreSQL connection URL or key=value text; of several hosts the one to write to */
	const char *password_file; /* NULL or "": none */
	const char *role;          /* SET ROLE after connecting; NULL or "": none */
	const char *name;          /* application_name, for the operator's pg_stat_activity */
	int statement_timeout_ms;  /* 0: none */
	struct metrics *metrics;   /* NULL: nothing is counted */
	/* NULL, or the work that only one connection may do at a time: whoever is opened with the same text waits (UNAVAILABLE) until
	 * the server has finished with the one before, also with a commit whose client was killed or gave up. So what is read here
	 * is all that was written there. */
	const char *sole;
};

/* The options' texts must outlive the store. Fails when the schema is older than STORE_SCHEMA_VERSION. */
MUST_CHECK enum status store_open(const struct store_options *options, struct store **ret_store, struct error *err);
void store_close(struct store *store);

/* One round trip. */
MUST_CHECK enum status store_ping(struct store *store, struct error *err);

/* From now on statements run in the name of `actor`, a JSON object {"user","via","source","request"} (each may be absent) that the
 * audit's triggers read: sql/migrations/0009_audit.sql. NULL: in the program's own name. The text is borrowed until then. It goes
 * before each statement and each batch, in the same round trip and transaction. */
void store_act_as(struct store *store, const char *actor);

/* What a transaction may tell others of when it commits (NOTIFY). */
enum store_channel {
	STORE_CHANNEL_REVOCATION,
	STORE_CHANNEL_CERTIFICATE_REQUEST,
	STORE_CHANNEL_REGISTRATION,
	STORE_CHANNEL_BROKER,
	N_STORE_CHANNELS
};

/* From now on store_wait_notify() returns early when somebody has told of this; also after the store has connected again. */
MUST_CHECK enum status store_listen(struct store *store, enum store_channel channel, struct error *err);
/* Waits until there was a word on a channel, at most wait_ms, or until wake_fd is readable (-1: none). OK in all these cases: look
 * at the database after every return, and nothing is missed; a word that came during another call makes it return at once.
 * UNAVAILABLE: the connection is lost or was not there; nobody could tell, so look again too. While the database is away that takes
 * STORE_RETRY_MS or wait_ms, whichever is less, so a loop around it does not spin. */
MUST_CHECK enum status store_wait_notify(struct store *store, int wait_ms, int wake_fd, struct error *err);

/* Applies what is missing of sql/migrations, each in its own transaction, under an advisory lock, as the schema's owner;
 * makes the role cistern_app if it may and grants it its rights. Safe to interrupt and to repeat. */
MUST_CHECK enum status store_migrate(const struct store_options *owner, int *ret_applied, struct error *err);

DEFINE_CLEANUP(store, struct store *, store_close)

#endif
