#include "presence.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PRESENCE_HEAD "cistern/presence/"
#define BROKER_TOPIC  "cistern/broker"
#define QOS           1

void presence_init(struct presence *presence, int64_t now_us)
{
	*presence = (struct presence){ .boot_number = now_us, .last_number = now_us };
}

void presence_done(struct presence *presence)
{
	struct session *session = presence->ended_first;

	while (session) {
		struct session *next = session->next;

		free(session);
		session = next;
	}
	*presence = (struct presence){ .boot_number = 0 };
}

int64_t presence_take_number(struct presence *presence, int64_t now_us)
{
	presence->last_number = now_us > presence->last_number ? now_us : presence->last_number + 1;
	return presence->last_number;
}

static bool publish(const char *topic, const char *json, int json_len)
{
	return mosquitto_broker_publish_copy(NULL, topic, json_len, json, QOS, false, NULL) == MOSQ_ERR_SUCCESS;
}

static bool publish_for_node(const struct session *session, const char *json, int json_len)
{
	char topic[sizeof(PRESENCE_HEAD) + NODE_ID_MAX];

	(void)snprintf(topic, sizeof(topic), PRESENCE_HEAD "%s", session->id);
	return publish(topic, json, json_len);
}

/* The address is the broker's own text of a socket address, and needs no escapes. */
static bool publish_connected(const struct session *session)
{
	char json[320];
	char hex[2 * sizeof(session->certificate.bytes) + 1];

	for (size_t i = 0; i < sizeof(session->certificate.bytes); i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", session->certificate.bytes[i]);

	int n = snprintf(json, sizeof(json),
			 "{\"event\":\"connected\",\"session\":%" PRId64 ",\"at_ms\":%" PRId64
			 ",\"address\":\"%s\",\"certificate\":\"%s\"}",
			 session->number, session->at_us / 1000, session->address, hex);

	return publish_for_node(session, json, n);
}

static bool publish_disconnected(const struct session *session)
{
	char json[192];
	int n = snprintf(json, sizeof(json),
			 "{\"event\":\"disconnected\",\"session\":%" PRId64 ",\"at_ms\":%" PRId64 ",\"reason\":\"%s\"}",
			 session->number, session->ended_at_us / 1000, session_end_name(session->end));

	return publish_for_node(session, json, n);
}

void presence_on_connect(struct presence *presence, struct session *session)
{
	if (!presence->waiting)
		presence->waiting = session;
}

static void ended_append(struct presence *presence, struct session *session)
{
	if (presence->ended_last)
		presence->ended_last->next = session;
	else
		presence->ended_first = session;
	presence->ended_last = session;
}

void presence_on_disconnect(struct presence *presence, struct sessions *sessions, struct session *session,
			    enum session_end end, int64_t now_us)
{
	bool announced = true;

	if (presence->waiting) {
		announced = session->number < presence->waiting->number;
		if (presence->waiting == session)
			presence->waiting = session->next;
	}
	if (presence->snapshot_next == session)
		presence->snapshot_next = session->next;
	sessions_unlink(sessions, session);
	session->end = end;
	session->ended_at_us = now_us;

	/* One that is taken over waits for the tick, behind the newer one's "connected": said before it, the node would seem gone
	 * in between. Any other leaves at once, or behind an earlier one that could not, so that they leave in order. */
	if (announced && (end == SESSION_END_TAKEN_OVER || presence->ended_first || !publish_disconnected(session)))
		ended_append(presence, session);
	else
		free(session);
}

void presence_ask_snapshot(struct presence *presence)
{
	presence->snapshot_asked = true;
}

static bool say_ended(struct presence *presence)
{
	while (presence->ended_first) {
		struct session *session = presence->ended_first;

		if (!publish_disconnected(session))
			return false;
		presence->ended_first = session->next;
		if (!presence->ended_first)
			presence->ended_last = NULL;
		free(session);
	}
	return true;
}

static bool say_connected(struct presence *presence)
{
	while (presence->waiting) {
		if (!publish_connected(presence->waiting))
			return false;
		presence->waiting = presence->waiting->next;
	}
	return true;
}

static bool start_snapshot(struct presence *presence, const struct sessions *sessions)
{
	char json[96];
	int n = snprintf(json, sizeof(json), "{\"event\":\"snapshot\",\"boot_session\":%" PRId64 "}",
			 presence->boot_number);

	if (!publish(BROKER_TOPIC, json, n))
		return false;
	presence->snapshot_asked = false;
	presence->snapshot_next = sessions->first;
	presence->snapshot_last_number = sessions->last ? sessions->last->number : 0;
	return true;
}

static void go_on_with_snapshot(struct presence *presence)
{
	for (int said = 0; said < SNAPSHOT_CHUNK && presence->snapshot_next; said++) {
		if (presence->snapshot_next->number > presence->snapshot_last_number) {
			presence->snapshot_next = NULL;
			return;
		}
		if (!publish_connected(presence->snapshot_next))
			return;
		presence->snapshot_next = presence->snapshot_next->next;
	}
}

void presence_tick(struct presence *presence, const struct sessions *sessions)
{
	/* A step that found no memory is taken up again by the next tick. */
	if (!say_connected(presence) || !say_ended(presence))
		return;
	if (presence->snapshot_asked && !start_snapshot(presence, sessions))
		return;
	go_on_with_snapshot(presence);
}
