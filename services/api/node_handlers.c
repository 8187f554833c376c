/* A user's nodes, what they reported and what their users wrote on them. Configurations and parameters go out as the bytes that the database keeps: a
 * number keeps its form. */
#include <string.h>

#include "api/body.h"
#include "api/handlers.h"
#include "api/node_entry.h"
#include "api/node_texts.h"
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
	struct buffer *body = &request->reply.body;
	enum status st = store_node_config(request->store, request->caller.user_id, request->node_id, body, err);
	if (st == STATUS_OK && body->len == 0)
		node_put_config(body, request->node_id, NULL);
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

struct list_wish {
	struct node_list_query query;
	bool status;    /* in the details */
	bool is_matter; /* nodes of Matter fabrics are wanted, and there are none here */
};

struct list {
	const struct list_wish *wish;
	struct buffer ids, entries; /* what goes into `nodes` and `node_details` */
	char last_id[NODE_ID_MAX + 1];
};

static void list_done(struct list *list)
{
	buffer_done(&list->ids);
	buffer_done(&list->entries);
}

static void add_entry(void *context, const struct node_list_entry *entry)
{
	struct list *list = context;
	if (list->ids.len > 0)
		buffer_putc(&list->ids, ',');
	buffer_put_json_string(&list->ids, entry->node_id, strlen(entry->node_id));
	memcpy(list->last_id, entry->node_id, strlen(entry->node_id) + 1); /* the schema holds it to NODE_ID_MAX */
	if (!list->wish->query.details)
		return;
	if (list->entries.len > 0)
		buffer_putc(&list->entries, ',');
	node_put_entry(&list->entries, entry, list->wish->query.config, list->wish->status);
}

/* next_id is left out on the last page: clients loop while it is there. */
static void put_list(struct buffer *body, const struct list *list, const struct node_list_end *end)
{
	buffer_puts(body, "{\"nodes\":[");
	buffer_put(body, list->ids.bytes, list->ids.len);
	buffer_putc(body, ']');
	if (list->wish->query.details || end->total == 0) {
		buffer_puts(body, ",\"node_details\":[");
		buffer_put(body, list->entries.bytes, list->entries.len);
		buffer_putc(body, ']');
	}
	buffer_printf(body, ",\"total\":%lld", (long long)end->total);
	if (end->more)
		reply_put_member(body, "next_id", list->last_id);
	buffer_putc(body, '}');
}

static enum status read_parts(const struct params_query *from, struct list_wish *wish, struct error *err)
{
	bool details = wish->query.details;
	enum status st = params_query_bool(from, "config", details, &wish->query.config, err);
	if (st == STATUS_OK)
		st = params_query_bool(from, "params", details, &wish->query.params, err);
	if (st == STATUS_OK)
		st = params_query_bool(from, "status", details, &wish->status, err);
	if (st == STATUS_OK)
		st = params_query_bool(from, "is_matter", false, &wish->is_matter, err);
	if (st == STATUS_OK)
		st = params_query_count(from, "num_records", 1, PAGE_MAX, details ? PAGE_DETAILS : PAGE_IDS,
					&wish->query.limit, err);
	wish->query.config = wish->query.config && details;
	wish->query.params = wish->query.params && details;
	return st;
}

/* What goes into the database must be text. */
static enum status read_tags_filter(const struct params_query *from, const char **ret_tags, struct error *err)
{
	const char *tags = params_query_text(from, "tags");
	CLEANUP(json) json_t *text = tags ? json_string(tags) : NULL; /* NULL for what is no UTF-8 */
	if (tags && !text)
		return error_set(err, STATUS_INVALID, "tags is no text");
	*ret_tags = tags;
	return STATUS_OK;
}

static enum status read_list_query(const struct request *request, struct list_wish *ret_wish, struct error *err)
{
	const struct params_query *from = &request->query;
	struct list_wish wish = { .status = false };
	struct node_list_query *query = &wish.query;
	enum status st = params_query_either(from, "node_id", "nodeid", &query->node_id, err);
	/* clients that name one node expect its details */
	if (st == STATUS_OK)
		st = params_query_bool(from, "node_details", query->node_id != NULL, &query->details, err);
	if (st == STATUS_OK)
		st = read_parts(from, &wish, err);
	if (st == STATUS_OK)
		st = read_tags_filter(from, &query->with_tags, err);
	if (st != STATUS_OK)
		return st;
	const char *start_id = params_query_text(from, "start_id");
	if (start_id && !node_id_valid(start_id, strlen(start_id)))
		return error_set(err, STATUS_INVALID, "start_id is not a node id");
	query->after = start_id ? start_id : "";
	*ret_wish = wish;
	return STATUS_OK;
}

/* An answer that needs no look at any node: an id that no node can have, or nodes that are not here. */
static bool needs_no_node(const struct list_wish *wish)
{
	const char *node_id = wish->query.node_id;
	return wish->is_matter || (node_id && !node_id_valid(node_id, strlen(node_id)));
}

/* A node that is named and not there is left to the handler, which tells it. */
static void put_what_is_there(struct request *request, const struct list *list, const struct node_list_end *end)
{
	if (end->total > 0 || !list->wish->query.node_id || list->wish->query.with_tags)
		put_list(&request->reply.body, list, end);
}

enum status nodes_list_with_session(struct request *request, struct error *err)
{
	struct list_wish wish = { .status = false };
	struct error later; /* a bad query is told by the handler, and only to whom the route is for */
	if (read_list_query(request, &wish, &later) != STATUS_OK || needs_no_node(&wish))
		return store_session_access(request->store, request->claims.session_id, NULL, &request->caller, err);
	wish.query.user_id = request->claims.user_id;
	struct list list = { .wish = &wish };
	struct node_list_end end = { .total = 0 };
	enum status st = store_node_list_with_session(request->store, request->claims.session_id, &wish.query,
						      &request->caller, add_entry, &list, &end, err);
	if (st == STATUS_OK)
		put_what_is_there(request, &list, &end);
	list_done(&list);
	return st;
}

enum status nodes_list(struct request *request, struct error *err)
{
	if (request->reply.body.len > 0)
		return STATUS_OK; /* it came with the check */
	struct list_wish wish = { .status = false };
	enum status st = read_list_query(request, &wish, err);
	if (st != STATUS_OK)
		return st;
	wish.query.user_id = request->caller.user_id;
	struct list list = { .wish = &wish };
	struct node_list_end end = { .total = 0 };
	if (!needs_no_node(&wish))
		st = store_node_list_for_user(request->store, &wish.query, add_entry, &list, &end, err);
	else if (wish.is_matter)
		put_list(&request->reply.body, &list, &end);
	if (st == STATUS_OK && !needs_no_node(&wish))
		put_what_is_there(request, &list, &end);
	list_done(&list);
	if (st == STATUS_OK && request->reply.body.len == 0)
		return reply_fail(&request->reply, FAILURE_NODE, err);
	return st;
}

/* --- tags and metadata --- */

static enum failure failure_of_write(enum status status)
{
	switch (status) {
	case STATUS_NOT_FOUND: return FAILURE_NODE;
	case STATUS_DENIED: return FAILURE_NODE_NOT_OWNED;
	case STATUS_LIMIT: return FAILURE_NODE_TAGS;
	case STATUS_TOO_LARGE: return FAILURE_NODE_METADATA;
	case STATUS_OK:
	case STATUS_INVALID:
	case STATUS_UNAUTHENTICATED:
	case STATUS_CONFLICT:
	case STATUS_UNAVAILABLE:
	case STATUS_TIMEOUT:
	case STATUS_INTERNAL: return FAILURE_BY_STATUS;
	}
	return FAILURE_BY_STATUS;
}

static enum status write_node(struct request *request, const struct node_write *write, struct error *err)
{
	enum status st = store_node_write(request->store, request->caller.user_id, request->node_id, write, err);
	if (st == STATUS_OK) {
		reply_put_success(&request->reply, "Success");
		return STATUS_OK;
	}
	enum failure failure = failure_of_write(st);
	return failure == FAILURE_BY_STATUS ? st : reply_fail(&request->reply, failure, err);
}

static enum status read_texts(struct request *request, struct node_texts *ret_texts, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	enum status st = body_object(request, false, &body, err);
	return st == STATUS_OK ? node_texts_read(request, body, ret_texts, err) : st;
}

enum status node_put(struct request *request, struct error *err)
{
	struct node_texts texts;
	enum status st = read_texts(request, &texts, err);
	if (st != STATUS_OK)
		return st;
	if (!texts.has_tags && !texts.metadata_json)
		return reply_fail(&request->reply, FAILURE_NODE_NOTHING, err);
	const struct node_write write = { .added = texts.tags, .metadata_json = texts.metadata_json };
	return write_node(request, &write, err);
}

/* Takes tags away; one that the node does not have is gone already. */
enum status node_delete(struct request *request, struct error *err)
{
	struct node_texts texts;
	enum status st = read_texts(request, &texts, err);
	if (st != STATUS_OK)
		return st;
	if (!texts.has_tags)
		return reply_fail(&request->reply, FAILURE_NODE_NOTHING, err);
	const struct node_write write = { .removed = texts.tags };
	return write_node(request, &write, err);
}
