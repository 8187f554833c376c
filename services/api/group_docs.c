/* Docs of what users ask about groups of nodes. */
#include "api/route_docs.h"

#include <stddef.h>

const struct route_doc doc_group_list = {
	.tag = "Groups",
	.summary = "The user's groups: own, and shared",
	.text = "Those that lie in no other, or the one that is asked for. total in a group counts its nodes; "
		"node_details are as those of GET /v1/user/nodes.",
	.params =
		(const struct doc_param[]){
			{ "group_id", "string", false, "this group alone" },
			{ "group_name", "string", false, "groups of this name" },
			{ "node_list", "boolean", false, "with the ids of the nodes" },
			{ "node_details", "boolean", false, "with the nodes' details, of 500 nodes at most" },
			{ "sub_groups", "boolean", false, "with what lies in the groups" },
			{ "is_matter", "boolean", false, "true finds nothing: there are no Matter groups" },
			{ "num_records", "integer", false, "how many at most, 25 unless told; over 100 counts as 100" },
			{ "start_id", "string", false, "the next_id of the page before" },
			{ .name = NULL } },
	.query = "node_list=true&sub_groups=true",
	.answer = JSON({
		"groups" : [ {
			"group_id" : "GROUP_ID",
			"group_name" : "Home",
			"type" : "home",
			"description" : "",
			"parent_group_id" : "",
			"primary" : true,
			"mutually_exclusive" : false,
			"is_matter" : false,
			"total" : 1,
			"custom_data" : {},
			"group_metadata" : {},
			"nodes" : ["lamp1"],
			"sub_groups" : [ {
				"group_id" : "KITCHEN_ID",
				"group_name" : "Kitchen",
				"type" : "room",
				"description" : "",
				"parent_group_id" : "GROUP_ID",
				"primary" : true,
				"mutually_exclusive" : false,
				"is_matter" : false,
				"total" : 0,
				"custom_data" : {},
				"group_metadata" : {},
				"nodes" : [],
				"sub_groups" : []
			} ]
		} ],
		"total" : 1
	}),
	.others = (const struct doc_example[]){ { "details", "group_id=GROUP_ID&node_details=true", NULL, JSON({
							  "groups" : [ {
								  "group_id" : "GROUP_ID",
								  "group_name" : "Home",
								  "type" : "home",
								  "description" : "",
								  "parent_group_id" : "",
								  "primary" : true,
								  "mutually_exclusive" : false,
								  "is_matter" : false,
								  "total" : 1,
								  "custom_data" : {},
								  "group_metadata" : {},
								  "node_details" : []
							  } ],
							  "total" : 1
						  }) },
						{ .name = NULL } },
};

const struct route_doc doc_group_post = {
	.tag = "Groups",
	.summary = "Make a group, with nodes, or inside another one",
	.text = "Only group_name is required. Also description, mutually_exclusive, custom_data, "
		"group_metadata. parent_group_id: inside that group, three levels deep at most.",
	.request = JSON({ "group_name" : "Home", "type" : "home", "nodes" : ["lamp1"] }),
	.answer = JSON({ "status" : "success", "description" : "Group created", "group_id" : "GROUP_ID" }),
	.others =
		(const struct doc_example[]){
			{ "inside", NULL,
			  JSON({ "group_name" : "Kitchen", "type" : "room", "parent_group_id" : "GROUP_ID" }),
			  JSON({ "status" : "success", "description" : "Group created", "group_id" : "KITCHEN_ID" }) },
			{ .name = NULL } },
};

const struct route_doc doc_group_put = {
	.tag = "Groups",
	.summary = "Change fields, move a group, or add and remove nodes",
	.text = "All of a body or nothing of it; by a primary user. An empty parent_group_id moves a group to "
		"the top.",
	.params = (const struct doc_param[]){ { "group_id", "string", true, "the group" }, { .name = NULL } },
	.query = "group_id=GROUP_ID",
	.request = JSON({ "group_name" : "House" }),
	.answer = JSON({ "status" : "success", "description" : "Group changed" }),
	.others =
		(const struct doc_example[]){
			{ "remove a node", "group_id=GROUP_ID", JSON({ "operation" : "remove", "nodes" : ["lamp1"] }),
			  JSON({ "status" : "success", "description" : "Group changed" }) },
			{ "add a node", "group_id=GROUP_ID", JSON({ "operation" : "add", "nodes" : ["lamp1"] }),
			  JSON({ "status" : "success", "description" : "Group changed" }) },
			{ .name = NULL } },
};

const struct route_doc doc_group_delete = {
	.tag = "Groups",
	.summary = "Delete a group with all that lies in it; leave it; end somebody's share of it",
	.params = (const struct doc_param[]){ { "group_id", "string", true, "the group" },
					      { "leave", "boolean", false, "true: end the own share of it instead" },
					      { "remove_sharing", "boolean", false,
						"true: end the share of user_name instead" },
					      { "user_name", "string", false, "with remove_sharing: whose" },
					      { .name = NULL } },
	.query = "group_id=GROUP_ID",
	.answer = JSON({ "status" : "success", "description" : "Group deleted" }),
	.others =
		(const struct doc_example[]){ { "end a share",
						"group_id=GROUP_ID&remove_sharing=true&user_name=bob@example.org", NULL,
						JSON({ "status" : "success", "description" : "Sharing ended" }) },
					      { "leave", "group_id=GROUP_ID&leave=true", NULL,
						JSON({ "status" : "success", "description" : "Group left" }) },
					      { .name = NULL } },
};
