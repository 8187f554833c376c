/* What users see of groups (GET user/node_group, rest.md section 6): two statements, however many groups and nodes there are.
 *
 * A page ends early rather than show more than NODE_ENTRIES_MAX nodes with details, since each may have a configuration of 128 KiB. */
#include <stdlib.h>
#include <string.h>

#include "api/group.h"
#include "api/handlers.h"
#include "api/node_entry.h"
#include "base/json.h"

enum { PAGE_GROUPS = 25, NODE_ENTRIES_MAX = NODES_PER_GROUP_MAX };

struct wish {
	struct group_query query;
	bool node_list, node_details, is_matter;
};

static enum status read_flags(const struct params_query *from, struct wish *wish, struct error *err)
{
	enum status st = params_query_bool(from, "node_list", false, &wish->node_list, err);
	if (st == STATUS_OK)
		st = params_query_bool(from, "node_details", false, &wish->node_details, err);
	if (st == STATUS_OK)
		st = params_query_bool(from, "sub_groups", false, &wish->query.sub_groups, err);
	if (st == STATUS_OK)
		st = params_query_bool(from, "is_matter", false, &wish->is_matter, err);
	if (st == STATUS_OK)
		st = params_query_count(from, "num_records", 1, PAGE_MAX, PAGE_GROUPS, &wish->query.limit, err);
	wish->query.nodes = wish->node_list;
	return st;
}

static enum status read_query(struct request *request, struct wish *ret_wish, struct error *err)
{
	const struct params_query *from = &request->query;
	struct wish wish = { .query = { .user_id = request->caller.user_id,
					.group_id = params_query_text(from, "group_id"),
					.group_name = params_query_text(from, "group_name"),
					.after = params_query_text(from, "start_id") } };
	enum status st = read_flags(from, &wish, err);
	if (st != STATUS_OK)
		return st;
	if (wish.query.group_id && !group_id_valid(wish.query.group_id))
		return reply_fail(&request->reply, FAILURE_GROUP, err);
	if (wish.query.after && !group_id_valid(wish.query.after))
		return error_set(err, STATUS_INVALID, "start_id is not a group id");
	if (!wish.query.after)
		wish.query.after = "";
	*ret_wish = wish;
	return STATUS_OK;
}

/* The database takes no other text; no group is called so. */
static bool is_utf8(const char *text)
{
	CLEANUP(json) json_t *checked = json_string(text);
	return checked != NULL;
}

/* --- how much of a page goes out --- */

struct extent {
	size_t n_rows;
	const char *last_id; /* of the last group that the query found */
	bool more;
};

/* The row behind a group that the query found, and behind all that lies in it. */
static size_t end_of_group(const struct group_page *page, size_t row, int64_t *ret_n_nodes)
{
	*ret_n_nodes = group_page_row(page, row).n_nodes;
	size_t next = row + 1;
	for (; next < group_page_rows(page) && group_page_row(page, next).level > 0; next++)
		*ret_n_nodes += group_page_row(page, next).n_nodes;
	return next;
}

/* Ends before the group that is one too many, or whose nodes are. TOO_LARGE: those of the first one already are. */
static enum status measure(struct request *request, const struct group_page *page, const struct wish *wish,
			   struct extent *ret_extent, struct error *err)
{
	struct extent extent = { .n_rows = 0 };
	int64_t n_found = 0, n_entries = 0;
	while (extent.n_rows < group_page_rows(page)) {
		int64_t n_nodes = 0;
		size_t next = end_of_group(page, extent.n_rows, &n_nodes);
		n_entries += wish->node_details ? n_nodes : 0;
		if (n_entries > NODE_ENTRIES_MAX && n_found == 0)
			return reply_fail(&request->reply, FAILURE_GROUP_ANSWER, err);
		if (n_entries > NODE_ENTRIES_MAX || n_found == wish->query.limit) {
			extent.more = true;
			break;
		}
		extent.last_id = group_page_row(page, extent.n_rows).group_id;
		extent.n_rows = next;
		n_found++;
	}
	*ret_extent = extent;
	return STATUS_OK;
}

/* --- writing --- */

struct listing {
	const struct wish *wish;
	const struct group_page *page;
	size_t n_rows;
	struct buffer *entries; /* `node_details` of each row; NULL: not wanted */
};

static void cleanup_listing(struct listing *listing)
{
	for (size_t row = 0; listing->entries && row < listing->n_rows; row++)
		buffer_done(&listing->entries[row]);
	free(listing->entries);
}

static void add_node(void *context, size_t row, const struct node_list_entry *entry)
{
	struct listing *listing = context;
	if (listing->entries[row].len > 0)
		buffer_putc(&listing->entries[row], ',');
	node_put_entry(&listing->entries[row], entry, true, true);
}

static void put_fields(struct buffer *out, const struct group *group)
{
	reply_put_member(out, "group_id", group->group_id);
	reply_put_member(out, "group_name", group->name);
	reply_put_member(out, "type", group->type);
	reply_put_member(out, "description", group->description);
	reply_put_member(out, "parent_group_id", group->parent_id);
	buffer_printf(out, ",\"primary\":%s,\"mutually_exclusive\":%s,\"is_matter\":false,\"total\":%lld",
		      group->is_primary ? "true" : "false", group->mutually_exclusive ? "true" : "false",
		      (long long)group->n_nodes);
	buffer_puts(out, ",\"custom_data\":");
	buffer_puts(out, group->custom_data_json);
	buffer_puts(out, ",\"group_metadata\":");
	buffer_puts(out, group->metadata_json);
}

/* With what lies in it; gives the row behind that. Three levels deep at most. */
static size_t put_group(struct buffer *out, const struct listing *listing, size_t row)
{
	const struct group group = group_page_row(listing->page, row);
	buffer_putc(out, '{');
	put_fields(out, &group);
	if (listing->wish->node_list) {
		buffer_puts(out, ",\"nodes\":");
		buffer_puts(out, group.nodes_json);
	}
	if (listing->entries) {
		buffer_puts(out, ",\"node_details\":[");
		buffer_put(out, listing->entries[row].bytes, listing->entries[row].len);
		buffer_putc(out, ']');
	}
	size_t next = row + 1;
	if (listing->wish->query.sub_groups) {
		buffer_puts(out, ",\"sub_groups\":[");
		while (next < listing->n_rows && group_page_row(listing->page, next).level > group.level) {
			if (next > row + 1)
				buffer_putc(out, ',');
			next = put_group(out, listing, next);
		}
		buffer_putc(out, ']');
	}
	buffer_putc(out, '}');
	return next;
}

static void put_groups(struct buffer *out, const struct listing *listing)
{
	buffer_puts(out, "\"groups\":[");
	for (size_t row = 0; row < listing->n_rows;) {
		if (row > 0)
			buffer_putc(out, ',');
		row = put_group(out, listing, row);
	}
	buffer_putc(out, ']');
}

/* The SDK's getGroupByName() takes the answer for an array and looks for `groups` in its first element; member "0" is that to it. */
static void put_answer(struct buffer *out, const struct listing *listing, int64_t total, const struct extent *extent)
{
	buffer_putc(out, '{');
	put_groups(out, listing);
	buffer_printf(out, ",\"total\":%lld", (long long)total);
	if (extent->more)
		reply_put_member(out, "next_id", extent->last_id);
	if (listing->wish->query.group_name) {
		buffer_puts(out, ",\"0\":{");
		put_groups(out, listing);
		buffer_putc(out, '}');
	}
	buffer_putc(out, '}');
}

static enum status fetch_details(struct request *request, struct listing *listing, struct error *err)
{
	if (!listing->wish->node_details)
		return STATUS_OK;
	listing->entries = calloc(listing->n_rows + 1, sizeof(*listing->entries));
	if (!listing->entries)
		abort();
	return store_group_nodes(request->store, request->caller.user_id, listing->page, listing->n_rows, add_node,
				 listing, err);
}

enum status group_list(struct request *request, struct error *err)
{
	struct wish wish = { .node_list = false };
	enum status st = read_query(request, &wish, err);
	if (st != STATUS_OK)
		return st;
	/* no group is one of Matter's */
	if (wish.is_matter || (wish.query.group_name && !is_utf8(wish.query.group_name))) {
		buffer_puts(&request->reply.body, "{\"groups\":[],\"total\":0}");
		return STATUS_OK;
	}
	CLEANUP(group_page) struct group_page *page = NULL;
	struct extent extent = { .n_rows = 0 };
	st = store_group_list(request->store, &wish.query, &page, err);
	if (st == STATUS_OK && wish.query.group_id && group_page_total(page) == 0)
		return reply_fail(&request->reply, FAILURE_GROUP, err);
	if (st == STATUS_OK)
		st = measure(request, page, &wish, &extent, err);
	if (st != STATUS_OK)
		return st;
	CLEANUP(listing) struct listing listing = { .wish = &wish, .page = page, .n_rows = extent.n_rows };
	st = fetch_details(request, &listing, err);
	if (st == STATUS_OK)
		put_answer(&request->reply.body, &listing, group_page_total(page), &extent);
	return st;
}
