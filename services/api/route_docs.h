/* api/route_docs.h - what /openapi.json and /docs/api tell of each route beside what its row says; named after the handler.
 *
 * Thread: any; constant. Memory: texts that live for ever.
 */
#ifndef CISTERN_API_ROUTE_DOCS_H
#define CISTERN_API_ROUTE_DOCS_H

#include <stdbool.h>

struct doc_param {
	const char *name; /* of a query parameter; NULL ends the list */
	const char *type; /* string, integer or boolean */
	bool required;
	const char *text;
};

struct route_doc {
	const char *tag;                /* the chapter */
	const char *summary;            /* a sentence without a full stop */
	const struct doc_param *params; /* of the query; NULL: none */
	const char *request;            /* an example body, JSON; NULL: no body */
	const char *answer;             /* the answer to it with status 200, JSON; NULL: not JSON */
};

extern const struct route_doc doc_root_versions;
extern const struct route_doc doc_root_mqtt_host;
extern const struct route_doc doc_root_alive;
extern const struct route_doc doc_root_ready;
extern const struct route_doc doc_ca_crl;
extern const struct route_doc doc_ca_node_certificates;
extern const struct route_doc doc_claim_initiate_post;
extern const struct route_doc doc_claim_verify_post;
extern const struct route_doc doc_user_sign_up_or_confirm;
extern const struct route_doc doc_user_login;
extern const struct route_doc doc_user_logout;
extern const struct route_doc doc_user_get;
extern const struct route_doc doc_oidc_start_get;
extern const struct route_doc doc_oidc_callback_get;
extern const struct route_doc doc_oidc_token_post;
extern const struct route_doc doc_oidc_authorize_get;
extern const struct route_doc doc_oidc_oauth_token_post;
extern const struct route_doc doc_nodes_list;
extern const struct route_doc doc_node_config;
extern const struct route_doc doc_node_status;
extern const struct route_doc doc_node_params;
extern const struct route_doc doc_params_put;
extern const struct route_doc doc_mapping_put;
extern const struct route_doc doc_mapping_get;
extern const struct route_doc doc_admin_nodes_list;
extern const struct route_doc doc_admin_nodes_activate;
extern const struct route_doc doc_admin_nodes_delete;
extern const struct route_doc doc_admin_nodes_revoke;
extern const struct route_doc doc_admin_nodes_transfer;
extern const struct route_doc doc_admin_certificates_list;
extern const struct route_doc doc_admin_certificate_post;
extern const struct route_doc doc_admin_nodes_connections;
extern const struct route_doc doc_admin_broker;
extern const struct route_doc doc_registration_order_node_ids;
extern const struct route_doc doc_registration_node_ids;
extern const struct route_doc doc_registration_address_or_state;
extern const struct route_doc doc_registration_start;
extern const struct route_doc doc_registration_upload;
extern const struct route_doc doc_registration_download;
extern const struct route_doc doc_registration_node_group;
extern const struct route_doc doc_registration_deployment;
extern const struct route_doc doc_self_claim_get;
extern const struct route_doc doc_self_claim_put;
extern const struct route_doc doc_self_claim_delete;

#endif
