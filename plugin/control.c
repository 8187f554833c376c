/* control.c - what the daemon says of revocations, and what the plugin answers: see model/revocation.h.
 *
 * The broker brings messages for REVOCATION_CONTROL_TOPIC here, after the check of access, and to nobody else; it sends the
 * PUBACK itself. The answer is a state and not a reply: it is said once for all the messages of a turn.
 *
 * The tick also fetches the operator's list from the keeper, hands it the set when that has changed - one copy of the lines, some
 * milliseconds for 100 000 of them, and only when the former is on the disk - and tells of alarms.
 */
#include "plugin.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNKNOWN_TOLD_EVERY_US (60 * INT64_C(1000000))
#define ALARM_UNKNOWN         8U /* beside enum keeper_alarm */

/* The gravest first: the state has one word. */
static const struct {
	unsigned int alarm;
	const char *word;
} alarm_words[] = {
	{ ALARM_UNKNOWN, "unknown" },
	{ KEEPER_FILE_UNWRITABLE, "file_unwritable" },
	{ KEEPER_FILE_DAMAGED, "file_damaged" },
	{ KEEPER_LOCAL_DAMAGED, "local_damaged" },
};

const char *control_alarm_word(unsigned int alarms)
{
	for (size_t i = 0; i < ARRAY_LEN(alarm_words); i++) {
		if (alarms & alarm_words[i].alarm)
			return alarm_words[i].word;
	}
	return "none";
}

void control_ask_state(struct plugin *plugin)
{
	plugin->control.to_say = true;
}

/* --- messages --- */

/* The access check has asked that already; but this is the one place where a mistake there would open the door. */
static bool from_daemon(const struct mosquitto *client)
{
	const char *name = mosquitto_client_username(client);
	const struct access_service *service;

	if (!name || name[0] != '$')
		return false;
	service = access_service_find(name + 1, strlen(name + 1));
	return service && service->consumer;
}

static void check_session_of(void *context, const char *node_id, size_t node_id_len)
{
	struct plugin *plugin = context;
	struct session *session = sessions_newest(&plugin->sessions, node_id, node_id_len);

	if (session)
		cuts_check(&plugin->cuts, session, &plugin->revocation);
}

static enum denial take(struct plugin *plugin, const char *bytes, size_t len)
{
	switch (revocation_take(&plugin->revocation, bytes, len)) {
	case REVOCATION_TAKEN_CHANGES:
		revocation_each_node(bytes, len, check_session_of, plugin);
		plugin->control.to_save = true;
		return DENIAL_NONE;
	case REVOCATION_TAKEN_SET:
		cuts_ask_walk(&plugin->cuts, &plugin->sessions);
		plugin->control.to_save = true;
		return DENIAL_NONE;
	case REVOCATION_PUT_ASIDE: return DENIAL_NONE;
	case REVOCATION_MISPLACED: return DENIAL_REVOCATION_MISPLACED;
	case REVOCATION_MALFORMED: return DENIAL_REVOCATION_MALFORMED;
	case REVOCATION_NO_MEMORY: return DENIAL_NO_MEMORY;
	}
	return DENIAL_REVOCATION_MALFORMED;
}

int control_on_message(int event, void *event_data, void *userdata)
{
	const struct mosquitto_evt_control *message = event_data;
	struct plugin *plugin = userdata;
	enum denial denial = DENIAL_IDENTITY_MISSING;

	(void)event;
	if (from_daemon(message->client)) {
		denial = message->payload ? take(plugin, message->payload, message->payloadlen)
					  : DENIAL_REVOCATION_MALFORMED;
		control_ask_state(plugin);
	}
	if (denial != DENIAL_NONE)
		counters_deny(&plugin->counters, denial, "revocation", mosquitto_client_id(message->client), NULL,
			      plugin_ticks_us());
	plugin->counters.changed = true;
	return MOSQ_ERR_SUCCESS;
}

/* --- the tick --- */

static void fetch_local(struct plugin *plugin)
{
	struct table local;

	if (!keeper_take_local(plugin->keeper, &local))
		return;
	revocation_take_local(&plugin->revocation, &local);
	cuts_ask_walk(&plugin->cuts, &plugin->sessions);
	control_ask_state(plugin);
}

/* Without memory it stays to be saved. */
static void save(struct plugin *plugin)
{
	size_t len;
	char *text = revocation_copy_text(&plugin->revocation, &len);

	if (!text)
		return;
	keeper_save(plugin->keeper, text, len);
	plugin->control.to_save = false;
}

void control_save_now(struct plugin *plugin)
{
	if (plugin->control.to_save)
		save(plugin);
}

static void tell_alarms(struct plugin *plugin, int64_t ticks_us)
{
	struct control *control = &plugin->control;
	unsigned int alarms = keeper_alarms(plugin->keeper);

	if (!revocation_known(&plugin->revocation))
		alarms |= ALARM_UNKNOWN;
	for (size_t i = 0; i < ARRAY_LEN(alarm_words) && alarms != control->alarms; i++) {
		unsigned int alarm = alarm_words[i].alarm;

		if ((alarms & alarm) != (control->alarms & alarm))
			mosquitto_log_printf(alarms & alarm ? MOSQ_LOG_ERR : MOSQ_LOG_NOTICE,
					     "cistern: event=plugin.alarm alarm=%s state=%s", alarm_words[i].word,
					     alarms & alarm ? "on" : "off");
	}
	if (alarms & ALARM_UNKNOWN && ticks_us >= control->unknown_told_at_us + UNKNOWN_TOLD_EVERY_US) {
		mosquitto_log_printf(MOSQ_LOG_ERR,
				     "cistern: event=plugin.revocation_unknown file=%s: no good file of "
				     "revocations; all nodes are refused until the daemon sends them",
				     plugin->options.revocation_file);
		control->unknown_told_at_us = ticks_us;
	}
	if (alarms != control->alarms)
		control_ask_state(plugin);
	control->alarms = alarms;
}

static void say_state(struct plugin *plugin)
{
	const struct revocation *revocation = &plugin->revocation;
	char json[256];
	int n = snprintf(json, sizeof(json),
			 "{\"epoch\":\"%s\",\"version\":%" PRId64
			 ",\"nodes\":%zu,\"certificates\":%zu,\"local\":%zu,\"alarm\":\"%s\"}",
			 revocation->set.epoch, revocation->set.version, revocation->set.nodes.n_used,
			 revocation->set.certificates.n_used, revocation->local.n_used,
			 control_alarm_word(plugin->control.alarms));

	/* Without memory for it, the next tick says it. */
	if (mosquitto_broker_publish_copy(NULL, REVOCATION_STATE_TOPIC, n, json, 1, false, NULL) == MOSQ_ERR_SUCCESS)
		plugin->control.to_say = false;
	plugin->counters.changed = true;
}

void control_tick(struct plugin *plugin, int64_t ticks_us)
{
	fetch_local(plugin);
	if (cuts_tick(&plugin->cuts, &plugin->sessions, &plugin->revocation))
		plugin->counters.changed = true;
	tell_alarms(plugin, ticks_us);
	if (plugin->control.to_save && keeper_idle(plugin->keeper))
		save(plugin);
	if (plugin->control.to_say)
		say_state(plugin);
}
