/* discard - the baseline of durable ingest: a durable QoS 1 session that keeps nothing. Like the daemon it reads
 * until the socket is dry and then acknowledges all at once: the cheapest client that there can be for the broker.
 *
 *   discard SOCKET
 *
 * Prints `ready` when subscribed, and a line `marker COUNT TIME_US PAYLOAD` for each {"Marker":...}, the load's last report; the time
 * is the monotonic clock's. Runs until it is killed. */
#include <mosquitto.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/macros.h"

enum { READ_MAX = 1000 }; /* a batch */

#define MARKER "{\"Marker\":"

struct discard {
	unsigned long n_messages;
};

static void on_connect(struct mosquitto *client, void *context, int result)
{
	(void)context;
	char plain[] = "node/+/params/local", alias[] = "$aws/rules/esp_set_params/node/+/params/local",
	     presence[] = "cistern/presence/+";
	char *filters[] = { plain, alias, presence };
	if (result != 0 || mosquitto_subscribe_multiple(client, NULL, ARRAY_LEN(filters), filters, 1, 0, NULL) != 0)
		exit(EXIT_FAILURE);
}

static void on_subscribe(struct mosquitto *client, void *context, int mid, int n_granted, const int *granted)
{
	(void)client, (void)context, (void)mid, (void)n_granted, (void)granted;
	(void)puts("ready");
	(void)fflush(stdout);
}

static void on_message(struct mosquitto *client, void *context, const struct mosquitto_message *message)
{
	(void)client;
	struct discard *discard = context;
	discard->n_messages++;
	if (message->payloadlen > (int)sizeof(MARKER) && memcmp(message->payload, MARKER, sizeof(MARKER) - 1) == 0) {
		struct timespec now;
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		(void)printf("marker %lu %lld %.*s\n", discard->n_messages,
			     (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000, message->payloadlen,
			     (const char *)message->payload);
		(void)fflush(stdout);
	}
}

static bool is_readable(struct mosquitto *client, int wait_ms)
{
	struct pollfd socket = { .fd = mosquitto_socket(client), .events = POLLIN };
	return poll(&socket, 1, wait_ms) > 0;
}

/* Queued acknowledgements leave in mosquitto_loop_write() alone, since the client is "threaded". */
static void discard_all(struct mosquitto *client)
{
	int result = MOSQ_ERR_SUCCESS;
	while (result == MOSQ_ERR_SUCCESS) {
		for (int n = 0; n < READ_MAX && result == MOSQ_ERR_SUCCESS && is_readable(client, n ? 0 : 200); n++)
			result = mosquitto_loop_read(client, 1);
		do {
			if (result == MOSQ_ERR_SUCCESS)
				result = mosquitto_loop_write(client, 1);
		} while (result == MOSQ_ERR_SUCCESS && mosquitto_want_write(client));
		if (result == MOSQ_ERR_SUCCESS)
			result = mosquitto_loop_misc(client);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		(void)fprintf(stderr, "usage: discard SOCKET\n");
		return 2;
	}
	struct discard discard = { .n_messages = 0 };
	(void)mosquitto_lib_init();
	struct mosquitto *client = mosquitto_new("cistern.ingest", false, &discard);
	mosquitto_connect_callback_set(client, on_connect);
	mosquitto_subscribe_callback_set(client, on_subscribe);
	mosquitto_message_callback_set(client, on_message);
	if (mosquitto_threaded_set(client, true) != MOSQ_ERR_SUCCESS ||
	    mosquitto_connect(client, argv[1], 0, 60) != MOSQ_ERR_SUCCESS)
		return EXIT_FAILURE;
	discard_all(client);
	mosquitto_destroy(client);
	return EXIT_FAILURE;
}
