#include "api/metrics_listener.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/server.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"

enum { CONNECTIONS_MAX = 16, SILENCE_S = 10, LOG_EVERY_US = 1000000 };

struct metrics_listener {
	struct metrics *metrics;
	struct secret token;
	struct MHD_Daemon *daemon;
	int64_t logged_at_us; /* its thread's alone: the last line about a refusal */
};

/* A refusal is a security event; one line a second is enough to see it. */
static void log_refusal(struct metrics_listener *listener)
{
	int64_t now_us = clock_monotonic_us();
	if (listener->logged_at_us && now_us - listener->logged_at_us < LOG_EVERY_US)
		return;
	listener->logged_at_us = now_us;
	log_warn("metrics.refused", F_STR("reason", "no or another token"));
}

/* In a time that says nothing about the token; its length is no secret. */
static bool has_token(const struct metrics_listener *listener, struct MHD_Connection *connection)
{
	static const char bearer[] = "Bearer ";
	const char *header = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
	if (!header || strncasecmp(header, bearer, sizeof(bearer) - 1) != 0)
		return false;
	header += sizeof(bearer) - 1;
	return strlen(header) == listener->token.len &&
	       sodium_memcmp(header, listener->token.bytes, listener->token.len) == 0;
}

static enum MHD_Result send_page(struct MHD_Connection *connection, unsigned http, struct buffer *page)
{
	size_t len = page->len;
	struct MHD_Response *response = MHD_create_response_from_buffer(len, STEAL(page->bytes), MHD_RESPMEM_MUST_FREE);
	if (!response)
		return MHD_NO;
	/* false only without memory: then the client misses a header */
	(void)MHD_add_response_header(response, "Content-Type", METRICS_CONTENT_TYPE);
	(void)MHD_add_response_header(response, "Cache-Control", "no-store");
	(void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (http == MHD_HTTP_UNAUTHORIZED)
		(void)MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
	if (http == MHD_HTTP_METHOD_NOT_ALLOWED)
		(void)MHD_add_response_header(response, "Allow", "GET, HEAD");
	enum MHD_Result result = MHD_queue_response(connection, http, response);
	MHD_destroy_response(response);
	return result;
}

/* The token before all else: without it nothing is said, not even what there is. */
static unsigned decide(struct metrics_listener *listener, struct MHD_Connection *connection, const char *url,
		       const char *method)
{
	if (!has_token(listener, connection)) {
		log_refusal(listener);
		return MHD_HTTP_UNAUTHORIZED;
	}
	if (strcmp(url, "/metrics") != 0)
		return MHD_HTTP_NOT_FOUND;
	bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	return reads ? MHD_HTTP_OK : MHD_HTTP_METHOD_NOT_ALLOWED;
}

/* The first call is for the headers: an answer there would close the connection. */
static enum MHD_Result on_access(void *context, struct MHD_Connection *connection, const char *url, const char *method,
				 const char *version, const char *upload, size_t *upload_len, void **state)
{
	(void)version, (void)upload;
	struct metrics_listener *listener = context;
	if (!*state) {
		*state = listener;
		return MHD_YES;
	}
	if (*upload_len > 0)
		return MHD_NO; /* nobody has anything to send here */
	struct buffer page = { .bytes = NULL };
	unsigned http = decide(listener, connection, url, method);
	if (http == MHD_HTTP_OK)
		metrics_render(listener->metrics, &page);
	return send_page(connection, http, &page);
}

static enum status start_daemon(struct metrics_listener *listener, const struct metrics_listener_options *options,
				struct error *err)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	enum status st = listener_address(options->bind, options->port, &address, err);
	if (st != STATUS_OK)
		return st;
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | (address.ss_family == AF_INET6 ? MHD_USE_IPv6 : 0);
	errno = 0;
	listener->daemon =
		MHD_start_daemon(flags, (uint16_t)options->port, NULL, NULL, on_access, listener, MHD_OPTION_SOCK_ADDR,
				 &address, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
				 SILENCE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,
				 MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	if (!listener->daemon)
		return error_set(err, STATUS_UNAVAILABLE, "cannot serve metrics on %s port %d: %s", options->bind,
				 options->port, errno ? strerror(errno) : "libmicrohttpd refuses");
	return STATUS_OK;
}

static enum status read_token(struct metrics_listener *listener, const char *file, struct error *err)
{
	if (!file || !*file)
		return error_set(err, STATUS_INVALID, "metrics_port needs metrics_token_file");
	enum status st = secret_read(&listener->token, file, err);
	if (st == STATUS_OK && listener->token.len < METRICS_TOKEN_BYTES_MIN)
		st = error_set(err, STATUS_INVALID, "%s: a token has at least %d characters", file,
			       METRICS_TOKEN_BYTES_MIN);
	return st;
}

enum status metrics_listener_start(const struct metrics_listener_options *options,
				   struct metrics_listener **ret_listener, struct error *err)
{
	struct metrics_listener *listener = calloc(1, sizeof(*listener));
	if (!listener)
		abort();
	listener->metrics = options->metrics;
	enum status st = read_token(listener, options->token_file, err);
	if (st == STATUS_OK)
		st = start_daemon(listener, options, err);
	if (st != STATUS_OK) {
		metrics_listener_stop(listener);
		return st;
	}
	*ret_listener = listener;
	return STATUS_OK;
}

void metrics_listener_stop(struct metrics_listener *listener)
{
	if (!listener)
		return;
	if (listener->daemon)
		MHD_stop_daemon(listener->daemon);
	secret_done(&listener->token);
	free(listener);
}
