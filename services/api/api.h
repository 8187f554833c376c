/* api/api.h - the REST API over HTTP on loopback and over HTTPS.
 *
 * Thread:  api_start() and api_stop() from main, after signals are blocked or SIGPIPE is ignored. It starts, for each of the two
 *          listeners, `threads` workers; API_HASH_THREADS that hash passwords, API_COMMAND_THREADS that wait for the broker,
 *          API_CLAIM_THREADS that wait for signerd and API_OIDC_THREADS that wait for the sign-in provider (api/lane.h); and one
 *          that ends connections past their deadline. Each that needs it has its own struct store.
 * Memory:  api_start() makes it, api_stop() ends it (NULL is fine). The options and what they point to must outlive it.
 * Errors:  INVALID a bad address, port, certificate or key. UNAVAILABLE the port is taken.
 *
 * The database need not be there at the start: requests are answered 503 until it is.
 * Stopping: no new connection, up to API_STOP_MS for requests in hand, then the rest is cut.
 */
#ifndef CISTERN_API_API_H
#define CISTERN_API_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "account/account.h"
#include "base/error.h"
#include "base/macros.h"
#include "claim/signer.h"
#include "store/store.h"

enum {
	API_HASH_THREADS = 2,
	API_COMMAND_THREADS = 4,
	API_CLAIM_THREADS = 2,
	API_OIDC_THREADS = 4,
	API_STOP_MS = 5000,
	API_PROBES_MAX = 4,
	API_CERTIFICATES_MAX = 8
};

struct api;
struct api_meter;
struct claim;
struct documents;
struct metrics;
struct oidc;
struct pool;

/* A part that readiness depends on, beside the database. Asked from worker threads. */
struct api_probe {
	const char *name; /* a member of the answer: `broker`, `ingest`; NULL ends the list */
	bool (*is_ready)(void *context);
	void *context;
};

/* A certificate whose end /metrics tells: a PEM file, or a folder of them. */
struct api_certificate {
	const char *name; /* NULL ends the list */
	const char *path; /* "": there is none */
};

struct api_options {
	struct store_options store; /* for each worker's connection */
	const struct account *account;
	struct oidc *oidc; /* NULL: no sign-in with a provider */
	struct pool *pool; /* the brokers: commands to nodes, and what nodes are told */
	const struct claim *claim;
	struct signer_options signer; /* for certificates that an administrator asks for */
	struct api_probe probes[API_PROBES_MAX];
	struct metrics *metrics;
	struct api_certificate certificates[API_CERTIFICATES_MAX];

	const char *bind; /* numeric address of the plain listener */
	int port;         /* 0: no plain listener */
	const char *tls_bind;
	int tls_port;                             /* 0: no TLS listener */
	const char *tls_cert_file, *tls_key_file; /* PEM */
	const char *cors_origins;                 /* of browsers, as origins_check() takes them; NULL or "": none */
	int threads;                              /* workers of each listener */
	int connections_max;                      /* of each listener */
	int connections_per_address_max;

	const char *public_url; /* of this API, for addresses that we give out; NULL or "": as we are called */
	const struct documents *documents;      /* by api_start() */
	struct api_meter *meter;                /* likewise */
	const char *mqtt_host, *mqtt_cred_host; /* told to clients; an empty second is the first */
	int sign_in_per_minute;                 /* sign-in, sign-up and code attempts, per source and per account */
	int sign_in_failures_max;           /* wrong passwords and codes of a source at an account: api/attempts.h */
	int sign_in_strangers_failures_max; /* and of all sources together that are new to it */
	int claims_per_minute;              /* claim requests, per source and per account */
	int requests_per_second;            /* signed-in requests, per account */
	int mapping_window_s;
	int sharing_lifetime_s;
};

MUST_CHECK enum status api_start(const struct api_options *options, struct api **ret_api, struct error *err);
void api_stop(struct api *api);

/* Reads the HTTPS certificate and key again, for the connections that come; open ones stay. INVALID: they will not do (cannot be
 * read, do not belong together, out of their time, chain out of order), and those in use stay in use. From main. */
MUST_CHECK enum status api_reload_certificate(const struct api *api, struct error *err);

#endif
