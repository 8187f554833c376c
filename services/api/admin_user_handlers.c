/* What an administrator sees of accounts and does to them (rest.md section 12).
 *
 *   GET     admin/user ?user_name=&num_records=&start_id=          accounts in order of their names
 *   PUT     admin/user {"user_name","role"}                        ends the account's sessions if it is another role
 *   DELETE  admin/user ?user_name=                                 with all that hangs on it
 *   GET     admin/user/nodes ?user_name=&num_records=&start_id=    the nodes that the user sees
 *
 * Nobody's password, code, token or key is told, for they are not kept. */
#include <string.h>

#include "account/user_name.h"
#include "api/admin.h"
#include "api/body.h"
#include "api/handlers.h"
#include "base/log.h"
#include "model/node_id.h"
#include "store/admin_user.h"

enum { PAGE_USERS = 25, PAGE_NODES_OF_USER = 25 };

static enum status no_field(struct request *request, const char *what, struct error *err)
{
	request->reply.reason = what; /* a constant */
	return reply_fail(&request->reply, FAILURE_ADMIN_FIELD, err);
}

static enum status fail(struct request *request, enum status st, struct error *err)
{
	if (st == STATUS_NOT_FOUND)
		return reply_fail(&request->reply, FAILURE_ADMIN_USER, err);
	if (st == STATUS_CONFLICT)
		return reply_fail(&request->reply, FAILURE_ADMIN_LAST, err);
	return st;
}

/* In its one form. */
static enum status read_name(struct request *request, const char *text, user_name_text ret_name, struct error *err)
{
	if (!text)
		return reply_fail(&request->reply, FAILURE_USER_NAME_MISSING, err);
	if (user_name_canonical(text, ret_name, err) != STATUS_OK)
		return reply_fail(&request->reply, FAILURE_USER_NAME, err);
	return STATUS_OK;
}

static enum status read_query_name(struct request *request, user_name_text ret_name, struct error *err)
{
	return read_name(request, params_query_text(&request->query, "user_name"), ret_name, err);
}

static void log_user(const struct request *request, const char *event, const char *user_id)
{
	log_info(event, F_STR("account", user_id), F_STR("user", request->caller.user_id),
		 F_STR("request", request->id));
}

/* --- to see --- */

struct listing {
	struct buffer *body;
	int64_t n, limit;
	char last[USER_NAME_BYTES_MAX + 1]; /* a user name or a node id */
};

/* The row behind the page only tells that there is one. */
static bool begins_row(struct listing *listing, const char *key)
{
	if (listing->n++ == listing->limit || strlen(key) >= sizeof(listing->last))
		return false;
	memcpy(listing->last, key, strlen(key) + 1);
	buffer_puts(listing->body, listing->n > 1 ? ",{" : "{");
	return true;
}

static void put_end(struct listing *listing)
{
	buffer_putc(listing->body, ']');
	if (listing->n > listing->limit)
		reply_put_member(listing->body, "next_id", listing->last);
	buffer_putc(listing->body, '}');
}

static void put_user(void *context, const struct admin_user *user)
{
	struct listing *listing = context;
	struct buffer *body = listing->body;
	if (!begins_row(listing, user->name))
		return;
	reply_put_member(body, "user_id", user->id);
	reply_put_member(body, "user_name", user->name);
	reply_put_member(body, "name", user->display_name);
	reply_put_member(body, "role", account_role_name(user->role));
	buffer_printf(body, ",\"confirmed\":%s", user->confirmed ? "true" : "false");
	admin_put_seconds(body, "created_at", user->created_at_us);
	buffer_printf(body, ",\"node_count\":%lld}", (long long)user->n_nodes);
}

enum status admin_users_list(struct request *request, struct error *err)
{
	struct listing listing = { .body = &request->reply.body };
	user_name_text only = "", after = "";
	const char *start = params_query_text(&request->query, "start_id");
	enum status st = STATUS_OK;
	if (params_query_text(&request->query, "user_name"))
		st = read_query_name(request, only, err);
	if (st == STATUS_OK && start && user_name_canonical(start, after, err) != STATUS_OK)
		st = no_field(request, "start_id is not a user name", err);
	if (st == STATUS_OK)
		st = params_query_count(&request->query, "num_records", 1, PAGE_MAX, PAGE_USERS, &listing.limit, err);
	if (st != STATUS_OK)
		return st;
	buffer_puts(listing.body, "{\"users\":[");
	st = store_admin_user_list(request->store, *only ? only : NULL, after, listing.limit + 1, put_user, &listing,
				   err);
	if (st == STATUS_OK && *only && listing.n == 0)
		return reply_fail(&request->reply, FAILURE_ADMIN_USER, err);
	put_end(&listing);
	return st;
}

static void put_node(void *context, const struct admin_user_node *node)
{
	struct listing *listing = context;
	if (!begins_row(listing, node->node_id))
		return;
	reply_put_member(listing->body, "node_id", node->node_id);
	reply_put_member(listing->body, "role", node->role);
	admin_put_seconds(listing->body, "mapping_timestamp", node->since_us);
	buffer_putc(listing->body, '}');
}

enum status admin_user_nodes_list(struct request *request, struct error *err)
{
	struct listing listing = { .body = &request->reply.body };
	const char *after = params_query_text(&request->query, "start_id");
	user_name_text name;
	enum status st = read_query_name(request, name, err);
	if (st == STATUS_OK && after && !node_id_valid(after, strlen(after)))
		st = no_field(request, "start_id is not a node id", err);
	if (st == STATUS_OK)
		st = params_query_count(&request->query, "num_records", 1, PAGE_MAX, PAGE_NODES_OF_USER, &listing.limit,
					err);
	if (st != STATUS_OK)
		return st;
	buffer_putc(listing.body, '{');
	reply_put_member(listing.body, "user_name", name);
	buffer_puts(listing.body, ",\"nodes\":[");
	st = store_admin_user_nodes(request->store, name, after ? after : "", listing.limit + 1, put_node, &listing,
				    err);
	if (st != STATUS_OK)
		return fail(request, st, err);
	put_end(&listing);
	return STATUS_OK;
}

/* --- to do --- */

enum status admin_user_put(struct request *request, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	const char *text = NULL, *role_text = NULL;
	user_name_text name;
	char user_id[UUID_BYTES + 1];
	enum account_role role = ROLE_USER;
	enum status st = body_object(request, false, &body, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "user_name", &text, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "role", &role_text, err);
	if (st == STATUS_OK)
		st = read_name(request, text, name, err);
	if (st != STATUS_OK)
		return st;
	if (!role_text || !account_role_read(role_text, &role))
		return no_field(request, "role is user, viewer, operator or admin", err);
	st = store_admin_user_set_role(request->store, name, role, user_id, err);
	if (st != STATUS_OK)
		return fail(request, st, err);
	log_user(request, "admin.role_set", user_id);
	reply_put_success(&request->reply, "Role set");
	return STATUS_OK;
}

enum status admin_user_delete(struct request *request, struct error *err)
{
	user_name_text name;
	char user_id[UUID_BYTES + 1];
	enum status st = read_query_name(request, name, err);
	if (st != STATUS_OK)
		return st;
	st = store_admin_user_delete(request->store, name, user_id, err);
	if (st != STATUS_OK)
		return fail(request, st, err);
	log_user(request, "admin.user_deleted", user_id);
	reply_put_success(&request->reply, "User deleted");
	return STATUS_OK;
}
