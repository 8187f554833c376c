/* What every user asks about groups of nodes. */
#include "api/route_docs.h"

#include <stddef.h>

/* clang-format off: examples are easier to read on one line than in columns */
static const struct doc_param group_list_params[] = {
	{ "group_id", "string", false, "This group only" },
	{ "group_name", "string", false, "Groups of this name only" },
	{ "node_list", "boolean", false, "With the ids of the nodes" },
	{ "node_details", "boolean", false, "With the nodes' details" },
	{ "sub_groups", "boolean", false, "With what lies in the groups" },
	{ "is_matter", "boolean", false, "Groups of Matter only, of which there are none" },
	{ "num_records", "integer", false, "Size of a page: 25, 100 at most" },
	{ "start_id", "string", false, "next_id of the last page" },
	{ NULL, NULL, false, NULL },
};

const struct route_doc doc_group_list = {
	.tag = "Groups",
	.summary = "The user's groups: own, and shared",
	.params = group_list_params,
};

const struct route_doc doc_group_post = {
	.tag = "Groups",
	.summary = "Make a group, with nodes, or inside another one",
	.request = "{\"group_name\":\"Home\",\"type\":\"home\"}",
};

static const struct doc_param group_put_params[] = {
	{ "group_id", "string", true, "The group" },
	{ NULL, NULL, false, NULL },
};

const struct route_doc doc_group_put = {
	.tag = "Groups",
	.summary = "Change fields, move, or add and remove nodes",
	.params = group_put_params,
	.request = "{\"group_name\":\"Home\"}",
	.answer = "{\"status\":\"success\",\"description\":\"Group changed\"}",
};

static const struct doc_param group_delete_params[] = {
	{ "group_id", "string", true, "The group" },
	{ "leave", "boolean", false, "Leave it instead" },
	{ "remove_sharing", "boolean", false, "End the share of user_name instead" },
	{ "user_name", "string", false, "Whose share" },
	{ NULL, NULL, false, NULL },
};

const struct route_doc doc_group_delete = {
	.tag = "Groups",
	.summary = "Delete a group with all that lies in it; leave it; end somebody's share of it",
	.params = group_delete_params,
	.answer = "{\"status\":\"success\",\"description\":\"Group deleted\"}",
};
