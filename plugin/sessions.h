/* sessions.h - the live sessions of nodes, by id and by the broker's client.
 *
 * At most one session of an id is the newest. The one it took over stays known until the broker ends it, so that it is
 * back in its place should the new connection fail after all.
 *
 * Errors:  sessions_init() and sessions_add() fail only for want of memory, and then change nothing.
 * Memory:  grows in sessions_add() only; a look-up allocates nothing. A session's address stays the same until unlinked.
 */
#ifndef CISTERN_PLUGIN_SESSIONS_H
#define CISTERN_PLUGIN_SESSIONS_H

#include "base/macros.h"
#include "digest.h"
#include "model/node_id.h"
#include "rates.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mosquitto;

/* Why a session ended; SESSION_END_CLOSED is all that 2.0.11 tells of those that ended by themselves. */
enum session_end {
	SESSION_END_CLOSED,
	SESSION_END_TAKEN_OVER,
	SESSION_END_KEEP_ALIVE,
	/* by the plugin */
	SESSION_END_REVOKED,
	SESSION_END_SUSPENDED,
	SESSION_END_CERTIFICATE_REVOKED,
	SESSION_END_REFUSED, /* at a reload, for another reason than those */
	SESSION_END_MESSAGE_RATE,
	SESSION_END_BYTE_RATE,
	SESSION_END_COUNT,
};

struct session {
	/* What each publish looks at comes first: it is two cache lines. */
	uint64_t id_hash;
	const struct mosquitto *client;
	struct session_rates rates;
	enum session_end cut_for; /* see cuts.h; CLOSED: it is not to be cut */
	char id[NODE_ID_MAX + 1];

	bool cut_listed;
	char address[48]; /* IPv6 in text is at most 45 */
	int64_t number;   /* strictly increasing over all sessions of this broker */
	int64_t at_us;    /* of connect, wall clock */
	struct certificate_digest certificate;
	enum session_end
		end; /* set when the plugin ends it, or when it has ended but that could not be published yet */
	int64_t ended_at_us;

	struct session *older;                   /* same id, taken over by this one */
	struct session *previous, *next;         /* all sessions, in the order of their numbers */
	struct session *cut_previous, *cut_next; /* those to be cut */
	uint64_t client_hash;
};

struct session_index {
	struct session **slots; /* open addressing, linear probing, at most half full */
	size_t n_slots;         /* a power of two */
	size_t n_used;
};

struct sessions {
	struct session_index by_id; /* the newest of each id */
	struct session_index by_client;
	struct session *first, *last;
	uint64_t seed; /* ids come from outside: nobody shall be able to choose where they meet */
};

MUST_CHECK bool sessions_init(struct sessions *sessions);
void sessions_done(struct sessions *sessions);

/* Makes a session and puts it before any other of its id. NULL: no memory. */
MUST_CHECK struct session *sessions_add(struct sessions *sessions, const char *id, size_t id_len,
					const struct mosquitto *client, const char *address, int64_t number,
					int64_t at_us);

/* NULL: no live session. */
struct session *sessions_by_client(const struct sessions *sessions, const struct mosquitto *client);
struct session *sessions_newest(const struct sessions *sessions, const char *id, size_t id_len);

/* Takes the session out; the caller frees it. */
void sessions_unlink(struct sessions *sessions, struct session *session);

/* A word that never changes. */
const char *session_end_name(enum session_end end);

size_t sessions_count(const struct sessions *sessions);

#endif
