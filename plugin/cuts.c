#include "cuts.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>

#include <string.h>

void cuts_add(struct cuts *cuts, struct session *session, enum session_end why)
{
	if (session->cut_for != SESSION_END_CLOSED)
		return;
	session->cut_for = why;
	session->cut_listed = true;
	session->cut_previous = cuts->last;
	if (cuts->last)
		cuts->last->cut_next = session;
	else
		cuts->first = session;
	cuts->last = session;
}

static void take_off_list(struct cuts *cuts, struct session *session)
{
	if (!session->cut_listed)
		return;
	if (session->cut_previous)
		session->cut_previous->cut_next = session->cut_next;
	else
		cuts->first = session->cut_next;
	if (session->cut_next)
		session->cut_next->cut_previous = session->cut_previous;
	else
		cuts->last = session->cut_previous;
	session->cut_previous = session->cut_next = NULL;
	session->cut_listed = false;
}

void cuts_forget(struct cuts *cuts, struct session *session)
{
	take_off_list(cuts, session);
	if (cuts->walk_next == session)
		cuts->walk_next = session->next;
}

enum session_end session_end_of(enum refusal refusal)
{
	switch (refusal) {
	case REFUSAL_NONE: return SESSION_END_CLOSED;
	case REFUSAL_UNKNOWN:
	case REFUSAL_REVOKED: return SESSION_END_REVOKED;
	case REFUSAL_SUSPENDED: return SESSION_END_SUSPENDED;
	case REFUSAL_CERTIFICATE: return SESSION_END_CERTIFICATE_REVOKED;
	}
	return SESSION_END_REVOKED;
}

void cuts_check(struct cuts *cuts, struct session *session, const struct revocation *revocation)
{
	enum refusal refusal = revocation_check(revocation, session->id, strlen(session->id), &session->certificate);

	if (refusal != REFUSAL_NONE)
		cuts_add(cuts, session, session_end_of(refusal));
}

void cuts_ask_walk(struct cuts *cuts, const struct sessions *sessions)
{
	cuts->walk_next = sessions->first;
}

static bool walk(struct cuts *cuts, const struct revocation *revocation)
{
	int n = 0;

	while (cuts->walk_next && n < CUTS_WALK_CHUNK) {
		cuts_check(cuts, cuts->walk_next, revocation);
		cuts->walk_next = cuts->walk_next->next;
		n++;
	}
	return n > 0;
}

/* The broker knows clients by their id, and that is the newest session's. One that has been taken over ends by itself. The
 * kick calls connect_on_disconnect(), which frees the session. */
static void kick(struct cuts *cuts, const struct sessions *sessions, struct session *session)
{
	char id[NODE_ID_MAX + 1];

	memcpy(id, session->id, sizeof(id));
	if (sessions_newest(sessions, id, strlen(id)) != session)
		return;
	session->end = session->cut_for;
	cuts->n_cut[session->cut_for]++;
	(void)mosquitto_kick_client_by_clientid(id, false); /* fails only for a client that is gone already */
}

bool cuts_tick(struct cuts *cuts, const struct sessions *sessions, const struct revocation *revocation)
{
	bool any = walk(cuts, revocation);

	for (int n = 0; n < CUTS_KICK_CHUNK && cuts->first; n++) {
		struct session *session = cuts->first;

		take_off_list(cuts, session);
		kick(cuts, sessions, session);
		any = true;
	}
	return any;
}
