/* config/config.h - every setting of the daemon and of the operator's command line, one row each in config.c.
 *
 * Thread:  main, before threads start; read-only afterwards.
 * Memory:  a plain struct, filled whole.
 * Errors:  INVALID unknown, ill-formed or missing setting; the text says where.
 */
#ifndef CISTERN_CONFIG_CONFIG_H
#define CISTERN_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/settings.h"

struct config {
	setting_text database_url, database_owner_url, database_password_file, database_role;
	setting_text roles, ingest_brokers;
	setting_text broker_host, broker_ca_file, broker_cert_file, broker_key_file;
	int64_t broker_port;
	setting_text api_bind, api_tls_bind, api_tls_cert_file, api_tls_key_file, api_cors_origins, api_cors_origin;
	setting_text api_public_url;
	int64_t api_port, api_tls_port, api_threads, api_connections_max, api_connections_per_address_max;
	setting_text metrics_bind, metrics_token_file;
	int64_t metrics_port;
	setting_text mqtt_host, mqtt_cred_host;
	setting_text token_key_file, token_issuer;
	int64_t access_token_lifetime_s, session_lifetime_s;
	int64_t sign_in_per_minute, requests_per_second;
	int64_t sign_in_failures_max, sign_in_strangers_failures_max;
	setting_text smtp_url, smtp_from, smtp_user, smtp_password_file, smtp_ca_file;
	setting_text mail_template_dir, mail_app_name;
	int64_t mail_queue_max;
	setting_text oidc_issuer, oidc_client_id, oidc_client_secret_file, oidc_redirect_url, oidc_scopes;
	setting_text oidc_ca_file, oidc_allowed_return_urls;
	bool oidc_link_by_email;
	int64_t mapping_window_s, sharing_lifetime_s;
	int64_t ingest_batch_max, ingest_batch_wait_ms;
	setting_text ca_file;
	setting_text signer_socket, signer_ca_dir, signer_passphrase_file, signer_log_file, signer_clients;
	setting_text node_trust_dir, broker_pid_file, revocation_local_file, crl_file;
	int64_t claim_quota, claim_pending_s, claims_per_minute;
	bool self_claim;
	setting_text self_claim_key_file;
	setting_text log_level;
};

MUST_CHECK enum status config_read(const char *path, struct config *ret_config, struct error *err);
/* All rows, for --help. */
void config_print(void);

/* signerd's file: it has the rows signer_... and log_level alone, and any other is refused. */
MUST_CHECK enum status config_read_signer(const char *path, struct config *ret_config, struct error *err);
void config_print_signer(void);

#endif
