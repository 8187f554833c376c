#include "api/dispatch.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/handlers.h"
#include "api/limiter.h"
#include "api/meter.h"
#include "api/origins.h"
#include "api/representation.h"
#include "api/routes.h"
#include "base/clock.h"
#include "base/log.h"
#include "model/node_id.h"
#include "store/key.h"

enum {
	RETRY_AFTER_S = 1, /* told with 503: a queue was full or a part is coming back */
	LANE_WAIT_MAX_US = 4000000,
};

static const struct limiter_rate probe_rate = { .n = 50, .period_us = 1000000 };
/* of one caller into the audit: enough to see it, too few to fill the table */
static const struct limiter_rate denied_rate = { .n = 10, .period_us = 60000000 };

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
	if ((reply->http == 503 || reply->http == 429) && reply->retry_after_s == 0)
		reply->retry_after_s = RETRY_AFTER_S;
	representation_choose(request);
	api_meter_answered(request->options->meter, request->route, reply->http,
			   clock_monotonic_us() - request->began_at_us);
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

/* The browser's question before a call from a listed origin (Fetch standard, CORS preflight). */
static bool is_preflight(const struct request *request, unsigned methods)
{
	return methods != 0 && strcmp(request->method_name, "OPTIONS") == 0 && request->reply.allows_origin;
}

static enum status find_route(struct request *request, struct error *err)
{
	unsigned methods = 0;
	request->reply.allows_origin = origins_have(request->options->cors_origins, request->origin);
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
	/* a key's own bucket: a machine that runs wild must not lock its owner out */
	const void *key = request->by_key ? (const void *)request->key_hash : request->claims.user_id;
	size_t key_len = request->by_key ? sizeof(request->key_hash) : UUID_BYTES;
	if (limiter_take(request->limiter, request->by_key ? LIMITER_KEY_REQUEST : kind, key, key_len, rate,
			 &request->reply.retry_after_s))
		return STATUS_OK;
	return error_set(err, STATUS_LIMIT, "too many requests of this account");
}

/* Claims are counted for the account, whatever it shows; whose a key is, is known only now. */
static enum status check_claims_of_key(struct request *request, struct error *err)
{
	const struct limiter_rate rate = { request->options->claims_per_minute, 60000000 };
	if (request->route->rate != RATE_CLAIM ||
	    limiter_take(request->limiter, LIMITER_ACCOUNT_CLAIM, request->caller.user_id, UUID_BYTES, rate,
			 &request->reply.retry_after_s))
		return STATUS_OK;
	return error_set(err, STATUS_LIMIT, "too many claims of this account");
}

static enum status check_token(struct request *request, struct error *err)
{
	if (is_anonymous(request))
		return STATUS_OK;
	if (!request->authorization)
		return error_set(err, STATUS_UNAUTHENTICATED, "no Authorization header");
	const char *token = bare_token(request->authorization);
	const struct account *account = request->options->account;
	request->by_key = api_key_looks_like(token);
	enum status st = request->by_key ? account_check_key(account, token, strlen(token), request->key_hash, err)
					 : account_check_token(account, token, strlen(token), &request->claims, err);
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
	enum status st = STATUS_OK;
	if (request->is_asked)
		st = request->asked.status == STATUS_OK
			     ? STATUS_OK
			     : error_set(err, request->asked.status, "%s", request->asked.text);
	else if (request->route->object == OBJECT_NODE_LIST)
		st = nodes_list_with_session(request, err);
	else if (request->route->object == OBJECT_NODE_PARAMS)
		st = store_session_access_params(request->store, session_id, request->node_id, &request->caller,
						 &request->reply.body, err);
	else
		st = store_session_access(request->store, session_id, request->node_id, &request->caller, err);
	if (st == STATUS_NOT_FOUND ||
	    (st == STATUS_OK && strcmp(request->caller.user_id, request->claims.user_id) != 0))
		return error_set(err, STATUS_UNAUTHENTICATED, "the session has ended");
	return st;
}

/* The same for a key. */
static enum status ask_key(struct request *request, struct error *err)
{
	enum status st =
		request->route->object == OBJECT_NODE_PARAMS
			? store_key_access_params(request->store, request->key_hash, request->node_id, &request->caller,
						  &request->reply.body, err)
			: store_key_access(request->store, request->key_hash, request->node_id, &request->caller, err);
	if (st == STATUS_NOT_FOUND)
		return error_set(err, STATUS_UNAUTHENTICATED, "the key was revoked or has run out");
	return st == STATUS_OK ? check_claims_of_key(request, err) : st;
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

void dispatch_note(struct request *request, const struct audit_note *note)
{
	struct error err = { .status = STATUS_OK };
	if (store_audit_note(request->store, note, &err) != STATUS_OK)
		log_error("audit.lost", F_STR("request", request->id), F_STR("reason", err.text));
}

/* Who asks for what he may not: a security event. */
static void note_denied(struct request *request, const char *why)
{
	int retry_after_s = 0;
	if (!limiter_take(request->limiter, LIMITER_CALLER_DENIED, request->caller.user_id, UUID_BYTES, denied_rate,
			  &retry_after_s))
		return;
	char object[AUDIT_OBJECT_BYTES_MAX + 1];
	(void)snprintf(object, sizeof(object), "%s %s", request->method_name, request->route->path);
	const struct audit_note note = { .kind = "security",
					 .action = "access.denied",
					 .object_kind = "route",
					 .object_id = object,
					 .reason = why };
	store_act_as(request->store, actor_of(request));
	dispatch_note(request, &note);
	store_act_as(request->store, NULL);
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
static enum status read_node(struct request *request, const char **ret_node_id, struct error *err)
{
	enum status st = params_query_either(&request->query, "node_id", "nodeid", ret_node_id, err);
	const char *node_id = *ret_node_id;
	request->node_id = node_id && node_id_valid(node_id, strlen(node_id)) ? node_id : NULL;
	return st;
}

bool dispatch_may_wait(struct request *request)
{
	if (!request->store || request->by_key || is_anonymous(request) || request->route->object != OBJECT_NODE_PARAMS)
		return false;
	const char *node_id = NULL;
	return read_node(request, &node_id, NULL) == STATUS_OK && request->node_id;
}

void dispatch_ask_together(struct request *const *requests, size_t n_requests)
{
	struct session_params_ask asks[DISPATCH_TOGETHER_MAX];
	for (size_t i = 0; i < n_requests; i++)
		asks[i] = (struct session_params_ask){ .session_id = requests[i]->claims.session_id,
						       .node_id = requests[i]->node_id,
						       .json = &requests[i]->reply.body };
	struct error err = { .status = STATUS_OK };
	enum status st = store_session_access_params_of_many(requests[0]->store, asks, n_requests, &err);
	for (size_t i = 0; i < n_requests; i++) {
		struct request *request = requests[i];
		request->is_asked = true;
		request->asked = err;
		request->asked.status = st == STATUS_OK ? asks[i].status : st;
		if (request->asked.status == STATUS_OK)
			request->caller = asks[i].access;
	}
}

static enum status ask_permission(struct request *request, struct error *err)
{
	const struct route *route = request->route;
	struct error why = { .status = STATUS_OK };
	const char *node_id = NULL;
	enum status named = STATUS_OK;
	if (permission_needs_node(route->object))
		named = read_node(request, &node_id, &why);
	enum status st = request->by_key ? ask_key(request, err) : ask_session(request, err);
	if (st != STATUS_OK)
		return st;
	const struct permission_rule rule = { route->who, route->object, route_changes(route) };
	const struct permission_caller caller = { .is_known = true,
						  .by_key = request->caller.by_key,
						  .scopes = request->caller.scopes,
						  .role = request->caller.role,
						  .node_role = request->caller.node_role };
	switch (permission_decide(&rule, &caller)) {
	case PERMISSION_GRANTED: return STATUS_OK;
	case PERMISSION_NO_CALLER: return error_set(err, STATUS_UNAUTHENTICATED, "nobody is asking");
	case PERMISSION_NO_ROLE:
		note_denied(request, "role");
		return error_set(err, STATUS_DENIED, "the account's role may not");
	case PERMISSION_NO_SCOPE: note_denied(request, "scope"); return reply_fail(&request->reply, FAILURE_SCOPE, err);
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

/* A half of the route's work, in the caller's name. */
static enum status run_as_caller(struct request *request, route_handler *half, struct error *err)
{
	if (!request->store || !route_changes(request->route))
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
