/* Docs of what administrators ask about nodes, accounts and the audit. */
#include "api/route_docs.h"

#include <stddef.h>

const struct route_doc doc_admin_nodes_list = {
	.tag = "Administration",
	.summary = "All nodes, filtered",
	.params =
		(const struct doc_param[]){
			{ "node_id", "string", false, "this node alone" },
			{ "status", "string", false, "active, suspended, revoked, online or offline" },
			{ "fw_version", "string", false, "with this firmware version" },
			{ "model", "string", false, "of this model" },
			{ "type", "string", false, "of this type" },
			{ "expiring_days", "integer", false, "whose certificate ends within so many days" },
			{ "num_records", "integer", false, "how many at most; over 100 counts as 100" },
			{ "start_id", "string", false, "the next_id of the page before" },
			{ .name = NULL } },
	.query = "node_id=lamp1",
	.answer = JSON({
		"nodes" : ["lamp1"],
		"node_info" : [ {
			"node_id" : "lamp1",
			"name" : "Hall lamp",
			"fw_version" : "1.2.0",
			"type" : "Lightbulb",
			"model" : "lamp_one",
			"node_status" : "active",
			"registration_timestamp" : 1767220000,
			"status" : { "connectivity" : { "connected" : true, "timestamp" : 1767225600123 } },
			"address" : "192.0.2.7",
			"session_no" : 1767225600123456,
			"user_count" : 1,
			"certificate" : {
				"serial" : "2f7c0a9be1d84c5f8a7d3e6b9c0f1a2b",
				"state" : "active",
				"not_after" : 1798756000
			}
		} ],
		"total" : 1
	}),
};

const struct route_doc doc_admin_nodes_activate = {
	.tag = "Administration",
	.summary = "Suspend a node, or let it in again",
	.text = "in_force is broker when the broker has said that it knows, and pending before.",
	.params = (const struct doc_param[]){ { "node_id", "string", true, "the node; nodeid is understood too" },
					      { "activate", "boolean", true, "false suspends, true resumes" },
					      { .name = NULL } },
	.query = "node_id=lamp4&activate=false",
	.answer = JSON({ "status" : "success", "description" : "Node suspended", "in_force" : "broker" }),
	.others =
		(const struct doc_example[]){
			{ "resume", "node_id=lamp4&activate=true", NULL,
			  JSON({ "status" : "success", "description" : "Node resumed", "in_force" : "broker" }) },
			{ .name = NULL } },
};

const struct route_doc doc_admin_nodes_delete = {
	.tag = "Administration",
	.summary = "Delete a node and all that is known about it",
	.params = (const struct doc_param[]){ { "node_id", "string", true, "the node; nodeid is understood too" },
					      { .name = NULL } },
	.query = "node_id=lamp9",
	.answer = JSON({ "status" : "success", "description" : "Node deleted", "in_force" : "broker" }),
};

const struct route_doc doc_admin_nodes_revoke = {
	.tag = "Administration",
	.summary = "Revoke a node for good",
	.request = JSON({ "node_id" : "lamp8", "reason" : "stolen" }),
	.answer = JSON({ "status" : "success", "description" : "Node revoked", "in_force" : "broker" }),
};

const struct route_doc doc_admin_nodes_transfer = {
	.tag = "Administration",
	.summary = "Make a node one user's alone",
	.request = JSON({ "node_id" : "lamp7", "user_name" : "bob@example.org" }),
	.answer = JSON({ "status" : "success", "description" : "Node transferred" }),
};

const struct route_doc doc_admin_certificates_list = {
	.tag = "Administration",
	.summary = "Certificates of a node, or those that end",
	.text = "Of one node the newest first; with state by the time they end. Times are seconds.",
	.params = (const struct doc_param[]){ { "node_id", "string", false, "of this node" },
					      { "state", "string", false, "expiring or expired" },
					      { "days", "integer", false, "with expiring: within so many days" },
					      { "num_records", "integer", false,
						"how many at most; over 100 counts as 100" },
					      { "start_id", "string", false, "the next_id of the page before" },
					      { .name = NULL } },
	.query = "node_id=lamp1",
	.answer = JSON({
		"certificates" : [ {
			"node_id" : "lamp1",
			"serial" : "2f7c0a9be1d84c5f8a7d3e6b9c0f1a2b",
			"state" : "active",
			"fingerprint" : "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
			"ca_key_id" : "8a6f0e1c2b3d4f5a6b7c8d9e0f1a2b3c4d5e6f70",
			"not_before" : 1767220000,
			"not_after" : 1798756000,
			"issued_at" : 1767223600,
			"activated_at" : 1767223700,
			"superseded_at" : null,
			"revoked_at" : null,
			"reason" : "",
			"certificate" : "-----BEGIN CERTIFICATE-----\nMIIB...\n-----END CERTIFICATE-----\n"
		} ]
	}),
};

const struct route_doc doc_admin_certificate_post = {
	.tag = "Administration",
	.summary = "A node's next certificate",
	.text = "The present one stays good until the node has connected with the next.",
	.request = JSON({ "node_id" : "lamp5", "csr" : "CSR" }),
	.answer = JSON({
		"status" : "success",
		"node_id" : "lamp5",
		"serial" : "2f7c0a9be1d84c5f8a7d3e6b9c0f1a2b",
		"not_after" : 1798756000,
		"certificate" : "-----BEGIN CERTIFICATE-----\nMIIB...\n-----END CERTIFICATE-----\n"
	}),
};

const struct route_doc doc_admin_nodes_connections = {
	.tag = "Administration",
	.summary = "The newest hundred connections of a node",
	.params = (const struct doc_param[]){ { "node_id", "string", true, "the node; nodeid is understood too" },
					      { "num_records", "integer", false,
						"how many at most; over 100 counts as 100" },
					      { "start_id", "string", false, "the next_id of the page before" },
					      { .name = NULL } },
	.query = "node_id=lamp1",
	.answer = JSON({
		"node_id" : "lamp1",
		"connections" : [ {
			"session_no" : 1767225600123456,
			"connected_at" : 1767225600,
			"address" : "192.0.2.7",
			"ended_at" : null,
			"reason" : ""
		} ]
	}),
};

const struct route_doc doc_admin_broker = {
	.tag = "Administration",
	.summary = "The brokers, and what each says it refuses and counts",
	.text = "What a broker has not told yet is null. lost_at: since when it has not been reached; its nodes count "
		"as "
		"off line from then on. connected: nodes whose newest session is there.",
	.answer = JSON({
		"brokers" : [ {
			"broker" : "main",
			"state" : "active",
			"mqtt_host" : "mqtt.example.org",
			"service_host" : "localhost",
			"service_port" : 8884,
			"connected" : 1,
			"lost_at" : null,
			"in_force" : true,
			"revocation_version" : 7,
			"wanted_version" : 7,
			"revocation" : {},
			"revocation_at" : 1767225600,
			"counters" : null,
			"counters_at" : null
		} ]
	}),
};

const struct route_doc doc_admin_broker_add = {
	.tag = "Administration",
	.summary = "Add a broker, or take a drained or removed one back",
	.text = "It gets its part of the nodes that claim from now on. A process that takes its messages must run: "
		"setting ingest_brokers.",
	.request = JSON({
		"broker" : "b2",
		"mqtt_host" : "mqtt2.example.org",
		"service_host" : "127.0.0.1",
		"service_port" : 9
	}),
	.answer = JSON({ "status" : "success", "description" : "Broker added" }),
};

const struct route_doc doc_admin_broker_drain = {
	.tag = "Administration",
	.summary = "Give a broker no new nodes",
	.text = "Nodes that have its address stay, and commands reach them there. The only active broker stays one.",
	.request = JSON({ "broker" : "b2", "state" : "draining" }),
	.answer = JSON({ "status" : "success", "description" : "Broker gets no new nodes" }),
};

const struct route_doc doc_admin_broker_remove = {
	.tag = "Administration",
	.summary = "Take a broker out of use",
	.text = "Refused while nodes are connected there, unless it is forced; they are off line then.",
	.params = (const struct doc_param[]){ { "broker", "string", true, "its name" },
					      { "force", "boolean", false, "also with nodes connected" },
					      { .name = NULL } },
	.query = "broker=b2",
	.answer = JSON({ "status" : "success", "description" : "Broker removed" }),
};

const struct route_doc doc_admin_users_list = {
	.tag = "Administration",
	.summary = "Accounts, in order of their names",
	.text = "node_count is own and shared, not those that come by a group. created_at is seconds.",
	.params = (const struct doc_param[]){ { "user_name", "string", false, "this account alone" },
					      { "num_records", "integer", false,
						"how many at most, 25 unless told; over 100 counts as 100" },
					      { "start_id", "string", false, "the next_id of the page before" },
					      { .name = NULL } },
	.query = "user_name=ann@example.org",
	.answer = JSON({
		"users" : [ {
			"user_id" : "6f1d0c1e-0000-4000-8000-000000000001",
			"user_name" : "ann@example.org",
			"name" : "Ann",
			"role" : "user",
			"confirmed" : true,
			"created_at" : 1767220000,
			"node_count" : 1
		} ]
	}),
};

const struct route_doc doc_admin_user_put = {
	.tag = "Administration",
	.summary = "Give an account a role: user, viewer, operator or admin",
	.text = "Another role ends the account's sessions. The last administrator stays one.",
	.request = JSON({ "user_name" : "eve@example.org", "role" : "operator" }),
	.answer = JSON({ "status" : "success", "description" : "Role set" }),
};

const struct route_doc doc_admin_user_delete = {
	.tag = "Administration",
	.summary = "Delete an account with all that hangs on it",
	.params = (const struct doc_param[]){ { "user_name", "string", true, "of the account" }, { .name = NULL } },
	.query = "user_name=eve@example.org",
	.answer = JSON({ "status" : "success", "description" : "User deleted" }),
};

const struct route_doc doc_admin_user_nodes_list = {
	.tag = "Administration",
	.summary = "The nodes that a user sees",
	.text = "Also those that come by groups. mapping_timestamp is seconds.",
	.params = (const struct doc_param[]){ { "user_name", "string", true, "of the account" },
					      { "num_records", "integer", false,
						"how many at most, 25 unless told; over 100 counts as 100" },
					      { "start_id", "string", false, "the next_id of the page before" },
					      { .name = NULL } },
	.query = "user_name=ann@example.org",
	.answer = JSON({
		"user_name" : "ann@example.org",
		"nodes" : [ { "node_id" : "lamp1", "role" : "primary", "mapping_timestamp" : 1767220000 } ]
	}),
};

const struct route_doc doc_audit_list = {
	.tag = "Administration",
	.summary = "Who did what to which object, newest first",
	.text = "timestamp is milliseconds. What is not known of an event is left out.",
	.params = (const struct doc_param[]){ { "kind", "string", false, "security or change" },
					      { "action", "string", false, "one action, as session.opened" },
					      { "user_name", "string", false, "who did it" },
					      { "user_id", "string", false, "likewise" },
					      { "node_id", "string", false, "the node that it was done to" },
					      { "object_kind", "string", false, "what it was done to" },
					      { "object_id", "string", false, "likewise" },
					      { "since", "integer", false, "not before this time, in seconds" },
					      { "until", "integer", false, "before this time, in seconds" },
					      { "num_records", "integer", false,
						"how many at most, 25 unless told; over 100 counts as 100" },
					      { "start_id", "integer", false, "the next_id of the page before" },
					      { .name = NULL } },
	.query = "action=session.opened&num_records=1",
	.answer = JSON({
		"events" : [ {
			"event_id" : "4711",
			"timestamp" : 1767225600123,
			"kind" : "security",
			"action" : "session.opened",
			"user_id" : "6f1d0c1e-0000-4000-8000-000000000001",
			"user_name" : "ann@example.org",
			"via" : "cisternd api",
			"source" : "192.0.2.7",
			"request_id" : "9f86d081884c7d65",
			"object_kind" : "session",
			"object_id" : "0b6f2c5e-0000-4000-8000-000000000002",
			"detail" : { "client" : "okhttp/4.9.0" }
		} ],
		"next_id" : "4711"
	}),
};
