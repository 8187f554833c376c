#include "config/config.h"

#include <stddef.h>

/* clang-format off */
#define TEXT(field, required, otherwise, help) \
	{ #field, SETTING_TEXT, required, 0, otherwise, offsetof(struct config, field), help }
#define INTEGER(field, min, max, otherwise, help) \
	{ #field, SETTING_INTEGER, min, max, otherwise, offsetof(struct config, field), help }
/* clang-format on */

/* clang-format off */
#define BOOLEAN(field, otherwise, help) \
	{ #field, SETTING_BOOLEAN, 0, 0, otherwise, offsetof(struct config, field), help }
/* clang-format on */

enum { OPTIONAL = 0 };

/* What signerd has too, and nothing else: it must not even know where the database is. */
/* clang-format off */
#define SIGNER_ROWS \
	TEXT(signer_socket, OPTIONAL, "", "unix socket of signerd; none: no certificate can be issued"), \
	TEXT(signer_ca_dir, OPTIONAL, "", "folder with the node CAs; only for signerd and 'cistern ca'"), \
	TEXT(signer_passphrase_file, OPTIONAL, "", "file with the passphrase of the CA keys"), \
	TEXT(signer_log_file, OPTIONAL, "", "where signerd writes down every certificate before it hands it out"), \
	TEXT(signer_clients, OPTIONAL, "cistern", "users that may ask signerd, beside root; separated by commas")
#define LOG_ROW TEXT(log_level, OPTIONAL, "info", "error, warn, info or debug")
/* clang-format on */

static const struct setting rows[] = {
	TEXT(database_url, OPTIONAL, "",
	     "PostgreSQL URL of the daemon's role; of several hosts the one is used that takes writes"),
	TEXT(database_owner_url, OPTIONAL, "", "PostgreSQL URL of the schema's owner; only for 'cistern migrate'"),
	TEXT(database_password_file, OPTIONAL, "", "file with the password for the database URLs"),
	TEXT(database_role, OPTIONAL, "", "role to take on after connecting, when the login has more rights"),
	TEXT(roles, OPTIONAL, "api,ingest", "what runs in this process: api, ingest or both, separated by a comma"),
	TEXT(ingest_brokers, OPTIONAL, "main",
	     "the brokers that this process takes messages from, separated by commas"),
	TEXT(broker_host, OPTIONAL, "localhost",
	     "host of the broker's service listener, or the path of its unix listener"),
	INTEGER(broker_port, 1, 65535, "8884", "port of the broker's service listener"),
	TEXT(broker_ca_file, OPTIONAL, "", "CA that the broker's server certificate chains to"),
	TEXT(broker_cert_file, OPTIONAL, "", "the daemon's certificate from the service CA"),
	TEXT(broker_key_file, OPTIONAL, "", "its key"),
	TEXT(api_bind, OPTIONAL, "127.0.0.1", "address for plain HTTP; keep it on loopback"),
	INTEGER(api_port, 0, 65535, "8080", "port for plain HTTP; 0: none"),
	TEXT(api_tls_bind, OPTIONAL, "0.0.0.0", "address for HTTPS"),
	INTEGER(api_tls_port, 0, 65535, "8443", "port for HTTPS; 0: none"),
	TEXT(api_tls_cert_file, OPTIONAL, "", "server certificate chain for HTTPS"),
	TEXT(api_tls_key_file, OPTIONAL, "", "its key"),
	TEXT(api_public_url, OPTIONAL, "",
	     "URL of the API for addresses that it gives out, as https://host:port; default: as the client called it"),
	TEXT(api_cors_origins, OPTIONAL, "",
	     "web origins that may call the API from a browser, as https://console.example.org; separated by commas"),
	TEXT(api_cors_origin, OPTIONAL, "", "former name of api_cors_origins; set one of them"),
	INTEGER(api_threads, 1, 64, "2", "worker threads of each listener, each with its own database connection"),
	INTEGER(api_connections_max, 8, 65536, "2000", "open HTTP connections of each listener"),
	INTEGER(api_connections_per_address_max, 1, 65536, "500", "open HTTP connections from one address"),
	TEXT(metrics_bind, OPTIONAL, "127.0.0.1", "address for /metrics by plain HTTP; keep it on loopback"),
	INTEGER(metrics_port, 0, 65535, "0", "port for it; 0: none, /metrics is only part of the API"),
	TEXT(metrics_token_file, OPTIONAL, "",
	     "file with the token that it asks for, at least 32 characters; without one there is no such port"),
	TEXT(mqtt_host, OPTIONAL, "localhost", "the broker's public host name, told to nodes and apps"),
	TEXT(mqtt_cred_host, OPTIONAL, "", "host for camera credentials, told to clients; default: mqtt_host"),
	TEXT(token_key_file, OPTIONAL, "", "file with the key that signs access tokens, at least 32 characters"),
	TEXT(token_issuer, OPTIONAL, "cistern", "the tokens' issuer"),
	INTEGER(access_token_lifetime_s, 1, 3600, "3600", "life of access and id tokens"),
	INTEGER(session_lifetime_s, 60, 31536000, "7776000", "life of a session and its refresh token"),
	INTEGER(sign_in_per_minute, 1, 100000, "30",
		"sign-in, sign-up and code attempts per minute, per source and per account"),
	INTEGER(sign_in_failures_max, 1, 100000, "10",
		"wrong passwords and codes in 15 minutes, of one source at one account"),
	INTEGER(sign_in_strangers_failures_max, 1, 100000, "20",
		"the same in an hour, of all sources together that the account has never been used from"),
	INTEGER(requests_per_second, 1, 1000000, "200", "signed-in requests per second, per account"),
	TEXT(smtp_url, OPTIONAL, "", "smtp:// or smtps:// server for codes; none: codes are written to the log"),
	TEXT(smtp_from, OPTIONAL, "cistern@localhost", "sender of mail"),
	TEXT(smtp_user, OPTIONAL, "", "user name at the SMTP server"),
	TEXT(smtp_password_file, OPTIONAL, "", "file with the password for it"),
	TEXT(smtp_ca_file, OPTIONAL, "", "CA of the SMTP server; default: the system's"),
	TEXT(mail_template_dir, OPTIONAL, "",
	     "folder with texts of mail in place of the built-in ones, <template>.txt each"),
	INTEGER(mail_queue_max, 1, 65536, "256",
		"mails that wait for the SMTP server; beyond, who asks for one is told to wait"),
	TEXT(mail_app_name, OPTIONAL, "Cistern", "what mail calls this service"),
	TEXT(oidc_issuer, OPTIONAL, "", "https:// address of an OpenID Connect provider; none: no sign-in with one"),
	TEXT(oidc_client_id, OPTIONAL, "", "what we are called there"),
	TEXT(oidc_client_secret_file, OPTIONAL, "", "file with our secret there; none: a public client"),
	TEXT(oidc_redirect_url, OPTIONAL, "",
	     "where the provider sends browsers back to; default: api_public_url and /v1/oidc/callback"),
	TEXT(oidc_scopes, OPTIONAL, "openid email", "what is asked of the provider"),
	TEXT(oidc_ca_file, OPTIONAL, "", "CA of the provider; default: the system's"),
	TEXT(oidc_allowed_return_urls, OPTIONAL, "",
	     "addresses that apps may be sent back to after a sign-in, whole, separated by commas"),
	BOOLEAN(oidc_link_by_email, "false",
		"an existing account of a user is linked when the provider says that its address is theirs"),
	INTEGER(mapping_window_s, 1, 3600, "60", "how long one side of a mapping waits for the other"),
	INTEGER(sharing_lifetime_s, 1, 31536000, "604800", "life of an invitation to share nodes or groups"),
	INTEGER(ingest_batch_max, 1, 10000, "1000", "messages committed together at most"),
	INTEGER(ingest_batch_wait_ms, 0, 1000, "0", "how long a batch waits for more messages than are there"),
	TEXT(ca_file, OPTIONAL, "", "the CA that nodes trust, copied beside a new node's certificate"),
	SIGNER_ROWS,
	TEXT(node_trust_dir, OPTIONAL, "", "folder with the node CAs' certificates that the broker trusts"),
	TEXT(broker_pid_file, OPTIONAL, "", "of a broker on this machine; only for 'cistern ca rollover'"),
	TEXT(revocation_local_file, OPTIONAL, "",
	     "list that the broker on this machine reads; 'cistern node revoke' writes it when the daemon is away"),
	TEXT(crl_file, OPTIONAL, "", "where the daemon also writes the newest CRL in PEM; none: only served over HTTP"),
	INTEGER(claim_quota, 0, 1000000, "100", "nodes that one user may claim"),
	INTEGER(claim_pending_s, 60, 86400, "900", "how long an initiated claim waits for its certificate request"),
	INTEGER(claims_per_minute, 1, 100000, "30", "claim requests per minute, per source and per account"),
	BOOLEAN(self_claim, "false", "nodes on the administrator's list may claim by themselves"),
	TEXT(self_claim_key_file, OPTIONAL, "", "file with the key that the list's secrets are encrypted with"),
	LOG_ROW,
};

static const struct setting signer_rows[] = { SIGNER_ROWS, LOG_ROW };

enum status config_read(const char *path, struct config *ret_config, struct error *err)
{
	return settings_read(rows, ARRAY_LEN(rows), path, ret_config, err);
}

void config_print(void)
{
	settings_print(rows, ARRAY_LEN(rows));
}

enum status config_read_signer(const char *path, struct config *ret_config, struct error *err)
{
	return settings_read(signer_rows, ARRAY_LEN(signer_rows), path, ret_config, err);
}

void config_print_signer(void)
{
	settings_print(signer_rows, ARRAY_LEN(signer_rows));
}
