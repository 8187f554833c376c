#include "connection.h"

#include "tls.h"

#include "base/clock.h"

#include <errno.h>
#include <mqtt_protocol.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
	OPENING_MAX_US = 20 * 1000000,
	TICK_US = 1000000,     /* libmosquitto counts seconds */
	READ_CALLS_MAX = 4096, /* then others have their turn */
};

static const char *const family_any[] = { [0] = "0.0.0.0", [1] = "::" };

void connection_settings_resolve(struct connection_settings *settings)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;

	settings->n_families = 0;
	if (getaddrinfo(settings->host, NULL, &hints, &found) != 0)
		return;
	for (const struct addrinfo *at = found; at && settings->n_families < 2; at = at->ai_next) {
		const char *any = family_any[at->ai_family == AF_INET6];
		if (settings->n_families == 0 || settings->families[0] != any)
			settings->families[settings->n_families++] = any;
	}
	freeaddrinfo(found);
}

/* --- what libmosquitto calls --- */

static void on_connect(struct mosquitto *mosq, void *context, int code, int flags)
{
	struct connection *connection = context;

	connection->n_callbacks++;
	if (code != 0) {
		(void)snprintf(connection->reason, sizeof(connection->reason), "%s", mosquitto_connack_string(code));
		return; /* libmosquitto closes */
	}
	/* From here on its log would only cost: it formats a debug line for every packet. */
	mosquitto_log_callback_set(mosq, NULL);
	tls_buffer_writes(mosquitto_ssl_get(mosq));
	connection->reason[0] = '\0';
	connection->state = CONNECTION_UP;
	connection->handlers->connected(connection->owner, flags & 1);
}

static void on_subscribe(struct mosquitto *mosq, void *context, int mid, int n_granted, const int *granted)
{
	struct connection *connection = context;

	(void)mosq;
	connection->n_callbacks++;
	connection->handlers->subscribed(connection->owner, mid, n_granted > 0 && granted[0] <= 2);
}

static void on_publish(struct mosquitto *mosq, void *context, int mid)
{
	struct connection *connection = context;

	(void)mosq;
	connection->n_callbacks++;
	connection->handlers->acked(connection->owner, mid);
}

static void on_message(struct mosquitto *mosq, void *context, const struct mosquitto_message *message)
{
	struct connection *connection = context;

	(void)mosq;
	connection->n_callbacks++;
	connection->handlers->received(connection->owner, message->topic, message->payload,
				       (size_t)message->payloadlen);
}

/* Keeps the first error of an attempt: the later ones follow from it. */
static void on_log(struct mosquitto *mosq, void *context, int level, const char *text)
{
	struct connection *connection = context;

	(void)mosq;
	const char *openssl = strstr(text, "]: "); /* "OpenSSL Error[0]: " says nothing */
	if (level == MOSQ_LOG_ERR && !connection->reason[0])
		(void)snprintf(connection->reason, sizeof(connection->reason), "%s", openssl ? openssl + 3 : text);
}

/* --- life --- */

enum status connection_init(struct connection *connection, const struct connection_settings *settings,
			    const char *client_id, SSL_CTX *tls, const struct connection_will *will,
			    const struct connection_handlers *handlers, void *owner, struct error *err)
{
	*connection = (struct connection){ .settings = settings, .handlers = handlers, .owner = owner, .fd = -1 };
	struct mosquitto *mosq = mosquitto_new(client_id, settings->clean_session, connection);
	if (!mosq)
		return error_set(err, STATUS_INTERNAL, "mosquitto_new: %s", strerror(errno));
	connection->mosq = mosq;
	mosquitto_connect_with_flags_callback_set(mosq, on_connect);
	mosquitto_subscribe_callback_set(mosq, on_subscribe);
	mosquitto_publish_callback_set(mosq, on_publish);
	mosquitto_message_callback_set(mosq, on_message);

	int rc = mosquitto_threaded_set(mosq, true); /* packets queue until connection_flush() */
	if (!rc)
		rc = mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1);
	if (!rc)
		rc = mosquitto_int_option(mosq, MOSQ_OPT_SEND_MAXIMUM, 0); /* the window is ours to keep */
	if (!rc)
		rc = mosquitto_int_option(mosq, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
	if (!rc)
		rc = mosquitto_void_option(mosq, MOSQ_OPT_SSL_CTX, tls);
	if (!rc && settings->username)
		rc = mosquitto_username_pw_set(mosq, settings->username, NULL);
	if (!rc && will->topic)
		rc = mosquitto_will_set(mosq, will->topic, (int)strlen(will->payload), will->payload, 1, false);
	if (rc)
		return error_set(err, STATUS_INVALID, "'%s': %s", client_id, mosquitto_strerror(rc));
	return STATUS_OK;
}

void connection_done(struct connection *connection)
{
	mosquitto_destroy(connection->mosq);
	connection->mosq = NULL;
}

static bool handshake_done(const struct connection *connection)
{
	const SSL *ssl = mosquitto_ssl_get(connection->mosq);

	return ssl && SSL_is_init_finished(ssl);
}

static void add_verify_reason(struct connection *connection)
{
	const SSL *ssl = mosquitto_ssl_get(connection->mosq);
	size_t len = strlen(connection->reason);

	if (ssl && SSL_get_verify_result(ssl) != X509_V_OK)
		(void)snprintf(connection->reason + len, sizeof(connection->reason) - len, ": %s",
			       X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
}

/* Takes rc for what happened unless a better reason is known. */
static void fail(struct connection *connection, int rc, int error_number)
{
	bool asked = connection->state == CONNECTION_CLOSING;

	if (connection->state == CONNECTION_DOWN)
		return;
	if (connection->state == CONNECTION_OPENING)
		add_verify_reason(connection);
	if (!connection->reason[0])
		(void)snprintf(connection->reason, sizeof(connection->reason), "%s",
			       rc == MOSQ_ERR_ERRNO ? strerror(error_number) : mosquitto_strerror(rc));
	/* Where libmosquitto did not notice, its socket is open still; it is closed by the next open or by done. */
	if (mosquitto_socket(connection->mosq) >= 0 && connection->fd >= 0) {
		(void)epoll_ctl(connection->settings->epoll_fd, EPOLL_CTL_DEL, connection->fd, NULL);
		(void)shutdown(connection->fd, SHUT_RDWR);
	}
	connection->fd = -1;
	connection->more_to_read = false;
	connection->state = CONNECTION_DOWN;
	connection->handlers->lost(connection->owner, asked ? "closed" : connection->reason);
}

static uint32_t events_wanted(const struct connection *connection, bool flushed)
{
	uint32_t events = EPOLLIN | EPOLLRDHUP;
	SSL *ssl = mosquitto_ssl_get(connection->mosq);

	if (!flushed || mosquitto_want_write(connection->mosq) || (!handshake_done(connection) && SSL_want_write(ssl)))
		events |= EPOLLOUT;
	return events;
}

static void watch(struct connection *connection, bool flushed)
{
	struct epoll_event event = { .events = events_wanted(connection, flushed), .data.ptr = connection };
	int operation = connection->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (connection->watched == event.events)
		return;
	connection->watched = event.events;
	if (epoll_ctl(connection->settings->epoll_fd, operation, connection->fd, &event) != 0)
		fail(connection, MOSQ_ERR_ERRNO, errno);
}

/* One attempt with the current family. */
static void start(struct connection *connection)
{
	const struct connection_settings *settings = connection->settings;

	connection->state = CONNECTION_OPENING;
	connection->reason[0] = '\0';
	connection->watched = 0;
	connection->opening_until_us = clock_monotonic_us() + OPENING_MAX_US;
	connection->tick_at_us = clock_monotonic_us() + TICK_US;
	mosquitto_log_callback_set(connection->mosq, on_log);
	int rc = MOSQ_ERR_SUCCESS;
	if (settings->n_families > 1)
		rc = mosquitto_string_option(connection->mosq, MOSQ_OPT_BIND_ADDRESS,
					     settings->families[connection->family]);
	errno = 0;
	if (!rc)
		rc = mosquitto_connect_async(connection->mosq, settings->host, settings->port, settings->keepalive_s);
	if (rc > 0) {
		fail(connection, rc, errno);
		return;
	}
	connection->fd = mosquitto_socket(connection->mosq);
	watch(connection, true);
}

void connection_open(struct connection *connection)
{
	connection->family = 0;
	start(connection);
}

void connection_close(struct connection *connection)
{
	if (connection->state != CONNECTION_UP) {
		connection_cut(connection, "not connected");
		return;
	}
	connection->state = CONNECTION_CLOSING;
	int rc = mosquitto_disconnect(connection->mosq);
	if (rc)
		fail(connection, rc, errno);
	else
		connection_flush(connection);
}

void connection_cut(struct connection *connection, const char *reason)
{
	(void)snprintf(connection->reason, sizeof(connection->reason), "%s", reason);
	fail(connection, MOSQ_ERR_SUCCESS, 0);
}

/* --- work --- */

/* libmosquitto 2.0.11 takes a refused or reset socket for a handshake that is still going on (SSL_ERROR_SYSCALL), so those
 * are looked for here; by then its own attempt to write may have taken the socket's error. True: the attempt is over. */
static bool opening_failed(struct connection *connection, uint32_t events)
{
	struct sockaddr_storage peer;
	socklen_t peer_len = sizeof(peer);
	int error_number = 0;
	socklen_t len = sizeof(error_number);

	if (!(events & (EPOLLERR | EPOLLHUP)) || getpeername(connection->fd, (struct sockaddr *)&peer, &peer_len) == 0)
		return false;
	if (getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error_number, &len) != 0 || error_number == 0)
		error_number = ECONNREFUSED;
	if (connection->family + 1 < connection->settings->n_families) {
		(void)epoll_ctl(connection->settings->epoll_fd, EPOLL_CTL_DEL, connection->fd, NULL);
		connection->family++;
		start(connection);
	} else {
		fail(connection, MOSQ_ERR_ERRNO, error_number);
	}
	return true;
}

/* Reads until nothing is left, in the socket or decrypted. errno says that the socket is dry only when no callback came: a
 * callback's own publish sets it too. */
static void read_all(struct connection *connection)
{
	connection->more_to_read = false;
	for (int i = 0; i < READ_CALLS_MAX; i++) {
		uint64_t n_callbacks = connection->n_callbacks;
		errno = 0;
		int rc = mosquitto_loop_read(connection->mosq, 1);
		if (rc || mosquitto_socket(connection->mosq) < 0) {
			fail(connection, rc, errno);
			return;
		}
		bool dry = errno == EAGAIN && n_callbacks == connection->n_callbacks;
		if (dry || !SSL_has_pending(mosquitto_ssl_get(connection->mosq)))
			return;
	}
	connection->more_to_read = true;
}

void connection_flush(struct connection *connection)
{
	bool flushed = true;

	if (connection->state == CONNECTION_DOWN)
		return;
	if (handshake_done(connection)) {
		errno = 0;
		int rc = mosquitto_want_write(connection->mosq) ? mosquitto_loop_write(connection->mosq, 1) : 0;
		if (rc || mosquitto_socket(connection->mosq) < 0) {
			fail(connection, rc, errno);
			return;
		}
		flushed = tls_flush(mosquitto_ssl_get(connection->mosq));
	}
	watch(connection, flushed);
}

void connection_ready(struct connection *connection, uint32_t events)
{
	if (connection->state == CONNECTION_DOWN)
		return;
	if (connection->state == CONNECTION_OPENING && opening_failed(connection, events))
		return;
	/* An unfinished handshake goes on by reading, whichever event it waited for. */
	bool in_handshake = !handshake_done(connection);
	if (in_handshake || connection->more_to_read || (events & ~(uint32_t)EPOLLOUT))
		read_all(connection);
	if (connection->state != CONNECTION_DOWN && in_handshake && !handshake_done(connection) &&
	    (events & (EPOLLHUP | EPOLLRDHUP))) {
		fail(connection, MOSQ_ERR_CONN_LOST, 0);
		return;
	}
	connection_flush(connection);
}

void connection_tick(struct connection *connection, int64_t now_us)
{
	if (connection->state == CONNECTION_DOWN || now_us < connection->tick_at_us)
		return;
	connection->tick_at_us = now_us + TICK_US;
	if (connection->state == CONNECTION_OPENING && now_us >= connection->opening_until_us) {
		connection_cut(connection, "no CONNACK in time");
		return;
	}
	int rc = mosquitto_loop_misc(connection->mosq);
	if (rc)
		fail(connection, rc, errno);
	else
		connection_flush(connection);
}

static int sent_mid(int rc, const int *mid)
{
	/* NO_CONN: the socket just went; the message is kept and leaves with the next connection. */
	return rc == MOSQ_ERR_SUCCESS || rc == MOSQ_ERR_NO_CONN ? *mid : -1;
}

int connection_publish(struct connection *connection, const char *topic, const void *payload, size_t payload_len)
{
	int mid;

	if (connection->state != CONNECTION_UP)
		return -1;
	return sent_mid(mosquitto_publish(connection->mosq, &mid, topic, (int)payload_len, payload, 1, false), &mid);
}

int connection_subscribe(struct connection *connection, const char *filter)
{
	int mid;

	return sent_mid(mosquitto_subscribe(connection->mosq, &mid, filter, 1), &mid);
}

int connection_unsubscribe(struct connection *connection, const char *filter)
{
	int mid;

	return sent_mid(mosquitto_unsubscribe(connection->mosq, &mid, filter), &mid);
}

const char *connection_tls_version(const struct connection *connection)
{
	return SSL_get_version(mosquitto_ssl_get(connection->mosq));
}

void connection_alpn(const struct connection *connection, char *ret_name, size_t ret_name_size)
{
	const unsigned char *name = NULL;
	unsigned int name_len = 0;

	SSL_get0_alpn_selected(mosquitto_ssl_get(connection->mosq), &name, &name_len);
	(void)snprintf(ret_name, ret_name_size, "%.*s", name ? (int)name_len : 1, name ? (const char *)name : "-");
}
