#include "broker/client.h"

#include <errno.h>
#include <mosquitto.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENT_PROBE_MS = 2000, LINK_DEAD_MS = 15000 };

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

/* Nothing comes from a peer that is gone, or whose packets are dropped, and MQTT notices after two keep-alives. The kernel asks
 * whenever the connection is silent, also while our thread waits for the database. It is noticed after LINK_DEAD_MS at the latest. */
static void watch_link(int socket)
{
	const int on = 1, idle_s = 5, every_s = 3, n_probes = 3, dead_ms = LINK_DEAD_MS;
	/* refused for a unix socket, which cannot be half-open; else they only make the end known later */
	(void)setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	(void)setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof(every_s));
	(void)setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &n_probes, sizeof(n_probes));
	(void)setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof(dead_ms));
}

static bool answers_within(int probe, const struct addrinfo *address, int wait_ms)
{
	if (connect(probe, address->ai_addr, address->ai_addrlen) == 0)
		return true;
	struct pollfd file = { .fd = probe, .events = POLLOUT };
	int failure = 0;
	socklen_t len = sizeof(failure);
	return errno == EINPROGRESS && poll(&file, 1, wait_ms) > 0 &&
	       getsockopt(probe, SOL_SOCKET, SO_ERROR, &failure, &len) == 0 && failure == 0;
}

static bool answers(const struct addrinfo *address)
{
	int probe = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (probe < 0)
		return false;
	bool does = answers_within(probe, address, CLIENT_PROBE_MS);
	(void)close(probe);
	return does;
}

/* libmosquitto's connect() waits for the kernel's own limit, two minutes of growing pauses, when nothing answers: the link would be
 * taken up again up to a minute after it is whole, and the process could not be stopped meanwhile. So a connection of our own, with a
 * deadline, shows first that somebody is there. */
static enum status probe(const struct broker_options *options, struct error *err)
{
	char port[8];
	(void)snprintf(port, sizeof(port), "%d", options->port);
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *addresses = NULL;
	int failure = getaddrinfo(options->host, port, &hints, &addresses);
	if (failure != 0)
		return error_set(err, STATUS_UNAVAILABLE, "broker: %s: %s", options->host, gai_strerror(failure));
	bool found = false;
	for (const struct addrinfo *address = addresses; address && !found; address = address->ai_next)
		found = answers(address);
	freeaddrinfo(addresses);
	return found ? STATUS_OK
		     : error_set(err, STATUS_UNAVAILABLE, "broker: %s:%s does not answer", options->host, port);
}

enum status client_connect(struct mosquitto *client, const struct broker_options *options, struct error *err)
{
	bool by_path = *options->host == '/'; /* libmosquitto takes a path with port 0 */
	enum status st = by_path ? STATUS_OK : probe(options, err);
	if (st != STATUS_OK)
		return st;
	int result = mosquitto_connect(client, options->host, by_path ? 0 : options->port, BROKER_KEEPALIVE_S);
	if (result == MOSQ_ERR_SUCCESS)
		watch_link(mosquitto_socket(client));
	return client_status(result, "connecting", err);
}
