/* Sharing of nodes and of groups (rest.md sections 5 and 6.1): one subject with two sets of words.
 *
 * Each id is checked by the statement that changes or reads what it names (sql/migrations/0007_sharing.sql). An unknown id, a
 * foreign one and one that could not exist are answered alike, and so is an invitation, whether its addressee has an account or not. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "account/account.h"
#include "account/user_name.h"
#include "api/body.h"
#include "api/handlers.h"
#include "api/limiter.h"
#include "api/sharing_query.h"
#include "model/node_id.h"
#include "store/sharing.h"
#include "store/user.h"

enum {
	PAGE_REQUESTS = 10, /* rest.md 1.4 */
	REQUEST_ID_RANDOM_BYTES = 16,
	DAY_LIMIT_RETRY_S = 3600,
};

static const struct limiter_rate mail_rate = { .n = SHARING_MAILS_MAX, .period_us = 3600000000 };

struct words {
	enum sharing_kind kind;
	const char *list_member;        /* of a body, and of a query: the ids */
	const char *id_member, *answer; /* of GET: the filter, and the answer's array */
	const char *noun;               /* in a mail */
	size_t ids_max;
	enum failure bad_list, unknown, not_primary;
};

static const struct words node_words = {
	.kind = SHARING_NODES,
	.list_member = "nodes",
	.id_member = "node_id",
	.answer = "node_sharing",
	.noun = "device",
	.ids_max = SHARING_NODES_MAX,
	.bad_list = FAILURE_SHARING_NODES,
	.unknown = FAILURE_NODE,
	.not_primary = FAILURE_NODE_NOT_OWNED,
};

static const struct words group_words = {
	.kind = SHARING_GROUPS,
	.list_member = "groups",
	.id_member = "group_id",
	.answer = "group_sharing",
	.noun = "group",
	.ids_max = SHARING_GROUPS_MAX,
	.bad_list = FAILURE_SHARING_GROUPS,
	.unknown = FAILURE_GROUP,
	.not_primary = FAILURE_GROUP_NOT_PRIMARY,
};

/* --- what the handlers share --- */

static bool is_id(const struct words *words, const char *text)
{
	return words->kind == SHARING_NODES ? node_id_valid(text, strlen(text)) : sharing_id_valid(text);
}

static enum status day_limit(struct request *request, struct error *err)
{
	request->reply.retry_after_s = DAY_LIMIT_RETRY_S;
	return reply_fail(&request->reply, FAILURE_SHARING_DAY, err);
}

/* `unknown`: what an unknown id is here. */
static enum status tell(struct request *request, const struct words *words, enum sharing_outcome outcome,
			enum failure unknown, struct error *err)
{
	struct reply *reply = &request->reply;
	switch (outcome) {
	case SHARING_DONE: return STATUS_OK;
	case SHARING_UNKNOWN: return reply_fail(reply, unknown, err);
	case SHARING_NOT_PRIMARY: return reply_fail(reply, words->not_primary, err);
	case SHARING_NOT_TOP: return reply_fail(reply, FAILURE_SHARING_NOT_TOP, err);
	case SHARING_SELF: return reply_fail(reply, FAILURE_SHARING_SELF, err);
	case SHARING_ALREADY: return reply_fail(reply, FAILURE_SHARING_ALREADY, err);
	case SHARING_FULL: return reply_fail(reply, FAILURE_SHARING_FULL, err);
	case SHARING_METADATA: return reply_fail(reply, FAILURE_SHARING_FIELD, err);
	case SHARING_PENDING_LIMIT: return reply_fail(reply, FAILURE_SHARING_PENDING, err);
	case SHARING_DAY_LIMIT: return day_limit(request, err);
	case SHARING_SETTLED: return reply_fail(reply, FAILURE_SHARING_SETTLED, err);
	case SHARING_NOTHING: return reply_fail(reply, FAILURE_SHARING_NOTHING, err);
	case SHARING_NOT_SHARED: return reply_fail(reply, FAILURE_SHARING_NOT_SHARED, err);
	case SHARING_OTHER_PRIMARY: return reply_fail(reply, FAILURE_SHARING_PRIMARY, err);
	}
	return error_set(err, STATUS_INTERNAL, "no such outcome of sharing");
}

static enum status bad_field(struct request *request, const char *what, struct error *err)
{
	request->reply.reason = what; /* a constant */
	return reply_fail(&request->reply, FAILURE_SHARING_FIELD, err);
}

static enum status canonical_name(struct request *request, const char *text, user_name_text ret_name, struct error *err)
{
	if (!text)
		return reply_fail(&request->reply, FAILURE_USER_NAME_MISSING, err);
	if (user_name_canonical(text, ret_name, err) != STATUS_OK)
		return reply_fail(&request->reply, FAILURE_USER_NAME, err);
	return STATUS_OK;
}

/* --- PUT: an invitation --- */

struct wish {
	user_name_text to_name;
	const char *ids[SHARING_NODES_MAX];
	size_t n_ids;
	bool has_impossible; /* an id that nothing can have is a stranger's */
	bool as_primary, transfer;
	const char *new_role, *metadata;
};

static enum status read_ids(struct request *request, const struct words *words, const json_t *list, struct wish *wish,
			    struct error *err)
{
	size_t n = json_array_size(list); /* 0 also for what is no array */
	if (n < 1 || n > words->ids_max)
		return reply_fail(&request->reply, words->bad_list, err);
	for (size_t i = 0; i < n; i++) {
		const char *id = json_string_value(json_array_get(list, i));
		if (!id)
			return reply_fail(&request->reply, words->bad_list, err);
		if (!is_id(words, id))
			wish->has_impossible = true;
		wish->ids[wish->n_ids++] = id;
	}
	return STATUS_OK;
}

static enum status read_flag(struct request *request, const json_t *body, const char *name, bool *ret_flag,
			     struct error *err)
{
	const json_t *member = json_object_get(body, name);
	if (member && !json_is_null(member) && !json_is_boolean(member))
		return reply_fail(&request->reply, FAILURE_BODY, err);
	*ret_flag = json_is_true(member);
	return STATUS_OK;
}

/* The member's own bytes, so that numbers keep their form until the database has them. */
static enum status read_metadata(struct request *request, json_t *body, const char **ret_metadata, struct error *err)
{
	CLEANUP(buffer) struct buffer compact = { .bytes = NULL };
	struct json_walk walk =
		json_walk_start(body, (struct json_slice){ buffer_text(&request->body), request->body.len });
	struct json_member member;
	*ret_metadata = "{}";
	while (json_walk_next(&walk, &member)) {
		if (strcmp(member.key, "metadata") != 0 || json_is_null(member.value))
			continue;
		if (!json_is_object(member.value))
			return reply_fail(&request->reply, FAILURE_BODY, err);
		json_put_compact(&compact, member.text);
		if (compact.len > SHARING_METADATA_BYTES_MAX)
			return reply_fail(&request->reply, FAILURE_SHARING_FIELD, err);
		return request_copy(request, buffer_text(&compact), ret_metadata, err);
	}
	return STATUS_OK;
}

/* `new_role` says what the sender of a transfer becomes; without a transfer it says nothing. */
static enum status read_new_role(struct request *request, const json_t *body, struct wish *wish, struct error *err)
{
	enum status st = body_text(request, body, "new_role", &wish->new_role, err);
	if (st == STATUS_OK && wish->transfer && wish->new_role && strcmp(wish->new_role, "secondary") != 0)
		return bad_field(request, "new_role can only be secondary", err);
	if (!wish->transfer)
		wish->new_role = NULL;
	return st;
}

/* sub_role is of no use to us and not looked at. */
static enum status read_wish(struct request *request, const struct words *words, json_t *body, struct wish *wish,
			     struct error *err)
{
	const char *name = NULL;
	enum status st = body_text(request, body, "user_name", &name, err);
	if (st == STATUS_OK)
		st = read_ids(request, words, json_object_get(body, words->list_member), wish, err);
	if (st == STATUS_OK)
		st = canonical_name(request, name, wish->to_name, err);
	if (st == STATUS_OK)
		st = read_flag(request, body, "primary", &wish->as_primary, err);
	if (st == STATUS_OK)
		st = read_flag(request, body, "transfer", &wish->transfer, err);
	if (st == STATUS_OK)
		st = read_new_role(request, body, wish, err);
	if (st == STATUS_OK)
		st = read_metadata(request, body, &wish->metadata, err);
	return st;
}

static void make_request_id(char ret_id[SHARING_REQUEST_ID_LEN + 1])
{
	unsigned char random[REQUEST_ID_RANDOM_BYTES];
	randombytes_buf(random, sizeof(random));
	(void)sodium_bin2base64(ret_id, SHARING_REQUEST_ID_LEN + 1, random, sizeof(random),
				sodium_base64_VARIANT_URLSAFE_NO_PADDING); /* returns its first argument */
}

/* Nobody else tells the addressee yet. Mail goes to whatever address the sender names, so it is bounded more closely than invitations
 * are; what goes past that is invited without a mail, and so is everybody when the sender's name cannot be had. */
static void mail_invitation(struct request *request, const struct words *words, const struct wish *wish)
{
	int retry_after_s = 0;
	struct user sender;
	struct error unsent;
	if (!limiter_take(request->limiter, LIMITER_ACCOUNT_INVITATION, request->caller.user_id, UUID_BYTES, mail_rate,
			  &retry_after_s) ||
	    store_user_get(request->store, request->caller.user_id, &sender, &unsent) != STATUS_OK)
		return;
	char what[32];
	(void)snprintf(what, sizeof(what), "%zu %s%s", wish->n_ids, words->noun, wish->n_ids == 1 ? "" : "s");
	account_mail_invitation(request->options->account, wish->to_name, sender.name, what);
}

static enum status invite(struct request *request, const struct words *words, const struct wish *wish,
			  struct error *err)
{
	char request_id[SHARING_REQUEST_ID_LEN + 1];
	make_request_id(request_id);
	const struct sharing_invitation invitation = { .request_id = request_id,
						       .kind = words->kind,
						       .from_user = request->caller.user_id,
						       .to_name = wish->to_name,
						       .ids = { wish->ids, wish->n_ids },
						       .as_primary = wish->as_primary,
						       .transfer = wish->transfer,
						       .new_role = wish->new_role,
						       .metadata = wish->metadata,
						       .lifetime_s = request->options->sharing_lifetime_s };
	enum sharing_outcome outcome = SHARING_UNKNOWN;
	enum status st = store_sharing_invite(request->store, &invitation, &outcome, err);
	if (st == STATUS_OK)
		st = tell(request, words, outcome, words->unknown, err);
	if (st != STATUS_OK)
		return st;
	mail_invitation(request, words, wish);
	struct buffer *out = &request->reply.body;
	buffer_puts(out, "{\"status\":\"success\"");
	reply_put_member(out, "description", "Sharing requested");
	reply_put_member(out, "request_id", request_id);
	buffer_putc(out, '}');
	return STATUS_OK;
}

static enum status sharing_put(struct request *request, const struct words *words, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	struct wish wish = { .n_ids = 0 };
	enum status st = body_object(request, false, &body, err);
	if (st == STATUS_OK)
		st = read_wish(request, words, body, &wish, err);
	if (st != STATUS_OK)
		return st;
	if (wish.has_impossible)
		return reply_fail(&request->reply, words->unknown, err);
	return invite(request, words, &wish, err);
}

/* --- DELETE: the end of a share --- */

static enum status read_end(struct request *request, const struct words *words, struct wish *wish, struct error *err)
{
	const char *list = params_query_text(&request->query, words->list_member);
	if (!list)
		return reply_fail(&request->reply, words->bad_list, err);
	char *text = arena_copy(request->arena, list, strlen(list));
	if (!text)
		return error_set(err, STATUS_TOO_LARGE, "request needs too much memory");
	wish->n_ids = sharing_ids_split(text, wish->ids, words->ids_max);
	if (wish->n_ids == 0)
		return reply_fail(&request->reply, words->bad_list, err);
	for (size_t i = 0; i < wish->n_ids; i++)
		wish->has_impossible = wish->has_impossible || !is_id(words, wish->ids[i]);
	const char *name = NULL;
	enum status st = params_query_user_name(&request->query, "user_name", request->arena, &name, err);
	return st == STATUS_OK ? canonical_name(request, name, wish->to_name, err) : st;
}

static enum status sharing_delete(struct request *request, const struct words *words, struct error *err)
{
	struct wish wish = { .n_ids = 0 };
	enum sharing_outcome outcome = SHARING_UNKNOWN;
	enum status st = read_end(request, words, &wish, err);
	if (st == STATUS_OK && !wish.has_impossible)
		st = store_sharing_remove(request->store, words->kind, request->caller.user_id,
					  (struct sharing_ids){ wish.ids, wish.n_ids }, wish.to_name, &outcome, err);
	if (st == STATUS_OK)
		st = tell(request, words, outcome, words->unknown, err);
	if (st == STATUS_OK)
		reply_put_success(&request->reply, "Sharing removed");
	return st;
}

/* --- GET: who has what --- */

struct page {
	struct buffer *body;
	size_t n;
	char last_id[NODE_ID_MAX + 1];
	int64_t last_at_us;
	user_name_text last_name;
};

static void add_entry(void *context, const struct sharing_entry *entry)
{
	struct page *page = context;
	if (page->n++ > 0)
		buffer_putc(page->body, ',');
	buffer_puts(page->body, entry->json);
	/* the schema holds them to these sizes */
	(void)snprintf(page->last_id, sizeof(page->last_id), "%s", entry->id);
	(void)snprintf(page->last_name, sizeof(page->last_name), "%s", entry->user_name);
	page->last_at_us = entry->created_at_us;
}

static enum status read_list_query(struct request *request, const struct words *words, struct sharing_list_query *query,
				   struct error *err)
{
	const struct params_query *from = &request->query;
	enum status st = STATUS_OK;
	if (words->kind == SHARING_NODES)
		st = params_query_either(from, "node_id", "nodeid", &query->id, err);
	else
		query->id = params_query_text(from, words->id_member);
	if (st == STATUS_OK)
		st = params_query_bool(from, "metadata", false, &query->metadata, err);
	if (st == STATUS_OK)
		st = params_query_bool(from, "sub_groups", false, &query->sub_groups, err);
	if (st == STATUS_OK)
		st = params_query_bool(from, "parent_groups", false, &query->parent_groups, err);
	if (st == STATUS_OK)
		st = params_query_count(from, "num_records", 1, PAGE_MAX, PAGE_MAX, &query->limit, err);
	const char *start_id = params_query_text(from, "start_id");
	if (st == STATUS_OK && start_id && !is_id(words, start_id))
		return error_set(err, STATUS_INVALID, "start_id is no such id");
	query->after = start_id ? start_id : "";
	return st;
}

static enum status sharing_get(struct request *request, const struct words *words, struct error *err)
{
	struct sharing_list_query query = { .kind = words->kind, .user_id = request->caller.user_id };
	struct page page = { .body = &request->reply.body };
	bool more = false;
	enum status st = read_list_query(request, words, &query, err);
	if (st != STATUS_OK)
		return st;
	if (query.id && !is_id(words, query.id))
		return reply_fail(&request->reply, words->unknown, err);
	buffer_printf(page.body, "{\"%s\":[", words->answer);
	st = store_sharing_list(request->store, &query, add_entry, &page, &more, err);
	if (st == STATUS_OK && query.id && page.n == 0)
		return reply_fail(&request->reply, words->unknown, err);
	buffer_putc(page.body, ']');
	if (more)
		reply_put_member(page.body, "next_id", page.last_id);
	buffer_putc(page.body, '}');
	return st;
}

/* --- invitations --- */

/* Without primary_user it is those received; an invitation asked for by its id may be either. */
static enum status read_requests_query(struct request *request, struct sharing_requests_query *query, struct error *err)
{
	const struct params_query *from = &request->query;
	bool says_which = params_query_text(from, "primary_user") != NULL;
	query->request_id = params_query_text(from, "request_id");
	enum status st = params_query_bool(from, "primary_user", false, &query->sent, err);
	if (st == STATUS_OK)
		st = params_query_count(from, "num_records", 1, PAGE_MAX, PAGE_REQUESTS, &query->limit, err);
	if (st != STATUS_OK)
		return st;
	query->received = !query->sent;
	if (query->request_id && !says_which)
		query->sent = true;
	const char *cursor = params_query_text(from, "start_request_id");
	if (cursor && !sharing_cursor_read(cursor, &query->before_us, &query->before_id))
		return error_set(err, STATUS_INVALID, "start_request_id is no place in the list");
	return STATUS_OK;
}

static enum status requests_get(struct request *request, const struct words *words, struct error *err)
{
	struct sharing_requests_query query = {
		.kind = words->kind, .user_id = request->caller.user_id, .before_us = INT64_MAX, .before_id = ""
	};
	struct page page = { .body = &request->reply.body };
	bool more = false;
	enum status st = read_requests_query(request, &query, err);
	if (st != STATUS_OK)
		return st;
	if (query.request_id && !sharing_id_valid(query.request_id))
		return reply_fail(&request->reply, FAILURE_SHARING_REQUEST, err);
	buffer_puts(page.body, "{\"sharing_requests\":[");
	st = store_sharing_requests(request->store, &query, add_entry, &page, &more, err);
	if (st == STATUS_OK && query.request_id && page.n == 0)
		return reply_fail(&request->reply, FAILURE_SHARING_REQUEST, err);
	buffer_putc(page.body, ']');
	if (more) {
		buffer_printf(page.body, ",\"next_request_id\":\"%lld.%s\"", (long long)page.last_at_us, page.last_id);
		reply_put_member(page.body, "next_user_name", page.last_name);
	}
	buffer_putc(page.body, '}');
	return st;
}

static enum status requests_put(struct request *request, const struct words *words, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	const char *request_id = NULL;
	enum sharing_outcome outcome = SHARING_UNKNOWN;
	enum status st = body_object(request, false, &body, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "request_id", &request_id, err);
	if (st != STATUS_OK)
		return st;
	const json_t *accept = json_object_get(body, "accept");
	if (!json_is_boolean(accept) || !request_id)
		return bad_field(request, "accept (true or false) or request_id is missing", err);
	if (sharing_id_valid(request_id))
		st = store_sharing_answer(request->store, words->kind, request_id, request->caller.user_id,
					  json_is_true(accept), &outcome, err);
	if (st == STATUS_OK)
		st = tell(request, words, outcome, FAILURE_SHARING_REQUEST, err);
	if (st == STATUS_OK)
		reply_put_success(&request->reply, json_is_true(accept) ? "Sharing accepted" : "Sharing declined");
	return st;
}

static enum status requests_delete(struct request *request, const struct words *words, struct error *err)
{
	const char *request_id = params_query_text(&request->query, "request_id");
	enum sharing_outcome outcome = SHARING_UNKNOWN;
	enum status st = STATUS_OK;
	if (!request_id)
		return bad_field(request, "request_id is missing", err);
	if (sharing_id_valid(request_id))
		st = store_sharing_cancel(request->store, words->kind, request_id, request->caller.user_id, &outcome,
					  err);
	if (st == STATUS_OK)
		st = tell(request, words, outcome, FAILURE_SHARING_REQUEST, err);
	if (st == STATUS_OK)
		reply_put_success(&request->reply, "Sharing request cancelled");
	return st;
}

/* --- what the route table names --- */

enum status node_sharing_put(struct request *request, struct error *err)
{
	return sharing_put(request, &node_words, err);
}

enum status node_sharing_get(struct request *request, struct error *err)
{
	return sharing_get(request, &node_words, err);
}

enum status node_sharing_delete(struct request *request, struct error *err)
{
	return sharing_delete(request, &node_words, err);
}

enum status node_sharing_requests_get(struct request *request, struct error *err)
{
	return requests_get(request, &node_words, err);
}

enum status node_sharing_requests_put(struct request *request, struct error *err)
{
	return requests_put(request, &node_words, err);
}

enum status node_sharing_requests_delete(struct request *request, struct error *err)
{
	return requests_delete(request, &node_words, err);
}

enum status group_sharing_put(struct request *request, struct error *err)
{
	return sharing_put(request, &group_words, err);
}

enum status group_sharing_get(struct request *request, struct error *err)
{
	return sharing_get(request, &group_words, err);
}

enum status group_sharing_delete(struct request *request, struct error *err)
{
	return sharing_delete(request, &group_words, err);
}

enum status group_sharing_requests_get(struct request *request, struct error *err)
{
	return requests_get(request, &group_words, err);
}

enum status group_sharing_requests_put(struct request *request, struct error *err)
{
	return requests_put(request, &group_words, err);
}

enum status group_sharing_requests_delete(struct request *request, struct error *err)
{
	return requests_delete(request, &group_words, err);
}
