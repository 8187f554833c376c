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
enum status documents_openapi(struct request *request, struct error *err);
enum status documents_page(struct request *request, struct error *err);
enum status documents_style(struct request *request, struct error *err);
enum status root_ready(struct request *request, struct error *err);
enum status metrics_get(struct request *request, struct error *err);

/* ca_handlers.c */
enum status ca_crl(struct request *request, struct error *err);
enum status ca_node_certificates(struct request *request, struct error *err);

/* sign_in_handlers.c */
enum status user_sign_up_or_confirm(struct request *request, struct error *err);
enum status user_sign_up_slow(struct request *request, struct error *err);
enum status user_login(struct request *request, struct error *err);
enum status user_login_slow(struct request *request, struct error *err);
enum status user_forgot_password(struct request *request, struct error *err);
enum status user_forgot_password_slow(struct request *request, struct error *err);
/* For every kind of sign-in: its answer, where it comes from (NULL: not known), and what the program calls itself. */
void user_put_tokens(struct reply *reply, const char *description, struct account_tokens *tokens);
const char *user_source(const struct request *request);
void user_copy_client(const struct request *request, char ret_client[SESSION_CLIENT_BYTES_MAX + 1]);

/* session_handlers.c */
enum status user_logout(struct request *request, struct error *err);
enum status sessions_list(struct request *request, struct error *err);
enum status sessions_end(struct request *request, struct error *err);

/* user_handlers.c */
enum status user_change_password(struct request *request, struct error *err);
enum status user_change_password_slow(struct request *request, struct error *err);
enum status user_delete(struct request *request, struct error *err);

/* profile_handlers.c */
enum status user_get(struct request *request, struct error *err);
enum status user_put(struct request *request, struct error *err);
enum status custom_data_get(struct request *request, struct error *err);
enum status custom_data_put(struct request *request, struct error *err);
bool profile_locale_valid(const char *text);

/* key_handlers.c */
enum status key_post(struct request *request, struct error *err);
enum status key_list(struct request *request, struct error *err);
enum status key_delete(struct request *request, struct error *err);

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
/* For the dispatcher (OBJECT_NODE_LIST): who is asking and the list in one round trip. Fills request->caller; NOT_FOUND: no live session. */
enum status nodes_list_with_session(struct request *request, struct error *err);
enum status node_put(struct request *request, struct error *err);
enum status node_delete(struct request *request, struct error *err);
enum status node_config(struct request *request, struct error *err);
enum status node_status(struct request *request, struct error *err);
enum status node_params(struct request *request, struct error *err);

/* group_list.c, group_handlers.c */
enum status group_list(struct request *request, struct error *err);
enum status group_post(struct request *request, struct error *err);
enum status group_put(struct request *request, struct error *err);
enum status group_delete(struct request *request, struct error *err);

/* params_handlers.c */
enum status params_put(struct request *request, struct error *err);
enum status params_put_slow(struct request *request, struct error *err);

/* mapping_handlers.c */
enum status mapping_put(struct request *request, struct error *err);
enum status mapping_get(struct request *request, struct error *err);

/* sharing_handlers.c */
enum status node_sharing_put(struct request *request, struct error *err);
enum status node_sharing_get(struct request *request, struct error *err);
enum status node_sharing_delete(struct request *request, struct error *err);
enum status node_sharing_requests_get(struct request *request, struct error *err);
enum status node_sharing_requests_put(struct request *request, struct error *err);
enum status node_sharing_requests_delete(struct request *request, struct error *err);
enum status group_sharing_put(struct request *request, struct error *err);
enum status group_sharing_get(struct request *request, struct error *err);
enum status group_sharing_delete(struct request *request, struct error *err);
enum status group_sharing_requests_get(struct request *request, struct error *err);
enum status group_sharing_requests_put(struct request *request, struct error *err);
enum status group_sharing_requests_delete(struct request *request, struct error *err);
/* challenge_handlers.c */
enum status challenge_initiate(struct request *request, struct error *err);
enum status challenge_verify(struct request *request, struct error *err);

/* claim_handlers.c */
enum status claim_initiate_post(struct request *request, struct error *err);
enum status claim_verify_post(struct request *request, struct error *err);
enum status claim_verify_slow(struct request *request, struct error *err);

/* broker_handlers.c */
enum status admin_broker(struct request *request, struct error *err);
enum status admin_broker_add(struct request *request, struct error *err);
enum status admin_broker_drain(struct request *request, struct error *err);
enum status admin_broker_remove(struct request *request, struct error *err);

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
enum status admin_confirm_slow(struct request *request, struct error *err);

/* admin_user_handlers.c */
enum status admin_users_list(struct request *request, struct error *err);
enum status admin_user_put(struct request *request, struct error *err);
enum status admin_user_delete(struct request *request, struct error *err);
enum status admin_user_nodes_list(struct request *request, struct error *err);

/* audit_handlers.c */
enum status audit_list(struct request *request, struct error *err);

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
