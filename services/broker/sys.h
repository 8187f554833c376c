/* broker/sys.h - what a broker and its plugin tell of themselves, for /metrics: $SYS/broker/... every 10 s when it has changed
 * (sys_interval), and cistern/counters (plugin/counters.h).
 *
 * With QoS 0 on the publisher's connection, which is not durable: figures of a time when nobody looked are worth nothing later.
 *
 * Thread:  the publisher's, but for broker_sys_new() and broker_sys_free().
 * Memory:  broker_sys_new() makes it, broker_sys_free() ends it (NULL is fine). The name is borrowed.
 * Errors:  none: what cannot be read is passed over.
 */
#ifndef CISTERN_BROKER_SYS_H
#define CISTERN_BROKER_SYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/metrics.h"

struct mosquitto;
struct broker_sys;

struct broker_sys *broker_sys_new(struct metrics *metrics, const char *broker);
void broker_sys_free(struct broker_sys *sys);

/* The connection is up: asks for everything. */
void broker_sys_connected(struct broker_sys *sys, struct mosquitto *client);
/* It is lost. The figures stay as they were told last. */
void broker_sys_disconnected(struct broker_sys *sys);
void broker_sys_take(struct broker_sys *sys, const char *topic, const char *payload, size_t payload_len);

#endif
