#include "api/dispatch.h"

#include <string.h>
#include <strings.h>

#include "api/handlers.h"
#include "api/limiter.h"
#include "api/routes.h"
#include "base/clock.h"
#include "base/log.h"
#include "model/node_id.h"

enum {
	RETRY_AFTER_S = 1, /* told with 503: a queue was full or a part is coming back */
	LANE_WAIT_MAX_US = 4000000,
};

static const struct limiter_rate probe_rate = { .n = 50, .period_us = 1000000 };

/* --- the end of every request --- */

static enum log_level level_of(enum status status)
{
	if (status == STATUS_INTERNAL)
		return LOG_ERROR;
	return status == STATUS_UNAVAILABLE || status == STATUS_TIMEOUT ? LOG_WARN : LOG_INFO;
}

/* The route's pattern and never the path, no query, no body: a line holds nothing that a client chose freely. */
static void log_request(const struct request *request, enum status status, const struct error *err)
{
	const struct log_field fields[] = {
		F_STR("method", request->route ? request->method_name : "-"),
		F_STR("route", request->route ? request->route->path : "-"),
		F_I64("status", request->reply.http),
		F_STR("request", request->id),
		F_I64("micros", clock_monotonic_us() - request->began_at_us),
		F_STR("reason", err->text),
	};
	log_write(level_of(status), "api.request", fields, ARRAY_LEN(fields) - (status == STATUS_OK));
}

static enum dispatch_next finish(struct request *request, enum status status, const struct error *err)
{
	struct reply *reply = &request->reply;
	if (status == STATUS_OK && reply->http == 0)
		reply->http = http_of_status(STATUS_OK);
	if (status != STATUS_OK)
		reply_put_failure(reply, status);
	if ((status == STATUS_UNAVAILABLE || status == STATUS_LIMIT) && reply->retry_after_s == 0)
		reply->retry_after_s = RETRY_AFTER_S;
	log_request(request, status, err);
	return DISPATCH_REPLY;
}

void dispatch_refuse(struct request *request, enum status status, const char *reason)
{
	struct error err;
	(void)error_set(&err, status, "%s", reason); /* the status is known */
	(void)finish(request, status, &err);         /* the caller knows that the reply follows */
}

/* --- before the body --- */

static enum status read_target(struct request *request, struct error *err)
{
	if (request->framing_bad) {
		request->reply.closes = true;
		return error_set(err, STATUS_INVALID, "ambiguous framing");
	}
	if (!request->uri)
		return error_set(err, STATUS_INVALID, "request target is too long");
	size_t path_len = strcspn(request->uri, "?");
	enum status st = path_read(request->uri, path_len, request->path, err);
	if (st != STATUS_OK)
		return error_set(err, STATUS_INVALID, "bad path");
	const char *query = request->uri + path_len + (request->uri[path_len] == '?');
	return params_query_read(query, strlen(query), request->arena, &request->query, err);
}

static bool origin_is_allowed(const struct request *request)
{
	const char *allowed = request->options->cors_origin;
	return allowed && *allowed && request->origin && strcmp(request->origin, allowed) == 0;
}

/* The browser's question before a call from the one allowed origin (Fetch standard, CORS preflight). */
static bool is_preflight(const struct request *request, unsigned methods)
{
	return methods != 0 && strcmp(request->method_name, "OPTIONS") == 0 && origin_is_allowed(request);
}

static enum status find_route(struct request *request, struct error *err)
{
	unsigned methods = 0;
	request->reply.allows_origin = origin_is_allowed(request);
	request->route = route_find(request->path, request->method, &methods);
	if (request->route)
		return STATUS_OK;
	if (methods == 0)
		return reply_fail(&request->reply, FAILURE_PATH, err);
	request->reply.allow = route_methods_text(methods, request->arena);
	if (is_preflight(request, methods)) {
		request->reply.methods = request->reply.allow;
		request->reply.http = 204;
		return STATUS_OK;
	}
	request->reply.http = 405;
	return reply_fail(&request->reply, FAILURE_METHOD, err);
}

static enum status check_source_rate(struct request *request, struct error *err)
{
	struct limiter_rate rate = probe_rate;
	enum limiter_kind kind = LIMITER_SOURCE_PROBE;
	if (request->route->rate == RATE_SIGN_IN) {
		rate = (struct limiter_rate){ request->options->sign_in_per_minute, 60000000 };
		kind = LIMITER_SOURCE_SIGN_IN;
	} else if (request->route->rate == RATE_CLAIM) {
		rate = (struct limiter_rate){ request->options->claims_per_minute, 60000000 };
		kind = LIMITER_SOURCE_CLAIM;
	} else if (request->route->rate != RATE_PROBE) {
		return STATUS_OK;
	}
	if (limiter_take(request->limiter, kind, request->source, sizeof(request->source), rate,
			 &request->reply.retry_after_s))
		return STATUS_OK;
	return error_set(err, STATUS_LIMIT, "too many requests from this source");
}

/* The bare token; an optional `Bearer ` is tolerated (rest.md 1.2). */
static const char *bare_token(const char *authorization)
{
	static const char bearer[] = "Bearer ";
	if (strncasecmp(authorization, bearer, sizeof(bearer) - 1) == 0)
		authorization += sizeof(bearer) - 1;
	return authorization;
}

/* Nobody in particular is asking, and the row allows that. */
static bool is_anonymous(const struct request *request)
{
	return request->route->who == WHO_ANYONE || request->route->who == WHO_ADDRESS ||
	       (request->route->who == WHO_ANYONE_OR_USER && !request->authorization);
}

static enum status check_account_rate(struct request *request, struct error *err)
{
	struct limiter_rate rate = { request->options->requests_per_second, 1000000 };
	enum limiter_kind kind = LIMITER_ACCOUNT_REQUEST;
	if (request->route->rate == RATE_CLAIM) {
		rate = (struct limiter_rate){ request->options->claims_per_minute, 60000000 };
		kind = LIMITER_ACCOUNT_CLAIM;
	} else if (request->route->rate != RATE_USER) {
		return STATUS_OK;
	}
	if (limiter_take(request->limiter, kind, request->claims.user_id, UUID_BYTES, rate,
			 &request->reply.retry_after_s))
		return STATUS_OK;
	return error_set(err, STATUS_LIMIT, "too many requests of this account");
}

static enum status check_token(struct request *request, struct error *err)
{
	if (is_anonymous(request))
		return STATUS_OK;
	if (!request->authorization)
		return error_set(err, STATUS_UNAUTHENTICATED, "no Authorization header");
	const char *token = bare_token(request->authorization);
	enum status st = account_check_token(request->options->account, token, strlen(token), &request->claims, err);
	return st == STATUS_OK ? check_account_rate(request, err) : st;
}

static enum status begin(struct request *request, struct error *err)
{
	enum status st = read_target(request, err);
	if (st == STATUS_OK)
		st = find_route(request, err);
	if (st != STATUS_OK || !request->route)
		return st;
	if (request->declared_len > request->route->body_max)
		return error_set(err, STATUS_TOO_LARGE, "body is longer than %zu bytes", request->route->body_max);
	st = check_source_rate(request, err);
	return st == STATUS_OK ? check_token(request, err) : st;
}

enum dispatch_next dispatch_begin(struct request *request)
{
	struct error err = { .status = STATUS_OK };
	request->began_at_us = clock_monotonic_us();
	enum status st = begin(request, &err);
	if (st == STATUS_OK && request->route)
		return DISPATCH_BODY;
	return finish(request, st, &err);
}

/* Not everybody may make us take so much. */
enum dispatch_next dispatch_admit(struct request *request)
{
	struct error err = { .status = STATUS_OK };
	enum status st = registration_check_address(request, &err);
	return st == STATUS_OK ? DISPATCH_BODY : finish(request, st, &err);
}

/* --- with the body --- */

/* One statement tells who is asking and what the node is to them. */
static enum status ask_session(struct request *request, struct error *err)
{
	const char *session_id = request->claims.session_id;
	enum status st =
		request->route->object == OBJECT_NODE_PARAMS
			? store_session_access_params(request->store, session_id, request->node_id, &request->caller,
						      &request->reply.body, err)
			: store_session_access(request->store, session_id, request->node_id, &request->caller, err);
	if (st == STATUS_NOT_FOUND ||
	    (st == STATUS_OK && strcmp(request->caller.user_id, request->claims.user_id) != 0))
		return error_set(err, STATUS_UNAUTHENTICATED, "the session has ended");
	return st;
}

/* A node that is missing or doubly named is the caller's mistake, told only to whom the route is for. */
static enum status no_object(struct request *request, enum status named, const struct error *why, const char *node_id,
			     struct error *err)
{
	if (named != STATUS_OK) {
		*err = *why;
		return named;
	}
	return reply_fail(&request->reply, node_id ? FAILURE_NODE : FAILURE_NODE_MISSING, err);
}

/* An id that could not exist is answered like a stranger's. */
static enum status ask_permission(struct request *request, struct error *err)
{
	const struct route *route = request->route;
	struct error why = { .status = STATUS_OK };
	const char *node_id = NULL;
	enum status named = STATUS_OK;
	if (permission_needs_node(route->object))
		named = params_query_either(&request->query, "node_id", "nodeid", &node_id, &why);
	request->node_id = node_id && node_id_valid(node_id, strlen(node_id)) ? node_id : NULL;
	enum status st = ask_session(request, err);
	if (st != STATUS_OK)
		return st;
	const struct permission_rule rule = { route->who, route->object, route->method != METHOD_GET };
	const struct permission_caller caller = { .is_known = true,
						  .by_key = request->caller.by_key,
						  .scopes = request->caller.scopes,
						  .role = request->caller.role,
						  .node_role = request->caller.node_role };
	switch (permission_decide(&rule, &caller)) {
	case PERMISSION_GRANTED: return STATUS_OK;
	case PERMISSION_NO_CALLER: return error_set(err, STATUS_UNAUTHENTICATED, "nobody is asking");
	case PERMISSION_NO_ROLE: return error_set(err, STATUS_DENIED, "the account's role may not");
	case PERMISSION_NO_SCOPE: return reply_fail(&request->reply, FAILURE_SCOPE, err);
	case PERMISSION_NO_OBJECT: return no_object(request, named, &why, node_id, err);
	case PERMISSION_NOT_OWNED: return reply_fail(&request->reply, FAILURE_NODE_NOT_OWNED, err);
	}
	return error_set(err, STATUS_INTERNAL, "no such permission");
}

static enum status check_who(struct request *request, struct error *err)
{
	enum route_rate rate = request->route->rate;
	if (!request->store && (rate == RATE_SIGN_IN || rate == RATE_CLAIM || rate == RATE_USER))
		return error_set(err, STATUS_UNAVAILABLE, "database is away");
	return is_anonymous(request) ? STATUS_OK : ask_permission(request, err);
}

/* In whose name the handler's statements run, for the audit. Reads leave no trace there and need none. */
static const char *actor_of(struct request *request)
{
	CLEANUP(buffer) struct buffer text = { .bytes = NULL };
	buffer_putc(&text, '{');
	if (request->caller.user_id[0]) {
		reply_put_member(&text, "user", request->caller.user_id);
		reply_put_member(&text, "via", request->caller.by_key ? "key" : "session");
	}
	if (request->address[0])
		reply_put_member(&text, "source", request->address);
	reply_put_member(&text, "request", request->id);
	buffer_putc(&text, '}');
	return arena_copy(request->arena, buffer_text(&text), text.len);
}

/* A half of the route's work, in the caller's name. */
static enum status run_as_caller(struct request *request, route_handler *half, struct error *err)
{
	bool only_reads =
		request->method == METHOD_GET && request->route->rate != RATE_SIGN_IN; /* signing in is a change */
	if (!request->store || only_reads)
		return half(request, err);
	store_act_as(request->store, actor_of(request));
	enum status st = half(request, err);
	store_act_as(request->store, NULL);
	return st;
}

enum dispatch_next dispatch_run(struct request *request)
{
	struct error err = { .status = STATUS_OK };
	enum status st = check_who(request, &err);
	if (st == STATUS_OK)
		st = run_as_caller(request, request->route->handler, &err);
	if (st == STATUS_OK && request->goes_on)
		return DISPATCH_LANE;
	return finish(request, st, &err);
}

/* Who has waited so long has hung up by now (the CLI after 5 s): a queue must not be worked off for nobody. */
static enum status go_slow(struct request *request, struct error *err)
{
	if (clock_monotonic_us() - request->began_at_us > LANE_WAIT_MAX_US)
		return error_set(err, STATUS_UNAVAILABLE, "waited too long for its lane");
	if (!request->store)
		return error_set(err, STATUS_UNAVAILABLE, "database is away");
	return run_as_caller(request, request->route->slow, err);
}

void dispatch_slow(struct request *request)
{
	struct error err = { .status = STATUS_OK };
	enum status st = go_slow(request, &err);
	(void)finish(request, st, &err); /* always the reply */
}
