/* Docs of what users ask about nodes: what these report, what is set and written on them, whose they become. */
#include "api/route_docs.h"

#include <stddef.h>

const struct route_doc doc_nodes_list = {
	.tag = "Nodes",
	.summary = "The user's nodes: their ids, or with details",
	.text = "Own, shared and those that come by groups, each once, in the order of their ids. Details come "
		"with node_details=true, or with node_id alone.",
	.params =
		(const struct doc_param[]){
			{ "node_id", "string", false, "this node alone" },
			{ "node_details", "boolean", false, "with details" },
			{ "config", "boolean", false, "leave the configuration out of the details with false" },
			{ "status", "boolean", false, "likewise" },
			{ "params", "boolean", false, "likewise" },
			{ "tags", "string", false, "nodes that have one of these tags, with commas between" },
			{ "is_matter", "boolean", false, "true finds nothing: there are no Matter nodes" },
			{ "num_records", "integer", false, "how many at most; over 100 counts as 100" },
			{ "start_id", "string", false, "the next_id of the page before" },
			{ .name = NULL } },
	.answer = JSON({ "nodes" : ["lamp1"], "total" : 1 }),
	.others =
		(const struct doc_example
			 []){ { "details", "node_details=true", NULL, JSON({
					"nodes" : ["lamp1"],
					"node_details" : [ {
						"id" : "lamp1",
						"node_id" : "lamp1",
						"role" : "primary",
						"primary" : true,
						"status" : {
							"connectivity" :
								{ "connected" : true, "timestamp" : 1767225600123 }
						},
						"config" : {
							"node_id" : "lamp1",
							"config_version" : "2020-03-20",
							"info" : {
								"name" : "Hall lamp",
								"fw_version" : "1.2.0",
								"type" : "Lightbulb",
								"model" :
									"lamp_one"
							},
							"devices" : [ {
								"name" : "Light",
								"type" : "esp.device.lightbulb",
								"primary" : "Power",
								"params" : [ {
									"name" : "Power",
									"type" : "esp.param.power",
									"data_type" : "bool",
									"properties" : [ "read", "write" ]
								} ]
							} ]
						},
						"params" : { "Light" : { "Power" : true } },
						"tags" : [],
						"metadata" : {},
						"mapping_timestamp" : 1767220000,
						"is_matter" : false
					} ],
					"total" : 1
				}) },
			      { .name = NULL } },
};

const struct route_doc doc_node_put = {
	.tag = "Nodes",
	.summary = "Add tags to a node, merge its metadata",
	.text = "Both or neither; by a primary user. In metadata a null member deletes, and null all of it.",
	.params = (const struct doc_param[]){ { "node_id", "string", true, "the node; nodeid is understood too" },
					      { .name = NULL } },
	.query = "node_id=lamp1",
	.request = JSON({ "tags" : ["room:hall"], "metadata" : { "colour" : "white", "old" : null } }),
	.answer = JSON({ "status" : "success", "description" : "Success" }),
};

const struct route_doc doc_node_delete = {
	.tag = "Nodes",
	.summary = "Take tags off a node",
	.text = "By a primary user. A tag that the node does not have is gone already.",
	.params = (const struct doc_param[]){ { "node_id", "string", true, "the node; nodeid is understood too" },
					      { .name = NULL } },
	.query = "node_id=lamp1",
	.request = JSON({ "tags" : ["room:hall"] }),
	.answer = JSON({ "status" : "success", "description" : "Success" }),
};

const struct route_doc doc_node_config = {
	.tag = "Nodes",
	.summary = "The configuration as the node sent it",
	.text = "Before it has, one of nothing: no info, devices or services.",
	.params = (const struct doc_param[]){ { "node_id", "string", true, "the node; nodeid is understood too" },
					      { .name = NULL } },
	.query = "node_id=lamp1",
	.answer = JSON({
		"node_id" : "lamp1",
		"config_version" : "2020-03-20",
		"info" : { "name" : "Hall lamp", "fw_version" : "1.2.0", "type" : "Lightbulb", "model" : "lamp_one" },
		"devices" : [ {
			"name" : "Light",
			"type" : "esp.device.lightbulb",
			"primary" : "Power",
			"params" : [ {
				"name" : "Power",
				"type" : "esp.param.power",
				"data_type" : "bool",
				"properties" : [ "read", "write" ]
			} ]
		} ]
	}),
};

const struct route_doc doc_node_status = {
	.tag = "Nodes",
	.summary = "Connected or not, and since when, in milliseconds",
	.params = (const struct doc_param[]){ { "node_id", "string", true, "the node; nodeid is understood too" },
					      { .name = NULL } },
	.query = "node_id=lamp1",
	.answer = JSON({ "connectivity" : { "connected" : true, "timestamp" : 1767225600123 } }),
};

const struct route_doc doc_node_params = {
	.tag = "Nodes",
	.summary = "The values that the node reported last",
	.text = "Numbers keep the node's own form.",
	.params = (const struct doc_param[]){ { "node_id", "string", true, "the node; nodeid is understood too" },
					      { .name = NULL } },
	.query = "node_id=lamp1",
	.answer = JSON({ "Light" : { "Power" : true } }),
};

const struct route_doc doc_params_put = {
	.tag = "Nodes",
	.summary = "Set parameters of one node, or of up to 100",
	.text = "An array is answered item by item. Success means that the broker has the message.",
	.params = (const struct doc_param[]){ { "node_id", "string", false, "with an object as body: the node" },
					      { .name = NULL } },
	.request = JSON([ { "node_id" : "lamp1", "payload" : { "Light" : { "Power" : false } } } ]),
	.answer = JSON([ { "node_id" : "lamp1", "status" : "success", "description" : "Success" } ]),
	.others = (const struct doc_example[]){ { "one node", "node_id=lamp1", JSON({ "Light" : { "Power" : true } }),
						  JSON({ "status" : "success", "description" : "Success" }) },
						{ .name = NULL } },
};

const struct route_doc doc_mapping_put = {
	.tag = "Nodes",
	.summary = "Add a node to the user, or remove it",
	.text = "Adding needs the node's own message with the same secret within a minute; ask for the state of "
		"the request.",
	.request = JSON({ "node_id" : "lamp3", "secret_key" : "q8Zr0aK5", "operation" : "add" }),
	.answer = JSON({ "status" : "success", "description" : "Mapping requested", "request_id" : "MAPPING_ID" }),
	.others = (const struct doc_example[]){ { "remove", NULL, JSON({ "node_id" : "lamp2", "operation" : "remove" }),
						  JSON({ "status" : "success", "description" : "Mapping removed" }) },
						{ .name = NULL } },
};

const struct route_doc doc_mapping_get = {
	.tag = "Nodes",
	.summary = "What became of a request to add a node",
	.params = (const struct doc_param[]){ { "request_id", "string", true, "of the request" },
					      { "user_request", "boolean", false,
						"is sent by clients, and has no effect" },
					      { .name = NULL } },
	.query = "request_id=MAPPING_ID",
	.answer = JSON({ "request_status" : "confirmed" }),
};

const struct route_doc doc_challenge_initiate = {
	.tag = "Nodes",
	.summary = "A challenge for a node to sign, so that it is mapped without MQTT",
	.text = "It lives 30 to 3600 seconds, 360 unless timeout says so, and is good for one answer.",
	.request = JSON({ "timeout" : 360 }),
	.answer = JSON({ "challenge" : "kq2vJb1Hqk1mYw3cXc9b4n5rU8t0sLxZfT7aDdEeGgI", "request_id" : "CHALLENGE_ID" }),
};

const struct route_doc doc_challenge_verify = {
	.tag = "Nodes",
	.summary = "The node's signature over the challenge's text; maps the node at once",
	.text = "challenge_response is hexadecimal, of an ECDSA signature (DER) or an RSA-PSS one, over "
		"SHA-256, by the key of the node's certificate. tags and metadata may come with it.",
	.request = JSON(
		{ "request_id" : "CHALLENGE_ID", "node_id" : "lamp1", "challenge_response" : "CHALLENGE_RESPONSE" }),
	.answer = JSON({ "status" : "success", "description" : "Node mapped" }),
};
