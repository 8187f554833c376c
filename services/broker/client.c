#include "broker/client.h"

#include <errno.h>
#include <mosquitto.h>
#include <string.h>

enum status client_library_start(struct error *err)
{
	return client_status(mosquitto_lib_init(), "library", err);
}

void client_library_stop(void)
{
	(void)mosquitto_lib_cleanup(); /* nothing is left to be done about a failure */
}

enum status client_status(int result, const char *doing, struct error *err)
{
	if (result == MOSQ_ERR_SUCCESS)
		return STATUS_OK;
	const char *why = result == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(result);
	return error_set(err, STATUS_UNAVAILABLE, "broker: %s: %s", doing, why);
}

enum status client_new(const struct broker_options *options, bool clean_session, void *context,
		       struct mosquitto **ret_client, struct error *err)
{
	struct mosquitto *client = mosquitto_new(options->client_id, clean_session, context);
	if (!client)
		return error_set(err, STATUS_UNAVAILABLE, "broker: no client: %s", strerror(errno));
	bool with_tls = *options->host != '/' && *options->ca_file;
	int result = mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V311);
	if (result == MOSQ_ERR_SUCCESS)
		result = mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
	if (result == MOSQ_ERR_SUCCESS && with_tls)
		result = mosquitto_tls_set(client, options->ca_file, NULL, options->cert_file, options->key_file, NULL);
	if (result == MOSQ_ERR_SUCCESS && with_tls)
		result = mosquitto_tls_opts_set(client, 1, "tlsv1.2", NULL);
	enum status st = client_status(result, "TLS files", err);
	if (st != STATUS_OK) {
		mosquitto_destroy(client);
		return st;
	}
	*ret_client = client;
	return STATUS_OK;
}

enum status client_connect(struct mosquitto *client, const struct broker_options *options, struct error *err)
{
	/* libmosquitto takes a path with port 0 */
	int result = mosquitto_connect(client, options->host, *options->host == '/' ? 0 : options->port,
				       BROKER_KEEPALIVE_S);
	return client_status(result, "connecting", err);
}
