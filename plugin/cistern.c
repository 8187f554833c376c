/* cistern.c - the broker's plugin: who may connect, what they may publish and read, and who is there.
 *
 * Loaded by Mosquitto 2.0.11 or newer through plugin interface 5. It needs these lines of mosquitto.conf; the whole file
 * as shipped, with the reasons, is plugin/mosquitto.conf.in:
 *
 *   per_listener_settings false      true: no ticks, and a listener without a plugin would be open
 *   allow_anonymous false
 *   listener ...                     each with cafile or capath, certfile, keyfile, require_certificate true
 *                                    and without use_identity_as_username, which would skip our check at connect
 *   plugin /path/to/cistern.so
 *   plugin_opt_node_ca_dir ...       the capath of the nodes' listener, the cafile of the services'
 *   plugin_opt_service_ca_file ...
 *   plugin_opt_revocation_file ...
 *   plugin_opt_acl_mode open
 *   plugin_opt_require_consumer true
 *
 * and no acl_file, password_file, plugin or auth_plugin beside it: the first to answer decides, and this one always does.
 *
 * Fails closed: an option or file that is not right stops the broker's start; at run time whatever is not allowed by name
 * is denied. A reload (SIGHUP) reads the CAs again, and nothing else.
 */
#include "plugin.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

#include <stdlib.h>
#include <time.h>

#define PLUGIN_VERSION 5
#define EXPORTED       __attribute__((visibility("default")))

static int64_t clock_us(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now); /* fails only for a clock that does not exist */
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t plugin_now_us(void)
{
	return clock_us(CLOCK_REALTIME);
}

int64_t plugin_ticks_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

static void count(struct plugin *plugin)
{
	struct counters_view view = {
		.n_live = sessions_count(&plugin->sessions),
		.n_cut = plugin->cuts.n_cut,
		.limits = &plugin->options.limits,
		.revocation = &plugin->revocation,
		.alarm = control_alarm_word(plugin->control.alarms),
	};

	counters_tick(&plugin->counters, &view, plugin_now_us(), plugin_ticks_us());
}

static int on_tick(int event, void *event_data, void *userdata)
{
	struct plugin *plugin = userdata;

	(void)event;
	(void)event_data;
	plugin->reloading = false;
	presence_tick(&plugin->presence, &plugin->sessions);
	control_tick(plugin, plugin_ticks_us());
	if (plugin->counters.changed)
		count(plugin);
	return MOSQ_ERR_SUCCESS;
}

static const struct {
	int event;
	MOSQ_FUNC_generic_callback callback;
	const char *topic; /* of the control event */
} callbacks[] = {
	{ MOSQ_EVT_BASIC_AUTH, connect_on_basic_auth, NULL },
	{ MOSQ_EVT_ACL_CHECK, acl_on_check, NULL },
	{ MOSQ_EVT_DISCONNECT, connect_on_disconnect, NULL },
	{ MOSQ_EVT_RELOAD, connect_on_reload, NULL },
	{ MOSQ_EVT_TICK, on_tick, NULL },
	{ MOSQ_EVT_CONTROL, control_on_message, REVOCATION_CONTROL_TOPIC },
};

static int register_callbacks(struct plugin *plugin)
{
	for (size_t i = 0; i < ARRAY_LEN(callbacks); i++) {
		int rc = mosquitto_callback_register(plugin->identifier, callbacks[i].event, callbacks[i].callback,
						     callbacks[i].topic, plugin);

		if (rc != MOSQ_ERR_SUCCESS) {
			mosquitto_log_printf(MOSQ_LOG_ERR, "cistern: the broker refuses event %d", callbacks[i].event);
			return rc;
		}
	}
	return MOSQ_ERR_SUCCESS;
}

static void plugin_free(struct plugin *plugin)
{
	if (!plugin)
		return;
	/* One that was not registered is no error worth telling of: this ends either way. */
	for (size_t i = 0; i < ARRAY_LEN(callbacks); i++)
		(void)mosquitto_callback_unregister(plugin->identifier, callbacks[i].event, callbacks[i].callback,
						    callbacks[i].topic);
	if (plugin->keeper)
		control_save_now(plugin);
	keeper_free(plugin->keeper);
	revocation_done(&plugin->revocation);
	rates_done(&plugin->rates);
	presence_done(&plugin->presence);
	sessions_done(&plugin->sessions);
	authorities_done(&plugin->authorities);
	free(plugin);
}

DEFINE_CLEANUP(plugin, struct plugin *, plugin_free)

EXPORTED int mosquitto_plugin_version(int supported_version_count, const int *supported_versions)
{
	for (int i = 0; i < supported_version_count; i++) {
		if (supported_versions[i] == PLUGIN_VERSION)
			return PLUGIN_VERSION;
	}
	return -1;
}

static bool open_revocation(struct plugin *plugin)
{
	const struct options *options = &plugin->options;

	if (!revocation_init(&plugin->revocation))
		return false;
	plugin->control.unknown_told_at_us = INT64_MIN / 2; /* long ago */
	plugin->keeper = keeper_open(options->revocation_file, options->revocation_local_file, &plugin->revocation);
	return plugin->keeper && keeper_start(plugin->keeper);
}

EXPORTED int mosquitto_plugin_init(mosquitto_plugin_id_t *identifier, void **userdata, struct mosquitto_opt *options,
				   int option_count)
{
	CLEANUP(plugin) struct plugin *plugin = calloc(1, sizeof(*plugin));

	if (!plugin)
		return MOSQ_ERR_NOMEM;
	plugin->identifier = identifier;
	if (!sessions_init(&plugin->sessions))
		return MOSQ_ERR_NOMEM;
	if (!options_read(options, option_count, &plugin->options))
		return MOSQ_ERR_INVAL;
	if (!authorities_init(&plugin->authorities, plugin->options.node_ca_dir, plugin->options.service_ca_file))
		return MOSQ_ERR_INVAL;
	if (!rates_init(&plugin->rates, &plugin->options.limits) || !open_revocation(plugin))
		return MOSQ_ERR_NOMEM;
	presence_init(&plugin->presence, plugin_now_us());
	consumer_init(&plugin->consumer);
	counters_init(&plugin->counters, plugin_ticks_us());

	int rc = register_callbacks(plugin);

	if (rc != MOSQ_ERR_SUCCESS)
		return rc;
	mosquitto_log_printf(MOSQ_LOG_INFO, "cistern: plugin ready, acl_mode %s, require_consumer %s",
			     plugin->options.acl_mode == ACCESS_STRICT ? "strict" : "open",
			     plugin->options.require_consumer ? "true" : "false");
	*userdata = STEAL(plugin);
	return MOSQ_ERR_SUCCESS;
}

EXPORTED int mosquitto_plugin_cleanup(void *userdata, struct mosquitto_opt *options, int option_count)
{
	(void)options;
	(void)option_count;
	plugin_free(userdata);
	return MOSQ_ERR_SUCCESS;
}
