/* What users write on nodes, and mapping by a challenge. */
#include <stddef.h>

#include "api/route_docs.h"

static const struct doc_param node_param[] = {
	{ "node_id", "string", true, "of a node that the caller is a primary user of" }, { .name = NULL }
};

const struct route_doc doc_node_put = {
	.tag = "Nodes",
	.summary = "Add tags to a node, merge its metadata",
	.params = node_param,
	.request = "{\"tags\":[\"room:hall\"],\"metadata\":{\"colour\":\"white\",\"old\":null}}",
	.answer = "{\"status\":\"success\",\"description\":\"Success\"}",
};

const struct route_doc doc_node_delete = {
	.tag = "Nodes",
	.summary = "Take tags off a node",
	.params = node_param,
	.request = "{\"tags\":[\"room:hall\"]}",
	.answer = "{\"status\":\"success\",\"description\":\"Success\"}",
};

const struct route_doc doc_challenge_initiate = {
	.tag = "Nodes",
	.summary = "A challenge for a node to sign, to be mapped without MQTT",
	.request = "{\"timeout\":360}",
	.answer = "{\"challenge\":\"kq2vJb1Hqk1mYw3cXc9b4n5rU8t0sLxZfT7aDdEeGgI\",\"request_id\":"
		  "\"Zx81nQ0pLm3kTtYyUuIiOo\"}",
};

const struct route_doc doc_challenge_verify = {
	.tag = "Nodes",
	.summary = "The node's signature over the challenge; maps it",
	.request = "{\"request_id\":\"Zx81nQ0pLm3kTtYyUuIiOo\",\"node_id\":\"lamp1\",\"challenge_response\":"
		   "\"3045022100\"}",
	.answer = "{\"status\":\"success\",\"description\":\"Node mapped\"}",
};
