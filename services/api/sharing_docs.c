/* Docs of what users ask about sharing nodes and groups. */
#include "api/route_docs.h"

#include <stddef.h>

static const struct doc_param requests_params[] = {
	{ "primary_user", "boolean", false, "true: those sent; false or absent: those received" },
	{ "request_id", "string", false, "one invitation, sent or received" },
	{ "num_records", "integer", false, "how many at most, 10 unless told; over 100 counts as 100" },
	{ "start_request_id", "string", false, "the next_request_id of the page before" },
	{ "start_user_name", "string", false, "the next_user_name of the page before" },
	{ .name = NULL }
};

static const struct doc_param request_params[] = { { "request_id", "string", true, "of the invitation" },
						   { .name = NULL } };

static const struct doc_example declined[] = {
	{ "decline", NULL, JSON({ "accept" : false, "request_id" : "SHARING_ID" }),
	  JSON({ "status" : "success", "description" : "Sharing declined" }) },
	{ .name = NULL },
};

const struct route_doc doc_node_sharing_put = {
	.tag = "Sharing",
	.summary = "Invite a user to nodes, or to take them over",
	.text = "By a primary user. With transfer the addressee takes the sender's place, with primary he becomes "
		"one more primary user. Answers alike whether there is such an account or not.",
	.request = JSON({ "nodes" : ["lamp1"], "user_name" : "bob@example.org" }),
	.answer = JSON({ "status" : "success", "description" : "Sharing requested", "request_id" : "SHARING_ID" }),
	.others = (const struct doc_example[]){ { "hand over", NULL, JSON({
							  "nodes" : ["lamp1"],
							  "user_name" : "bob@example.org",
							  "transfer" : true,
							  "new_role" : "secondary",
							  "metadata" : { "note" : "moved out" }
						  }),
						  JSON({
							  "status" : "success",
							  "description" : "Sharing requested",
							  "request_id" : "SHARING_ID"
						  }) },
						{ .name = NULL } },
};

const struct route_doc doc_node_sharing_get = {
	.tag = "Sharing",
	.summary = "Who has which of the caller's nodes",
	.text = "A secondary user sees the primary users and himself. sources: how the caller has the node, "
		"NODE or ids of groups.",
	.params =
		(const struct doc_param[]){ { "node_id", "string", false, "this node alone; nodeid is understood too" },
					    { "num_records", "integer", false,
					      "how many at most, 100 unless told; over 100 counts as 100" },
					    { "start_id", "string", false, "the next_id of the page before" },
					    { .name = NULL } },
	.query = "node_id=lamp1",
	.answer = JSON({
		"node_sharing" : [ {
			"node_id" : "lamp1",
			"users" : { "primary" : ["ann@example.org"], "secondary" : ["bob@example.org"] },
			"sources" : ["NODE"]
		} ]
	}),
};

const struct route_doc doc_node_sharing_delete = {
	.tag = "Sharing",
	.summary = "End a share, or leave",
	.text = "A primary user takes secondary users off; a secondary user gives the own name. All of them or "
		"none.",
	.params = (const struct doc_param[]){ { "nodes", "string", true, "node ids with commas between" },
					      { "user_name", "string", true, "whose share ends" },
					      { .name = NULL } },
	.query = "nodes=lamp1&user_name=bob@example.org",
	.answer = JSON({ "status" : "success", "description" : "Sharing removed" }),
};

const struct route_doc doc_node_sharing_requests_get = {
	.tag = "Sharing",
	.summary = "Invitations to nodes that were sent or received, newest first",
	.text = "request_status is pending, accepted or declined. request_timestamp is seconds.",
	.params = requests_params,
	.query = "primary_user=true",
	.answer = JSON({
		"sharing_requests" : [ {
			"request_id" : "SHARING_ID",
			"request_status" : "pending",
			"request_timestamp" : 1767225600,
			"node_ids" : ["lamp1"],
			"user_name" : "bob@example.org",
			"primary_user_name" : "ann@example.org",
			"user_role" : "secondary",
			"transfer" : false,
			"metadata" : {}
		} ]
	}),
};

const struct route_doc doc_node_sharing_requests_put = {
	.tag = "Sharing",
	.summary = "Accept or decline an invitation to nodes",
	.text = "By its addressee, once.",
	.request = JSON({ "accept" : true, "request_id" : "SHARING_ID" }),
	.answer = JSON({ "status" : "success", "description" : "Sharing accepted" }),
	.others = declined,
};

const struct route_doc doc_node_sharing_requests_delete = {
	.tag = "Sharing",
	.summary = "Cancel an invitation to nodes",
	.text = "By its sender, as long as it is pending.",
	.params = request_params,
	.query = "request_id=SHARING_ID",
	.answer = JSON({ "status" : "success", "description" : "Sharing request cancelled" }),
};

const struct route_doc doc_group_sharing_put = {
	.tag = "Sharing",
	.summary = "Invite a user to groups, or to take them over",
	.text = "By a primary user. With transfer the addressee takes the sender's place, with primary he becomes "
		"one more primary user. Answers alike whether there is such an account or not.",
	.request = JSON({ "groups" : ["GROUP_ID"], "user_name" : "bob@example.org" }),
	.answer = JSON({ "status" : "success", "description" : "Sharing requested", "request_id" : "SHARING_ID" }),
	.others = (const struct doc_example[]){ { "hand over", NULL, JSON({
							  "groups" : ["GROUP_ID"],
							  "user_name" : "bob@example.org",
							  "transfer" : true,
							  "new_role" : "secondary",
							  "metadata" : { "note" : "moved out" }
						  }),
						  JSON({
							  "status" : "success",
							  "description" : "Sharing requested",
							  "request_id" : "SHARING_ID"
						  }) },
						{ .name = NULL } },
};

const struct route_doc doc_group_sharing_get = {
	.tag = "Sharing",
	.summary = "Who is in which of the caller's groups",
	.text = "A secondary user sees the primary users and himself.",
	.params = (const struct doc_param[]){ { "group_id", "string", false, "this group alone" },
					      { "metadata", "boolean", false, "with what came with each invitation" },
					      { "sub_groups", "boolean", false, "with the groups inside" },
					      { "parent_groups", "boolean", false, "with the groups that it lies in" },
					      { "num_records", "integer", false,
						"how many at most, 100 unless told; over 100 counts as 100" },
					      { "start_id", "string", false, "the next_id of the page before" },
					      { .name = NULL } },
	.query = "group_id=GROUP_ID",
	.answer = JSON({
		"group_sharing" : [ {
			"group_id" : "GROUP_ID",
			"group_name" : "Home",
			"mutually_exclusive" : false,
			"users" : { "primary" : ["ann@example.org"], "secondary" : ["bob@example.org"] }
		} ]
	}),
};

const struct route_doc doc_group_sharing_delete = {
	.tag = "Sharing",
	.summary = "End a share, or leave",
	.text = "A primary user takes secondary users off; a secondary user gives the own name. All of them or "
		"none.",
	.params = (const struct doc_param[]){ { "groups", "string", true, "group ids with commas between" },
					      { "user_name", "string", true, "whose share ends" },
					      { .name = NULL } },
	.query = "groups=GROUP_ID&user_name=bob@example.org",
	.answer = JSON({ "status" : "success", "description" : "Sharing removed" }),
};

const struct route_doc doc_group_sharing_requests_get = {
	.tag = "Sharing",
	.summary = "Invitations to groups that were sent or received, newest first",
	.text = "request_status is pending, accepted or declined. request_timestamp is seconds.",
	.params = requests_params,
	.query = "primary_user=true",
	.answer = JSON({
		"sharing_requests" : [ {
			"request_id" : "SHARING_ID",
			"request_status" : "pending",
			"request_timestamp" : 1767225600,
			"group_ids" : ["GROUP_ID"],
			"group_names" : ["Home"],
			"user_name" : "bob@example.org",
			"primary_user_name" : "ann@example.org",
			"user_role" : "secondary",
			"transfer" : false,
			"metadata" : {}
		} ]
	}),
};

const struct route_doc doc_group_sharing_requests_put = {
	.tag = "Sharing",
	.summary = "Accept or decline an invitation to groups",
	.text = "By its addressee, once.",
	.request = JSON({ "accept" : true, "request_id" : "SHARING_ID" }),
	.answer = JSON({ "status" : "success", "description" : "Sharing accepted" }),
	.others = declined,
};

const struct route_doc doc_group_sharing_requests_delete = {
	.tag = "Sharing",
	.summary = "Cancel an invitation to groups",
	.text = "By its sender, as long as it is pending.",
	.params = request_params,
	.query = "request_id=SHARING_ID",
	.answer = JSON({ "status" : "success", "description" : "Sharing request cancelled" }),
};
