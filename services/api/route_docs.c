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

static const struct doc_param oidc_start_params[] = {
	{ "return_url", "string", true,
	  "Where the app wants the browser back, with `code` or `error`: one of the allowed list" },
	{ "state", "string", false, "Comes back unchanged; up to 128 unreserved characters" },
	{ "code_challenge", "string", false, "Binds the code to the app's verifier (RFC 7636)" },
	{ "code_challenge_method", "string", false, "S256, with a code_challenge" },
	{ NULL, NULL, false, NULL },
};

static const struct doc_param oidc_authorize_params[] = {
	{ "redirect_uri", "string", true, "As return_url of /v1/oidc/start" },
	{ "response_type", "string", true, "CODE" },
	{ "state", "string", false, "Comes back unchanged; up to 128 unreserved characters" },
	{ "code_challenge", "string", false, "Binds the code to the app's verifier (RFC 7636)" },
	{ "code_challenge_method", "string", false, "S256, with a code_challenge" },
	{ "client_id", "string", false, "Not looked at: who may sign in is the list of addresses" },
	{ "identity_provider", "string", false, "Not looked at: there is one" },
	{ NULL, NULL, false, NULL },
};

static const struct doc_param oidc_callback_params[] = {
	{ "state", "string", true, "Of the sign-in, as we gave it to the provider" },
	{ "code", "string", false, "Of the provider" },
	{ "error", "string", false, "In place of the code" },
	{ NULL, NULL, false, NULL },
};

const struct route_doc doc_oidc_start_get = {
	.tag = "Users and sessions",
	.summary = "302 to the OpenID Connect provider, where the person signs in",
	.params = oidc_start_params,
};

const struct route_doc doc_oidc_callback_get = {
	.tag = "Users and sessions",
	.summary =
		"Where the provider sends the browser back to; 302 to the app's return_url with a code that works once",
	.params = oidc_callback_params,
};

const struct route_doc doc_oidc_token_post = {
	.tag = "Users and sessions",
	.summary = "Tokens as after a sign-in with a password, for the code that the app got back",
};

const struct route_doc doc_oidc_authorize_get = {
	.tag = "Users and sessions",
	.summary = "The same as /v1/oidc/start, in the words of OAuth 2.0",
	.params = oidc_authorize_params,
};

const struct route_doc doc_oidc_oauth_token_post = {
	.tag = "Users and sessions",
	.summary = "The same as /v1/oidc/token, as a form: grant_type=authorization_code, code, code_verifier, "
		   "redirect_uri",
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
