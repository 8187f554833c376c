/* One request: libmicrohttpd's callbacks.
 *
 * The order of calls for one request: on_uri with the raw target; on_access once the headers are in; again for each piece of
 * the body; once more with nothing, and only there the reply is queued, for a reply queued at the first call ends the
 * connection (right when a body is left unread, else costly: a seventh of the throughput); on_completed.
 *
 * A request that is worth being asked for with others (dispatch_may_wait) gets no reply at that call: libmicrohttpd calls again in the
 * next turn of the worker's loop, when every other connection that was ready has had its call. When a turn has brought no more of
 * them, the database is asked about all that were gathered. Nobody waits for time to pass. */
#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "api/dispatch.h"
#include "api/server.h"
#include "base/parse.h"

void exchange_on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
			    enum MHD_ConnectionNotificationCode what)
{
	struct api *api = context;
	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		watch_remove(api->watch, *socket_context);
		*socket_context = NULL;
		return;
	}
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	*socket_context = watch_add(api->watch, info->connect_fd, DEADLINE_FIRST_US);
}

void *exchange_on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
	struct api *api = context;
	struct exchange *exchange = worker_take_exchange(api);
	exchange->connection = connection;
	exchange->watched = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	exchange->uri_len = strlen(uri);
	if (exchange->uri_len <= REQUEST_URI_BYTES_MAX)
		exchange->request->uri = arena_copy(exchange->request->arena, uri, exchange->uri_len);
	atomic_fetch_add(&api->n_exchanges, 1);
	return exchange;
}

/* The connection ended before it was asked for. */
static void drop_gathered(const struct exchange *exchange)
{
	struct gathered *gathered = worker_gathered(exchange->api);
	for (size_t i = 0; gathered && i < gathered->n; i++) {
		if (gathered->exchanges[i] != exchange)
			continue;
		gathered->exchanges[i] = gathered->exchanges[--gathered->n];
		return;
	}
}

void exchange_on_completed(void *context, struct MHD_Connection *connection, void **state,
			   enum MHD_RequestTerminationCode how)
{
	(void)context, (void)connection, (void)how;
	struct exchange *exchange = *state;
	if (!exchange)
		return;
	*state = NULL;
	watch_set(exchange->watched, DEADLINE_NEXT_US);
	struct api *api = exchange->api;
	if (exchange->phase == PHASE_GATHERED)
		drop_gathered(exchange);
	worker_give_exchange(exchange);
	atomic_fetch_sub(&api->n_exchanges, 1);
}

/* --- what the headers say --- */

struct headers {
	const char *authorization, *origin, *host, *user_agent, *cookie, *content_length, *transfer_encoding;
	const char *if_none_match, *accept_encoding; /* lists: several headers of the name are one list */
	struct arena *arena;                         /* for them */
	bool odd;      /* one of them came twice, or a name or value has bytes that it must not have */
	size_t n_seen; /* bytes that the headers have in their usual form: `Name: value` CR LF */
};

/* RFC 9110 5.6.2 token. */
static bool is_token(const char *name)
{
	for (; *name; name++) {
		if (*name <= 0x20 || *name >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", *name))
			return false;
	}
	return true;
}

static bool has_control(const char *value)
{
	for (; *value; value++) {
		if ((unsigned char)*value < 0x20 && *value != '\t')
			return true;
	}
	return false;
}

/* RFC 9110 5.3. What does not fit the arena is not asked for. */
static void take_list(struct headers *headers, const char **list, const char *value)
{
	size_t len = *list ? strlen(*list) : 0, more = strlen(value);
	char *joined = len > 0 ? arena_alloc(headers->arena, len + strlen(",") + more + 1) : NULL;
	if (joined) {
		memcpy(joined, *list, len);
		joined[len] = ',';
		memcpy(joined + len + 1, value, more + 1);
	}
	if (joined || len == 0)
		*list = joined ? joined : value;
}

static enum MHD_Result take_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)kind;
	struct headers *headers = context;
	const struct {
		const char *name;
		const char **field;
	} wanted[] = { { "Authorization", &headers->authorization },
		       { "Origin", &headers->origin },
		       { "Host", &headers->host },
		       { "User-Agent", &headers->user_agent },
		       { "Cookie", &headers->cookie },
		       { "Content-Length", &headers->content_length },
		       { "Transfer-Encoding", &headers->transfer_encoding } };
	const struct {
		const char *name;
		const char **field;
	} lists[] = { { "If-None-Match", &headers->if_none_match }, { "Accept-Encoding", &headers->accept_encoding } };
	value = value ? value : "";
	headers->n_seen += strlen(name) + strlen(": ") + strlen(value) + strlen("\r\n");
	headers->odd |= !is_token(name) || has_control(value);
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		if (strcasecmp(name, wanted[i].name) != 0)
			continue;
		headers->odd |= *wanted[i].field != NULL;
		*wanted[i].field = value;
	}
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		if (strcasecmp(name, lists[i].name) == 0)
			take_list(headers, lists[i].field, value);
	}
	return MHD_YES;
}

/* libmicrohttpd joins folded lines (0.9.75 even into the name) and cuts texts at a NUL. Either way it shows us less than came
 * over the line, and a proxy in front may have seen a header that we do not. What it shows, written out, must be all. */
static bool hides_bytes(const struct exchange *exchange, const struct headers *headers, const char *method,
			const char *version)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	size_t n_line = strlen(method) + 1 + exchange->uri_len + 1 + strlen(version) + strlen("\r\n");
	return info->header_size > n_line + headers->n_seen + strlen("\r\n");
}

/* A body has one Content-Length. Two of them, or any transfer coding: a proxy in front may see another end of the body than we do
 * (RFC 9112 section 6.3; threats.md section 9). Chunks are refused altogether, because libmicrohttpd 0.9.75 takes bare line ends
 * between them; the clients of rest.md send lengths. */
static bool framing_is_bad(const struct headers *headers, uint64_t *ret_declared_len)
{
	int64_t len = 0;
	*ret_declared_len = 0;
	if (headers->transfer_encoding)
		return true;
	if (headers->content_length && !parse_i64(headers->content_length, 0, INT64_MAX, &len))
		return true;
	*ret_declared_len = (uint64_t)len;
	return false;
}

static enum route_method read_method(const char *name)
{
	static const struct {
		const char *name;
		enum route_method method;
	} names[] = { { "GET", METHOD_GET },
		      { "HEAD", METHOD_GET },
		      { "POST", METHOD_POST },
		      { "PUT", METHOD_PUT },
		      { "DELETE", METHOD_DELETE } };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(name, names[i].name) == 0)
			return names[i].method;
	}
	return METHOD_OTHER;
}

/* IPv4 in its IPv6 form; of IPv6 the /64, which is what one customer has. */
static void read_source(struct MHD_Connection *connection, unsigned char ret_source[REQUEST_SOURCE_BYTES],
			char ret_address[REQUEST_ADDRESS_BYTES])
{
	const struct sockaddr *address =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
	memset(ret_source, 0, REQUEST_SOURCE_BYTES);
	if (address->sa_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, address, sizeof(v4));
		memset(ret_source + 10, 0xff, 2);
		memcpy(ret_source + 12, &v4.sin_addr, 4);
		(void)inet_ntop(AF_INET, &v4.sin_addr, ret_address, REQUEST_ADDRESS_BYTES); /* there is room */
	} else if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;
		memcpy(&v6, address, sizeof(v6));
		memcpy(ret_source, &v6.sin6_addr, IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) ? 16 : 8);
		bool is_v4 = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
		(void)inet_ntop(is_v4 ? AF_INET : AF_INET6, &v6.sin6_addr.s6_addr[is_v4 ? 12 : 0], ret_address,
				REQUEST_ADDRESS_BYTES); /* there is room */
	}
}

/* It comes back in addresses that we give out. */
static bool is_host(const char *text)
{
	size_t len = text ? strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:[]") : 0;
	return len > 0 && text[len] == '\0';
}

/* Asked of the connection: which daemon is whose is not known yet while the second of them starts. */
static bool is_tls(const struct exchange *exchange)
{
	return MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION) != NULL;
}

static void read_headers(struct exchange *exchange, const char *method, const char *version)
{
	struct request *request = exchange->request;
	struct headers headers = { .arena = request->arena };
	(void)MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, take_header, &headers); /* how many */
	worker_next_id(exchange->api, request->id);
	request->method_name = method;
	request->method = read_method(method);
	request->authorization = headers.authorization;
	request->origin = headers.origin;
	request->if_none_match = headers.if_none_match;
	request->accept_encoding = headers.accept_encoding;
	request->host = is_host(headers.host) ? headers.host : NULL;
	request->user_agent = headers.user_agent;
	request->cookie = headers.cookie;
	request->is_tls = is_tls(exchange);
	request->framing_bad = framing_is_bad(&headers, &request->declared_len) || headers.odd ||
			       hides_bytes(exchange, &headers, method, version);
	request->has_body = request->declared_len > 0;
	read_source(exchange->connection, request->source, request->address);
}

/* --- the steps --- */

static enum MHD_Result begin(struct exchange *exchange, const char *method, const char *version)
{
	struct request *request = exchange->request;
	read_headers(exchange, method, version);
	enum dispatch_next next = dispatch_begin(request);
	if (next == DISPATCH_BODY && request->route->who == WHO_ADDRESS) {
		request->store = worker_store(exchange->api);
		next = dispatch_admit(request);
	}
	if (next == DISPATCH_BODY) {
		exchange->phase = PHASE_BODY;
		watch_set(exchange->watched, DEADLINE_BODY_US);
		return MHD_YES;
	}
	exchange->phase = PHASE_REPLY;
	if (!request->has_body && !request->reply.closes)
		return MHD_YES;
	request->reply.closes = true;
	return response_send(exchange);
}

static enum MHD_Result take_body(struct exchange *exchange, const char *bytes, size_t *len)
{
	struct request *request = exchange->request;
	size_t n = *len;
	*len = 0;
	if (exchange->phase == PHASE_BODY && n <= request->route->body_max - request->body.len) {
		buffer_put(&request->body, bytes, n);
		return MHD_YES;
	}
	if (exchange->phase == PHASE_BODY) {
		dispatch_refuse(request, STATUS_TOO_LARGE, "body is too long");
		request->reply.closes = true;
		exchange->phase = PHASE_REPLY;
	}
	exchange->n_dropped += n;
	return exchange->n_dropped > DROPPED_BYTES_MAX ? MHD_NO : MHD_YES;
}

/* Suspended first: the lane's thread may be done before lane_push() returns. */
static enum MHD_Result go_to_lane(struct exchange *exchange)
{
	struct request *request = exchange->request;
	struct MHD_Connection *connection = exchange->connection;
	exchange->phase = PHASE_LANE;
	MHD_suspend_connection(connection);
	if (!lane_push(exchange->api->lanes[request->route->lane], exchange)) {
		dispatch_refuse(request, STATUS_UNAVAILABLE, "lane is full");
		exchange->phase = PHASE_REPLY;
		MHD_resume_connection(connection);
	}
	return MHD_YES;
}

void exchange_run_slow(void *item)
{
	struct exchange *exchange = item;
	struct MHD_Connection *connection = exchange->connection;
	exchange->request->store = worker_store(exchange->api);
	exchange->request->compressor = worker_compressor(exchange->api);
	dispatch_slow(exchange->request);
	exchange->phase = PHASE_REPLY;
	MHD_resume_connection(connection); /* from here on the exchange is its worker's */
}

static bool gather(struct exchange *exchange)
{
	struct gathered *gathered = worker_gathered(exchange->api);
	if (!gathered || gathered->n == ARRAY_LEN(gathered->exchanges) || !dispatch_may_wait(exchange->request))
		return false;
	gathered->exchanges[gathered->n++] = exchange;
	exchange->phase = PHASE_GATHERED;
	return true;
}

/* Once in a turn the first of them looks whether it has brought more. */
static bool are_more_coming(struct gathered *gathered, const struct exchange *exchange)
{
	if (gathered->exchanges[0] != exchange)
		return true;
	bool are_more = gathered->n > gathered->n_seen && gathered->n < ARRAY_LEN(gathered->exchanges);
	gathered->n_seen = gathered->n;
	return are_more;
}

static void ask_gathered(struct gathered *gathered)
{
	struct request *requests[ARRAY_LEN(gathered->exchanges)];
	for (size_t i = 0; i < gathered->n; i++) {
		requests[i] = gathered->exchanges[i]->request;
		gathered->exchanges[i]->phase = PHASE_ASKED;
	}
	if (gathered->n > 1) /* one asks by itself, for less */
		dispatch_ask_together(requests, gathered->n);
	gathered->n = 0;
	gathered->n_seen = 0;
}

static enum MHD_Result run(struct exchange *exchange)
{
	return dispatch_run(exchange->request) == DISPATCH_LANE ? go_to_lane(exchange) : response_send(exchange);
}

static enum MHD_Result run_gathered(struct exchange *exchange)
{
	struct gathered *gathered = worker_gathered(exchange->api);
	if (are_more_coming(gathered, exchange))
		return MHD_YES;
	ask_gathered(gathered);
	return run(exchange);
}

static enum MHD_Result begin_run(struct exchange *exchange)
{
	watch_set(exchange->watched, DEADLINE_REPLY_US);
	exchange->request->compressor = worker_compressor(exchange->api);
	if (exchange->request->route->rate != RATE_FREE)
		exchange->request->store = worker_store(exchange->api);
	return gather(exchange) ? MHD_YES : run(exchange);
}

enum MHD_Result exchange_on_access(void *context, struct MHD_Connection *connection, const char *url,
				   const char *method, const char *version, const char *upload, size_t *upload_len,
				   void **state)
{
	(void)context, (void)connection, (void)url;
	struct exchange *exchange = *state;
	if (!exchange)
		return MHD_NO;
	if (exchange->phase == PHASE_HEADERS)
		return begin(exchange, method, version);
	if (*upload_len > 0)
		return take_body(exchange, upload, upload_len);
	switch (exchange->phase) {
	case PHASE_BODY: return begin_run(exchange);
	case PHASE_GATHERED: return run_gathered(exchange);
	case PHASE_ASKED: return run(exchange);
	case PHASE_REPLY: return response_send(exchange);
	case PHASE_LANE: return MHD_YES; /* resumed by nobody but the lane: not met */
	case PHASE_HEADERS: break;
	}
	return MHD_NO;
}
