/* A user's nodes and what they reported. Configurations and parameters go out as the bytes that the database keeps: a
 * number keeps its form. */
#include <string.h>

#include "api/handlers.h"
#include "api/node_entry.h"
#include "model/node_id.h"
#include "store/node.h"

enum { PAGE_DETAILS = 10, PAGE_IDS = 25 }; /* rest.md 1.4 */

/* A node may be taken from the user between the dispatcher's check and this query. */
static enum status foreign_if_gone(struct request *request, enum status st, struct error *err)
{
	return st == STATUS_NOT_FOUND ? reply_fail(&request->reply, FAILURE_NODE, err) : st;
}

enum status node_config(struct request *request, struct error *err)
{
	enum status st =
		store_node_config(request->store, request->caller.user_id, request->node_id, &request->reply.body, err);
	return foreign_if_gone(request, st, err);
}

/* The dispatcher's check has brought them (WHO_NODE_USER_PARAMS). */
enum status node_params(struct request *request, struct error *err)
{
	(void)request, (void)err;
	return STATUS_OK;
}

enum status node_status(struct request *request, struct error *err)
{
	bool connected = false;
	int64_t presence_at_us = 0;
	enum status st = store_node_presence(request->store, request->caller.user_id, request->node_id, &connected,
					     &presence_at_us, err);
	if (st == STATUS_OK)
		node_put_connectivity(&request->reply.body, connected, presence_at_us);
	return foreign_if_gone(request, st, err);
}

/* --- the list --- */

struct list {
	bool details, status;
	struct buffer ids, entries; /* what goes into `nodes` and `node_details` */
	char last_id[NODE_ID_MAX + 1];
};

static void add_entry(void *context, const struct node_list_entry *entry)
{
	struct list *list = context;
	if (list->ids.len > 0)
		buffer_putc(&list->ids, ',');
	buffer_put_json_string(&list->ids, entry->node_id, strlen(entry->node_id));
	memcpy(list->last_id, entry->node_id, strlen(entry->node_id) + 1); /* the schema holds it to NODE_ID_MAX */
	if (!list->details)
		return;
	if (list->entries.len > 0)
		buffer_putc(&list->entries, ',');
	node_put_entry(&list->entries, entry, list->status);
}

/* next_id is left out on the last page: clients loop while it is there. */
static void put_list(struct buffer *body, const struct list *list, int64_t total, bool more)
{
	buffer_puts(body, "{\"nodes\":[");
	buffer_put(body, list->ids.bytes, list->ids.len);
	buffer_putc(body, ']');
	if (list->details || total == 0) {
		buffer_puts(body, ",\"node_details\":[");
		buffer_put(body, list->entries.bytes, list->entries.len);
		buffer_putc(body, ']');
	}
	buffer_printf(body, ",\"total\":%lld", (long long)total);
	if (more)
		reply_put_member(body, "next_id", list->last_id);
	buffer_putc(body, '}');
}

static enum status read_list_query(const struct request *request, struct node_list_query *ret_query, bool *ret_details,
				   struct error *err)
{
	const struct params_query *from = &request->query;
	struct node_list_query query = { .user_id = request->caller.user_id };
	bool details = false;
	enum status st = params_query_either(from, "node_id", "nodeid", &query.node_id, err);
	/* clients that name one node expect its details */
	if (st == STATUS_OK)
		st = params_query_bool(from, "node_details", query.node_id != NULL, &details, err);
	if (st == STATUS_OK)
		st = params_query_bool(from, "config", details, &query.config, err);
	if (st == STATUS_OK)
		st = params_query_bool(from, "params", details, &query.params, err);
	if (st == STATUS_OK)
		st = params_query_bool(from, "status", details, &query.status, err);
	if (st == STATUS_OK)
		st = params_query_count(from, "num_records", 1, PAGE_MAX, details ? PAGE_DETAILS : PAGE_IDS,
					&query.limit, err);
	if (st != STATUS_OK)
		return st;
	query.config = query.config && details;
	query.params = query.params && details;
	const char *start_id = params_query_text(from, "start_id");
	if (start_id && !node_id_valid(start_id, strlen(start_id)))
		return error_set(err, STATUS_INVALID, "start_id is not a node id");
	query.after = start_id ? start_id : "";
	*ret_query = query;
	*ret_details = details;
	return STATUS_OK;
}

static enum status fill_list(struct request *request, const struct node_list_query *query, struct list *list,
			     struct error *err)
{
	int64_t total = 0;
	bool more = false;
	enum status st = store_node_list_for_user(request->store, query, add_entry, list, &total, &more, err);
	if (st != STATUS_OK)
		return st;
	if (query->node_id && total == 0)
		return reply_fail(&request->reply, FAILURE_NODE, err);
	put_list(&request->reply.body, list, total, more);
	return STATUS_OK;
}

enum status nodes_list(struct request *request, struct error *err)
{
	struct node_list_query query = { .after = "" };
	struct list list = { .details = false };
	enum status st = read_list_query(request, &query, &list.details, err);
	if (st != STATUS_OK)
		return st;
	list.status = query.status;
	if (query.node_id && !node_id_valid(query.node_id, strlen(query.node_id)))
		return reply_fail(&request->reply, FAILURE_NODE, err);
	/* No node carries a tag yet: nothing has the one that is asked for. */
	if (params_query_text(&request->query, "tags")) {
		put_list(&request->reply.body, &list, 0, false);
		return STATUS_OK;
	}
	st = fill_list(request, &query, &list, err);
	buffer_done(&list.ids);
	buffer_done(&list.entries);
	return st;
}
