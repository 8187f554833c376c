/* api/handlers.h - what the route table names. Each handler has its subject in <subject>_handlers.c.
 *
 * A handler runs after the dispatcher has let the request pass: limits held, caller known, node the caller's if the row
 * says so, request->store there. It writes reply.body and returns OK, or notes a failure (reply_fail) and returns its status.
 */
#ifndef CISTERN_API_HANDLERS_H
#define CISTERN_API_HANDLERS_H

#include "api/request.h"

/* root_handlers.c */
enum status root_versions(struct request *request, struct error *err);
enum status root_mqtt_host(struct request *request, struct error *err);
enum status root_alive(struct request *request, struct error *err);
enum status root_ready(struct request *request, struct error *err);

/* ca_handlers.c */
enum status ca_crl(struct request *request, struct error *err);
enum status ca_node_certificates(struct request *request, struct error *err);

/* user_handlers.c */
enum status user_sign_up_or_confirm(struct request *request, struct error *err);
enum status user_sign_up_slow(struct request *request, struct error *err);
enum status user_login(struct request *request, struct error *err);
enum status user_login_slow(struct request *request, struct error *err);
enum status user_logout(struct request *request, struct error *err);
enum status user_get(struct request *request, struct error *err);
/* The answer to every sign-in. */
void user_put_tokens(struct reply *reply, const char *description, struct account_tokens *tokens);

/* oidc_handlers.c */
enum status oidc_start_get(struct request *request, struct error *err);
enum status oidc_authorize_get(struct request *request, struct error *err);
enum status oidc_start_slow(struct request *request, struct error *err);
enum status oidc_callback_get(struct request *request, struct error *err);
enum status oidc_callback_slow(struct request *request, struct error *err);
enum status oidc_token_post(struct request *request, struct error *err);
enum status oidc_oauth_token_post(struct request *request, struct error *err);

/* node_handlers.c */
enum status nodes_list(struct request *request, struct error *err);
enum status node_config(struct request *request, struct error *err);
enum status node_status(struct request *request, struct error *err);
enum status node_params(struct request *request, struct error *err);

/* params_handlers.c */
enum status params_put(struct request *request, struct error *err);
enum status params_put_slow(struct request *request, struct error *err);

/* mapping_handlers.c */
enum status mapping_put(struct request *request, struct error *err);
enum status mapping_get(struct request *request, struct error *err);

/* claim_handlers.c */
enum status claim_initiate_post(struct request *request, struct error *err);
enum status claim_verify_post(struct request *request, struct error *err);
enum status claim_verify_slow(struct request *request, struct error *err);

/* self_claim_handlers.c */
enum status self_claim_get(struct request *request, struct error *err);
enum status self_claim_put(struct request *request, struct error *err);
enum status self_claim_delete(struct request *request, struct error *err);

/* admin_handlers.c */
enum status admin_nodes_list(struct request *request, struct error *err);
enum status admin_nodes_activate(struct request *request, struct error *err);
enum status admin_nodes_revoke(struct request *request, struct error *err);
enum status admin_nodes_delete(struct request *request, struct error *err);
enum status admin_nodes_transfer(struct request *request, struct error *err);
enum status admin_nodes_connections(struct request *request, struct error *err);
enum status admin_broker(struct request *request, struct error *err);
enum status admin_confirm_slow(struct request *request, struct error *err);

/* certificate_handlers.c */
enum status admin_certificates_list(struct request *request, struct error *err);
enum status admin_certificate_post(struct request *request, struct error *err);
enum status admin_certificate_post_slow(struct request *request, struct error *err);

/* registration_handlers.c */
enum status registration_order_node_ids(struct request *request, struct error *err);
enum status registration_node_ids(struct request *request, struct error *err);
enum status registration_address_or_state(struct request *request, struct error *err);
enum status registration_start(struct request *request, struct error *err);
enum status registration_check_address(struct request *request, struct error *err);
enum status registration_upload(struct request *request, struct error *err);
enum status registration_download(struct request *request, struct error *err);
enum status registration_node_group(struct request *request, struct error *err);
enum status registration_deployment(struct request *request, struct error *err);

#endif
