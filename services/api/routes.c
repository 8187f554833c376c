#include "api/routes.h"

#include <string.h>

#include "api/handlers.h"
#include "api/route_docs.h"

enum {
	NO_BODY = 4096,
	SMALL = 4096,
	PROFILE = 16384,
	MAPPING = 16384,
	SHARING = 32768,
	NODE_TEXTS = 32768,
	CLAIM = 16384,
	PARAMS = 131072,
	GROUP = 32768,
	DEVICES = 262144,
	USER_DATA = USER_DATA_BYTES_MAX,
	CERTIFICATE_FILE = 16777216
};

/* A row that does not say `.polled = true` is not polled; all else must be said. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* A GET may carry a body that nobody reads. */
const struct route routes[] = {
	/* method, path, who, object, body limit, rate, handler, lane, slow half, doc */
	{ METHOD_GET, "/apiversions", WHO_ANYONE, OBJECT_NONE, NO_BODY, RATE_FREE, root_versions, LANE_NONE, NULL,
	  &doc_root_versions },
	{ METHOD_GET, "/mqtt_host", WHO_ANYONE, OBJECT_NONE, NO_BODY, RATE_FREE, root_mqtt_host, LANE_NONE, NULL,
	  &doc_root_mqtt_host },
	{ METHOD_GET, "/healthz", WHO_ANYONE, OBJECT_NONE, NO_BODY, RATE_FREE, root_alive, LANE_NONE, NULL,
	  &doc_root_alive },
	{ METHOD_GET, "/readyz", WHO_ANYONE, OBJECT_NONE, NO_BODY, RATE_PROBE, root_ready, LANE_NONE, NULL,
	  &doc_root_ready },
	{ METHOD_GET, "/metrics", WHO_VIEWER, OBJECT_FLEET, NO_BODY, RATE_USER, metrics_get, LANE_NONE, NULL,
	  &doc_metrics_get },
	{ METHOD_GET, "/openapi.json", WHO_ANYONE, OBJECT_NONE, NO_BODY, RATE_PROBE, documents_openapi, LANE_NONE, NULL,
	  &doc_documents_openapi, .polled = true },
	{ METHOD_GET, "/docs/api", WHO_ANYONE, OBJECT_NONE, NO_BODY, RATE_PROBE, documents_page, LANE_NONE, NULL,
	  &doc_documents_page, .polled = true },
	{ METHOD_GET, "/docs/api.css", WHO_ANYONE, OBJECT_NONE, NO_BODY, RATE_PROBE, documents_style, LANE_NONE, NULL,
	  &doc_documents_style, .polled = true },

	{ METHOD_GET, "/ca/crl", WHO_ANYONE, OBJECT_NONE, NO_BODY, RATE_PROBE, ca_crl, LANE_NONE, NULL, &doc_ca_crl },
	{ METHOD_GET, "/ca/node-ca.pem", WHO_ANYONE, OBJECT_NONE, NO_BODY, RATE_PROBE, ca_node_certificates, LANE_NONE,
	  NULL, &doc_ca_node_certificates },

	/* with a token for a device at hand; without one the device itself (self-claiming) */
	{ METHOD_POST, "/claim/initiate", WHO_ANYONE_OR_USER, OBJECT_NODES, SMALL, RATE_CLAIM, claim_initiate_post,
	  LANE_NONE, NULL, &doc_claim_initiate_post },
	{ METHOD_POST, "/claim/verify", WHO_ANYONE_OR_USER, OBJECT_NODES, CLAIM, RATE_CLAIM, claim_verify_post,
	  LANE_CLAIM, claim_verify_slow, &doc_claim_verify_post },

	{ METHOD_POST, "/v1/user", WHO_ANYONE, OBJECT_NONE, SMALL, RATE_SIGN_IN, user_sign_up_or_confirm, LANE_HASH,
	  user_sign_up_slow, &doc_user_sign_up_or_confirm },
	{ METHOD_POST, "/v1/user2", WHO_ANYONE, OBJECT_NONE, SMALL, RATE_SIGN_IN, user_sign_up_or_confirm, LANE_HASH,
	  user_sign_up_slow, &doc_user_sign_up_or_confirm },
	{ METHOD_POST, "/v1/login", WHO_ANYONE, OBJECT_NONE, SMALL, RATE_SIGN_IN, user_login, LANE_HASH,
	  user_login_slow, &doc_user_login },
	{ METHOD_POST, "/v1/login2", WHO_ANYONE, OBJECT_NONE, SMALL, RATE_SIGN_IN, user_login, LANE_HASH,
	  user_login_slow, &doc_user_login },
	{ METHOD_GET, "/v1/oidc/start", WHO_ANYONE, OBJECT_NONE, NO_BODY, RATE_SIGN_IN, oidc_start_get, LANE_OIDC,
	  oidc_start_slow, &doc_oidc_start_get },
	{ METHOD_GET, "/v1/oidc/callback", WHO_ANYONE, OBJECT_NONE, NO_BODY, RATE_SIGN_IN, oidc_callback_get, LANE_OIDC,
	  oidc_callback_slow, &doc_oidc_callback_get },
	{ METHOD_POST, "/v1/oidc/token", WHO_ANYONE, OBJECT_NONE, SMALL, RATE_SIGN_IN, oidc_token_post, LANE_NONE, NULL,
	  &doc_oidc_token_post },
	{ METHOD_GET, "/v1/oauth2/authorize", WHO_ANYONE, OBJECT_NONE, NO_BODY, RATE_SIGN_IN, oidc_authorize_get,
	  LANE_OIDC, oidc_start_slow, &doc_oidc_authorize_get },
	{ METHOD_POST, "/v1/oauth2/token", WHO_ANYONE, OBJECT_NONE, SMALL, RATE_SIGN_IN, oidc_oauth_token_post,
	  LANE_NONE, NULL, &doc_oidc_oauth_token_post },

	{ METHOD_POST, "/v1/logout", WHO_SESSION, OBJECT_SELF, SMALL, RATE_USER, user_logout, LANE_NONE, NULL,
	  &doc_user_logout },
	{ METHOD_POST, "/v1/logout2", WHO_SESSION, OBJECT_SELF, SMALL, RATE_USER, user_logout, LANE_NONE, NULL,
	  &doc_user_logout },
	{ METHOD_GET, "/v1/user", WHO_USER, OBJECT_SELF, NO_BODY, RATE_USER, user_get, LANE_NONE, NULL, &doc_user_get,
	  .polled = true },
	{ METHOD_GET, "/v1/user2", WHO_USER, OBJECT_SELF, NO_BODY, RATE_USER, user_get, LANE_NONE, NULL, &doc_user_get,
	  .polled = true },

	{ METHOD_PUT, "/v1/forgotpassword", WHO_ANYONE, OBJECT_NONE, SMALL, RATE_SIGN_IN, user_forgot_password,
	  LANE_HASH, user_forgot_password_slow, &doc_user_forgot_password },
	{ METHOD_PUT, "/v1/forgotpassword2", WHO_ANYONE, OBJECT_NONE, SMALL, RATE_SIGN_IN, user_forgot_password,
	  LANE_HASH, user_forgot_password_slow, &doc_user_forgot_password },
	{ METHOD_PUT, "/v1/password", WHO_SESSION, OBJECT_SELF, SMALL, RATE_USER, user_change_password, LANE_HASH,
	  user_change_password_slow, &doc_user_change_password },
	{ METHOD_PUT, "/v1/password2", WHO_SESSION, OBJECT_SELF, SMALL, RATE_USER, user_change_password, LANE_HASH,
	  user_change_password_slow, &doc_user_change_password },
	{ METHOD_PUT, "/v1/user", WHO_USER, OBJECT_SELF, PROFILE, RATE_USER, user_put, LANE_NONE, NULL, &doc_user_put },
	{ METHOD_PUT, "/v1/user2", WHO_USER, OBJECT_SELF, PROFILE, RATE_USER, user_put, LANE_NONE, NULL,
	  &doc_user_put },
	{ METHOD_DELETE, "/v1/user", WHO_SESSION, OBJECT_SELF, SMALL, RATE_USER, user_delete, LANE_NONE, NULL,
	  &doc_user_delete },
	{ METHOD_DELETE, "/v1/user2", WHO_SESSION, OBJECT_SELF, SMALL, RATE_USER, user_delete, LANE_NONE, NULL,
	  &doc_user_delete },
	{ METHOD_GET, "/v1/user/custom_data", WHO_USER, OBJECT_SELF, NO_BODY, RATE_USER, custom_data_get, LANE_NONE,
	  NULL, &doc_custom_data_get, .polled = true },
	{ METHOD_PUT, "/v1/user/custom_data", WHO_USER, OBJECT_SELF, USER_DATA, RATE_USER, custom_data_put, LANE_NONE,
	  NULL, &doc_custom_data_put },
	{ METHOD_GET, "/v1/user/sessions", WHO_SESSION, OBJECT_SELF, NO_BODY, RATE_USER, sessions_list, LANE_NONE, NULL,
	  &doc_sessions_list, .polled = true },
	{ METHOD_DELETE, "/v1/user/sessions", WHO_SESSION, OBJECT_SELF, SMALL, RATE_USER, sessions_end, LANE_NONE, NULL,
	  &doc_sessions_end },

	{ METHOD_POST, "/v1/user/keys", WHO_SESSION, OBJECT_SELF, SMALL, RATE_USER, key_post, LANE_NONE, NULL,
	  &doc_key_post },
	{ METHOD_GET, "/v1/user/keys", WHO_SESSION, OBJECT_SELF, NO_BODY, RATE_USER, key_list, LANE_NONE, NULL,
	  &doc_key_list, .polled = true },
	{ METHOD_DELETE, "/v1/user/keys", WHO_SESSION, OBJECT_SELF, NO_BODY, RATE_USER, key_delete, LANE_NONE, NULL,
	  &doc_key_delete },

	{ METHOD_GET, "/v1/user/nodes", WHO_USER, OBJECT_NODE_LIST, NO_BODY, RATE_USER, nodes_list, LANE_NONE, NULL,
	  &doc_nodes_list, .polled = true },
	{ METHOD_PUT, "/v1/user/nodes", WHO_USER, OBJECT_NODE_OWNED, NODE_TEXTS, RATE_USER, node_put, LANE_NONE, NULL,
	  &doc_node_put },
	{ METHOD_DELETE, "/v1/user/nodes", WHO_USER, OBJECT_NODE_OWNED, NODE_TEXTS, RATE_USER, node_delete, LANE_NONE,
	  NULL, &doc_node_delete },
	{ METHOD_GET, "/v1/user/nodes/config", WHO_USER, OBJECT_NODE, NO_BODY, RATE_USER, node_config, LANE_NONE, NULL,
	  &doc_node_config, .polled = true },
	{ METHOD_GET, "/v1/user/nodes/status", WHO_USER, OBJECT_NODE, NO_BODY, RATE_USER, node_status, LANE_NONE, NULL,
	  &doc_node_status, .polled = true },
	{ METHOD_GET, "/v1/user/nodes/params", WHO_USER, OBJECT_NODE_PARAMS, NO_BODY, RATE_USER, node_params, LANE_NONE,
	  NULL, &doc_node_params, .polled = true },
	/* its nodes stand in the body: command_set_params() checks each */
	{ METHOD_PUT, "/v1/user/nodes/params", WHO_USER, OBJECT_NODES, PARAMS, RATE_USER, params_put, LANE_COMMAND,
	  params_put_slow, &doc_params_put },
	{ METHOD_PUT, "/v1/user/nodes/mapping", WHO_USER, OBJECT_NODES, MAPPING, RATE_USER, mapping_put, LANE_NONE,
	  NULL, &doc_mapping_put },
	{ METHOD_GET, "/v1/user/nodes/mapping", WHO_USER, OBJECT_REQUEST, NO_BODY, RATE_USER, mapping_get, LANE_NONE,
	  NULL, &doc_mapping_get, .polled = true },

	/* which nodes, groups and invitations are the caller's is checked by the statements of sql/queries/sharing.sql */
	{ METHOD_PUT, "/v1/user/nodes/sharing", WHO_USER, OBJECT_NODES, SHARING, RATE_USER, node_sharing_put, LANE_NONE,
	  NULL, &doc_node_sharing_put },
	{ METHOD_GET, "/v1/user/nodes/sharing", WHO_USER, OBJECT_NODES, NO_BODY, RATE_USER, node_sharing_get, LANE_NONE,
	  NULL, &doc_node_sharing_get, .polled = true },
	{ METHOD_DELETE, "/v1/user/nodes/sharing", WHO_USER, OBJECT_NODES, SMALL, RATE_USER, node_sharing_delete,
	  LANE_NONE, NULL, &doc_node_sharing_delete },
	{ METHOD_GET, "/v1/user/nodes/sharing/requests", WHO_USER, OBJECT_REQUEST, NO_BODY, RATE_USER,
	  node_sharing_requests_get, LANE_NONE, NULL, &doc_node_sharing_requests_get, .polled = true },
	{ METHOD_PUT, "/v1/user/nodes/sharing/requests", WHO_USER, OBJECT_REQUEST, SMALL, RATE_USER,
	  node_sharing_requests_put, LANE_NONE, NULL, &doc_node_sharing_requests_put },
	{ METHOD_DELETE, "/v1/user/nodes/sharing/requests", WHO_USER, OBJECT_REQUEST, SMALL, RATE_USER,
	  node_sharing_requests_delete, LANE_NONE, NULL, &doc_node_sharing_requests_delete },
	{ METHOD_PUT, "/v1/user/node_group/sharing", WHO_USER, OBJECT_GROUPS, SHARING, RATE_USER, group_sharing_put,
	  LANE_NONE, NULL, &doc_group_sharing_put },
	{ METHOD_GET, "/v1/user/node_group/sharing", WHO_USER, OBJECT_GROUPS, NO_BODY, RATE_USER, group_sharing_get,
	  LANE_NONE, NULL, &doc_group_sharing_get, .polled = true },
	{ METHOD_DELETE, "/v1/user/node_group/sharing", WHO_USER, OBJECT_GROUPS, SMALL, RATE_USER, group_sharing_delete,
	  LANE_NONE, NULL, &doc_group_sharing_delete },
	{ METHOD_GET, "/v1/user/node_group/sharing/requests", WHO_USER, OBJECT_REQUEST, NO_BODY, RATE_USER,
	  group_sharing_requests_get, LANE_NONE, NULL, &doc_group_sharing_requests_get, .polled = true },
	{ METHOD_PUT, "/v1/user/node_group/sharing/requests", WHO_USER, OBJECT_REQUEST, SMALL, RATE_USER,
	  group_sharing_requests_put, LANE_NONE, NULL, &doc_group_sharing_requests_put },
	{ METHOD_DELETE, "/v1/user/node_group/sharing/requests", WHO_USER, OBJECT_REQUEST, SMALL, RATE_USER,
	  group_sharing_requests_delete, LANE_NONE, NULL, &doc_group_sharing_requests_delete },

	{ METHOD_POST, "/v1/user/nodes/mapping/initiate", WHO_USER, OBJECT_SELF, SMALL, RATE_USER, challenge_initiate,
	  LANE_NONE, NULL, &doc_challenge_initiate },
	{ METHOD_POST, "/v1/user/nodes/mapping/verify", WHO_USER, OBJECT_REQUEST, MAPPING, RATE_USER, challenge_verify,
	  LANE_NONE, NULL, &doc_challenge_verify },

	{ METHOD_GET, "/v1/user/node_group", WHO_USER, OBJECT_GROUPS, NO_BODY, RATE_USER, group_list, LANE_NONE, NULL,
	  &doc_group_list, .polled = true },
	{ METHOD_POST, "/v1/user/node_group", WHO_USER, OBJECT_GROUPS, GROUP, RATE_USER, group_post, LANE_NONE, NULL,
	  &doc_group_post },
	{ METHOD_PUT, "/v1/user/node_group", WHO_USER, OBJECT_GROUPS, GROUP, RATE_USER, group_put, LANE_NONE, NULL,
	  &doc_group_put },
	{ METHOD_DELETE, "/v1/user/node_group", WHO_USER, OBJECT_GROUPS, SMALL, RATE_USER, group_delete, LANE_NONE,
	  NULL, &doc_group_delete },

	{ METHOD_GET, "/v1/admin/nodes", WHO_VIEWER, OBJECT_FLEET, NO_BODY, RATE_USER, admin_nodes_list, LANE_NONE,
	  NULL, &doc_admin_nodes_list, .polled = true },
	{ METHOD_PUT, "/v1/admin/nodes", WHO_OPERATOR, OBJECT_FLEET, SMALL, RATE_USER, admin_nodes_activate,
	  LANE_COMMAND, admin_confirm_slow, &doc_admin_nodes_activate },
	{ METHOD_DELETE, "/v1/admin/nodes", WHO_OPERATOR, OBJECT_FLEET, SMALL, RATE_USER, admin_nodes_delete,
	  LANE_COMMAND, admin_confirm_slow, &doc_admin_nodes_delete },
	{ METHOD_POST, "/v1/admin/nodes/revoke", WHO_OPERATOR, OBJECT_FLEET, SMALL, RATE_USER, admin_nodes_revoke,
	  LANE_COMMAND, admin_confirm_slow, &doc_admin_nodes_revoke },
	{ METHOD_POST, "/v1/admin/nodes/transfer", WHO_ADMIN, OBJECT_ACCOUNTS, SMALL, RATE_USER, admin_nodes_transfer,
	  LANE_NONE, NULL, &doc_admin_nodes_transfer },
	{ METHOD_GET, "/v1/admin/nodes/certificates", WHO_VIEWER, OBJECT_FLEET, NO_BODY, RATE_USER,
	  admin_certificates_list, LANE_NONE, NULL, &doc_admin_certificates_list, .polled = true },
	{ METHOD_POST, "/v1/admin/nodes/certificate", WHO_OPERATOR, OBJECT_FLEET, CLAIM, RATE_USER,
	  admin_certificate_post, LANE_CLAIM, admin_certificate_post_slow, &doc_admin_certificate_post },
	{ METHOD_GET, "/v1/admin/nodes/connections", WHO_VIEWER, OBJECT_FLEET, NO_BODY, RATE_USER,
	  admin_nodes_connections, LANE_NONE, NULL, &doc_admin_nodes_connections, .polled = true },
	{ METHOD_GET, "/v1/admin/broker", WHO_VIEWER, OBJECT_FLEET, NO_BODY, RATE_USER, admin_broker, LANE_NONE, NULL,
	  &doc_admin_broker, .polled = true },
	{ METHOD_POST, "/v1/admin/broker", WHO_ADMIN, OBJECT_FLEET, SMALL, RATE_USER, admin_broker_add, LANE_NONE, NULL,
	  &doc_admin_broker_add },
	{ METHOD_PUT, "/v1/admin/broker", WHO_ADMIN, OBJECT_FLEET, SMALL, RATE_USER, admin_broker_drain, LANE_NONE,
	  NULL, &doc_admin_broker_drain },
	{ METHOD_DELETE, "/v1/admin/broker", WHO_ADMIN, OBJECT_FLEET, NO_BODY, RATE_USER, admin_broker_remove,
	  LANE_NONE, NULL, &doc_admin_broker_remove },

	{ METHOD_GET, "/v1/admin/user", WHO_ADMIN, OBJECT_ACCOUNTS, NO_BODY, RATE_USER, admin_users_list, LANE_NONE,
	  NULL, &doc_admin_users_list, .polled = true },
	{ METHOD_PUT, "/v1/admin/user", WHO_ADMIN, OBJECT_ACCOUNTS, SMALL, RATE_USER, admin_user_put, LANE_NONE, NULL,
	  &doc_admin_user_put },
	{ METHOD_DELETE, "/v1/admin/user", WHO_ADMIN, OBJECT_ACCOUNTS, NO_BODY, RATE_USER, admin_user_delete, LANE_NONE,
	  NULL, &doc_admin_user_delete },
	{ METHOD_GET, "/v1/admin/user/nodes", WHO_ADMIN, OBJECT_ACCOUNTS, NO_BODY, RATE_USER, admin_user_nodes_list,
	  LANE_NONE, NULL, &doc_admin_user_nodes_list, .polled = true },
	{ METHOD_GET, "/v1/admin/audit", WHO_ADMIN, OBJECT_ACCOUNTS, NO_BODY, RATE_USER, audit_list, LANE_NONE, NULL,
	  &doc_audit_list, .polled = true },

	/* what the public admin command line calls to register nodes in bulk */
	{ METHOD_POST, "/v1/admin/node_ids", WHO_OPERATOR, OBJECT_FLEET, SMALL, RATE_USER, registration_order_node_ids,
	  LANE_NONE, NULL, &doc_registration_order_node_ids },
	{ METHOD_GET, "/v1/admin/node_ids", WHO_VIEWER, OBJECT_FLEET, NO_BODY, RATE_USER, registration_node_ids,
	  LANE_NONE, NULL, &doc_registration_node_ids },
	{ METHOD_GET, "/v1/admin/node_certificates/register", WHO_OPERATOR, OBJECT_FLEET, NO_BODY, RATE_USER,
	  registration_address_or_state, LANE_NONE, NULL, &doc_registration_address_or_state },
	{ METHOD_POST, "/v1/admin/node_certificates/register", WHO_OPERATOR, OBJECT_FLEET, CLAIM, RATE_USER,
	  registration_start, LANE_NONE, NULL, &doc_registration_start },
	{ METHOD_PUT, "/v1/admin/node_certificates/file", WHO_ADDRESS, OBJECT_NONE, CERTIFICATE_FILE, RATE_PROBE,
	  registration_upload, LANE_NONE, NULL, &doc_registration_upload },
	{ METHOD_GET, "/v1/admin/node_certificates/file", WHO_ANYONE, OBJECT_NONE, NO_BODY, RATE_PROBE,
	  registration_download, LANE_NONE, NULL, &doc_registration_download },
	{ METHOD_GET, "/v1/admin/mqtt_host", WHO_VIEWER, OBJECT_NONE, NO_BODY, RATE_USER, root_mqtt_host, LANE_NONE,
	  NULL, &doc_root_mqtt_host },
	{ METHOD_GET, "/v1/admin/node_group", WHO_VIEWER, OBJECT_NONE, NO_BODY, RATE_USER, registration_node_group,
	  LANE_NONE, NULL, &doc_registration_node_group },
	{ METHOD_GET, "/v1/admin/rainmaker_deployment_details", WHO_VIEWER, OBJECT_NONE, NO_BODY, RATE_USER,
	  registration_deployment, LANE_NONE, NULL, &doc_registration_deployment },

	{ METHOD_GET, "/v1/admin/self_claim", WHO_VIEWER, OBJECT_FLEET, NO_BODY, RATE_USER, self_claim_get, LANE_NONE,
	  NULL, &doc_self_claim_get, .polled = true },
	{ METHOD_PUT, "/v1/admin/self_claim", WHO_OPERATOR, OBJECT_FLEET, DEVICES, RATE_USER, self_claim_put, LANE_NONE,
	  NULL, &doc_self_claim_put },
	{ METHOD_DELETE, "/v1/admin/self_claim", WHO_OPERATOR, OBJECT_FLEET, NO_BODY, RATE_USER, self_claim_delete,
	  LANE_NONE, NULL, &doc_self_claim_delete },
};
#pragma GCC diagnostic pop
const size_t n_routes = ARRAY_LEN(routes);

const struct route *route_find(const char *path, enum route_method method, unsigned *ret_methods)
{
	unsigned methods = 0;
	for (size_t i = 0; i < n_routes; i++) {
		if (strcmp(routes[i].path, path) != 0)
			continue;
		if (routes[i].method == method)
			return &routes[i];
		methods |= routes[i].method;
	}
	*ret_methods = methods;
	return NULL;
}

bool route_changes(const struct route *route)
{
	bool signs_in = route->rate == RATE_SIGN_IN; /* a browser sent back by a provider can only GET */
	return route->method != METHOD_GET || route->who == WHO_OPERATOR || signs_in;
}

const char *route_methods_text(unsigned methods, struct arena *arena)
{
	static const struct {
		enum route_method method;
		const char *name;
	} names[] = { { METHOD_GET, "GET" },
		      { METHOD_GET, "HEAD" },
		      { METHOD_POST, "POST" },
		      { METHOD_PUT, "PUT" },
		      { METHOD_DELETE, "DELETE" } };
	CLEANUP(buffer) struct buffer text = { .bytes = NULL };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!(methods & names[i].method))
			continue;
		if (text.len > 0)
			buffer_puts(&text, ", ");
		buffer_puts(&text, names[i].name);
	}
	const char *copy = arena_copy(arena, buffer_text(&text), text.len);
	return copy ? copy : "";
}
