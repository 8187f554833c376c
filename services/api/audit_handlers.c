/* The audit, for administrators: docs/audit.md.
 *
 *   GET admin/audit ?kind=&action=&user_name=|user_id=&node_id=|object_kind=&object_id=&since=&until=&num_records=&start_id=
 *
 * Newest first; `since` and `until` are seconds, `timestamp` is milliseconds, next_id is an event's number. */
#include <string.h>

#include "account/user_name.h"
#include "api/admin.h"
#include "api/handlers.h"
#include "base/parse.h"
#include "store/audit.h"

enum { PAGE_EVENTS = 25 };

#define SECONDS_MAX 253402300799 /* the year 9999 */

static enum status no_field(struct request *request, const char *what, struct error *err)
{
	request->reply.reason = what; /* a constant */
	return reply_fail(&request->reply, FAILURE_ADMIN_FIELD, err);
}

static bool is_word(const char *text)
{
	return !text ||
	       (strlen(text) <= AUDIT_ACTION_BYTES_MAX && strspn(text, "abcdefghijklmnopqrstuvwxyz_.") == strlen(text));
}

/* Printable ASCII, as every id that an event names: no other text may reach the database from a query. */
static bool is_id(const char *text)
{
	if (!text)
		return true;
	for (const char *at = text; *at; at++) {
		if (*at < ' ' || *at > '~')
			return false;
	}
	return strlen(text) <= AUDIT_OBJECT_BYTES_MAX;
}

static enum status read_user(struct request *request, user_name_text name, struct audit_filter *filter,
			     struct error *err)
{
	const char *text = params_query_text(&request->query, "user_name");
	filter->user_id = params_query_text(&request->query, "user_id");
	if (filter->user_id && !parse_is_uuid(filter->user_id))
		return no_field(request, "user_id is not a user id", err);
	if (!text)
		return STATUS_OK;
	if (user_name_canonical(text, name, err) != STATUS_OK)
		return reply_fail(&request->reply, FAILURE_USER_NAME, err);
	filter->user_name = name;
	return STATUS_OK;
}

static enum status read_object(struct request *request, struct audit_filter *filter, struct error *err)
{
	const char *node_id = NULL;
	enum status st = params_query_either(&request->query, "node_id", "nodeid", &node_id, err);
	if (st != STATUS_OK)
		return st;
	filter->object_kind = node_id ? "node" : params_query_text(&request->query, "object_kind");
	filter->object_id = node_id ? node_id : params_query_text(&request->query, "object_id");
	if (!is_word(filter->object_kind) || !is_id(filter->object_id))
		return no_field(request, "object_kind or object_id is not one", err);
	return STATUS_OK;
}

static enum status read_words(struct request *request, struct audit_filter *filter, struct error *err)
{
	filter->kind = params_query_text(&request->query, "kind");
	filter->action = params_query_text(&request->query, "action");
	if (filter->kind && strcmp(filter->kind, "security") != 0 && strcmp(filter->kind, "change") != 0)
		return no_field(request, "kind is security or change", err);
	return is_word(filter->action) ? STATUS_OK : no_field(request, "action is not one", err);
}

static enum status read_times(struct request *request, struct audit_filter *filter, struct error *err)
{
	int64_t since_s = 0, until_s = 0;
	enum status st = params_query_count(&request->query, "since", 0, SECONDS_MAX, 0, &since_s, err);
	if (st == STATUS_OK)
		st = params_query_count(&request->query, "until", 0, SECONDS_MAX, 0, &until_s, err);
	filter->since_us = since_s * 1000000;
	filter->until_us = until_s * 1000000;
	return st;
}

struct listing {
	struct buffer *body;
	int64_t n, limit, last;
};

static void put_known(struct buffer *body, const char *name, const char *text)
{
	if (text)
		reply_put_member(body, name, text);
}

/* What is not known is left out. */
static void put_event(void *context, const struct audit_event *event)
{
	struct listing *listing = context;
	struct buffer *body = listing->body;
	if (listing->n++ == listing->limit)
		return;
	buffer_printf(body, "%s{\"event_id\":\"%lld\",\"timestamp\":%lld", listing->n > 1 ? "," : "",
		      (long long)event->id, (long long)(event->at_us / 1000));
	reply_put_member(body, "kind", event->kind);
	reply_put_member(body, "action", event->action);
	put_known(body, "user_id", event->user_id);
	put_known(body, "user_name", event->user_name);
	reply_put_member(body, "via", event->via);
	put_known(body, "source", event->source);
	put_known(body, "request_id", event->request_id);
	reply_put_member(body, "object_kind", event->object_kind);
	reply_put_member(body, "object_id", event->object_id);
	buffer_printf(body, ",\"detail\":%s}", event->detail_json);
	listing->last = event->id;
}

enum status audit_list(struct request *request, struct error *err)
{
	struct audit_filter filter = { .kind = NULL };
	struct listing listing = { .body = &request->reply.body };
	user_name_text name;
	int64_t before = INT64_MAX;
	enum status st = read_words(request, &filter, err);
	if (st == STATUS_OK)
		st = read_user(request, name, &filter, err);
	if (st == STATUS_OK)
		st = read_object(request, &filter, err);
	if (st == STATUS_OK)
		st = read_times(request, &filter, err);
	if (st == STATUS_OK)
		st = params_query_count(&request->query, "start_id", 1, INT64_MAX, INT64_MAX, &before, err);
	if (st == STATUS_OK)
		st = params_query_count(&request->query, "num_records", 1, PAGE_MAX, PAGE_EVENTS, &listing.limit, err);
	if (st != STATUS_OK)
		return st;
	buffer_puts(listing.body, "{\"events\":[");
	st = store_audit_list(request->store, &filter, before, listing.limit + 1, put_event, &listing, err);
	buffer_putc(listing.body, ']');
	if (listing.n > listing.limit)
		buffer_printf(listing.body, ",\"next_id\":\"%lld\"", (long long)listing.last);
	buffer_putc(listing.body, '}');
	return st;
}
