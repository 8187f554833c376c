/* What an administrator sees of all nodes and does to them (rest.md section 12). What is not in that API - suspension, revocation,
 * certificates, connections - is ours beside it in the same style.
 *
 * suspend and revoke answer when the broker has said that it refuses the node, or after CONFIRM_MS that it has not yet. */
#include <string.h>

#include "account/user_name.h"
#include "api/admin.h"
#include "api/body.h"
#include "api/handlers.h"
#include "base/log.h"
#include "model/node_id.h"
#include "store/fleet.h"

enum { PAGE_NODES = 25, PAGE_CONNECTIONS = 100, CONFIRM_MS = 700 };

#define DEFAULT_REASON "revoked by an administrator"

/* --- what the handlers share --- */

static enum status no_node(struct request *request, struct error *err)
{
	return reply_fail(&request->reply, FAILURE_ADMIN_NODE, err);
}

static enum status no_field(struct request *request, const char *what, struct error *err)
{
	request->reply.reason = what; /* a constant */
	return reply_fail(&request->reply, FAILURE_ADMIN_FIELD, err);
}

enum status admin_check_node_id(struct request *request, const char *node_id, struct error *err)
{
	if (!node_id)
		return reply_fail(&request->reply, FAILURE_NODE_MISSING, err);
	return node_id_valid(node_id, strlen(node_id)) ? STATUS_OK : no_node(request, err);
}

enum status admin_query_node_id(struct request *request, const char **ret_node_id, struct error *err)
{
	const char *node_id = NULL;
	enum status st = params_query_either(&request->query, "node_id", "nodeid", &node_id, err);
	if (st == STATUS_OK)
		st = admin_check_node_id(request, node_id, err);
	if (st == STATUS_OK)
		*ret_node_id = node_id;
	return st;
}

/* The states are no secret from an administrator, so the reason goes out. */
enum status admin_fail(struct request *request, enum status st, struct error *err)
{
	if (st == STATUS_NOT_FOUND)
		return no_node(request, err);
	if (st == STATUS_CONFLICT)
		return reply_fail(&request->reply, FAILURE_ADMIN_STATE, err);
	return st;
}

void admin_log(const struct request *request, const char *event, const char *node_id)
{
	log_info(event, F_STR("node", node_id), F_STR("user", request->caller.user_id), F_STR("request", request->id));
}

void admin_put_seconds(struct buffer *body, const char *name, int64_t time_us)
{
	buffer_printf(body, ",\"%s\":", name);
	if (time_us)
		buffer_printf(body, "%lld", (long long)(time_us / 1000000));
	else
		buffer_puts(body, "null");
}

/* A household's address is its users' private data: not for viewers and operators. */
static bool sees_addresses(const struct request *request)
{
	return request->caller.role == ROLE_ADMIN;
}

/* --- the list --- */

struct list {
	struct buffer ids, infos;
	int64_t n, limit;
	bool with_addresses;
	char last_id[NODE_ID_MAX + 1];
};

static void put_info(struct buffer *out, const struct fleet_node *node, bool with_address)
{
	buffer_putc(out, '{');
	reply_put_member(out, "node_id", node->id);
	reply_put_member(out, "name", node->name);
	reply_put_member(out, "fw_version", node->fw_version);
	reply_put_member(out, "type", node->type);
	reply_put_member(out, "model", node->model);
	reply_put_member(out, "node_status", node->state);
	buffer_printf(out, ",\"registration_timestamp\":%lld", (long long)(node->registered_at_us / 1000000));
	buffer_printf(out, ",\"status\":{\"connectivity\":{\"connected\":%s,\"timestamp\":%lld}}",
		      node->connected ? "true" : "false", (long long)(node->presence_at_us / 1000));
	reply_put_member(out, "address", with_address ? node->address : "");
	buffer_printf(out, ",\"session_no\":%lld,\"user_count\":%lld", (long long)node->session_no,
		      (long long)node->n_users);
	if (*node->certificate_serial) {
		buffer_puts(out, ",\"certificate\":{");
		reply_put_member(out, "serial", node->certificate_serial);
		reply_put_member(out, "state", node->certificate_state);
		admin_put_seconds(out, "not_after", node->certificate_to_us);
		buffer_putc(out, '}');
	}
	buffer_putc(out, '}');
}

/* The row behind the page only tells that there is one. */
static void add_node(void *context, const struct fleet_node *node)
{
	struct list *list = context;
	if (list->n++ == list->limit)
		return;
	if (list->ids.len > 0) {
		buffer_putc(&list->ids, ',');
		buffer_putc(&list->infos, ',');
	}
	buffer_put_json_string(&list->ids, node->id, strlen(node->id));
	put_info(&list->infos, node, list->with_addresses);
	memcpy(list->last_id, node->id, strlen(node->id) + 1); /* the schema holds it to NODE_ID_MAX */
}

static void put_list(struct buffer *body, const struct list *list, int64_t total)
{
	buffer_puts(body, "{\"nodes\":[");
	buffer_put(body, list->ids.bytes, list->ids.len);
	buffer_puts(body, "],\"node_info\":[");
	buffer_put(body, list->infos.bytes, list->infos.len);
	buffer_printf(body, "],\"total\":%lld", (long long)total);
	if (list->n > list->limit)
		reply_put_member(body, "next_id", list->last_id);
	buffer_putc(body, '}');
}

/* `status` is one of the states, or online, or offline. */
static enum status read_status(struct request *request, bool *online, struct fleet_filter *filter, struct error *err)
{
	const char *status = params_query_text(&request->query, "status");
	if (!status)
		return STATUS_OK;
	bool is_online = strcmp(status, "online") == 0;
	if (is_online || strcmp(status, "offline") == 0) {
		*online = is_online;
		filter->online = online;
		return STATUS_OK;
	}
	filter->state = status;
	if (strcmp(status, "active") == 0 || strcmp(status, "suspended") == 0 || strcmp(status, "revoked") == 0)
		return STATUS_OK;
	return no_field(request, "status is active, suspended, revoked, online or offline", err);
}

static enum status read_filter(struct request *request, bool *online, struct fleet_filter *filter, struct error *err)
{
	const struct params_query *query = &request->query;
	enum status st = params_query_either(query, "node_id", "nodeid", &filter->node_id, err);
	if (st == STATUS_OK)
		st = read_status(request, online, filter, err);
	if (st == STATUS_OK)
		st = params_query_count(query, "expiring_days", 0, FLEET_DAYS_MAX, -1, &filter->ends_within_days, err);
	filter->fw_version = params_query_text(query, "fw_version");
	filter->model = params_query_text(query, "model");
	filter->type = params_query_text(query, "type");
	return st;
}

enum status admin_nodes_list(struct request *request, struct error *err)
{
	struct fleet_filter filter = { .ends_within_days = -1 };
	struct list list = { .with_addresses = sees_addresses(request) };
	bool online = false;
	int64_t total = 0;
	const char *after = params_query_text(&request->query, "start_id");
	if (after && !node_id_valid(after, strlen(after)))
		return no_field(request, "start_id is not a node id", err);
	enum status st = read_filter(request, &online, &filter, err);
	if (st == STATUS_OK)
		st = params_query_count(&request->query, "num_records", 1, PAGE_MAX, PAGE_NODES, &list.limit, err);
	if (st == STATUS_OK && filter.node_id)
		st = admin_check_node_id(request, filter.node_id, err);
	if (st == STATUS_OK)
		st = store_fleet_list(request->store, &filter, after ? after : "", list.limit + 1, add_node, &list,
				      err);
	if (st == STATUS_OK)
		st = store_fleet_count(request->store, &filter, &total, err);
	if (st == STATUS_OK && filter.node_id && total == 0)
		st = no_node(request, err);
	if (st == STATUS_OK)
		put_list(&request->reply.body, &list, total);
	buffer_done(&list.ids);
	buffer_done(&list.infos);
	return st;
}

/* --- standing --- */

/* Carried to the slow half: what was done. */
struct deed {
	const char *description;
};

static enum status go_on(struct request *request, const char *description, struct error *err)
{
	struct deed *deed = arena_alloc(request->arena, sizeof(*deed));
	if (!deed)
		return error_set(err, STATUS_TOO_LARGE, "request needs too much memory");
	deed->description = description;
	return request_go_on(request, deed);
}

/* It is done and recorded; a database that goes away now only leaves unknown whether the broker has it. */
enum status admin_confirm_slow(struct request *request, struct error *err)
{
	const struct deed *deed = request->carried;
	bool in_force = false;
	struct error ignored = { .text = "" };
	(void)err;
	enum status st = store_fleet_wait_in_force(request->store, CONFIRM_MS, &in_force, &ignored);
	struct buffer *body = &request->reply.body;
	buffer_puts(body, "{\"status\":\"success\"");
	reply_put_member(body, "description", deed->description);
	reply_put_member(body, "in_force", st == STATUS_OK && in_force ? "broker" : "pending");
	buffer_putc(body, '}');
	return STATUS_OK;
}

enum status admin_nodes_activate(struct request *request, struct error *err)
{
	const char *node_id = NULL;
	bool activate = false;
	if (!params_query_text(&request->query, "activate"))
		return no_field(request, "activate is missing", err);
	enum status st = params_query_bool(&request->query, "activate", false, &activate, err);
	if (st == STATUS_OK)
		st = admin_query_node_id(request, &node_id, err);
	if (st == STATUS_OK)
		st = admin_fail(request, store_fleet_suspend(request->store, node_id, !activate, err), err);
	if (st != STATUS_OK)
		return st;
	admin_log(request, activate ? "admin.resumed" : "admin.suspended", node_id);
	return go_on(request, activate ? "Node resumed" : "Node suspended", err);
}

static enum status read_node_and(struct request *request, const char *name, const char **ret_node_id,
				 const char **ret_text, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	enum status st = body_object(request, false, &body, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "node_id", ret_node_id, err);
	if (st == STATUS_OK)
		st = body_text(request, body, name, ret_text, err);
	return st == STATUS_OK ? admin_check_node_id(request, *ret_node_id, err) : st;
}

enum status admin_nodes_revoke(struct request *request, struct error *err)
{
	const char *node_id = NULL, *reason = NULL;
	enum status st = read_node_and(request, "reason", &node_id, &reason, err);
	if (st == STATUS_OK && reason && strlen(reason) > FLEET_REASON_MAX)
		st = no_field(request, "reason is longer than 64 bytes", err);
	if (st == STATUS_OK)
		st = admin_fail(request,
				store_fleet_revoke(request->store, node_id, reason ? reason : DEFAULT_REASON, err),
				err);
	if (st != STATUS_OK)
		return st;
	admin_log(request, "admin.revoked", node_id);
	return go_on(request, "Node revoked", err);
}

enum status admin_nodes_delete(struct request *request, struct error *err)
{
	const char *node_id = NULL;
	enum status st = admin_query_node_id(request, &node_id, err);
	if (st == STATUS_OK)
		st = admin_fail(request, store_fleet_delete(request->store, node_id, err), err);
	if (st != STATUS_OK)
		return st;
	admin_log(request, "admin.deleted", node_id);
	return go_on(request, "Node deleted", err);
}

enum status admin_nodes_transfer(struct request *request, struct error *err)
{
	const char *node_id = NULL, *user = NULL;
	user_name_text user_name;
	enum status st = read_node_and(request, "user_name", &node_id, &user, err);
	if (st != STATUS_OK)
		return st;
	if (!user || user_name_canonical(user, user_name, err) != STATUS_OK)
		return reply_fail(&request->reply, FAILURE_USER_NAME, err);
	st = store_fleet_transfer(request->store, node_id, user_name, err);
	if (st == STATUS_INVALID)
		return reply_fail(&request->reply, FAILURE_ADMIN_USER, err);
	if (st != STATUS_OK)
		return admin_fail(request, st, err);
	admin_log(request, "admin.transferred", node_id);
	reply_put_success(&request->reply, "Node transferred");
	return STATUS_OK;
}

/* --- connections --- */

struct history {
	struct buffer *body;
	int64_t n, limit, last;
	bool with_addresses;
};

static void add_connection(void *context, const struct fleet_connection *connection)
{
	struct history *history = context;
	struct buffer *body = history->body;
	if (history->n++ == history->limit)
		return;
	buffer_printf(body, "%s{\"session_no\":%lld", history->n > 1 ? "," : "", (long long)connection->session_no);
	admin_put_seconds(body, "connected_at", connection->connected_at_us);
	reply_put_member(body, "address", history->with_addresses ? connection->address : "");
	admin_put_seconds(body, "ended_at", connection->ended_at_us);
	reply_put_member(body, "reason", connection->reason);
	buffer_putc(body, '}');
	history->last = connection->session_no;
}

enum status admin_nodes_connections(struct request *request, struct error *err)
{
	const char *node_id = NULL;
	int64_t before = INT64_MAX;
	struct history history = { .body = &request->reply.body, .with_addresses = sees_addresses(request) };
	enum status st = admin_query_node_id(request, &node_id, err);
	if (st == STATUS_OK)
		st = params_query_count(&request->query, "start_id", 1, INT64_MAX, INT64_MAX, &before, err);
	if (st == STATUS_OK)
		st = params_query_count(&request->query, "num_records", 1, PAGE_MAX, PAGE_CONNECTIONS, &history.limit,
					err);
	if (st != STATUS_OK)
		return st;
	buffer_putc(history.body, '{');
	reply_put_member(history.body, "node_id", node_id);
	buffer_puts(history.body, ",\"connections\":[");
	st = store_fleet_connections(request->store, node_id, before, history.limit + 1, add_connection, &history, err);
	if (st != STATUS_OK)
		return admin_fail(request, st, err);
	buffer_putc(history.body, ']');
	if (history.n > history.limit)
		buffer_printf(history.body, ",\"next_id\":\"%lld\"", (long long)history.last);
	buffer_putc(history.body, '}');
	return STATUS_OK;
}
