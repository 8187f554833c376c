/* cuts.h - the sessions that the plugin ends. Never at once: 2.0.11 must not lose a client while it is asking us about it.
 * So they are put on a list, and the tick, which comes after each turn of the broker's loop, ends them.
 *
 * When many may be concerned - a whole new set, another list of the operator - all live sessions are walked, CUTS_WALK_CHUNK a
 * tick; at most CUTS_KICK_CHUNK are ended a tick. What connects meanwhile is checked at its connect.
 *
 * Memory:  none of its own; sessions are linked.
 */
#ifndef CISTERN_PLUGIN_CUTS_H
#define CISTERN_PLUGIN_CUTS_H

#include "revocation.h"
#include "sessions.h"

#include <stdbool.h>
#include <stdint.h>

enum { CUTS_WALK_CHUNK = 20000, CUTS_KICK_CHUNK = 500 };

struct cuts {
	struct session *first, *last; /* linked by cut_previous, cut_next */
	struct session *walk_next;    /* where the running walk goes on */
	uint64_t n_cut[SESSION_END_COUNT];
};

/* To be ended for this reason; the first reason counts. */
void cuts_add(struct cuts *cuts, struct session *session, enum session_end why);

/* The session is about to be freed. */
void cuts_forget(struct cuts *cuts, struct session *session);

/* Puts the session on the list if it is refused now. */
void cuts_check(struct cuts *cuts, struct session *session, const struct revocation *revocation);

/* From the next tick on, all sessions are checked. */
void cuts_ask_walk(struct cuts *cuts, const struct sessions *sessions);

/* True when it ended or checked any. */
bool cuts_tick(struct cuts *cuts, const struct sessions *sessions, const struct revocation *revocation);

enum session_end session_end_of(enum refusal refusal);

#endif
