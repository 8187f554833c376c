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

const struct route_doc doc_user_forgot_password = {
	.tag = "Accounts",
	.summary = "Have a code for a new password sent, or set it with the code",
	.request = "{\"user_name\":\"ann@example.org\"}",
	.answer = "{\"status\":\"success\",\"description\":\"If there is such an account, a verification code has been "
		  "sent\"}",
};

const struct route_doc doc_user_change_password = {
	.tag = "Accounts",
	.summary = "Change the password; the other sessions end",
};

const struct route_doc doc_user_put = {
	.tag = "Accounts",
	.summary = "Change name, locale or tags",
	.request = "{\"name\":\"Ann\"}",
	.answer = "{\"status\":\"success\",\"description\":\"Saved\"}",
};

static const struct doc_param user_delete_params[] = {
	{ "request", "boolean", false, "true: send a code" },
	{ "verification_code", "string", false, "delete now" },
	{ .name = NULL },
};

const struct route_doc doc_user_delete = {
	.tag = "Accounts",
	.summary = "Have a code for the deletion sent, or delete the account with the code",
	.params = user_delete_params,
};

const struct route_doc doc_custom_data_get = {
	.tag = "Accounts",
	.summary = "What apps keep for their user",
};

const struct route_doc doc_custom_data_put = {
	.tag = "Accounts",
	.summary = "Merge into it; null deletes",
	.request = "{\"timeZone\":{\"value\":\"Europe/Paris\"}}",
	.answer = "{\"status\":\"success\",\"description\":\"Saved\"}",
};

static const struct doc_param sessions_list_params[] = {
	{ "num_records", "integer", false, "25, 100 at most" },
	{ "start_id", "string", false, "next_id of the page before" },
	{ .name = NULL },
};

const struct route_doc doc_sessions_list = {
	.tag = "Accounts",
	.summary = "The sessions that live, newest first",
	.params = sessions_list_params,
};

static const struct doc_param sessions_end_params[] = {
	{ "session_id", "string", true, "which" },
	{ .name = NULL },
};

const struct route_doc doc_sessions_end = {
	.tag = "Accounts",
	.summary = "End one of them",
	.params = sessions_end_params,
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

const struct route_doc doc_key_post = {
	.tag = "Accounts",
	.summary = "Make a key for a machine: {\"name\",\"scopes\",\"expires_in_s\"}; it is shown this once",
};

const struct route_doc doc_key_list = {
	.tag = "Accounts",
	.summary = "The account's keys, without the keys themselves",
};

const struct route_doc doc_key_delete = {
	.tag = "Accounts",
	.summary = "?key_id=: revoke a key; it is refused from the next request on",
};

const struct route_doc doc_admin_users_list = {
	.tag = "Administration",
	.summary = "Accounts, in order of their names",
};

const struct route_doc doc_admin_user_put = {
	.tag = "Administration",
	.summary = "{\"user_name\",\"role\"}: user, viewer, operator or admin; ends the sessions",
};

const struct route_doc doc_admin_user_delete = {
	.tag = "Administration",
	.summary = "?user_name=: delete the account with all that hangs on it",
};

const struct route_doc doc_admin_user_nodes_list = {
	.tag = "Administration",
	.summary = "?user_name=: the nodes that the user sees",
};

const struct route_doc doc_audit_list = {
	.tag = "Administration",
	.summary = "Who did what to which object, newest first",
};
