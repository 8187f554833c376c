/* What every user asks about sharing nodes and groups. */
#include "api/route_docs.h"

#include <stddef.h>

/* clang-format off: examples are easier to read on one line than in columns */
static const struct doc_param sharing_list_params[] = {
	{ "node_id", "string", false, "one node; absent: all" },
	{ "num_records", "integer", false, "size of a page, 100 at most" },
	{ "start_id", "string", false, "next_id of the page before" },
	{ .name = NULL },
};

static const struct doc_param group_sharing_list_params[] = {
	{ "group_id", "string", false, "one group; absent: all" },
	{ "metadata", "boolean", false, "with what came with each invitation" },
	{ "sub_groups", "boolean", false, "with the groups inside" },
	{ "parent_groups", "boolean", false, "with the groups that it lies in" },
	{ "num_records", "integer", false, "size of a page, 100 at most" },
	{ "start_id", "string", false, "next_id of the page before" },
	{ .name = NULL },
};

static const struct doc_param node_sharing_end_params[] = {
	{ "nodes", "string", true, "node ids with commas between" },
	{ "user_name", "string", true, "whose share ends; the caller's own name: leave" },
	{ .name = NULL },
};

static const struct doc_param group_sharing_end_params[] = {
	{ "groups", "string", true, "group ids with commas between" },
	{ "user_name", "string", true, "whose share ends; the caller's own name: leave" },
	{ .name = NULL },
};

static const struct doc_param sharing_requests_params[] = {
	{ "primary_user", "boolean", false, "true: those sent; false or absent: those received" },
	{ "request_id", "string", false, "one invitation" },
	{ "num_records", "integer", false, "size of a page, 10 unless told, 100 at most" },
	{ "start_request_id", "string", false, "next_request_id of the page before" },
	{ "start_user_name", "string", false, "next_user_name of the page before" },
	{ .name = NULL },
};

static const struct doc_param sharing_request_params[] = {
	{ "request_id", "string", true, "the invitation" },
	{ .name = NULL },
};

const struct route_doc doc_node_sharing_put = {
	.tag = "Sharing",
	.summary = "Invites a user to nodes, or to take them over",
	.request = "{\"nodes\":[\"lamp1\"],\"user_name\":\"bob@example.org\"}",
	.answer = "{\"status\":\"success\",\"description\":\"Sharing requested\",\"request_id\":\"3Qm0aVZ2m"
		  "Xq7pRtW81bYcA\"}",
};

const struct route_doc doc_node_sharing_get = {
	.tag = "Sharing",
	.summary = "Who has which of the caller's nodes",
	.params = sharing_list_params,
	.answer = "{\"node_sharing\":[{\"node_id\":\"lamp1\",\"users\":{\"primary\":[\"ann@example.org\"],"
		  "\"secondary\":[\"bob@example.org\"]},\"sources\":[\"NODE\"]}]}",
};

const struct route_doc doc_node_sharing_delete = {
	.tag = "Sharing",
	.summary = "Ends a share, or leaves",
	.params = node_sharing_end_params,
	.answer = "{\"status\":\"success\",\"description\":\"Sharing removed\"}",
};

const struct route_doc doc_node_sharing_requests_get = {
	.tag = "Sharing",
	.summary = "Invitations that were sent or received, newest first",
	.params = sharing_requests_params,
	.answer = "{\"sharing_requests\":[{\"request_id\":\"3Qm0aVZ2mXq7pRtW81bYcA\",\"request_status\":\"p"
		  "ending\",\"request_timestamp\":1767225600,\"node_ids\":[\"lamp1\"],\"user_name\":\"bob@e"
		  "xample.org\",\"primary_user_name\":\"ann@example.org\",\"user_role\":\"secondary\",\"tra"
		  "nsfer\":false,\"metadata\":{}}]}",
};

const struct route_doc doc_node_sharing_requests_put = {
	.tag = "Sharing",
	.summary = "Accepts or declines an invitation",
	.request = "{\"accept\":true,\"request_id\":\"3Qm0aVZ2mXq7pRtW81bYcA\"}",
	.answer = "{\"status\":\"success\",\"description\":\"Sharing accepted\"}",
};

const struct route_doc doc_node_sharing_requests_delete = {
	.tag = "Sharing",
	.summary = "Cancels an invitation, by its sender",
	.params = sharing_request_params,
	.answer = "{\"status\":\"success\",\"description\":\"Sharing request cancelled\"}",
};

const struct route_doc doc_group_sharing_put = {
	.tag = "Sharing",
	.summary = "Invites a user to groups, or to take them over",
	.request = "{\"groups\":[\"GK5aVZ2mXq7pRtW81bYc3D\"],\"user_name\":\"bob@example.org\"}",
	.answer = "{\"status\":\"success\",\"description\":\"Sharing requested\",\"request_id\":\"3Qm0aVZ2m"
		  "Xq7pRtW81bYcA\"}",
};

const struct route_doc doc_group_sharing_get = {
	.tag = "Sharing",
	.summary = "Who is in which of the caller's groups",
	.params = group_sharing_list_params,
	.answer = "{\"group_sharing\":[{\"group_id\":\"GK5aVZ2mXq7pRtW81bYc3D\",\"group_name\":\"Home\",\"m"
		  "utually_exclusive\":false,\"users\":{\"primary\":[\"ann@example.org\"],\"secondary\":[\""
		  "bob@example.org\"]}}]}",
};

const struct route_doc doc_group_sharing_delete = {
	.tag = "Sharing",
	.summary = "Ends a share, or leaves",
	.params = group_sharing_end_params,
	.answer = "{\"status\":\"success\",\"description\":\"Sharing removed\"}",
};

const struct route_doc doc_group_sharing_requests_get = {
	.tag = "Sharing",
	.summary = "Invitations that were sent or received, newest first",
	.params = sharing_requests_params,
	.answer = "{\"sharing_requests\":[{\"request_id\":\"3Qm0aVZ2mXq7pRtW81bYcA\",\"request_status\":\"p"
		  "ending\",\"request_timestamp\":1767225600,\"group_ids\":[\"GK5aVZ2mXq7pRtW81bYc3D\"],\"g"
		  "roup_names\":[\"Home\"],\"user_name\":\"bob@example.org\",\"primary_user_name\":\"ann@ex"
		  "ample.org\",\"user_role\":\"secondary\",\"transfer\":false,\"metadata\":{}}]}",
};

const struct route_doc doc_group_sharing_requests_put = {
	.tag = "Sharing",
	.summary = "Accepts or declines an invitation",
	.request = "{\"accept\":true,\"request_id\":\"3Qm0aVZ2mXq7pRtW81bYcA\"}",
	.answer = "{\"status\":\"success\",\"description\":\"Sharing accepted\"}",
};

const struct route_doc doc_group_sharing_requests_delete = {
	.tag = "Sharing",
	.summary = "Cancels an invitation, by its sender",
	.params = sharing_request_params,
	.answer = "{\"status\":\"success\",\"description\":\"Sharing request cancelled\"}",
};
