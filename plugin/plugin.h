/* plugin.h - the plugin's parts in one place: what every callback gets as its user data.
 *
 * Thread:  the broker's main thread, everywhere in this folder but in keeper.c and setfile.c. Nothing on it waits; files are read at
 *          init, and the CAs at a reload.
 * Memory:  one struct plugin for the life of the broker; made by mosquitto_plugin_init().
 */
#ifndef CISTERN_PLUGIN_H
#define CISTERN_PLUGIN_H

#include "consumer.h"
#include "counters.h"
#include "cuts.h"
#include "identity.h"
#include "keeper.h"
#include "options.h"
#include "presence.h"
#include "rates.h"
#include "revocation.h"
#include "sessions.h"

#include <mosquitto_broker.h>

#include <stdbool.h>
#include <stdint.h>

/* What control.c has to do at the next tick. */
struct control {
	bool to_say;         /* the state */
	bool to_save;        /* the set */
	unsigned int alarms; /* as said last */
	int64_t unknown_told_at_us;
};

struct plugin {
	mosquitto_plugin_id_t *identifier;
	struct options options;
	struct authorities authorities;
	struct sessions sessions;
	struct presence presence;
	struct consumer consumer;
	struct counters counters;
	struct rates rates;
	struct revocation revocation;
	struct keeper *keeper;
	struct cuts cuts;
	struct control control;
	bool reloading; /* between the reload event and the tick after it, see connect.c */
};

/* Wall clock and monotonic clock in microseconds. */
int64_t plugin_now_us(void);
int64_t plugin_ticks_us(void);

/* The callbacks, one file each: connect.c, acl.c, control.c. */
int connect_on_basic_auth(int event, void *event_data, void *userdata);
int connect_on_disconnect(int event, void *event_data, void *userdata);
int connect_on_reload(int event, void *event_data, void *userdata);
int acl_on_check(int event, void *event_data, void *userdata);
int control_on_message(int event, void *event_data, void *userdata);

/* control.c */
void control_ask_state(struct plugin *plugin);
void control_tick(struct plugin *plugin, int64_t ticks_us);
void control_save_now(struct plugin *plugin); /* at the end, whatever the keeper is doing */
const char *control_alarm_word(unsigned int alarms);

#endif
