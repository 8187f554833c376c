#include "node.h"

#include "command.h"
#include "inbox.h"
#include "payload.h"
#include "tls.h"
#include "topics.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SECOND_US = 1000000,
	CONNECTIVITY_DELAY_US = 5 * SECOND_US, /* mqtt.md section 3, step 6 */
	OPENING_MAX = 64,                      /* at once; a broker's listen queue is about 100 */
	OPENING_RETRY_US = 10000,
	BACKOFF_FIRST_US = SECOND_US,
	STABLE_US = 10 * SECOND_US, /* a connection that lived so long was a good one: the back-off begins anew */
};

static const char connected_text[] = "{\"Connectivity\":{\"Connected\":true}}";
static const char disconnected_text[] = "{\"Connectivity\":{\"Connected\":false}}";

static int64_t now_s(void)
{
	return clock_now_us() / SECOND_US;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* --- out --- */

static void await(struct node *node, int mid)
{
	if (node->n_awaited == node->awaited_capacity) {
		size_t capacity = node->awaited_capacity ? 2 * node->awaited_capacity : 16;
		int *grown = reallocarray(node->awaited, capacity, sizeof(*grown));
		if (!grown)
			abort();
		node->awaited = grown;
		node->awaited_capacity = capacity;
	}
	node->awaited[node->n_awaited++] = mid;
}

/* True when the message was one of ours, not the load's. */
static bool awaited_take(struct node *node, int mid)
{
	for (size_t i = 0; i < node->n_awaited; i++) {
		if (node->awaited[i] != mid)
			continue;
		node->awaited[i] = node->awaited[--node->n_awaited];
		return true;
	}
	return false;
}

/* The message id, or 0: not connected. */
static int publish(struct node *node, const struct topic_text *topic, const void *payload, size_t payload_len)
{
	int mid = connection_publish(&node->connection, topic->text, payload, payload_len);

	if (mid < 0)
		return 0;
	await(node, mid);
	node_detail(node, "published", F_STR("topic", topic->text), F_I64("mid", mid), F_U64("bytes", payload_len));
	return mid;
}

static struct topic_text topic_of(const struct node *node, const char *suffix)
{
	return node->run->options->plain ? topic_plain(node->id, suffix) : topic_basic_ingest(node->id, suffix);
}

static struct topic_text report_topic(const struct node *node)
{
	const char *group_id = node->run->options->group_id;

	return group_id ? topic_grouped(node->id, "params/local", group_id) : topic_of(node, "params/local");
}

void node_publish(struct node *node, const char *suffix, const void *payload, size_t payload_len)
{
	struct topic_text topic = topic_of(node, suffix);

	(void)publish(node, &topic, payload, payload_len);
}

void node_publish_text(struct node *node, const char *suffix, const char *text)
{
	node_publish(node, suffix, text, strlen(text));
}

static void report_text(struct node *node, const char *text)
{
	struct topic_text topic = report_topic(node);

	if (publish(node, &topic, text, strlen(text)))
		node_detail(node, "reported", F_STR("payload", text));
}

static void publish_sample(struct node *node, const struct device_param *param)
{
	if (param->series == DEVICE_SERIES_NONE)
		return;
	char *text = payload_sample(param, device_value(&node->device, param), now_s());
	node_publish_text(node, param->series == DEVICE_SERIES_FULL ? "tsdata" : "simple_tsdata", text);
	free(text);
}

/* Firmware sends a sample of a time series with each report of its value. */
static void publish_samples(struct node *node, const json_t *values)
{
	const struct device_model *model = node->device.model;

	for (size_t i = 0; i < model->n_params; i++) {
		const struct device_param *param = &model->params[i];
		if (json_object_get(json_object_get(values, param->device), param->name))
			publish_sample(node, param);
	}
}

void node_report(struct node *node, const json_t *values)
{
	if (json_object_size(values) == 0)
		return;
	char *text = device_json_text(values);
	report_text(node, text);
	free(text);
	publish_samples(node, values);
}

/* Remembered until its SUBACK. */
static void subscribe(struct node *node, struct topic_text filter)
{
	int mid = connection_subscribe(&node->connection, filter.text);

	for (size_t i = 0; mid > 0 && i < NODE_SUBSCRIPTIONS_MAX; i++) {
		if (node->subscriptions[i].mid)
			continue;
		node->subscriptions[i] = (struct node_subscription){ .mid = mid, .filter = filter };
		return;
	}
}

void node_subscribe(struct node *node, const char *suffix)
{
	subscribe(node, topic_plain(node->id, suffix));
}

/* --- the boot sequence --- */

static void publish_poll(struct node *node)
{
	CLEANUP(buffer) struct buffer poll = { 0 };

	command_response_put(&poll, "", COMMAND_OK, COMMAND_POLL, NULL, 0);
	node_publish(node, "from-node", poll.bytes, poll.len);
}

static void publish_config(struct node *node)
{
	char *text = device_model_config_text(node->device.model, node->id);

	node_publish_text(node, "config", text);
	free(text);
}

static void publish_init(struct node *node)
{
	json_t *values = device_all(&node->device);
	char *text = device_json_text(values);

	node_publish_text(node, "params/local/init", text);
	free(text);
	json_decref(values);
}

static void publish_mapping(struct node *node)
{
	const struct options *options = node->run->options;
	struct topic_text topic = topic_of(node, "user/mapping");
	char *text = options->factory_reset
			     ? payload_mapping(node->id, "esp-rmaker", "failed", true)
			     : payload_mapping(node->id, options->user_id, options->secret, options->reset);

	node->mapping_mid = publish(node, &topic, text, strlen(text));
	free(text);
}

static void subscribe_params(struct node *node)
{
	const struct options *options = node->run->options;

	if (options->group_id)
		subscribe(node, topic_grouped(node->id, "params/remote", options->group_id));
	subscribe(node, topic_plain(node->id, options->textbook ? "remote" : "params/remote"));
}

static void start_params(struct node *node)
{
	node->params_started = true;
	subscribe_params(node);
	publish_init(node);
	for (size_t i = 0; i < node->device.model->n_params; i++)
		publish_sample(node, &node->device.model->params[i]);
	if (node->run->options->report_interval_s > 0)
		node->report_at_us = clock_monotonic_us() + node->run->options->report_interval_s * SECOND_US;
}

static void start_ota(struct node *node)
{
	struct topic_text filter = topic_plain(node->id, "otaurl");

	node->ota_started = true;
	(void)connection_unsubscribe(&node->connection, filter.text); /* its UNSUBACK changes nothing */
	subscribe(node, filter);
	node->otafetch_at_us = clock_monotonic_us() + node->run->options->otafetch_delay_s * SECOND_US;
}

static void on_connected(void *owner, bool session_present)
{
	struct node *node = owner;
	char alpn[32];

	connection_alpn(&node->connection, alpn, sizeof(alpn));
	node_detail(node, "connected", F_U64("session_present", session_present),
		    F_STR("tls", connection_tls_version(&node->connection)), F_STR("alpn", alpn));
	node->opening = false;
	node->up = true;
	node->run->n_opening--;
	node->up_since_us = clock_monotonic_us();

	subscribe(node, topic_plain(node->id, "to-node"));
	publish_poll(node);
	if (!node->config_sent)
		publish_config(node);
	if (node->params_started)
		subscribe_params(node);
	else if (!node->config_sent && node->mapping_waits)
		publish_mapping(node);
	else if (!node->mapping_waits)
		start_params(node);
	node->config_sent = true;
	if (node->ota_started)
		subscribe(node, topic_plain(node->id, "otaurl"));
	else
		start_ota(node);
	renew_connected(node);
	if (node->run->options->connectivity)
		node->connectivity_at_us = clock_monotonic_us() + CONNECTIVITY_DELAY_US;
}

static void publish_otafetch(struct node *node)
{
	char *text = payload_otafetch(node->id, node->device.model->fw_version);

	node->otafetch_sent = true;
	node_publish_text(node, "otafetch", text);
	free(text);
}

void node_report_details(struct node *node)
{
	if (!node->up || !node->params_started)
		return;
	publish_config(node);
	publish_init(node);
	connection_flush(&node->connection);
}

/* --- in --- */

static void on_subscribed(void *owner, int mid, bool granted)
{
	struct node *node = owner;

	for (size_t i = 0; i < NODE_SUBSCRIPTIONS_MAX; i++) {
		struct node_subscription *subscription = &node->subscriptions[i];
		if (subscription->mid != mid)
			continue;
		subscription->mid = 0;
		if (granted)
			node_detail(node, "subscribed", F_STR("topic", subscription->filter.text));
		else
			node_event(node, "subscribe_refused", F_STR("topic", subscription->filter.text));
		return;
	}
}

/* ready once the parameters are there, booted once the OTA question is asked too; both with every message acknowledged. */
static void note_progress(struct node *node)
{
	if (!node->params_started || node->n_awaited > 0)
		return;
	if (!node->ready) {
		node->ready = true;
		node_detail(node, "ready", F_U64("params", node->device.model->n_params));
		if (++node->run->n_ready == node->run->n_nodes)
			node->run->ready_us = clock_monotonic_us();
	}
	if (!node->booted && node->otafetch_sent) {
		node->booted = true;
		node->run->n_booted++;
	}
}

static void on_acked(void *owner, int mid)
{
	struct node *node = owner;

	if (!awaited_take(node, mid)) { /* one of the load's */
		int64_t now_us = clock_monotonic_us();
		load_acked(&node->run->load, &node->load, now_us);
		load_pump(&node->run->load, &node->load, &node->connection, now_us);
		return;
	}
	node_detail(node, "acked", F_I64("mid", mid));
	if (mid == node->mapping_mid) {
		node->mapping_mid = 0;
		node->mapping_waits = false;
		node_detail(node, "mapping_acked", F_I64("mid", mid));
		start_params(node);
	}
	note_progress(node);
}

static void on_received(void *owner, const char *topic, const void *payload, size_t payload_len)
{
	inbox_received(owner, topic, payload, payload_len);
}

/* Exponential, and between half and all of it, so that nodes that went down together do not come back together. */
static int64_t backoff_us(struct node *node)
{
	int64_t max_us = node->run->options->max_backoff_s * SECOND_US, delay_us = BACKOFF_FIRST_US;

	for (unsigned int i = 0; i < node->n_failures && delay_us < max_us; i++)
		delay_us *= 2;
	node->n_failures++;
	delay_us = earlier(delay_us, max_us);
	return delay_us / 2 + random() % (delay_us / 2 + 1);
}

static void plan_reconnect(struct node *node)
{
	int64_t delay_us = backoff_us(node);

	node->connect_at_us = clock_monotonic_us() + delay_us;
	node->run->n_reconnects++;
	node_event(node, "reconnecting", F_I64("delay_ms", delay_us / 1000));
}

static void on_lost(void *owner, const char *reason)
{
	struct node *node = owner;
	bool was_up = node->up;

	if (was_up && clock_monotonic_us() - node->up_since_us >= STABLE_US)
		node->n_failures = 0;
	if (node->opening)
		node->run->n_opening--;
	node->opening = node->up = false;
	memset(node->subscriptions, 0, sizeof(node->subscriptions));
	node->connectivity_at_us = INT64_MAX;
	if (node->run->stopping) {
		node_detail(node, "stopped", F_STR("reason", reason));
		return;
	}
	node_event(node, was_up ? "disconnected" : "refused", F_STR("reason", reason));
	if (renew_lost(node, was_up))
		node->connect_at_us = clock_monotonic_us();
	else if (node->run->options->once)
		node->run->failed = true;
	else
		plan_reconnect(node);
}

static const struct connection_handlers handlers = {
	.connected = on_connected,
	.subscribed = on_subscribed,
	.acked = on_acked,
	.received = on_received,
	.lost = on_lost,
};

/* --- life --- */

enum status node_init(struct node *node, struct run *run, const struct identity *identity, struct error *err)
{
	const struct options *options = run->options;
	const char *id = options->node_id ? options->node_id : identity->common_name;

	*node = (struct node){
		.run = run,
		.identity = identity,
		.renewal.wanted = options->renew,
		.mapping_waits = options->user_id || options->factory_reset,
		.otafetch_at_us = INT64_MAX,
		.connectivity_at_us = INT64_MAX,
		.report_at_us = INT64_MAX,
	};
	if (strlen(id) > NODE_ID_TEXT_MAX)
		return error_set(err, STATUS_INVALID, "node id longer than %d bytes", NODE_ID_TEXT_MAX);
	memcpy(node->id, id, strlen(id) + 1);
	device_init(&node->device, run->model);
	node->load.topic = report_topic(node);

	enum status st = tls_context_new(identity, run->server_name, options->alpn, &node->tls, err);
	if (st != STATUS_OK)
		return st;
	if (identity->has_new)
		renew_resume(node);
	struct topic_text will_topic = options->group_id ? topic_grouped(node->id, "params/local", options->group_id)
							 : topic_plain(node->id, "params/local");
	const struct connection_will will = { options->connectivity ? will_topic.text : NULL, disconnected_text };
	return connection_init(&node->connection, &run->connection, identity->common_name, node->tls, &will, &handlers,
			       node, err);
}

void node_done(struct node *node)
{
	connection_done(&node->connection);
	SSL_CTX_free(node->tls);
	renew_done(node);
	device_done(&node->device);
	free(node->awaited);
}

static int64_t tick_down(struct node *node, int64_t now_us)
{
	struct run *run = node->run;

	if (run->stopping || run->failed)
		return INT64_MAX;
	if (now_us < node->connect_at_us)
		return node->connect_at_us;
	if (run->n_opening >= OPENING_MAX)
		return now_us + OPENING_RETRY_US;
	node_detail(node, "connecting", F_STR("host", run->connection.host), F_I64("port", run->connection.port));
	node->opening = true;
	run->n_opening++;
	connection_open(&node->connection);
	return now_us;
}

static void run_timers(struct node *node, int64_t now_us)
{
	if (now_us >= node->otafetch_at_us) {
		node->otafetch_at_us = INT64_MAX;
		publish_otafetch(node);
	}
	if (now_us >= node->connectivity_at_us) {
		node->connectivity_at_us = INT64_MAX;
		report_text(node, connected_text);
	}
	if (now_us >= node->report_at_us) {
		json_t *measured = device_measure(&node->device);
		node->report_at_us = now_us + node->run->options->report_interval_s * SECOND_US;
		node_report(node, measured);
		json_decref(measured);
	}
	load_pump(&node->run->load, &node->load, &node->connection, now_us);
}

int64_t node_tick(struct node *node, int64_t now_us)
{
	if (node->connection.state == CONNECTION_DOWN)
		return tick_down(node, now_us);
	connection_tick(&node->connection, now_us);
	if (node->connection.more_to_read)
		connection_ready(&node->connection, 0);
	int64_t next_us = node->connection.tick_at_us;
	if (node->up && !node->run->stopping) {
		run_timers(node, now_us);
		next_us = earlier(next_us, renew_tick(node, now_us));
		if (!node->up) /* it changes certificates */
			return now_us;
		connection_flush(&node->connection);
		next_us = earlier(next_us, node->otafetch_at_us);
		next_us = earlier(next_us, node->connectivity_at_us);
		next_us = earlier(next_us, node->report_at_us);
		next_us = earlier(next_us, load_due_us(&node->run->load, &node->load));
	}
	return node->connection.more_to_read ? now_us : next_us;
}

void node_stop(struct node *node)
{
	if (node->connection.state == CONNECTION_DOWN)
		node_detail(node, "stopped", F_STR("reason", "not connected"));
	else
		connection_close(&node->connection);
}
