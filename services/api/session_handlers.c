/* Sessions as their user sees them: a list, and their end. */
#include <string.h>

#include "api/body.h"
#include "api/handlers.h"
#include "base/parse.h"

enum { SESSIONS_PAGE = 25 };

/* logout_all stands in the query (CLI) or in the body (SDK), as a boolean or as text. */
static enum status read_logout_all(struct request *request, bool *ret_all, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	bool all = false;
	enum status st = body_object(request, true, &body, err);
	if (st != STATUS_OK)
		return st;
	const json_t *member = json_object_get(body, "logout_all");
	if (json_is_boolean(member))
		all = json_boolean_value(member);
	else if (member && !json_is_null(member) &&
		 !(json_is_string(member) && parse_bool(json_string_value(member), &all)))
		return reply_fail(&request->reply, FAILURE_LOGOUT_ALL, err);
	if (params_query_bool(&request->query, "logout_all", all, ret_all, err) != STATUS_OK)
		return reply_fail(&request->reply, FAILURE_LOGOUT_ALL, err);
	return STATUS_OK;
}

enum status user_logout(struct request *request, struct error *err)
{
	bool all = false;
	enum status st = read_logout_all(request, &all, err);
	if (st == STATUS_OK)
		st = store_session_end(request->store, request->caller.user_id, request->claims.session_id, all,
				       SESSION_END_LOGOUT, err);
	if (st == STATUS_NOT_FOUND) /* another request was faster */
		return error_set(err, STATUS_UNAUTHENTICATED, "the session has ended");
	if (st == STATUS_OK)
		reply_put_success(&request->reply, "Logged out");
	return st;
}

struct listing {
	struct request *request;
	int64_t n, page;
	char last[UUID_BYTES + 1];
};

static void put_session(void *context, const struct session *session)
{
	struct listing *listing = context;
	struct buffer *body = &listing->request->reply.body;
	if (++listing->n > listing->page) /* one more than asked for: there is a next page */
		return;
	memcpy(listing->last, session->id, sizeof(listing->last));
	buffer_puts(body, listing->n > 1 ? ",{" : "{");
	reply_put_member(body, "session_id", session->id);
	buffer_printf(body, ",\"created_timestamp\":%lld,\"last_used_timestamp\":%lld,\"expires_timestamp\":%lld",
		      (long long)(session->created_at_us / 1000000), (long long)(session->last_used_at_us / 1000000),
		      (long long)(session->expires_at_us / 1000000));
	reply_put_member(body, "source", session->source);
	reply_put_member(body, "client", session->client);
	buffer_printf(body, ",\"current\":%s}",
		      strcmp(session->id, listing->request->claims.session_id) == 0 ? "true" : "false");
}

enum status sessions_list(struct request *request, struct error *err)
{
	struct listing listing = { .request = request };
	const char *after = params_query_text(&request->query, "start_id");
	enum status st =
		params_query_count(&request->query, "num_records", 1, PAGE_MAX, SESSIONS_PAGE, &listing.page, err);
	if (st == STATUS_OK && after && !parse_is_uuid(after))
		st = error_set(err, STATUS_INVALID, "start_id is not one of ours");
	if (st != STATUS_OK)
		return st;
	struct buffer *body = &request->reply.body;
	buffer_puts(body, "{\"sessions\":[");
	st = store_session_list(request->store, request->caller.user_id, after, listing.page + 1, put_session, &listing,
				err);
	buffer_putc(body, ']');
	if (listing.n > listing.page)
		reply_put_member(body, "next_id", listing.last);
	buffer_putc(body, '}');
	return st;
}

/* Another's session is answered like one that never was. */
enum status sessions_end(struct request *request, struct error *err)
{
	const char *session_id = params_query_text(&request->query, "session_id");
	if (!session_id || !parse_is_uuid(session_id))
		return reply_fail(&request->reply, FAILURE_SESSION, err);
	enum status st =
		store_session_end(request->store, request->caller.user_id, session_id, false, SESSION_END_REVOKED, err);
	if (st == STATUS_NOT_FOUND)
		return reply_fail(&request->reply, FAILURE_SESSION, err);
	if (st == STATUS_OK)
		reply_put_success(&request->reply, "The session has ended");
	return st;
}
