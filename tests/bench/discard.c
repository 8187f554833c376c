/* discard - the baseline of durable ingest: a durable QoS 1 session that acknowledges every message at once and keeps nothing.
 *
 *   discard SOCKET
 *
 * Prints `ready` when subscribed, and a line `marker COUNT TIME_US PAYLOAD` for each {"Marker":...}, the load's last report; the time
 * is the monotonic clock's. Runs until it is killed. */
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/macros.h"

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
	if (mosquitto_connect(client, argv[1], 0, 60) != MOSQ_ERR_SUCCESS ||
	    mosquitto_loop_forever(client, -1, 1) != MOSQ_ERR_SUCCESS)
		return EXIT_FAILURE;
	mosquitto_destroy(client);
	return EXIT_SUCCESS;
}
