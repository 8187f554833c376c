/* api/request.h - one HTTP request on its way through the room, and the row of the route table that it met.
 *
 *   server.c      libmicrohttpd's callbacks: bytes in, reply out
 *   dispatch.c    what every route needs: path, route, limits, who is asking, object check, log line
 *   *_handlers.c  each route's own subject
 *
 * Thread:  one at a time: the worker whose connection it is, or, between suspension and resumption, a lane's thread.
 * Memory:  made by request_new(), used again after request_clear(); texts live in its arena or in libmicrohttpd's memory
 *          until the request is over. What may have held a password is wiped.
 */
#ifndef CISTERN_API_REQUEST_H
#define CISTERN_API_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "account/api_key.h"
#include "api/api.h"
#include "api/params_query.h"
#include "api/path.h"
#include "api/reply.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "model/limits.h"
#include "model/permission.h"
#include "store/session.h"

enum {
	REQUEST_ARENA_BYTES_MAX = 1048576,
	REQUEST_URI_BYTES_MAX = PATH_BYTES_MAX * 3 + PARAMS_QUERY_BYTES_MAX, /* every byte of a path may be %XX */
	REQUEST_SOURCE_BYTES = 16,
	REQUEST_ADDRESS_BYTES = 46, /* INET6_ADDRSTRLEN */
};

struct request;
struct compressor;
struct limiter;
struct route_doc;

typedef enum status route_handler(struct request *request, struct error *err);

/* A bit each, so that a path's methods fit one number. HEAD is GET without the body, which libmicrohttpd leaves out. */
enum route_method { METHOD_GET = 1, METHOD_POST = 2, METHOD_PUT = 4, METHOD_DELETE = 8, METHOD_OTHER = 16 };

enum route_rate {
	RATE_FREE,    /* costs nothing to answer: no database either, so that liveness says nothing about it */
	RATE_PROBE,   /* public, but asks the database: a few a second of the source */
	RATE_SIGN_IN, /* sign_in_per_minute of the source; of the account by the handler, which knows the name */
	RATE_CLAIM,   /* claims_per_minute of the source, and of the account if there is one */
	RATE_USER,    /* requests_per_second of the account */
};

enum route_lane { LANE_NONE, LANE_HASH, LANE_COMMAND, LANE_CLAIM, LANE_OIDC, N_LANES };

struct route {
	enum route_method method;
	const char *path;
	enum who who;       /* model/permission.h */
	enum object object; /* what of, and who checks it */
	size_t body_max;
	enum route_rate rate;
	route_handler *handler; /* on the worker: must not wait for anything but the database */
	enum route_lane lane;   /* where `slow` goes on, if the handler called request_go_on() */
	route_handler *slow;
	const struct route_doc *doc; /* for /openapi.json */
	bool polled; /* a GET that apps ask again and again: its answer gets an ETag, and is compressed. Never with a secret */
};

struct request {
	const struct api_options *options;
	struct limiter *limiter;
	struct store *store;           /* of the thread that has the request; NULL while the database is away */
	struct compressor *compressor; /* of the thread too; NULL: nothing is compressed */
	struct arena *arena;

	/* from the client */
	char *uri; /* NULL: longer than REQUEST_URI_BYTES_MAX */
	enum route_method method;
	const char *method_name, *authorization, *origin; /* headers: NULL when absent */
	const char *if_none_match, *accept_encoding;
	const char *host; /* NULL also when it is no host's name */
	const char *user_agent, *cookie;
	bool is_tls;
	unsigned char source[REQUEST_SOURCE_BYTES]; /* address, IPv4 as mapped; of IPv6 the /64 */
	char address[REQUEST_ADDRESS_BYTES];        /* the whole of it as text; "" when there is none */
	bool has_body, framing_bad;
	uint64_t declared_len; /* of the body; 0 when not declared */
	struct buffer body;

	/* from the dispatcher */
	char id[17]; /* X-Request-Id and the log */
	int64_t began_at_us;
	const struct route *route; /* NULL: none matched */
	path_text path;
	struct params_query query;
	struct token_claims claims;
	bool by_key; /* a key in the token's place: no claims, but its hash */
	unsigned char key_hash[API_KEY_HASH_BYTES];
	struct session_access caller; /* filled for all but WHO_ANYONE; user_id is "" without a token */
	bool is_asked;                /* dispatch_ask_together() has, and `caller` and `asked` are its answer */
	struct error asked;
	const char *node_id; /* OBJECT_NODE...: valid and the caller's */

	/* between a handler and its slow half */
	bool goes_on;
	void *carried;

	struct reply reply;
};

struct request *request_new(const struct api_options *options, struct limiter *limiter);
void request_clear(struct request *request);
void request_free(struct request *request);

/* The handler is done on the worker: the route's slow half follows in its lane. `carried` lives in the arena. */
enum status request_go_on(struct request *request, void *carried);

/* A copy in the arena; TOO_LARGE when that is full. */
MUST_CHECK enum status request_copy(struct request *request, const char *text, const char **ret_copy,
				    struct error *err);

DEFINE_CLEANUP(request, struct request *, request_free)

#endif
