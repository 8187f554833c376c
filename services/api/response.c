/* The reply as libmicrohttpd sends it: body and headers. Every answer has all the headers that are about safety, failures too: one
 * list is easier to trust than a list for each kind. */
#include <stdio.h>
#include <string.h>

#include "api/server.h"

/* Nothing of ours is a page, but for the one that says so; a body that a browser takes for one may then load and do nothing. */
static const char no_page[] = "default-src 'none'; frame-ancestors 'none'";

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
	/* false only without memory: then the client misses a header */
	(void)MHD_add_response_header(response, name, value);
}

/* Only after origins_have(): what comes back here is one of the operator's own texts. */
static void add_cors(struct MHD_Response *response, const struct request *request)
{
	add_header(response, "Access-Control-Allow-Origin", request->origin);
	if (!request->reply.methods) {
		add_header(response, "Access-Control-Expose-Headers", "ETag, Retry-After, X-Request-Id");
		return;
	}
	add_header(response, "Access-Control-Allow-Methods", request->reply.methods);
	add_header(response, "Access-Control-Allow-Headers", "Authorization, Content-Type, If-None-Match");
	add_header(response, "Access-Control-Max-Age", "600");
}

/* Once origins are listed, every answer depends on who asks, also that which has no CORS header (Fetch standard, "CORS protocol and
 * HTTP caches"). */
static void add_vary(struct MHD_Response *response, const struct request *request)
{
	const char *origins = request->options->cors_origins;
	bool by_origin = origins && *origins, by_coding = request->reply.etag[0] != '\0';
	if (by_origin && by_coding)
		add_header(response, "Vary", "Origin, Accept-Encoding");
	else if (by_origin || by_coding)
		add_header(response, "Vary", by_origin ? "Origin" : "Accept-Encoding");
}

/* A browser keeps nothing without an ETag; with one it asks each time whether its copy is still right. */
static void add_caching(struct MHD_Response *response, const struct reply *reply)
{
	add_header(response, "Cache-Control", reply->etag[0] ? "private, no-cache" : "no-store");
	if (reply->etag[0])
		add_header(response, "ETag", reply->etag);
	if (reply->is_packed)
		add_header(response, "Content-Encoding", "gzip");
}

static void add_safety(struct MHD_Response *response, const struct request *request)
{
	add_header(response, "X-Content-Type-Options", "nosniff");
	add_header(response, "Content-Security-Policy",
		   request->reply.page_policy ? request->reply.page_policy : no_page);
	add_header(response, "Cross-Origin-Resource-Policy", "same-origin");
	add_header(response, "Referrer-Policy", "no-referrer");
	if (request->is_tls) /* RFC 6797 7.2: never over plain HTTP. Only this host: its neighbours are not ours */
		add_header(response, "Strict-Transport-Security", "max-age=31536000");
}

static void add_headers(struct MHD_Response *response, const struct exchange *exchange)
{
	const struct request *request = exchange->request;
	const struct reply *reply = &request->reply;
	if (reply->http != 304) /* it is about no body (RFC 9110 15.4.5) */
		add_header(response, "Content-Type", reply->type ? reply->type : "application/json");
	add_header(response, "X-Request-Id", request->id);
	add_caching(response, reply);
	add_vary(response, request);
	add_safety(response, request);
	if (reply->retry_after_s > 0) {
		char seconds[12];
		(void)snprintf(seconds, sizeof(seconds), "%d", reply->retry_after_s);
		add_header(response, "Retry-After", seconds);
	}
	if (reply->location)
		add_header(response, "Location", reply->location);
	if (reply->cookie)
		add_header(response, "Set-Cookie", reply->cookie);
	if (reply->allow)
		add_header(response, "Allow", reply->allow);
	if (reply->allows_origin)
		add_cors(response, request);
	if (reply->closes || atomic_load_explicit(&exchange->api->stopping, memory_order_relaxed))
		add_header(response, "Connection", "close");
}

/* The body's bytes stay the request's, which outlives the response: on_completed comes after the last byte. */
enum MHD_Result response_send(struct exchange *exchange)
{
	struct reply *reply = &exchange->request->reply;
	const struct buffer *body = reply->is_packed ? &reply->packed : &reply->body;
	watch_set(exchange->watched, DEADLINE_REPLY_US);
	struct MHD_Response *response =
		MHD_create_response_from_buffer(body->len, body->len ? body->bytes : NULL, MHD_RESPMEM_PERSISTENT);
	if (!response)
		return MHD_NO;
	add_headers(response, exchange);
	enum MHD_Result result = MHD_queue_response(exchange->connection, (unsigned)reply->http, response);
	MHD_destroy_response(response);
	return result;
}
