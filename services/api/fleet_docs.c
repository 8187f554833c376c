/* What administrators ask. */
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
	.summary = "What each broker says it refuses and counts",
	.text = "What a broker has not told yet is null.",
	.answer = JSON({
		"brokers" : [ {
			"broker" : "localhost:8884",
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

const struct route_doc doc_registration_order_node_ids = {
	.tag = "Manufacturing",
	.summary = "Order node ids",
	.request = JSON({ "node_count" : 2 }),
	.answer = JSON({ "status" : "success", "request_id" : "NODE_IDS_ID" }),
};

const struct route_doc doc_registration_node_ids = {
	.tag = "Manufacturing",
	.summary = "Where the ordered node ids are",
	.params = (const struct doc_param[]){ { "request_id", "string", true, "of the order" }, { .name = NULL } },
	.query = "request_id=NODE_IDS_ID",
	.answer = JSON({
		"status" : "success",
		"description" : "",
		"rows_done" : 2,
		"url" : "https://api.example.org/v1/admin/node_certificates/file?..."
	}),
};

const struct route_doc doc_registration_address_or_state = {
	.tag = "Manufacturing",
	.summary = "Where to upload certificates; or what became of an upload",
	.params = (const struct doc_param[]){ { "file_name", "string", false, "of the file to upload" },
					      { "request_id", "string", false, "of an upload" },
					      { .name = NULL } },
	.query = "file_name=nodes.csv",
	.answer = JSON(
		{ "url" : "https://api.example.org/v1/admin/node_certificates/file?...", "request_id" : "UPLOAD_ID" }),
	.others =
		(const struct doc_example[]){ { "state", "request_id=UPLOAD_ID", NULL,
						JSON({ "status" : "uploaded", "description" : "", "rows_done" : 0 }) },
					      { .name = NULL } },
};

const struct route_doc doc_registration_start = {
	.tag = "Manufacturing",
	.summary = "Register what was uploaded",
	.request = JSON({ "file_name" : "nodes.csv", "file_md5" : "FILE_MD5", "request_id" : "UPLOAD_ID" }),
	.answer = JSON({ "status" : "success", "request_id" : "UPLOAD_ID" }),
};

const struct route_doc doc_registration_upload = {
	.tag = "Manufacturing",
	.summary = "The upload itself, to the address that was given",
	.params = (const struct doc_param[]){ { "request_id", "string", true, "in the address" },
					      { "secret", "string", true, "in the address" },
					      { .name = NULL } },
	.query = "request_id=UPLOAD_ID&secret=ADDRESS_SECRET",
	.request = "node_id,certs\n",
	.answer = JSON({ "status" : "success", "description" : "File taken" }),
	.request_type = "text/csv",
};

const struct route_doc doc_registration_download = {
	.tag = "Manufacturing",
	.summary = "Node ids, or the rows that failed",
	.params = (const struct doc_param[]){ { "request_id", "string", true, "in the address" },
					      { "secret", "string", true, "in the address" },
					      { .name = NULL } },
	.query = "request_id=NODE_IDS_ID&secret=ADDRESS_SECRET",
	.answer_type = "text/csv",
};

const struct route_doc doc_registration_node_group = {
	.tag = "Manufacturing",
	.summary = "Groups to register into: there are none",
	.text = "The public admin command line asks before it registers.",
	.answer = JSON([]),
};

const struct route_doc doc_registration_deployment = {
	.tag = "Manufacturing",
	.summary = "What the public admin command line asks before it registers",
	.answer = JSON(
		{ "pre_requisite_details" : { "is_super_admin_ses_verified" : true, "is_ses_in_production" : true } }),
};

const struct route_doc doc_self_claim_get = {
	.tag = "Self-claiming",
	.summary = "Devices that may claim by themselves",
	.params = (const struct doc_param[]){ { "num_records", "integer", false,
						"how many at most; over 100 counts as 100" },
					      { "start_id", "string", false, "the next_id of the page before" },
					      { .name = NULL } },
	.answer = JSON({ "devices" : [ { "mac_addr" : "AABBCC112244", "added_at" : 1767220000 } ] }),
};

const struct route_doc doc_self_claim_put = {
	.tag = "Self-claiming",
	.summary = "Put devices on the list",
	.text = "Secrets are kept encrypted and never told. All or none, 400 at most.",
	.request = JSON(
		{ "devices" : [ { "mac_addr" : "AABBCC112244", "secret" : "00112233445566778899aabbccddeeff" } ] }),
	.answer = JSON({ "status" : "success", "description" : "Devices listed" }),
};

const struct route_doc doc_self_claim_delete = {
	.tag = "Self-claiming",
	.summary = "Take a device off the list",
	.params = (const struct doc_param[]){ { "mac_addr", "string", true, "of the device" }, { .name = NULL } },
	.query = "mac_addr=AABBCC112244",
	.answer = JSON({ "status" : "success", "description" : "Device removed from the list" }),
};
