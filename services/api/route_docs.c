#include "api/route_docs.h"

#include <stddef.h>

const struct route_doc doc_root_versions = {
	.tag = "Service",
	.summary = "{\"supported_versions\":[\"v1\"]}",
};

const struct route_doc doc_root_mqtt_host = {
	.tag = "Service",
	.summary = "Where nodes and apps find the broker",
};

const struct route_doc doc_root_alive = {
	.tag = "Service",
	.summary = "200: the process answers. Says nothing about its surroundings",
};

const struct route_doc doc_root_ready = {
	.tag = "Service",
	.summary = "200 ready, or 503 and which part is away: database, broker, ingest",
};

const struct route_doc doc_ca_crl = {
	.tag = "Claiming",
	.summary = "The newest CRL (DER, application/pkix-crl) of the CA with key id ca=, or of the one that issues",
};

const struct route_doc doc_ca_node_certificates = {
	.tag = "Claiming",
	.summary = "The node CAs' certificates, the issuing one first",
};

const struct route_doc doc_claim_initiate_post = {
	.tag = "Claiming",
	.summary = "A node id for a device; without a token a challenge",
};

const struct route_doc doc_claim_verify_post = {
	.tag = "Claiming",
	.summary = "A certificate for that node id",
};

const struct route_doc doc_user_sign_up_or_confirm = {
	.tag = "Accounts",
	.summary = "Sign up, or confirm with the code",
};

const struct route_doc doc_user_login = {
	.tag = "Accounts",
	.summary = "Sign in with a password, or refresh",
};

const struct route_doc doc_user_logout = {
	.tag = "Accounts",
	.summary = "End this session; logout_all=true: all of the user's",
};

const struct route_doc doc_user_get = {
	.tag = "Accounts",
	.summary = "The user",
};

const struct route_doc doc_nodes_list = {
	.tag = "Nodes",
	.summary = "Nodes: ids, or details",
};

const struct route_doc doc_node_config = {
	.tag = "Nodes",
	.summary = "The configuration as the node sent it; {} before it did",
};

const struct route_doc doc_node_status = {
	.tag = "Nodes",
	.summary = "Connected or not, and since when (ms)",
};

const struct route_doc doc_node_params = {
	.tag = "Nodes",
	.summary = "Last reported values, numbers in the node's own form",
};

const struct route_doc doc_params_put = {
	.tag = "Nodes",
	.summary = "Set parameters of one node or of up to 100",
};

const struct route_doc doc_mapping_put = {
	.tag = "Nodes",
	.summary = "Add or remove a node",
};

const struct route_doc doc_mapping_get = {
	.tag = "Nodes",
	.summary = "State of a mapping request",
};

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

const struct route_doc doc_admin_nodes_list = {
	.tag = "Administration",
	.summary = "All nodes, filtered",
};

const struct route_doc doc_admin_nodes_activate = {
	.tag = "Administration",
	.summary = "?node_id=&activate=: resume with true, suspend with false",
};

const struct route_doc doc_admin_nodes_delete = {
	.tag = "Administration",
	.summary = "?node_id=: delete",
};

const struct route_doc doc_admin_nodes_revoke = {
	.tag = "Administration",
	.summary = "{\"node_id\",\"reason\"}: for good",
};

const struct route_doc doc_admin_nodes_transfer = {
	.tag = "Administration",
	.summary = "{\"node_id\",\"user_name\"}: make it that user's alone",
};

const struct route_doc doc_admin_certificates_list = {
	.tag = "Administration",
	.summary = "Of node_id=; or state=expiring&days=30, state=expired",
};

const struct route_doc doc_admin_certificate_post = {
	.tag = "Administration",
	.summary = "{\"node_id\",\"csr\"}: its next certificate",
};

const struct route_doc doc_admin_nodes_connections = {
	.tag = "Administration",
	.summary = "?node_id=: its newest hundred connections",
};

const struct route_doc doc_admin_broker = {
	.tag = "Administration",
	.summary = "What each broker says it refuses and counts",
};

const struct route_doc doc_registration_order_node_ids = {
	.tag = "Administration",
	.summary = "Order node ids",
};

const struct route_doc doc_registration_node_ids = {
	.tag = "Administration",
	.summary = "Fetch them",
};

const struct route_doc doc_registration_address_or_state = {
	.tag = "Administration",
	.summary = "Where to upload; what became of it: docs/manufacturing.md",
};

const struct route_doc doc_registration_start = {
	.tag = "Administration",
	.summary = "Register what was uploaded",
};

const struct route_doc doc_registration_upload = {
	.tag = "Administration",
	.summary = "The upload; the address is checked before the body is taken",
};

const struct route_doc doc_registration_download = {
	.tag = "Administration",
	.summary = "Node ids, failed rows",
};

const struct route_doc doc_registration_node_group = {
	.tag = "Administration",
	.summary = "What the public admin command line asks first",
};

const struct route_doc doc_registration_deployment = {
	.tag = "Administration",
	.summary = "What the public admin command line asks first",
};

const struct route_doc doc_self_claim_get = {
	.tag = "Administration",
	.summary = "Devices that may claim by themselves; num_records, start_id",
};

const struct route_doc doc_self_claim_put = {
	.tag = "Administration",
	.summary = "Puts devices on that list",
};

const struct route_doc doc_self_claim_delete = {
	.tag = "Administration",
	.summary = "Takes mac_addr off it",
};
