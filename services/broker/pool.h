/* broker/pool.h - a publisher for each broker, and which of them a message for a node goes to.
 *
 * A node is where it was heard of last: it keeps the address that it was given, whatever the assignment says by now, and a node that
 * keeps its session has it there. A node that was never heard of is expected at its assigned one (model/rendezvous.h).
 *
 * Thread:  pool_new(), pool_set() and pool_free() from one thread at a time; the rest from any. A publish may be in hand while its broker is taken
 *          out: the publisher ends after it.
 * Memory:  pool_new() makes it, pool_free() ends it (NULL is fine) with its publishers. Members are copied.
 * Errors:  UNAVAILABLE there is no such broker, or as broker/publisher.h.
 */
#ifndef CISTERN_BROKER_POOL_H
#define CISTERN_BROKER_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/publisher.h"
#include "model/limits.h"

struct pool;

struct pool_member {
	char name[BROKER_NAME_MAX + 1];
	char mqtt_host[BROKER_HOST_MAX + 1]; /* told to nodes */
	char host[BROKER_HOST_MAX + 1];      /* the daemon's way */
	int port;
	bool active; /* nodes may be assigned to it */
};

struct pool_options {
	struct broker_options
		broker; /* client id and TLS files, which all brokers share; its texts must outlive the pool */
	/* What has to run beside a publisher, NULL for nothing: called by pool_set() and pool_free() after it has started and before it
	 * stops. `name` lives until then. */
	void *(*attach)(void *context, const char *name, struct publisher *publisher);
	void (*detach)(void *context, void *attached);
	void *context;
};

MUST_CHECK struct pool *pool_new(const struct pool_options *options);
void pool_free(struct pool *pool);

/* From now on these and no others, BROKERS_MAX at most. One with another address is connected anew. What could not be started is
 * tried again by the next call: UNAVAILABLE. */
MUST_CHECK enum status pool_set(struct pool *pool, const struct pool_member *members, size_t n_members,
				struct error *err);

/* False while there is one broker: nobody has to ask then where a node is. */
bool pool_is_plural(struct pool *pool);
bool pool_is_connected(struct pool *pool, const char *name);
/* One of them at least. */
bool pool_is_any_connected(struct pool *pool);

/* The host that a node is told. `node_id` NULL or "": of the first active broker by name, for who does not know the node yet. False when no
 * broker is active. */
MUST_CHECK bool pool_mqtt_host(struct pool *pool, const char *node_id, char ret_host[BROKER_HOST_MAX + 1]);

/* As publisher_publish(), at the node's broker. `seen_at`: where it was heard of last, NULL or "" for nowhere; one that is not in the pool any
 * more counts as that. */
MUST_CHECK enum status pool_publish(struct pool *pool, const char *node_id, const char *seen_at,
				    const struct broker_message *messages, size_t n_messages, int timeout_ms,
				    struct error *err);

#endif
