/* broker/client.h - what both of the daemon's connections to the broker share: address, mutual TLS, names for results. */
#ifndef CISTERN_BROKER_CLIENT_H
#define CISTERN_BROKER_CLIENT_H

#include <stdbool.h>

#include "base/error.h"
#include "base/macros.h"

struct mosquitto;

struct broker_options {
	const char *host; /* or the path of the broker's unix listener; then port and TLS files go for nothing */
	int port;
	const char *ca_file, *cert_file, *key_file; /* mutual TLS with a certificate of the service CA */
	const char *name;        /* what we call this broker, in /metrics; may be NULL without `metrics` */
	struct metrics *metrics; /* NULL: nothing is counted */
	const char *client_id;   /* begins with `cistern.`: no node can have it */
};

enum { BROKER_KEEPALIVE_S = 30 };

/* The library as a whole: once in main, before threads start and after they ended. */
MUST_CHECK enum status client_library_start(struct error *err);
void client_library_stop(void);

/* A client that is set up but not connected; the caller owns it. UNAVAILABLE when the TLS files cannot be used. */
MUST_CHECK enum status client_new(const struct broker_options *options, bool clean_session, void *context,
				  struct mosquitto **ret_client, struct error *err);

/* Begins to connect; CONNACK comes to the client's callback. UNAVAILABLE after 2 s an address when nobody answers. From then on the kernel
 * watches a TCP connection, and ends it when the other side is silent. */
MUST_CHECK enum status client_connect(struct mosquitto *client, const struct broker_options *options,
				      struct error *err);

/* libmosquitto's result as a status; MOSQ_ERR_SUCCESS is OK. */
MUST_CHECK enum status client_status(int result, const char *doing, struct error *err);

#endif
