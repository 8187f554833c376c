/* connection.h - one node's MQTT connection; alone calls libmosquitto.
 *
 * libmosquitto's own loop wants a thread a client. Here its sockets are in one epoll set, and whoever owns that set calls
 * connection_ready() for a socket's events and connection_tick() now and then. All that is published in one call leaves the
 * process in one write(2).
 *
 *   DOWN -> connection_open() -> OPENING (TCP, TLS, CONNECT) -> UP -> connection_close() -> CLOSING -> DOWN
 *
 * From every state a failure leads to DOWN with lost() called once. Nothing reconnects by itself. QoS 1 messages that were not
 * acknowledged are kept by libmosquitto and sent again, after what connected() published.
 *
 * Thread:  one for the whole set. Handlers are called from within connection_ready(), _tick(), _open() and _flush(); they may
 *          publish and subscribe, but not open or close.
 * Memory:  connection_init() and _done() work on the caller's struct, which must stay where it is.
 */
#ifndef CISTERN_NODE_CONNECTION_H
#define CISTERN_NODE_CONNECTION_H

#include "base/error.h"
#include "base/macros.h"

#include <mosquitto.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The same for all nodes. */
struct connection_settings {
	const char *host;
	int port, keepalive_s;
	bool clean_session;
	const char *username; /* NULL: none */
	int epoll_fd;
	/* Local addresses, one for each family that the host has. libmosquitto tries only the first address of a host when it
	 * does not block; bound to a local address it takes the first one of that family. */
	const char *families[2];
	size_t n_families;
};

struct connection_handlers {
	void (*connected)(void *owner, bool session_present);
	void (*subscribed)(void *owner, int mid, bool granted);
	void (*acked)(void *owner, int mid);
	void (*received)(void *owner, const char *topic, const void *payload, size_t payload_len);
	void (*lost)(void *owner, const char *reason);
};

struct connection_will {
	const char *topic, *payload; /* topic NULL: no will */
};

enum connection_state { CONNECTION_DOWN, CONNECTION_OPENING, CONNECTION_UP, CONNECTION_CLOSING };
enum { CONNECTION_REASON_MAX = 159 };

struct connection {
	const struct connection_settings *settings;
	const struct connection_handlers *handlers;
	void *owner;
	struct mosquitto *mosq;
	enum connection_state state;
	int fd;           /* -1: none */
	uint32_t watched; /* epoll events */
	size_t family;
	int64_t opening_until_us, tick_at_us;
	uint64_t n_callbacks;
	bool more_to_read; /* decrypted bytes wait that no socket event will announce */
	char reason[CONNECTION_REASON_MAX + 1];
};

/* Finds the families; a host that has no address now may have one later. */
void connection_settings_resolve(struct connection_settings *settings);

MUST_CHECK enum status connection_init(struct connection *connection, const struct connection_settings *settings,
				       const char *client_id, SSL_CTX *tls, const struct connection_will *will,
				       const struct connection_handlers *handlers, void *owner, struct error *err);
void connection_done(struct connection *connection);

void connection_open(struct connection *connection);
/* DISCONNECT, behind what is already published. */
void connection_close(struct connection *connection);
/* Ends without DISCONNECT, as a power cut would. */
void connection_cut(struct connection *connection, const char *reason);

void connection_ready(struct connection *connection, uint32_t events);
/* Keep-alive and deadlines; to be called at tick_at_us or later. */
void connection_tick(struct connection *connection, int64_t now_us);
/* Sends what was published outside a handler. */
void connection_flush(struct connection *connection);

/* The message id, or -1: not up. QoS 1, not retained. */
int connection_publish(struct connection *connection, const char *topic, const void *payload, size_t payload_len);
int connection_subscribe(struct connection *connection, const char *filter);
int connection_unsubscribe(struct connection *connection, const char *filter);

/* "TLSv1.3" and the ALPN protocol that the server chose ("-": none); for an event. */
const char *connection_tls_version(const struct connection *connection);
void connection_alpn(const struct connection *connection, char *ret_name, size_t ret_name_size);

#endif
