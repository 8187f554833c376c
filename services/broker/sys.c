#include "broker/sys.h"

#include <mosquitto.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/macros.h"
#include "base/parse.h"

static const char counters_topic[] = "cistern/counters";

/* Whole numbers in decimal; the uptime has a word behind it. */
static const struct figure {
	const char *topic;
	enum metric metric;
} figures[] = {
	{ "$SYS/broker/store/messages/count", METRIC_BROKER_STORED_MESSAGES },
	{ "$SYS/broker/store/messages/bytes", METRIC_BROKER_STORED_BYTES },
	{ "$SYS/broker/publish/messages/dropped", METRIC_BROKER_DROPPED },
	{ "$SYS/broker/clients/connected", METRIC_BROKER_CLIENTS },
	{ "$SYS/broker/uptime", METRIC_BROKER_UPTIME_SECONDS },
};

/* Members of cistern/counters that are one number each, and those that are an object of numbers by reason. */
static const struct member {
	const char *name;
	enum metric metric;
	bool by_reason;
} members[] = {
	{ "live", METRIC_BROKER_NODES, false },
	{ "connects", METRIC_BROKER_CONNECTS, false },
	{ "disconnects", METRIC_BROKER_DISCONNECTS, false },
	{ "product_publishes", METRIC_BROKER_PRODUCT_MESSAGES, false },
	{ "denied", METRIC_BROKER_DENIED, true },
	{ "kicks", METRIC_BROKER_CUT, true },
};

struct broker_sys {
	struct metrics *metrics;
	const char *broker;
	struct metric_series *connected;
};

struct broker_sys *broker_sys_new(struct metrics *metrics, const char *broker)
{
	struct broker_sys *sys = calloc(1, sizeof(*sys));
	if (!sys)
		abort();
	sys->metrics = metrics;
	sys->broker = broker;
	sys->connected = metrics_series(metrics, METRIC_BROKER_PUBLISHER_CONNECTED, METRIC_LABELS(broker));
	return sys;
}

void broker_sys_free(struct broker_sys *sys)
{
	free(sys);
}

void broker_sys_connected(struct broker_sys *sys, struct mosquitto *client)
{
	metric_set(sys->connected, 1);
	if (!sys->metrics)
		return;
	/* a failure is that of the connection, and shows there */
	for (size_t i = 0; i < ARRAY_LEN(figures); i++)
		(void)mosquitto_subscribe(client, NULL, figures[i].topic, 0);
	(void)mosquitto_subscribe(client, NULL, counters_topic, 0);
}

void broker_sys_disconnected(struct broker_sys *sys)
{
	metric_set(sys->connected, 0);
}

static bool read_figure(const char *payload, size_t len, int64_t *ret_value)
{
	char digits[24];
	size_t n = 0;
	while (n < len && n < sizeof(digits) - 1 && payload[n] >= '0' && payload[n] <= '9') {
		digits[n] = payload[n];
		n++;
	}
	digits[n] = '\0';
	return parse_i64(digits, 0, INT64_MAX, ret_value);
}

/* The plugin's own words; anything else would be a mistake of ours and gets no series. */
static bool is_reason(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
	return len > 0 && len <= 48 && text[len] == '\0';
}

static void take_reasons(struct broker_sys *sys, enum metric metric, json_t *reasons)
{
	const char *reason;
	json_t *value;
	json_object_foreach (reasons, reason, value) {
		if (json_is_integer(value) && is_reason(reason))
			metric_set(metrics_series(sys->metrics, metric, METRIC_LABELS(sys->broker, reason)),
				   json_integer_value(value));
	}
}

/* {"version":7,...,"alarm":"none"}; the alarm's word is in the log and in table broker_state. */
static void take_revocation(struct broker_sys *sys, const json_t *revocation)
{
	const json_t *version = json_object_get(revocation, "version");
	const char *alarm = json_string_value(json_object_get(revocation, "alarm"));
	if (json_is_integer(version))
		metric_set(metrics_series(sys->metrics, METRIC_BROKER_REVOCATION_VERSION, METRIC_LABELS(sys->broker)),
			   json_integer_value(version));
	if (alarm)
		metric_set(metrics_series(sys->metrics, METRIC_BROKER_REVOCATION_ALARM, METRIC_LABELS(sys->broker)),
			   strcmp(alarm, "none") != 0);
}

static void take_counters(struct broker_sys *sys, struct json_slice text)
{
	CLEANUP(json) json_t *document = NULL;
	struct error err = { .status = STATUS_OK };
	if (json_read_object(text, &json_node_limits, &document, &err) != STATUS_OK)
		return;
	take_revocation(sys, json_object_get(document, "revocation"));
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		json_t *value = json_object_get(document, members[i].name);
		if (members[i].by_reason)
			take_reasons(sys, members[i].metric, value);
		else if (json_is_integer(value))
			metric_set(metrics_series(sys->metrics, members[i].metric, METRIC_LABELS(sys->broker)),
				   json_integer_value(value));
	}
}

void broker_sys_take(struct broker_sys *sys, const char *topic, const char *payload, size_t payload_len)
{
	if (strcmp(topic, counters_topic) == 0) {
		take_counters(sys, (struct json_slice){ payload, payload_len });
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(figures); i++) {
		int64_t value = 0;
		if (strcmp(topic, figures[i].topic) == 0 && read_figure(payload, payload_len, &value))
			metric_set(metrics_series(sys->metrics, figures[i].metric, METRIC_LABELS(sys->broker)), value);
	}
}
