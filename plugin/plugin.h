/* plugin.h - the plugin's parts in one place: what every callback gets as its user data.
 *
 * Thread:  the broker's main thread, everywhere in this folder. Nothing here waits, and files are read at init only.
 * Memory:  one struct plugin for the life of the broker; made by mosquitto_plugin_init().
 */
#ifndef CISTERN_PLUGIN_H
#define CISTERN_PLUGIN_H

#include "consumer.h"
#include "counters.h"
#include "identity.h"
#include "options.h"
#include "presence.h"
#include "sessions.h"

#include <mosquitto_broker.h>

#include <stdbool.h>
#include <stdint.h>

struct plugin {
	mosquitto_plugin_id_t *identifier;
	struct options options;
	struct authorities authorities;
	struct sessions sessions;
	struct presence presence;
	struct consumer consumer;
	struct counters counters;
	bool reloading; /* between the reload event and the tick after it, see connect.c */
};

/* Wall clock and monotonic clock in microseconds. */
int64_t plugin_now_us(void);
int64_t plugin_ticks_us(void);

/* The callbacks, one file each: connect.c, acl.c. */
int connect_on_basic_auth(int event, void *event_data, void *userdata);
int connect_on_disconnect(int event, void *event_data, void *userdata);
int connect_on_reload(int event, void *event_data, void *userdata);
int acl_on_check(int event, void *event_data, void *userdata);

#endif
