/* store/broker.h - the brokers, and at which of them a node was heard of.
 *
 * Thread:  any; each thread brings its own struct store.
 * Memory:  fills the caller's structs; keeps no pointer after return.
 * Errors:  NOT_FOUND no such broker, or one that is gone. CONFLICT it may not be done now; the text says why. INVALID a constraint of table
 *          broker refuses a value. Else as store/store.h.
 * Units:   times are microseconds since 1970 UTC, 0 for never.
 */
#ifndef CISTERN_STORE_BROKER_H
#define CISTERN_STORE_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/limits.h"
#include "store/store.h"

/* The daemon's own, from its settings; the others are added by an operator. */
#define BROKER_MAIN "main"

struct broker_row {
	char name[BROKER_NAME_MAX + 1];
	char mqtt_host[BROKER_HOST_MAX + 1];    /* told to nodes */
	char service_host[BROKER_HOST_MAX + 1]; /* the daemon's way */
	int service_port;
	bool active; /* false: it drains, and gets no new node */
	int64_t lost_at_us;
};

/* All but those that are gone, by name; the first BROKERS_MAX. */
MUST_CHECK enum status store_broker_list(struct store *store, struct broker_row ret_rows[BROKERS_MAX], size_t *ret_n,
					 struct error *err);
MUST_CHECK enum status store_broker_get(struct store *store, const char *name, struct broker_row *ret_row,
					struct error *err);
/* Writes `main` as the settings have it; its state stays. */
MUST_CHECK enum status store_broker_put_main(struct store *store, const char *mqtt_host, const char *service_host,
					     int service_port, struct error *err);

/* A new one, or one that drains or is gone, in use again. CONFLICT: there is an active one of that name. */
MUST_CHECK enum status store_broker_add(struct store *store, const struct broker_row *row, struct error *err);
/* No new nodes for it. CONFLICT: it is the only active one. */
MUST_CHECK enum status store_broker_drain(struct store *store, const char *name, struct error *err);
/* CONFLICT: it is the only active one, or nodes are connected there and `force` is not set. */
MUST_CHECK enum status store_broker_remove(struct store *store, const char *name, bool force, struct error *err);

/* Whether the API's process reaches it; a change alone is written. */
MUST_CHECK enum status store_broker_set_lost(struct store *store, const char *name, bool lost, struct error *err);

/* The broker of the node's newest session, be it over or not; "" for a node that was never heard of. */
MUST_CHECK enum status store_broker_of_node(struct store *store, const char *node_id,
					    char ret_name[BROKER_NAME_MAX + 1], struct error *err);

#endif
