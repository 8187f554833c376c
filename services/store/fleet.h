/* store/fleet.h - nodes as an administrator sees them, whoever they belong to, and what he may do to one.
 *
 * Thread:  any; each thread brings its own struct store.
 * Memory:  rows are valid during the call of `each`; fills the caller's structs; keeps no pointer after return.
 * Errors:  NOT_FOUND no such node. CONFLICT the node's state forbids it, with the reason in words. INVALID store_fleet_transfer(): no such
 *          user. Else as store/store.h.
 * Units:   times are microseconds since 1970 UTC; 0 is never.
 */
#ifndef CISTERN_STORE_FLEET_H
#define CISTERN_STORE_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "store/certificate.h"
#include "store/store.h"

enum {
	FLEET_REASON_MAX = 64, /* characters of a revocation's reason */
	FLEET_CURSOR_MAX = 64,
	FLEET_EPOCH_MAX = 32,
	FLEET_DAYS_MAX = 36525,
};

/* --- to see --- */

/* NULL or negative: any. */
struct fleet_filter {
	const char *node_id;
	const char *state;  /* active, suspended or revoked */
	const bool *online; /* NULL: either */
	const char *fw_version, *model, *type;
	int64_t ends_within_days; /* of its newest live certificate, which is still good */
};

/* Texts are never NULL. */
struct fleet_node {
	const char *id, *state, *address, *name, *type, *model, *fw_version;
	int64_t registered_at_us, presence_at_us, session_no;
	bool connected;
	int64_t n_users;
	const char *certificate_state, *certificate_serial; /* of the newest live one; "": there is none */
	int64_t certificate_to_us;
};

/* In order of id, behind `after` ("" for the first page). Calls `each` for at most `limit` rows. */
typedef void fleet_node_each(void *context, const struct fleet_node *node);
MUST_CHECK enum status store_fleet_list(struct store *store, const struct fleet_filter *filter, const char *after,
					int64_t limit, fleet_node_each *each, void *context, struct error *err);
/* How many there are in all. */
MUST_CHECK enum status store_fleet_count(struct store *store, const struct fleet_filter *filter, int64_t *ret_total,
					 struct error *err);

/* Texts are never NULL. */
struct fleet_certificate {
	const char *node_id, *serial, *state; /* pending, active, superseded, expired or revoked */
	const char *fingerprint;              /* SHA-256 of the DER form, lower-case hex */
	const char *ca_key_id;                /* "": signed by a CA that is not ours */
	int64_t not_before_us, not_after_us, issued_at_us, activated_at_us, superseded_at_us, revoked_at_us;
	const char *revoked_reason, *pem;
};

typedef void fleet_certificate_each(void *context, const struct fleet_certificate *certificate);
/* Of one node, the newest first. */
MUST_CHECK enum status store_fleet_certificates(struct store *store, const char *node_id, int64_t limit,
						fleet_certificate_each *each, void *context, struct error *err);

/* Where a page begins: behind this one. */
struct fleet_ending_cursor {
	int64_t not_after_us;
	const char *serial;
};

/* Live ones by the time they end: those that have (`expired`), or those that will within `days`. */
MUST_CHECK enum status store_fleet_certificates_ending(struct store *store, bool expired, int64_t days,
						       const struct fleet_ending_cursor *after, int64_t limit,
						       fleet_certificate_each *each, void *context, struct error *err);

struct fleet_connection {
	int64_t session_no, connected_at_us, ended_at_us; /* ended 0: it lives, or its end was not heard of */
	const char *address, *reason;
};

/* The newest first, behind session number `before` (INT64_MAX: from the newest on). */
typedef void fleet_connection_each(void *context, const struct fleet_connection *connection);
MUST_CHECK enum status store_fleet_connections(struct store *store, const char *node_id, int64_t before, int64_t limit,
					       fleet_connection_each *each, void *context, struct error *err);

/* --- to do --- */

/* Doing any of the first three again changes nothing. */
MUST_CHECK enum status store_fleet_suspend(struct store *store, const char *node_id, bool suspended, struct error *err);
MUST_CHECK enum status store_fleet_revoke(struct store *store, const char *node_id, const char *reason,
					  struct error *err);
MUST_CHECK enum status store_fleet_delete(struct store *store, const char *node_id, struct error *err);
MUST_CHECK enum status store_fleet_transfer(struct store *store, const char *node_id, const char *user_name,
					    struct error *err);

/* Pending until the node has connected with it; the present one stays good until then. */
MUST_CHECK enum status store_fleet_renew(struct store *store, const char *node_id,
					 const struct certificate_record *certificate, struct error *err);
/* Asked before anything is signed. CONFLICT: the node is suspended or revoked. */
MUST_CHECK enum status store_fleet_check_active(struct store *store, const char *node_id, struct error *err);

/* --- is it in force? --- */

/* What was committed until now. */
struct fleet_mark {
	char epoch[FLEET_EPOCH_MAX + 1];
	int64_t version;
};

MUST_CHECK enum status store_fleet_mark(struct store *store, struct fleet_mark *ret_mark, struct error *err);
/* Have all brokers said that they refuse what there was at `mark`? False also when no broker has ever said anything. */
MUST_CHECK enum status store_fleet_in_force(struct store *store, const struct fleet_mark *mark, bool *ret_in_force,
					    struct error *err);
/* Asks until that is so, at most wait_ms; then false. */
MUST_CHECK enum status store_fleet_wait_in_force(struct store *store, int64_t wait_ms, bool *ret_in_force,
						 struct error *err);

struct fleet_broker {
	const char *broker;
	bool in_force; /* it has taken in all that is to be refused */
	int64_t version, wanted_version;
	const char *revocation_json, *counters_json; /* as it said it; "": never */
	int64_t revocation_at_us, counters_at_us;
	const char *mqtt_host, *service_host, *state; /* store/broker.h */
	int service_port;
	int64_t lost_at_us;  /* 0: it is reached */
	int64_t n_connected; /* nodes whose newest session is there */
};

/* All but those that are gone. */
typedef void fleet_broker_each(void *context, const struct fleet_broker *broker);
MUST_CHECK enum status store_fleet_brokers(struct store *store, fleet_broker_each *each, void *context,
					   struct error *err);

#endif
