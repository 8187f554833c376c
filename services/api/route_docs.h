/* api/route_docs.h - what /openapi.json and /docs/api tell of each route beside what its row says; named after the handler.
 * A chapter or two a file: route_docs.c (service, claiming), user_docs.c, node_docs.c, sharing_docs.c, group_docs.c, fleet_docs.c,
 * registration_docs.c.
 *
 * Examples are about one world: user ann@example.org, whose node is lamp1 and whose group is Home, with Kitchen inside;
 * bob@example.org, whom she shares with; eve@example.org, who comes and goes; an administrator, of whose fleet lamp1 to lamp9 are.
 * tests/scenario/test_openapi.py makes that world, sends every example to a real stack and compares status, members and JSON types of
 * the answer. What can only be known then (codes, tokens, ids) stands in the examples in capitals, as REFRESH_TOKEN, and is put in
 * there.
 *
 * Thread: any; constant. Memory: texts that live for ever.
 */
#ifndef CISTERN_API_ROUTE_DOCS_H
#define CISTERN_API_ROUTE_DOCS_H

#include <stdbool.h>

/* An example as it reads; blanks between its words do not matter. */
#define JSON(...) #__VA_ARGS__

struct doc_param {
	const char *name; /* of a query parameter; NULL ends the list */
	const char *type; /* string, integer or boolean */
	bool required;
	const char *text;
};

/* A further example, for a route that answers two questions. */
struct doc_example {
	const char *name;  /* a few words, in one route only once; NULL ends the list */
	const char *query; /* as `node_id=lamp1`; NULL: none */
	const char *request, *answer;
};

struct route_doc {
	const char *tag;                  /* the chapter */
	const char *summary;              /* a sentence without a full stop */
	const char *text;                 /* more sentences; NULL: none */
	const struct doc_param *params;   /* of the query; NULL: none */
	const char *query;                /* of the example, as `node_id=lamp1`; NULL: none */
	const char *request;              /* its body, JSON; NULL: no body */
	const char *answer;               /* the answer to it with status 200, JSON; NULL: not JSON */
	const char *request_type;         /* Content-Type of the body; NULL: application/json */
	const char *answer_type;          /* likewise */
	const struct doc_example *others; /* NULL: none */
	bool redirects;                   /* the answer is 302 with a Location, and no body */
};

extern const struct route_doc doc_root_versions;
extern const struct route_doc doc_root_mqtt_host;
extern const struct route_doc doc_root_alive;
extern const struct route_doc doc_root_ready;
extern const struct route_doc doc_metrics_get;
extern const struct route_doc doc_documents_openapi;
extern const struct route_doc doc_documents_page;
extern const struct route_doc doc_documents_style;
extern const struct route_doc doc_ca_crl;
extern const struct route_doc doc_ca_node_certificates;
extern const struct route_doc doc_claim_initiate_post;
extern const struct route_doc doc_claim_verify_post;
extern const struct route_doc doc_user_sign_up_or_confirm;
extern const struct route_doc doc_user_login;
extern const struct route_doc doc_user_logout;
extern const struct route_doc doc_user_get;
extern const struct route_doc doc_user_forgot_password;
extern const struct route_doc doc_user_change_password;
extern const struct route_doc doc_user_put;
extern const struct route_doc doc_user_delete;
extern const struct route_doc doc_custom_data_get;
extern const struct route_doc doc_custom_data_put;
extern const struct route_doc doc_sessions_list;
extern const struct route_doc doc_sessions_end;
extern const struct route_doc doc_key_post;
extern const struct route_doc doc_key_list;
extern const struct route_doc doc_key_delete;
extern const struct route_doc doc_admin_users_list;
extern const struct route_doc doc_admin_user_put;
extern const struct route_doc doc_admin_user_delete;
extern const struct route_doc doc_admin_user_nodes_list;
extern const struct route_doc doc_audit_list;
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
extern const struct route_doc doc_node_sharing_put;
extern const struct route_doc doc_node_sharing_get;
extern const struct route_doc doc_node_sharing_delete;
extern const struct route_doc doc_node_sharing_requests_get;
extern const struct route_doc doc_node_sharing_requests_put;
extern const struct route_doc doc_node_sharing_requests_delete;
extern const struct route_doc doc_group_sharing_put;
extern const struct route_doc doc_group_sharing_get;
extern const struct route_doc doc_group_sharing_delete;
extern const struct route_doc doc_group_sharing_requests_get;
extern const struct route_doc doc_group_sharing_requests_put;
extern const struct route_doc doc_group_sharing_requests_delete;
extern const struct route_doc doc_node_put;
extern const struct route_doc doc_node_delete;
extern const struct route_doc doc_challenge_initiate;
extern const struct route_doc doc_challenge_verify;
extern const struct route_doc doc_group_list;
extern const struct route_doc doc_group_post;
extern const struct route_doc doc_group_put;
extern const struct route_doc doc_group_delete;
extern const struct route_doc doc_admin_nodes_list;
extern const struct route_doc doc_admin_nodes_activate;
extern const struct route_doc doc_admin_nodes_delete;
extern const struct route_doc doc_admin_nodes_revoke;
extern const struct route_doc doc_admin_nodes_transfer;
extern const struct route_doc doc_admin_certificates_list;
extern const struct route_doc doc_admin_certificate_post;
extern const struct route_doc doc_admin_nodes_connections;
extern const struct route_doc doc_admin_broker;
extern const struct route_doc doc_admin_broker_add;
extern const struct route_doc doc_admin_broker_drain;
extern const struct route_doc doc_admin_broker_remove;
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
