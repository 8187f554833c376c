#include "broker/publisher.h"

#include <mosquitto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

enum { RECONNECT_MIN_S = 1, RECONNECT_MAX_S = 5 };

/* One publisher_publish() call in flight. */
struct waiting {
	int mids[4];
	size_t n_mids, n_acknowledged;
	struct waiting *next;
};

struct publisher {
	struct mosquitto *client;
	struct broker_options options;
	pthread_mutex_t mutex; /* guards everything below */
	pthread_cond_t changed;
	bool connected, stopping;
	unsigned epoch; /* counts connections: an acknowledgement cannot come from an earlier one */
	struct waiting *waiting;
	pthread_t thread;
};

static void on_connect(struct mosquitto *client, void *context, int result)
{
	(void)client;
	struct publisher *publisher = context;
	pthread_mutex_lock(&publisher->mutex);
	publisher->connected = result == 0;
	publisher->epoch++;
	pthread_cond_broadcast(&publisher->changed);
	pthread_mutex_unlock(&publisher->mutex);
	if (result == 0)
		log_info("publisher.connected", F_STR("client", publisher->options.client_id));
	else
		log_warn("publisher.refused", F_STR("reason", mosquitto_connack_string(result)));
}

static void on_disconnect(struct mosquitto *client, void *context, int result)
{
	(void)client;
	struct publisher *publisher = context;
	pthread_mutex_lock(&publisher->mutex);
	publisher->connected = false;
	publisher->epoch++;
	bool wanted = publisher->stopping;
	pthread_cond_broadcast(&publisher->changed);
	pthread_mutex_unlock(&publisher->mutex);
	if (!wanted)
		log_warn("publisher.disconnected", F_STR("reason", mosquitto_strerror(result)));
}

static void on_publish(struct mosquitto *client, void *context, int mid)
{
	(void)client;
	struct publisher *publisher = context;
	pthread_mutex_lock(&publisher->mutex);
	for (struct waiting *waiting = publisher->waiting; waiting; waiting = waiting->next) {
		for (size_t i = 0; i < waiting->n_mids; i++) {
			if (waiting->mids[i] == mid) {
				waiting->mids[i] = 0; /* never a message id (MQTT 3.1.1 section 2.3.1) */
				waiting->n_acknowledged++;
			}
		}
	}
	pthread_cond_broadcast(&publisher->changed);
	pthread_mutex_unlock(&publisher->mutex);
}

/* mosquitto_loop_forever() returns when the first connection fails; then we wait and try again. */
static void *run(void *context)
{
	struct publisher *publisher = context;
	for (;;) {
		int result = mosquitto_connect_async(publisher->client, publisher->options.host,
						     publisher->options.port, BROKER_KEEPALIVE_S);
		if (result == MOSQ_ERR_SUCCESS)
			result = mosquitto_loop_forever(publisher->client, 100, 1);
		pthread_mutex_lock(&publisher->mutex);
		publisher->connected = false;
		struct timespec until;
		(void)clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += RECONNECT_MIN_S;
		while (!publisher->stopping &&
		       pthread_cond_timedwait(&publisher->changed, &publisher->mutex, &until) == 0)
			;
		bool stopping = publisher->stopping;
		pthread_mutex_unlock(&publisher->mutex);
		if (stopping)
			return NULL;
	}
}

enum status publisher_start(const struct broker_options *options, struct publisher **ret_publisher, struct error *err)
{
	struct publisher *publisher = calloc(1, sizeof(*publisher));
	if (!publisher)
		abort();
	publisher->options = *options;
	enum status st = client_new(options, true, publisher, &publisher->client, err);
	if (st != STATUS_OK) {
		free(publisher);
		return st;
	}
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&publisher->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_mutex_init(&publisher->mutex, NULL);
	(void)mosquitto_threaded_set(publisher->client, true);
	mosquitto_connect_callback_set(publisher->client, on_connect);
	mosquitto_disconnect_callback_set(publisher->client, on_disconnect);
	mosquitto_publish_callback_set(publisher->client, on_publish);
	(void)mosquitto_reconnect_delay_set(publisher->client, RECONNECT_MIN_S, RECONNECT_MAX_S, true);
	if (pthread_create(&publisher->thread, NULL, run, publisher) != 0)
		abort();
	*ret_publisher = publisher;
	return STATUS_OK;
}

void publisher_stop(struct publisher *publisher)
{
	if (!publisher)
		return;
	pthread_mutex_lock(&publisher->mutex);
	publisher->stopping = true;
	pthread_cond_broadcast(&publisher->changed);
	pthread_mutex_unlock(&publisher->mutex);
	(void)mosquitto_disconnect(publisher->client); /* not connected is as good */
	pthread_join(publisher->thread, NULL);
	mosquitto_destroy(publisher->client);
	pthread_cond_destroy(&publisher->changed);
	pthread_mutex_destroy(&publisher->mutex);
	free(publisher);
}

bool publisher_is_connected(struct publisher *publisher)
{
	pthread_mutex_lock(&publisher->mutex);
	bool connected = publisher->connected;
	pthread_mutex_unlock(&publisher->mutex);
	return connected;
}

/* Called with the mutex held, so that no acknowledgement is looked for before its message id is known. libmosquitto's callbacks
 * run without its own locks held, and mosquitto_publish() only queues in threaded mode: no lock is waited for in a circle. */
static enum status send_all(struct publisher *publisher, const struct broker_message *messages, size_t n_messages,
			    struct waiting *waiting, struct error *err)
{
	for (size_t i = 0; i < n_messages; i++) {
		int result = mosquitto_publish(publisher->client, &waiting->mids[i], messages[i].topic,
					       (int)messages[i].payload_len, messages[i].payload, 1, false);
		enum status st = client_status(result, "publishing", err);
		if (st != STATUS_OK)
			return st;
		waiting->n_mids++;
	}
	return STATUS_OK;
}

static void forget(struct publisher *publisher, const struct waiting *waiting)
{
	struct waiting **at = &publisher->waiting;
	while (*at != waiting)
		at = &(*at)->next;
	*at = waiting->next;
}

static enum status wait_acknowledged(struct publisher *publisher, const struct waiting *waiting, int timeout_ms,
				     struct error *err)
{
	unsigned epoch = publisher->epoch;
	int64_t until_us = clock_monotonic_us() + timeout_ms * 1000;
	struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };
	while (waiting->n_acknowledged < waiting->n_mids && publisher->epoch == epoch) {
		if (pthread_cond_timedwait(&publisher->changed, &publisher->mutex, &until) != 0)
			return error_set(err, STATUS_UNAVAILABLE, "broker: no acknowledgement in %d ms", timeout_ms);
	}
	if (waiting->n_acknowledged < waiting->n_mids)
		return error_set(err, STATUS_UNAVAILABLE, "broker: connection lost");
	return STATUS_OK;
}

enum status publisher_publish(struct publisher *publisher, const struct broker_message *messages, size_t n_messages,
			      int timeout_ms, struct error *err)
{
	struct waiting waiting = { .n_mids = 0 };
	if (n_messages > ARRAY_LEN(waiting.mids))
		return error_set(err, STATUS_INTERNAL, "too many messages in one call");
	pthread_mutex_lock(&publisher->mutex);
	enum status st = STATUS_OK;
	if (!publisher->connected) {
		st = error_set(err, STATUS_UNAVAILABLE, "broker: not connected");
	} else {
		waiting.next = publisher->waiting;
		publisher->waiting = &waiting;
		st = send_all(publisher, messages, n_messages, &waiting, err);
		if (st == STATUS_OK)
			st = wait_acknowledged(publisher, &waiting, timeout_ms, err);
		forget(publisher, &waiting);
	}
	pthread_mutex_unlock(&publisher->mutex);
	return st;
}
