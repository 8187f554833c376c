/* api/server.h - what the files of this room that talk to libmicrohttpd share: server.c, exchange.c, response.c, listener.c,
 * worker.c.
 *
 * Thread:  the fields of struct api are set before the listeners start and only read afterwards, but for the two atomics.
 */
#ifndef CISTERN_API_SERVER_H
#define CISTERN_API_SERVER_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "api/api.h"
#include "api/dispatch.h"
#include "api/lane.h"
#include "api/limiter.h"
#include "api/request.h"
#include "api/watch.h"

enum {
	/* a connection's deadlines, in stages; each is the total for the stage, however busy the line is */
	DEADLINE_FIRST_US = 15000000, /* TLS handshake and headers of the first request */
	DEADLINE_BODY_US = 15000000,  /* the body, once the headers are in */
	DEADLINE_REPLY_US = 60000000, /* working and sending */
	IDLE_TIMEOUT_S = 30,          /* silence, between requests or within one: libmicrohttpd's own */
	DEADLINE_NEXT_US = IDLE_TIMEOUT_S * 1000000 + DEADLINE_FIRST_US, /* headers of the next request */

	CONNECTION_MEMORY_BYTES = 16384, /* headers and buffers of one connection */
	DROPPED_BYTES_MAX = 1048576,     /* of a body without declared length that is too large, before we hang up */
	HASH_QUEUE_MAX = 32,
	COMMAND_QUEUE_MAX = 256,
	CLAIM_QUEUE_MAX = 64,
	OIDC_QUEUE_MAX = 64,
	SPARE_EXCHANGES_MAX = 32, /* kept by each worker */
};

struct listener {
	struct MHD_Daemon *daemon; /* NULL: not wanted or stopped */
};

struct api {
	struct api_options options;
	struct documents *documents;
	struct api_meter *meter;
	struct limiter *limiter;
	struct watch *watch;
	struct lane *lanes[N_LANES];
	pthread_key_t worker_key; /* struct worker of each thread that serves */
	struct listener plain, tls;
	atomic_bool stopping;
	atomic_int n_exchanges; /* requests in hand */
};

/* --- exchange.c: one request on a connection --- */

enum exchange_phase { PHASE_HEADERS, PHASE_BODY, PHASE_GATHERED, PHASE_ASKED, PHASE_LANE, PHASE_REPLY };

struct exchange {
	struct api *api;
	struct request *request;
	struct MHD_Connection *connection;
	struct watched *watched;
	enum exchange_phase phase;
	size_t uri_len;   /* of the target as it came */
	size_t n_dropped; /* bytes of a body nobody wants */
	struct exchange *next_spare;
};

/* Requests of one worker that wait for the end of this turn of its loop, to be asked for together. */
struct gathered {
	struct exchange *exchanges[DISPATCH_TOGETHER_MAX];
	size_t n, n_seen; /* n_seen: at the turn before */
};

/* libmicrohttpd's callbacks; the context is struct api. */
void *exchange_on_uri(void *context, const char *uri, struct MHD_Connection *connection);
enum MHD_Result exchange_on_access(void *context, struct MHD_Connection *connection, const char *url,
				   const char *method, const char *version, const char *upload, size_t *upload_len,
				   void **state);
void exchange_on_completed(void *context, struct MHD_Connection *connection, void **state,
			   enum MHD_RequestTerminationCode how);
void exchange_on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
			    enum MHD_ConnectionNotificationCode what);
/* A lane's work; the item is a struct exchange. */
void exchange_run_slow(void *item);

/* --- response.c: the reply on its way out --- */

/* Queues it; the caller is in a callback of the connection. */
enum MHD_Result response_send(struct exchange *exchange);

/* --- worker.c: what a thread that serves has of its own --- */

/* This thread's connection to the database; NULL while it is away. Tries again at most every STORE_RETRY_MS. */
struct store *worker_store(struct api *api);
struct compressor *worker_compressor(struct api *api);
/* NULL in a thread that is no worker. */
struct gathered *worker_gathered(struct api *api);
struct exchange *worker_take_exchange(struct api *api);
void worker_give_exchange(struct exchange *exchange);
/* Sixteen hexadecimal digits that come once. */
void worker_next_id(struct api *api, char ret_id[17]);
/* The key's destructor. */
void worker_free(void *worker);

/* --- listener.c: one port --- */

struct listener_options {
	const char *bind;
	int port;
	const char *cert_file, *key_file; /* NULL: plain */
};

/* A numeric address as the system takes it. */
MUST_CHECK enum status listener_address(const char *bind, int port_number, struct sockaddr_storage *ret_address,
					struct error *err);

MUST_CHECK enum status listener_start(struct api *api, const struct listener_options *options,
				      struct listener *ret_listener, struct error *err);
/* Takes no more connections. */
void listener_quiesce(struct listener *listener);
/* Ends all that are left. */
void listener_stop(struct listener *listener);

#endif
