#include "broker/publisher.h"

#include <errno.h>
#include <mosquitto.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "broker/sys.h"

enum { RETRY_MIN_MS = 50, RETRY_MAX_MS = 500, POLL_MS = 1000, CONNECT_TIMEOUT_MS = 5000, MESSAGES_PER_CALL_MAX = 4 };

/* One publisher_publish() call in flight. */
struct waiting {
	int mids[MESSAGES_PER_CALL_MAX];
	size_t n_mids, n_acknowledged;
	struct waiting *next;
};

struct publisher {
	struct broker_options options;
	pthread_t thread;
	struct broker_sys *sys; /* its thread's alone */
	int wake;               /* eventfd: there is something to send, or to stop for */

	pthread_mutex_t mutex; /* guards everything below */
	pthread_cond_t changed;
	struct mosquitto *client; /* NULL between connections; made and destroyed by the thread alone */
	bool connected, stopping;
	unsigned epoch; /* counts connections: an acknowledgement cannot come from an earlier one */
	struct waiting *waiting;
};

static void on_connect(struct mosquitto *client, void *context, int result)
{
	struct publisher *publisher = context;
	pthread_mutex_lock(&publisher->mutex);
	publisher->connected = result == 0;
	pthread_mutex_unlock(&publisher->mutex);
	if (result != 0) {
		log_warn("publisher.refused", F_STR("reason", mosquitto_connack_string(result)));
		return;
	}
	log_info("publisher.connected", F_STR("client", publisher->options.client_id));
	broker_sys_connected(publisher->sys, client);
}

static void on_message(struct mosquitto *client, void *context, const struct mosquitto_message *message)
{
	(void)client;
	const struct publisher *publisher = context;
	broker_sys_take(publisher->sys, message->topic, message->payload, (size_t)message->payloadlen);
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

static void wake(struct publisher *publisher)
{
	(void)eventfd_write(publisher->wake, 1); /* fails only when it is awake 2^64 times already */
}

static bool is_stopping(struct publisher *publisher)
{
	pthread_mutex_lock(&publisher->mutex);
	bool stopping = publisher->stopping;
	pthread_mutex_unlock(&publisher->mutex);
	return stopping;
}

/* A new client for each connection: libmosquitto would send what was not acknowledged again after the next connect, and a command
 * that was told to have failed must not reach the node later. */
static enum status open_client(struct publisher *publisher, struct mosquitto **ret_client, struct error *err)
{
	struct mosquitto *client = NULL;
	enum status st = client_new(&publisher->options, true, publisher, &client, err);
	if (st != STATUS_OK)
		return st;
	(void)mosquitto_threaded_set(client, true); /* packets are queued, the thread below sends them */
	(void)mosquitto_max_inflight_messages_set(client, 0);
	mosquitto_connect_callback_set(client, on_connect);
	mosquitto_publish_callback_set(client, on_publish);
	mosquitto_message_callback_set(client, on_message);
	/* the blocking form: with the other, 2.0.11 never notices that a TLS port refuses */
	st = client_connect(client, &publisher->options, err);
	if (st != STATUS_OK) {
		mosquitto_destroy(client);
		return st;
	}
	*ret_client = client;
	return STATUS_OK;
}

/* Waits for the socket or a wake-up, then reads and writes what there is. Not mosquitto_loop(): that one select()s, and this process
 * may have more than 1024 files open. */
static int serve_once(struct publisher *publisher, struct mosquitto *client)
{
	short events = mosquitto_want_write(client) ? POLLIN | POLLOUT : POLLIN;
	struct pollfd files[] = { { .fd = mosquitto_socket(client), .events = events },
				  { .fd = publisher->wake, .events = POLLIN } };
	SSL *tls = mosquitto_ssl_get(client);
	bool has_pending = tls && SSL_pending(tls) > 0;
	if (poll(files, ARRAY_LEN(files), has_pending ? 0 : POLL_MS) < 0 && errno != EINTR)
		return MOSQ_ERR_ERRNO;
	eventfd_t count;
	if (files[1].revents)
		(void)eventfd_read(publisher->wake, &count); /* it only wakes */
	int result = MOSQ_ERR_SUCCESS;
	if (has_pending || files[0].revents & ~POLLOUT)
		result = mosquitto_loop_read(client, 1);
	if (result == MOSQ_ERR_SUCCESS)
		result = mosquitto_loop_write(client, 1);
	return result == MOSQ_ERR_SUCCESS ? mosquitto_loop_misc(client) : result;
}

static int serve(struct publisher *publisher, struct mosquitto *client)
{
	int64_t connect_until_us = clock_monotonic_us() + CONNECT_TIMEOUT_MS * 1000;
	for (;;) {
		int result = serve_once(publisher, client);
		if (result != MOSQ_ERR_SUCCESS || is_stopping(publisher))
			return result;
		if (!publisher_is_connected(publisher) && clock_monotonic_us() > connect_until_us)
			return MOSQ_ERR_CONN_LOST;
	}
}

/* Who waits for an acknowledgement learns that it will not come. */
static void set_client(struct publisher *publisher, struct mosquitto *client)
{
	pthread_mutex_lock(&publisher->mutex);
	publisher->client = client;
	publisher->connected = false;
	publisher->epoch++;
	pthread_cond_broadcast(&publisher->changed);
	pthread_mutex_unlock(&publisher->mutex);
}

static void wait_ms(struct publisher *publisher, int ms)
{
	struct pollfd file = { .fd = publisher->wake, .events = POLLIN };
	eventfd_t count;
	if (poll(&file, 1, ms / 2 + (int)(clock_monotonic_us() % ms)) > 0) /* jitter need not be random */
		(void)eventfd_read(publisher->wake, &count);               /* it only wakes */
}

static void *run(void *context)
{
	struct publisher *publisher = context;
	for (int retry_ms = RETRY_MIN_MS; !is_stopping(publisher);) {
		struct mosquitto *client = NULL;
		struct error err = { .status = STATUS_OK };
		if (open_client(publisher, &client, &err) == STATUS_OK) {
			set_client(publisher, client);
			int result = serve(publisher, client);
			if (publisher_is_connected(publisher))
				retry_ms = RETRY_MIN_MS;
			set_client(publisher, NULL);
			broker_sys_disconnected(publisher->sys);
			mosquitto_destroy(client);
			IGNORE_RESULT(client_status(result, "serving", &err)); /* its text is what is logged */
		}
		if (is_stopping(publisher))
			break;
		log_warn("publisher.disconnected", F_STR("reason", err.text), F_I64("retry_ms", retry_ms));
		wait_ms(publisher, retry_ms);
		retry_ms = retry_ms * 2 < RETRY_MAX_MS ? retry_ms * 2 : RETRY_MAX_MS;
	}
	return NULL;
}

enum status publisher_start(const struct broker_options *options, struct publisher **ret_publisher, struct error *err)
{
	struct publisher *publisher = calloc(1, sizeof(*publisher));
	if (!publisher)
		abort();
	publisher->options = *options;
	publisher->sys = broker_sys_new(options->metrics, options->name);
	publisher->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (publisher->wake < 0) {
		broker_sys_free(publisher->sys);
		free(publisher);
		return error_set(err, STATUS_UNAVAILABLE, "broker: no eventfd: %s", strerror(errno));
	}
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&publisher->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_mutex_init(&publisher->mutex, NULL);
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
	pthread_mutex_unlock(&publisher->mutex);
	wake(publisher);
	pthread_join(publisher->thread, NULL);
	pthread_cond_destroy(&publisher->changed);
	pthread_mutex_destroy(&publisher->mutex);
	(void)close(publisher->wake);
	broker_sys_free(publisher->sys);
	free(publisher);
}

bool publisher_is_connected(struct publisher *publisher)
{
	pthread_mutex_lock(&publisher->mutex);
	bool connected = publisher->connected;
	pthread_mutex_unlock(&publisher->mutex);
	return connected;
}

void publisher_hurry(struct publisher *publisher)
{
	if (!publisher_is_connected(publisher))
		wake(publisher);
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
		wake(publisher);
		if (st == STATUS_OK)
			st = wait_acknowledged(publisher, &waiting, timeout_ms, err);
		forget(publisher, &waiting);
	}
	pthread_mutex_unlock(&publisher->mutex);
	return st;
}
