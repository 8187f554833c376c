/* cisternd - the daemon: takes the nodes' messages in, serves the API, hands commands to nodes. main() only wires rooms
 * together; docs/architecture.md has the picture and the list of threads. */
#include <curl/curl.h>
#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "account/account.h"
#include "account/oidc.h"
#include "api/api.h"
#include "api/origins.h"
#include "base/log.h"
#include "broker/publisher.h"
#include "claim/claim.h"
#include "claim/registrar.h"
#include "claim/renewal.h"
#include "config/config.h"
#include "ingest/ingest.h"
#include "push/mailer.h"
#include "revocation/crl.h"
#include "revocation/revocation.h"
#include "store/store.h"

/* Clients of the API give up after 5 s (rest.md section 15); a batch may be large. Stopping is told to take 10 s at most. */
enum {
	EXIT_USAGE = 2,
	API_STATEMENT_MS = 2000,
	INGEST_STATEMENT_MS = 10000,
	SIGNER_MS = 3000,
	DATABASE_RETRY_S = 1,
	STOP_S = 9
};

struct app {
	struct config config;
	char broker_name[SETTING_TEXT_MAX + 8]; /* host:port, what it says of itself is kept under this name */
	struct broker_options publisher_broker;
	struct publisher *publisher;
	struct mailer *mailer;
	struct account *account;
	char oidc_redirect_url[SETTING_TEXT_MAX + 32];
	struct oidc *oidc; /* NULL: not wanted */
	struct claim *claim;
	struct renewal *renewal;
	struct registrar *registrar;
	struct ingest *ingest;
	struct revocation *revocation;
	struct crl *crl;
	struct api *api;
};

static int usage(int status)
{
	FILE *out = status == 0 ? stdout : stderr;
	(void)fprintf(out, "usage: cisternd [--config FILE] [--check]\n\n"
			   "  --config FILE   settings; default $CISTERN_CONFIG\n"
			   "  --check         read the settings and exit\n"
			   "  --help          this text and every setting\n\n");
	if (status == 0) {
		(void)printf("Settings ('name = value' in the file, CISTERN_<NAME> in the environment):\n");
		config_print();
	}
	return status;
}

static struct broker_options broker_options(const struct config *config, const char *client_id)
{
	return (struct broker_options){ .host = config->broker_host,
					.port = (int)config->broker_port,
					.ca_file = config->broker_ca_file,
					.cert_file = config->broker_cert_file,
					.key_file = config->broker_key_file,
					.client_id = client_id };
}

static struct store_options store_options(const struct config *config, const char *name, int statement_timeout_ms)
{
	return (struct store_options){ .url = config->database_url,
				       .password_file = config->database_password_file,
				       .role = config->database_role,
				       .name = name,
				       .statement_timeout_ms = statement_timeout_ms };
}

/* True when one of the signals that end us came within the time. */
static bool is_told_to_stop(const sigset_t *signals, time_t wait_s)
{
	int signal_number = sigtimedwait(signals, NULL, &(struct timespec){ .tv_sec = wait_s });
	return signal_number > 0 && signal_number != SIGHUP; /* nothing is served yet that could be reloaded */
}

static void reload(const struct app *app)
{
	struct error err = { .status = STATUS_OK };
	if (api_reload_certificate(app->api, &err) == STATUS_OK)
		log_info("api.certificate_reloaded", F_STR("file", app->config.api_tls_cert_file));
	else
		log_error("api.certificate_refused", F_STR("reason", err.text));
}

/* Until a signal ends us; SIGHUP does not. */
static int wait_for_stop(const struct app *app, const sigset_t *signals)
{
	int signal_number = 0;
	for (;;) {
		(void)sigwait(signals, &signal_number);
		if (signal_number != SIGHUP)
			return signal_number;
		reload(app);
	}
}

/* A database that is away is waited for; one without our schema is the operator's to mend. */
static enum status wait_for_database(const struct app *app, const sigset_t *signals, struct error *err)
{
	struct store_options options = store_options(&app->config, "cisternd start", API_STATEMENT_MS);
	for (;;) {
		CLEANUP(store) struct store *store = NULL;
		enum status st = store_open(&options, &store, err);
		if (st != STATUS_UNAVAILABLE)
			return st;
		log_warn("start.waiting_for_database", F_STR("reason", err->text));
		if (is_told_to_stop(signals, DATABASE_RETRY_S))
			return st;
	}
}

/* --- what /readyz asks --- */

static bool is_publishing(void *context)
{
	const struct app *app = context;
	return publisher_is_connected(app->publisher);
}

static bool is_consuming(void *context)
{
	const struct app *app = context;
	return ingest_is_consuming(app->ingest);
}

/* --- each room's options from the settings --- */

static enum status start_mailer(struct app *app, struct error *err)
{
	const struct config *config = &app->config;
	const struct mailer_options options = { .smtp_url = config->smtp_url,
						.smtp_from = config->smtp_from,
						.smtp_user = config->smtp_user,
						.smtp_password_file = config->smtp_password_file,
						.ca_file = config->smtp_ca_file,
						.template_dir = config->mail_template_dir,
						.queue_max = (size_t)config->mail_queue_max,
						.app_name = config->mail_app_name };
	return mailer_start(&options, &app->mailer, err);
}

static enum status start_account(struct app *app, struct error *err)
{
	const struct config *config = &app->config;
	const struct account_options options = { .token_key_file = config->token_key_file,
						 .token_issuer = config->token_issuer,
						 .access_token_lifetime_s = config->access_token_lifetime_s,
						 .session_lifetime_s = config->session_lifetime_s,
						 .mailer = app->mailer };
	return account_open(&options, &app->account, err);
}

static enum status start_oidc(struct app *app, struct error *err)
{
	const struct config *config = &app->config;
	if (!*config->oidc_issuer)
		return STATUS_OK;
	if (*config->oidc_redirect_url)
		(void)snprintf(app->oidc_redirect_url, sizeof(app->oidc_redirect_url), "%s", config->oidc_redirect_url);
	else
		(void)snprintf(app->oidc_redirect_url, sizeof(app->oidc_redirect_url), "%s/v1/oidc/callback",
			       config->api_public_url);
	const struct oidc_options options = {
		.provider = { .issuer = config->oidc_issuer,
			      .client_id = config->oidc_client_id,
			      .client_secret_file = config->oidc_client_secret_file,
			      .redirect_url = app->oidc_redirect_url,
			      .scopes = config->oidc_scopes,
			      .ca_file = config->oidc_ca_file },
		.return_urls = config->oidc_allowed_return_urls,
		.link_by_email = config->oidc_link_by_email,
		.account = app->account,
	};
	return oidc_open(&options, &app->oidc, err);
}

static enum status start_publisher(struct app *app, struct error *err)
{
	app->publisher_broker = broker_options(&app->config, "cistern.publisher");
	return publisher_start(&app->publisher_broker, &app->publisher, err);
}

static struct signer_options signer_options(const struct config *config)
{
	return (struct signer_options){ .socket_path = config->signer_socket, .timeout_ms = SIGNER_MS };
}

static enum status start_claim(struct app *app, struct error *err)
{
	const struct config *config = &app->config;
	const struct claim_options options = { .signer = signer_options(config),
					       .quota = config->claim_quota,
					       .pending_s = config->claim_pending_s,
					       .mqtt_host = config->mqtt_host,
					       .mqtt_cred_host = config->mqtt_cred_host,
					       .self_claim = config->self_claim,
					       .self_claim_key_file = config->self_claim_key_file };
	return claim_open(&options, &app->claim, err);
}

static enum status start_renewal(struct app *app, struct error *err)
{
	const struct config *config = &app->config;
	const struct renewal_options options = { .store = store_options(config, "cisternd renewal", API_STATEMENT_MS),
						 .signer = signer_options(config),
						 .publisher = app->publisher };
	return renewal_start(&options, &app->renewal, err);
}

static enum status start_registrar(struct app *app, struct error *err)
{
	const struct config *config = &app->config;
	const struct registrar_options options = {
		.store = store_options(config, "cisternd registrar", INGEST_STATEMENT_MS),
		.import = { .trust_dir = config->node_trust_dir, .signer = signer_options(config) }
	};
	return registrar_start(&options, &app->registrar, err);
}

static enum status start_ingest(struct app *app, struct error *err)
{
	const struct config *config = &app->config;
	const struct ingest_options options = { .broker = broker_options(config, "cistern.ingest"),
						.broker_name = app->broker_name,
						.store = store_options(config, "cisternd ingest", INGEST_STATEMENT_MS),
						.batch_max = (int)config->ingest_batch_max,
						.batch_wait_ms = (int)config->ingest_batch_wait_ms };
	return ingest_start(&options, &app->ingest, err);
}

static enum status start_revocation(struct app *app, struct error *err)
{
	const struct revocation_options options = {
		.broker_name = app->broker_name,
		.store = store_options(&app->config, "cisternd revocation", API_STATEMENT_MS),
		.publisher = app->publisher,
	};
	return revocation_start(&options, &app->revocation, err);
}

static enum status start_crl(struct app *app, struct error *err)
{
	const struct crl_options options = {
		.store = store_options(&app->config, "cisternd crl", API_STATEMENT_MS),
		.signer = signer_options(&app->config),
		.file = app->config.crl_file,
	};
	return crl_start(&options, &app->crl, err);
}

static const char *web_origins(const struct config *config)
{
	return config->api_cors_origins[0] ? config->api_cors_origins : config->api_cors_origin;
}

/* Before anything is connected: a second daemon with the broker's client id would cut the first. */
static enum status check_origins(struct app *app, struct error *err)
{
	const struct config *config = &app->config;
	if (config->api_cors_origins[0] && config->api_cors_origin[0])
		return error_set(err, STATUS_INVALID,
				 "api_cors_origin is the former name of api_cors_origins: set one");
	return origins_check(web_origins(config), err);
}

static enum status start_api(struct app *app, struct error *err)
{
	const struct config *config = &app->config;
	const struct api_options options = {
		.store = store_options(config, "cisternd api", API_STATEMENT_MS),
		.account = app->account,
		.oidc = app->oidc,
		.publisher = app->publisher,
		.claim = app->claim,
		.signer = signer_options(config),
		.probes = { { "broker", is_publishing, app }, { "ingest", is_consuming, app } },
		.bind = config->api_bind,
		.port = (int)config->api_port,
		.tls_bind = config->api_tls_bind,
		.tls_port = (int)config->api_tls_port,
		.tls_cert_file = config->api_tls_cert_file,
		.tls_key_file = config->api_tls_key_file,
		.cors_origins = web_origins(config),
		.public_url = config->api_public_url,
		.threads = (int)config->api_threads,
		.connections_max = (int)config->api_connections_max,
		.connections_per_address_max = (int)config->api_connections_per_address_max,
		.mqtt_host = config->mqtt_host,
		.mqtt_cred_host = config->mqtt_cred_host,
		.sign_in_per_minute = (int)config->sign_in_per_minute,
		.sign_in_failures_max = (int)config->sign_in_failures_max,
		.sign_in_strangers_failures_max = (int)config->sign_in_strangers_failures_max,
		.claims_per_minute = (int)config->claims_per_minute,
		.requests_per_second = (int)config->requests_per_second,
		.mapping_window_s = (int)config->mapping_window_s,
		.sharing_lifetime_s = (int)config->sharing_lifetime_s,
	};
	return api_start(&options, &app->api, err);
}

/* In this order: what is used before who uses it. */
static enum status start(struct app *app, struct error *err)
{
	static enum status (*const steps[])(struct app *, struct error *) = {
		check_origins, start_mailer,    start_account, start_oidc,       start_claim, start_publisher,
		start_renewal, start_registrar, start_ingest,  start_revocation, start_crl,   start_api,
	};
	enum status st = STATUS_OK;
	for (size_t i = 0; st == STATUS_OK && i < ARRAY_LEN(steps); i++)
		st = steps[i](app, err);
	return st;
}

/* What is held and not acknowledged stays with the broker, so leaving without it loses nothing. */
static void leave_now(int signal_number)
{
	(void)signal_number;
	_exit(EXIT_SUCCESS);
}

/* Refuse new work first, then finish what is held; a database that does not answer cannot keep us. */
static void stop(struct app *app)
{
	(void)signal(SIGALRM, leave_now);
	(void)alarm(STOP_S);
	oidc_stop(app->oidc); /* else a slow provider would keep the API */
	api_stop(app->api);
	crl_stop(app->crl);
	revocation_stop(app->revocation);
	ingest_stop(app->ingest);
	registrar_stop(app->registrar);
	renewal_stop(app->renewal);
	publisher_stop(app->publisher);
	claim_close(app->claim);
	oidc_close(app->oidc);
	account_close(app->account);
	mailer_stop(app->mailer);
}

static int run(struct app *app)
{
	/* blocked before any thread is made, so that only main takes them */
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	(void)signal(SIGPIPE, SIG_IGN);

	(void)snprintf(app->broker_name, sizeof(app->broker_name), "%s:%d", app->config.broker_host,
		       (int)app->config.broker_port);
	struct error err = { .status = STATUS_OK };
	enum status st = wait_for_database(app, &signals, &err);
	if (st == STATUS_UNAVAILABLE)
		return EXIT_SUCCESS; /* told to stop while waiting */
	if (st == STATUS_OK)
		st = start(app, &err);
	if (st == STATUS_OK) {
		log_info("started", F_I64("api_port", app->config.api_port),
			 F_I64("api_tls_port", app->config.api_tls_port));
		log_info("stopping", F_I64("signal", wait_for_stop(app, &signals)));
	}
	stop(app);
	if (st != STATUS_OK) {
		log_error("start.failed", F_STR("status", status_name(st)), F_STR("reason", err.text));
		return EXIT_FAILURE;
	}
	log_info("stopped", F_STR("status", "ok"));
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
						 { "check", no_argument, NULL, 'k' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	const char *path = getenv("CISTERN_CONFIG");
	bool check_only = false;
	for (int option; (option = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
		switch (option) {
		case 'c': path = optarg; break;
		case 'k': check_only = true; break;
		case 'h': return usage(EXIT_SUCCESS);
		default: return usage(EXIT_USAGE);
		}
	}
	if (optind < argc)
		return usage(EXIT_USAGE);

	static struct app app; /* large, and one for the process: passed down from here */
	struct error err = { .status = STATUS_OK };
	if (config_read(path, &app.config, &err) != STATUS_OK || !log_set_level_named(app.config.log_level)) {
		log_error("settings.refused",
			  F_STR("reason", err.status ? err.text : "log_level: error, warn, info or debug"));
		return EXIT_USAGE;
	}
	if (check_only)
		return EXIT_SUCCESS;
	if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != 0 ||
	    client_library_start(&err) != STATUS_OK) {
		log_error("start.failed", F_STR("reason", "a library did not start"));
		return EXIT_FAILURE;
	}
	log_hold();
	int status = run(&app);
	log_release();
	client_library_stop();
	curl_global_cleanup();
	return status;
}
