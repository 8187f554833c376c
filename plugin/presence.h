/* presence.h - tells the daemon which nodes are connected, in a way that survives lost order.
 *
 *   cistern/presence/<id>  {"event":"connected","session":N,"at_ms":M,"address":"192.0.2.7",
 *                          "certificate":"<SHA-256 of its DER form, 64 hex digits>"}
 *   cistern/presence/<id>  {"event":"disconnected","session":N,"at_ms":M,"reason":"<word>"}
 *   cistern/broker         {"event":"snapshot","boot_session":S}
 *
 * All QoS 1, not retained. Session numbers only grow, within a broker's life and, as they are wall-clock microseconds,
 * from one life to the next. A reader keeps the highest number it has seen for a node and ignores events with a lower
 * one: then the order in which a take-over's two events arrive does not matter. The words are those of enum session_end:
 * taken_over, keep_alive (a newer broker tells; 2.0.11 does not), revoked, suspended, certificate_revoked, refused, message_rate, byte_rate,
 * and closed for all others.
 *
 * Snapshot: whenever the consumer subscribes to the presence topics, on the following ticks, first the snapshot message,
 * meaning "every session numbered below S is over", then "connected" for each live session, SNAPSHOT_CHUNK a tick.
 *
 * When "connected" is said: Mosquitto has no event for a finished CONNECT, only the check of credentials before it. After
 * that check the connection can still fail, but only within the same turn of the broker's loop, and then the disconnect
 * event comes in that turn too. The tick ends the turn: what is still there then is connected. So a connection that
 * failed is never announced, and an announced one always gets its "disconnected" - if there is no memory for it, on a
 * later tick. That of a session which is taken over is said by the tick too, behind the newer one's "connected".
 */
#ifndef CISTERN_PLUGIN_PRESENCE_H
#define CISTERN_PLUGIN_PRESENCE_H

#include "sessions.h"

#include <stdbool.h>
#include <stdint.h>

#define PRESENCE_FILTER "cistern/presence/+"
#define SNAPSHOT_CHUNK  500

struct presence {
	int64_t boot_number;
	int64_t last_number;
	struct session *waiting;     /* the first one not announced; all after it are not either */
	struct session *ended_first; /* ended but not yet said, oldest first, linked by next */
	struct session *ended_last;
	bool snapshot_asked;
	struct session *snapshot_next; /* where the running snapshot goes on */
	int64_t snapshot_last_number;  /* where it ends: later sessions announce themselves */
};

void presence_init(struct presence *presence, int64_t now_us);

/* Frees what has ended; live sessions belong to struct sessions. */
void presence_done(struct presence *presence);

/* The number for a new session. */
int64_t presence_take_number(struct presence *presence, int64_t now_us);

void presence_on_connect(struct presence *presence, struct session *session);

/* Takes the session out of the table and frees it, now or once its end is published. */
void presence_on_disconnect(struct presence *presence, struct sessions *sessions, struct session *session,
			    enum session_end end, int64_t now_us);

void presence_ask_snapshot(struct presence *presence);

/* Cheap when there is nothing to say: the broker ticks after each turn of its loop. */
void presence_tick(struct presence *presence, const struct sessions *sessions);

#endif
