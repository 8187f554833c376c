#include "api/routes.h"

#include <string.h>

#include "api/handlers.h"

enum {
	NO_BODY = 4096,
	SMALL = 4096,
	MAPPING = 16384,
	CLAIM = 16384,
	PARAMS = 131072,
	DEVICES = 262144,
	CERTIFICATE_FILE = 16777216
};

/* A row that does not say `.polled = true` is not polled; all else must be said. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* A GET may carry a body that nobody reads. */
const struct route routes[] = {
	/* method, path, who, body limit, rate, handler, lane, slow half */
	{ METHOD_GET, "/apiversions", WHO_ANYONE, NO_BODY, RATE_FREE, root_versions, LANE_NONE, NULL },
	{ METHOD_GET, "/mqtt_host", WHO_ANYONE, NO_BODY, RATE_FREE, root_mqtt_host, LANE_NONE, NULL },
	{ METHOD_GET, "/healthz", WHO_ANYONE, NO_BODY, RATE_FREE, root_alive, LANE_NONE, NULL },
	{ METHOD_GET, "/readyz", WHO_ANYONE, NO_BODY, RATE_PROBE, root_ready, LANE_NONE, NULL },

	{ METHOD_GET, "/ca/crl", WHO_ANYONE, NO_BODY, RATE_PROBE, ca_crl, LANE_NONE, NULL },
	{ METHOD_GET, "/ca/node-ca.pem", WHO_ANYONE, NO_BODY, RATE_PROBE, ca_node_certificates, LANE_NONE, NULL },

	/* with a token for a device at hand; without one the device itself (self-claiming) */
	{ METHOD_POST, "/claim/initiate", WHO_ANYONE_OR_USER, SMALL, RATE_CLAIM, claim_initiate_post, LANE_NONE, NULL },
	{ METHOD_POST, "/claim/verify", WHO_ANYONE_OR_USER, CLAIM, RATE_CLAIM, claim_verify_post, LANE_CLAIM,
	  claim_verify_slow },

	{ METHOD_POST, "/v1/user", WHO_ANYONE, SMALL, RATE_SIGN_IN, user_sign_up_or_confirm, LANE_HASH,
	  user_sign_up_slow },
	{ METHOD_POST, "/v1/user2", WHO_ANYONE, SMALL, RATE_SIGN_IN, user_sign_up_or_confirm, LANE_HASH,
	  user_sign_up_slow },
	{ METHOD_POST, "/v1/login", WHO_ANYONE, SMALL, RATE_SIGN_IN, user_login, LANE_HASH, user_login_slow },
	{ METHOD_POST, "/v1/login2", WHO_ANYONE, SMALL, RATE_SIGN_IN, user_login, LANE_HASH, user_login_slow },
	{ METHOD_POST, "/v1/logout", WHO_USER, SMALL, RATE_USER, user_logout, LANE_NONE, NULL },
	{ METHOD_POST, "/v1/logout2", WHO_USER, SMALL, RATE_USER, user_logout, LANE_NONE, NULL },
	{ METHOD_GET, "/v1/user", WHO_USER, NO_BODY, RATE_USER, user_get, LANE_NONE, NULL, .polled = true },
	{ METHOD_GET, "/v1/user2", WHO_USER, NO_BODY, RATE_USER, user_get, LANE_NONE, NULL, .polled = true },

	{ METHOD_GET, "/v1/user/nodes", WHO_USER, NO_BODY, RATE_USER, nodes_list, LANE_NONE, NULL, .polled = true },
	{ METHOD_GET, "/v1/user/nodes/config", WHO_NODE_USER, NO_BODY, RATE_USER, node_config, LANE_NONE, NULL,
	  .polled = true },
	{ METHOD_GET, "/v1/user/nodes/status", WHO_NODE_USER, NO_BODY, RATE_USER, node_status, LANE_NONE, NULL,
	  .polled = true },
	{ METHOD_GET, "/v1/user/nodes/params", WHO_NODE_USER_PARAMS, NO_BODY, RATE_USER, node_params, LANE_NONE, NULL,
	  .polled = true },
	/* its nodes stand in the body: command_set_params() checks each */
	{ METHOD_PUT, "/v1/user/nodes/params", WHO_USER, PARAMS, RATE_USER, params_put, LANE_COMMAND, params_put_slow },
	{ METHOD_PUT, "/v1/user/nodes/mapping", WHO_USER, MAPPING, RATE_USER, mapping_put, LANE_NONE, NULL },
	{ METHOD_GET, "/v1/user/nodes/mapping", WHO_USER, NO_BODY, RATE_USER, mapping_get, LANE_NONE, NULL,
	  .polled = true },

	{ METHOD_GET, "/v1/admin/nodes", WHO_ADMIN, NO_BODY, RATE_USER, admin_nodes_list, LANE_NONE, NULL,
	  .polled = true },
	{ METHOD_PUT, "/v1/admin/nodes", WHO_ADMIN, SMALL, RATE_USER, admin_nodes_activate, LANE_COMMAND,
	  admin_confirm_slow },
	{ METHOD_DELETE, "/v1/admin/nodes", WHO_ADMIN, SMALL, RATE_USER, admin_nodes_delete, LANE_COMMAND,
	  admin_confirm_slow },
	{ METHOD_POST, "/v1/admin/nodes/revoke", WHO_ADMIN, SMALL, RATE_USER, admin_nodes_revoke, LANE_COMMAND,
	  admin_confirm_slow },
	{ METHOD_POST, "/v1/admin/nodes/transfer", WHO_ADMIN, SMALL, RATE_USER, admin_nodes_transfer, LANE_NONE, NULL },
	{ METHOD_GET, "/v1/admin/nodes/certificates", WHO_ADMIN, NO_BODY, RATE_USER, admin_certificates_list, LANE_NONE,
	  NULL, .polled = true },
	{ METHOD_POST, "/v1/admin/nodes/certificate", WHO_ADMIN, CLAIM, RATE_USER, admin_certificate_post, LANE_CLAIM,
	  admin_certificate_post_slow },
	{ METHOD_GET, "/v1/admin/nodes/connections", WHO_ADMIN, NO_BODY, RATE_USER, admin_nodes_connections, LANE_NONE,
	  NULL, .polled = true },
	{ METHOD_GET, "/v1/admin/broker", WHO_ADMIN, NO_BODY, RATE_USER, admin_broker, LANE_NONE, NULL,
	  .polled = true },

	/* what the public admin command line calls to register nodes in bulk */
	{ METHOD_POST, "/v1/admin/node_ids", WHO_ADMIN, SMALL, RATE_USER, registration_order_node_ids, LANE_NONE,
	  NULL },
	{ METHOD_GET, "/v1/admin/node_ids", WHO_ADMIN, NO_BODY, RATE_USER, registration_node_ids, LANE_NONE, NULL },
	{ METHOD_GET, "/v1/admin/node_certificates/register", WHO_ADMIN, NO_BODY, RATE_USER,
	  registration_address_or_state, LANE_NONE, NULL },
	{ METHOD_POST, "/v1/admin/node_certificates/register", WHO_ADMIN, CLAIM, RATE_USER, registration_start,
	  LANE_NONE, NULL },
	{ METHOD_PUT, "/v1/admin/node_certificates/file", WHO_ADDRESS, CERTIFICATE_FILE, RATE_PROBE,
	  registration_upload, LANE_NONE, NULL },
	{ METHOD_GET, "/v1/admin/node_certificates/file", WHO_ANYONE, NO_BODY, RATE_PROBE, registration_download,
	  LANE_NONE, NULL },
	{ METHOD_GET, "/v1/admin/mqtt_host", WHO_ADMIN, NO_BODY, RATE_USER, root_mqtt_host, LANE_NONE, NULL },
	{ METHOD_GET, "/v1/admin/node_group", WHO_ADMIN, NO_BODY, RATE_USER, registration_node_group, LANE_NONE, NULL },
	{ METHOD_GET, "/v1/admin/rainmaker_deployment_details", WHO_ADMIN, NO_BODY, RATE_USER, registration_deployment,
	  LANE_NONE, NULL },

	{ METHOD_GET, "/v1/admin/self_claim", WHO_ADMIN, NO_BODY, RATE_USER, self_claim_get, LANE_NONE, NULL,
	  .polled = true },
	{ METHOD_PUT, "/v1/admin/self_claim", WHO_ADMIN, DEVICES, RATE_USER, self_claim_put, LANE_NONE, NULL },
	{ METHOD_DELETE, "/v1/admin/self_claim", WHO_ADMIN, NO_BODY, RATE_USER, self_claim_delete, LANE_NONE, NULL },
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
