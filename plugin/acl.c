/* acl.c - may this client publish, read or subscribe to this? Asked for every message, twice and more.
 *
 * The rules are model/access.h. Added here: who the client is (by the user name that connect.c set), and that a session
 * which has been taken over publishes nothing any more. That can only be its will, which would say "gone" of a node that
 * has just come back. A session that ended by itself is not in the table when its will is checked, and no other is live.
 *
 * No I/O, no allocation; a hash look-up for a node's publish, string compares for the rest. Answers only
 * MOSQ_ERR_SUCCESS or MOSQ_ERR_ACL_DENIED: 2.0.11 cuts a client for anything else.
 */
#include "plugin.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

#include <string.h>

/* One question: what the client is about to do with the topic. */
struct question {
	const struct mosquitto_evt_acl_check *event;
	const char *name; /* node id, or the service's name */
	size_t name_len;
	size_t topic_len; /* TOPIC_MAX + 1 stands for anything longer */
};

static enum denial denial_of(enum access_result result)
{
	return access_allows(result) ? DENIAL_NONE : (enum denial)(DENIAL_ACCESS + (int)result);
}

/* Too much is not denied but ends the session: see rates.h. */
static void count_message(struct plugin *plugin, struct session *session, size_t payload_len)
{
	static const enum session_end ends[] = {
		[RATE_MESSAGES] = SESSION_END_MESSAGE_RATE,
		[RATE_BYTES] = SESSION_END_BYTE_RATE,
	};
	enum rate_verdict verdict;

	if (session->cut_for != SESSION_END_CLOSED)
		return;
	verdict = rates_message(&plugin->rates, &session->rates, payload_len, plugin_ticks_us());
	if (verdict != RATE_KEPT)
		cuts_add(&plugin->cuts, session, ends[verdict]);
}

static enum denial node_publish(struct plugin *plugin, const struct question *q)
{
	struct session *newest = sessions_newest(&plugin->sessions, q->name, q->name_len);
	enum access_result result = access_node_publish(q->name, q->name_len, q->event->topic, q->topic_len,
							q->event->retain, plugin->options.acl_mode);

	if (newest && newest->client != q->event->client)
		return DENIAL_SESSION_OLD;
	if (newest)
		count_message(plugin, newest, q->event->payloadlen);
	if (result == ACCESS_ALLOWED_PRODUCT) {
		plugin->counters.n_product_publishes++;
		plugin->counters.changed = true;
	}
	return denial_of(result);
}

static enum denial node_access(struct plugin *plugin, const struct question *q)
{
	if (!node_id_valid(q->name, q->name_len))
		return DENIAL_IDENTITY_MISSING;
	switch (q->event->access) {
	case MOSQ_ACL_WRITE: return node_publish(plugin, q);
	case MOSQ_ACL_READ: return denial_of(access_node_read(q->name, q->name_len, q->event->topic, q->topic_len));
	case MOSQ_ACL_SUBSCRIBE:
	case MOSQ_ACL_UNSUBSCRIBE:
		return denial_of(access_node_subscribe(q->name, q->name_len, q->event->topic, q->topic_len));
	default: return DENIAL_IDENTITY_MISSING;
	}
}

static void on_consumer_subscribe(struct plugin *plugin, const struct question *q)
{
	const char *filter = q->event->topic;

	if (topic_filter_covers(filter, q->topic_len, PRESENCE_FILTER, sizeof(PRESENCE_FILTER) - 1)) {
		presence_ask_snapshot(&plugin->presence);
		plugin->counters.changed = true;
	}
	if (topic_filter_covers(filter, q->topic_len, COUNTERS_TOPIC, sizeof(COUNTERS_TOPIC) - 1))
		plugin->counters.changed = true; /* so that who has just come need not wait for something to happen */
	if (topic_filter_covers(filter, q->topic_len, REVOCATION_STATE_TOPIC, sizeof(REVOCATION_STATE_TOPIC) - 1))
		control_ask_state(plugin);
	if (q->event->qos > 0 && !mosquitto_client_clean_session(q->event->client))
		consumer_on_subscribe(&plugin->consumer, filter, q->topic_len);
}

static enum denial service_subscribe(struct plugin *plugin, const struct access_service *service,
				     const struct question *q)
{
	enum access_result result = access_service_subscribe(service, q->event->topic, q->topic_len);

	if (access_allows(result) && service->consumer && q->event->access == MOSQ_ACL_SUBSCRIBE)
		on_consumer_subscribe(plugin, q);
	return denial_of(result);
}

static enum denial service_access(struct plugin *plugin, const struct question *q)
{
	const struct access_service *service = access_service_find(q->name, q->name_len);

	if (!service)
		return DENIAL_IDENTITY_MISSING;
	switch (q->event->access) {
	case MOSQ_ACL_WRITE:
		return denial_of(access_service_publish(service, q->event->topic, q->topic_len, q->event->retain));
	case MOSQ_ACL_READ: return denial_of(access_service_read(service, q->event->topic, q->topic_len));
	case MOSQ_ACL_SUBSCRIBE:
	case MOSQ_ACL_UNSUBSCRIBE: return service_subscribe(plugin, service, q);
	default: return DENIAL_IDENTITY_MISSING;
	}
}

static enum denial decide(struct plugin *plugin, const struct mosquitto_evt_acl_check *check)
{
	const char *username = mosquitto_client_username(check->client);
	struct question q = { .event = check };

	if (!username || !check->topic)
		return DENIAL_IDENTITY_MISSING;
	q.topic_len = strnlen(check->topic, TOPIC_MAX + 1);
	q.name = username[0] == '$' ? username + 1 : username;
	q.name_len = strnlen(q.name, NODE_ID_MAX + 1);
	return username[0] == '$' ? service_access(plugin, &q) : node_access(plugin, &q);
}

static const char *word_for(int access)
{
	switch (access) {
	case MOSQ_ACL_READ: return "read";
	case MOSQ_ACL_WRITE: return "publish";
	case MOSQ_ACL_SUBSCRIBE: return "subscribe";
	case MOSQ_ACL_UNSUBSCRIBE: return "unsubscribe";
	default: return "unknown";
	}
}

int acl_on_check(int event, void *event_data, void *userdata)
{
	const struct mosquitto_evt_acl_check *check = event_data;
	struct plugin *plugin = userdata;
	enum denial denial = decide(plugin, check);

	(void)event;
	if (denial == DENIAL_NONE)
		return MOSQ_ERR_SUCCESS;
	counters_deny(&plugin->counters, denial, word_for(check->access), mosquitto_client_id(check->client),
		      check->topic, plugin_ticks_us());
	return MOSQ_ERR_ACL_DENIED;
}
