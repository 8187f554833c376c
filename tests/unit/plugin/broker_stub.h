/* broker_stub.h - the broker's functions as the plugin's unit tests need them. Include once, after the plugin's .c files.
 *
 * Published messages and log lines are kept for the test to look at; each function can be told to fail.
 */
#ifndef CISTERN_BROKER_STUB_H
#define CISTERN_BROKER_STUB_H

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <openssl/x509.h>

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mosquitto {
	const char *id;
	const char *address;
	X509 *certificate;
	bool clean_session;
	char *username;
};

struct stub_message {
	char topic[128];
	char payload[8192];
	int qos;
	bool retain;
};

#define STUB_MESSAGES_MAX 2048

static struct {
	struct stub_message messages[STUB_MESSAGES_MAX];
	int n_messages;
	bool publish_fails;
	bool set_username_fails;
	char log[4096]; /* the last line */
	int n_log_lines;
	int registered[16];
	int n_registered;
	bool register_fails;
	char kicked[64][80]; /* the client ids, in order */
	int n_kicked;
	void (*on_kick)(const char *client_id); /* as the broker calls back */
} stub;

/* Forgets everything. */
__attribute__((unused)) static int stub_reset(void **state)
{
	(void)state;
	memset(&stub, 0, sizeof(stub));
	return 0;
}

/* Takes the oldest message out; NULL when there is none. Good until the next call. */
__attribute__((unused)) static const struct stub_message *stub_take(void)
{
	static struct stub_message taken;

	if (stub.n_messages == 0)
		return NULL;
	taken = stub.messages[0];
	stub.n_messages--;
	memmove(stub.messages, stub.messages + 1, (size_t)stub.n_messages * sizeof(stub.messages[0]));
	return &taken;
}

int mosquitto_broker_publish_copy(const char *clientid, const char *topic, int payloadlen, const void *payload, int qos,
				  bool retain, mosquitto_property *properties)
{
	struct stub_message *message = &stub.messages[stub.n_messages];

	assert(!clientid && !properties && payloadlen >= 0 && (size_t)payloadlen < sizeof(message->payload));
	assert(strlen(topic) < sizeof(message->topic));
	if (stub.publish_fails)
		return MOSQ_ERR_NOMEM;
	assert(stub.n_messages < STUB_MESSAGES_MAX);
	(void)snprintf(message->topic, sizeof(message->topic), "%s", topic);
	memcpy(message->payload, payload, (size_t)payloadlen);
	message->payload[payloadlen] = '\0';
	message->qos = qos;
	message->retain = retain;
	stub.n_messages++;
	return MOSQ_ERR_SUCCESS;
}

void mosquitto_log_printf(int level, const char *fmt, ...)
{
	va_list args;

	(void)level;
	va_start(args, fmt);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)vsnprintf(stub.log, sizeof(stub.log), fmt, args);
#pragma GCC diagnostic pop
	va_end(args);
	stub.n_log_lines++;
}

const char *mosquitto_client_id(const struct mosquitto *client)
{
	return client->id;
}

const char *mosquitto_client_address(const struct mosquitto *client)
{
	return client->address;
}

const char *mosquitto_client_username(const struct mosquitto *client)
{
	return client->username;
}

bool mosquitto_client_clean_session(const struct mosquitto *client)
{
	return client->clean_session;
}

void *mosquitto_client_certificate(const struct mosquitto *client)
{
	if (client->certificate)
		X509_up_ref(client->certificate);
	return client->certificate;
}

int mosquitto_set_username(struct mosquitto *client, const char *username)
{
	if (stub.set_username_fails)
		return MOSQ_ERR_NOMEM;
	free(client->username);
	client->username = strdup(username);
	return MOSQ_ERR_SUCCESS;
}

int mosquitto_kick_client_by_clientid(const char *clientid, bool with_will)
{
	assert(clientid && !with_will && stub.n_kicked < 64);
	(void)snprintf(stub.kicked[stub.n_kicked++], sizeof(stub.kicked[0]), "%s", clientid);
	if (stub.on_kick)
		stub.on_kick(clientid);
	return MOSQ_ERR_SUCCESS;
}

int mosquitto_callback_register(mosquitto_plugin_id_t *identifier, int event, MOSQ_FUNC_generic_callback cb_func,
				const void *event_data, void *userdata)
{
	(void)identifier;
	assert(cb_func && !event_data == (event != MOSQ_EVT_CONTROL) && userdata);
	if (stub.register_fails)
		return MOSQ_ERR_NOMEM;
	stub.registered[stub.n_registered++] = event;
	return MOSQ_ERR_SUCCESS;
}

int mosquitto_callback_unregister(mosquitto_plugin_id_t *identifier, int event, MOSQ_FUNC_generic_callback cb_func,
				  const void *event_data)
{
	(void)identifier;
	assert(cb_func && !event_data == (event != MOSQ_EVT_CONTROL));
	for (int i = 0; i < stub.n_registered; i++) {
		if (stub.registered[i] == event) {
			stub.registered[i] = 0;
			return MOSQ_ERR_SUCCESS;
		}
	}
	return MOSQ_ERR_NOT_FOUND;
}

#endif
