#include "broker/consumer.h"

#include <errno.h>
#include <mosquitto.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct consumer {
	struct consumer_options options;
	struct mosquitto *client;
	int connect_result; /* of CONNACK; -1 before it */
	int subscribe_mid;
	bool subscribed, refused;
	bool full;      /* take() said stop */
	size_t n_taken; /* since the opening */
};

static void on_connect(struct mosquitto *client, void *context, int result)
{
	(void)client;
	struct consumer *consumer = context;
	consumer->connect_result = result;
}

static void on_subscribe(struct mosquitto *client, void *context, int mid, int n_granted, const int *granted)
{
	(void)client;
	struct consumer *consumer = context;
	if (mid != consumer->subscribe_mid)
		return;
	consumer->subscribed = true;
	for (int i = 0; i < n_granted; i++)
		consumer->refused |= granted[i] != 1;
}

static void on_message(struct mosquitto *client, void *context, const struct mosquitto_message *message)
{
	(void)client;
	struct consumer *consumer = context;
	struct delivery delivery = { .topic = message->topic,
				     .payload = message->payload,
				     .payload_len = (size_t)message->payloadlen,
				     .mid = message->mid,
				     .may_repeat = consumer->n_taken < REPEAT_WINDOW };
	consumer->n_taken++;
	if (!consumer->options.take(consumer->options.context, &delivery))
		consumer->full = true;
}

void consumer_close(struct consumer *consumer)
{
	if (!consumer)
		return;
	mosquitto_destroy(consumer->client); /* closes the socket; what is queued is not sent */
	free(consumer);
}

/* OpenSSL may hold decrypted bytes that the socket does not show. */
static bool is_readable(struct consumer *consumer, int wait_ms)
{
	SSL *tls = mosquitto_ssl_get(consumer->client);
	if (tls && SSL_pending(tls) > 0)
		return true;
	struct pollfd socket = { .fd = mosquitto_socket(consumer->client), .events = POLLIN };
	return poll(&socket, 1, wait_ms) > 0;
}

static enum status write_queued(struct consumer *consumer, struct error *err)
{
	int64_t deadline_us = clock_monotonic_us() + CONSUMER_CONNECT_TIMEOUT_MS * 1000;
	do {
		enum status st = client_status(mosquitto_loop_write(consumer->client, 1), "writing", err);
		if (st != STATUS_OK || !mosquitto_want_write(consumer->client))
			return st;
		struct pollfd socket = { .fd = mosquitto_socket(consumer->client), .events = POLLOUT };
		(void)poll(&socket, 1, 100); /* a failure shows at the next write */
	} while (clock_monotonic_us() < deadline_us);
	return error_set(err, STATUS_TIMEOUT, "broker: socket stays full");
}

static enum status read_packet(struct consumer *consumer, struct error *err)
{
	return client_status(mosquitto_loop_read(consumer->client, 1), "reading", err);
}

/* One step of the connection's set-up: write what is queued, wait for an answer, read it. */
static enum status set_up_step(struct consumer *consumer, int64_t deadline_us, struct error *err)
{
	if (clock_monotonic_us() > deadline_us)
		return error_set(err, STATUS_TIMEOUT, "broker: no answer");
	enum status st = write_queued(consumer, err);
	if (st == STATUS_OK && is_readable(consumer, 100))
		st = read_packet(consumer, err);
	return st;
}

static enum status wait_connected(struct consumer *consumer, int64_t deadline_us, struct error *err)
{
	while (consumer->connect_result < 0) {
		enum status st = set_up_step(consumer, deadline_us, err);
		if (st != STATUS_OK)
			return st;
	}
	if (consumer->connect_result > 0)
		return error_set(err, STATUS_UNAVAILABLE, "broker: %s",
				 mosquitto_connack_string(consumer->connect_result));
	return STATUS_OK;
}

enum { FILTERS_MAX = 64 };

/* The answer to this one is not waited for. */
static enum status unsubscribe(struct consumer *consumer, struct error *err)
{
	char *filters[FILTERS_MAX];
	if (consumer->options.n_unwanted == 0)
		return STATUS_OK;
	memcpy(filters, consumer->options.unwanted, consumer->options.n_unwanted * sizeof(filters[0]));
	int result = mosquitto_unsubscribe_multiple(consumer->client, NULL, (int)consumer->options.n_unwanted, filters,
						    NULL);
	return client_status(result, "unsubscribing", err);
}

/* Kept messages may come before the SUBACK. Writing then would acknowledge them, so nothing is written while we wait. */
static enum status wait_subscribed(struct consumer *consumer, int64_t deadline_us, struct error *err)
{
	char *filters[FILTERS_MAX];
	if (consumer->options.n_filters > FILTERS_MAX || consumer->options.n_unwanted > FILTERS_MAX)
		return error_set(err, STATUS_INTERNAL, "too many topic filters");
	enum status st = unsubscribe(consumer, err);
	if (st != STATUS_OK)
		return st;
	memcpy(filters, consumer->options.filters, consumer->options.n_filters * sizeof(filters[0]));
	int result = mosquitto_subscribe_multiple(consumer->client, &consumer->subscribe_mid,
						  (int)consumer->options.n_filters, filters, 1, 0, NULL);
	st = client_status(result, "subscribing", err);
	if (st == STATUS_OK)
		st = write_queued(consumer, err);
	while (st == STATUS_OK && !consumer->subscribed) {
		if (clock_monotonic_us() > deadline_us)
			return error_set(err, STATUS_TIMEOUT, "broker: no answer to SUBSCRIBE");
		if (is_readable(consumer, 100))
			st = read_packet(consumer, err);
	}
	if (st == STATUS_OK && consumer->refused)
		st = error_set(err, STATUS_UNAVAILABLE, "broker: a subscription was refused");
	return st;
}

enum status consumer_open(const struct consumer_options *options, struct consumer **ret_consumer, struct error *err)
{
	CLEANUP(consumer) struct consumer *consumer = calloc(1, sizeof(*consumer));
	if (!consumer)
		abort();
	consumer->options = *options;
	consumer->connect_result = -1;
	enum status st = client_new(&options->broker, false, consumer, &consumer->client, err);
	if (st != STATUS_OK)
		return st;
	(void)mosquitto_threaded_set(consumer->client, true); /* cannot fail here: TLS and threads are built in */
	mosquitto_connect_callback_set(consumer->client, on_connect);
	mosquitto_subscribe_callback_set(consumer->client, on_subscribe);
	mosquitto_message_callback_set(consumer->client, on_message);
	int64_t deadline_us = clock_monotonic_us() + CONSUMER_CONNECT_TIMEOUT_MS * 1000;
	st = client_connect(consumer->client, &options->broker, err);
	if (st == STATUS_OK)
		st = wait_connected(consumer, deadline_us, err);
	if (st == STATUS_OK)
		st = wait_subscribed(consumer, deadline_us, err);
	if (st != STATUS_OK)
		return st;
	*ret_consumer = STEAL(consumer);
	return STATUS_OK;
}

/* How long to wait for the next message: for a first one idle_ms, after it until gather_until_us, which is set then. */
static int wait_for_next_ms(const struct consumer *consumer, size_t n_before, int idle_ms, int gather_ms,
			    int64_t *gather_until_us)
{
	if (consumer->n_taken == n_before)
		return idle_ms;
	int64_t now_us = clock_monotonic_us();
	if (*gather_until_us == 0)
		*gather_until_us = now_us + gather_ms * 1000;
	return now_us < *gather_until_us ? (int)((*gather_until_us - now_us + 999) / 1000) : 0;
}

enum status consumer_read(struct consumer *consumer, int idle_ms, int gather_ms, struct error *err)
{
	consumer->full = false;
	size_t n_before = consumer->n_taken;
	int64_t gather_until_us = 0;
	enum status st = client_status(mosquitto_loop_misc(consumer->client), "keeping alive", err);
	while (st == STATUS_OK && !consumer->full) {
		size_t n_last = consumer->n_taken;
		/* the socket never blocks: asking it is cheaper than poll(), and mostly it has something */
		st = read_packet(consumer, err);
		if (st != STATUS_OK || consumer->n_taken > n_last)
			continue;
		if (!is_readable(consumer, wait_for_next_ms(consumer, n_before, idle_ms, gather_ms, &gather_until_us)))
			break;
	}
	return st;
}

enum status consumer_acknowledge(struct consumer *consumer, struct error *err)
{
	return write_queued(consumer, err);
}
