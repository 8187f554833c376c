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
#include "api/metrics_listener.h"
#include "api/origins.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/process_metrics.h"
#include "broker/pool.h"
#include "claim/claim.h"
#include "claim/registrar.h"
#include "claim/renewal.h"
#include "command/brokers.h"
#include "config/config.h"
#include "ingest/ingest.h"
#include "push/mailer.h"
#include "revocation/crl.h"
#include "revocation/revocation.h"
#include "store/broker.h"
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

/* What takes the messages of one broker. */
struct broker_ingest {
	struct broker_row row; /* its texts are the ingest's too */
	struct ingest *ingest;
};

struct app {
	struct config config;
	struct metrics *metrics;
	struct process_metrics *process;
	struct metrics_listener *metrics_listener; /* NULL: not wanted */
	bool serves_api, takes_messages;           /* the roles */
	struct pool *pool;                         /* with the role api: a publisher for each broker */
	struct brokers *brokers;
	struct mailer *mailer;
	struct account *account;
	char oidc_redirect_url[SETTING_TEXT_MAX + 32];
	struct oidc *oidc; /* NULL: not wanted */
	struct claim *claim;
	struct renewal *renewal;
	struct registrar *registrar;
	struct broker_ingest ingests[BROKERS_MAX];
	size_t n_ingests;
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

/* Every broker takes the daemon by the same certificates. */
static struct broker_options broker_options(const struct app *app, const char *host, int port, const char *name,
					    const char *client_id)
{
	const struct config *config = &app->config;
	return (struct broker_options){ .host = host,
					.port = port,
					.name = name,
					.ca_file = config->broker_ca_file,
					.cert_file = config->broker_cert_file,
					.key_file = config->broker_key_file,
					.metrics = app->metrics,
					.client_id = client_id };
}

static struct store_options store_options(const struct app *app, const char *name, int statement_timeout_ms)
{
	const struct config *config = &app->config;
	return (struct store_options){ .url = config->database_url,
				       .password_file = config->database_password_file,
				       .role = config->database_role,
				       .name = name,
				       .statement_timeout_ms = statement_timeout_ms,
				       .metrics = app->metrics };
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
	if (!app->api)
		return;
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
	struct store_options options = store_options(app, "cisternd start", API_STATEMENT_MS);
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

/* --- what /readyz asks: one broker that is away must not take the others from their users --- */

static bool is_publishing(void *context)
{
	const struct app *app = context;
	return pool_is_any_connected(app->pool);
}

static bool is_consuming(void *context)
{
	const struct app *app = context;
	for (size_t i = 0; i < app->n_ingests; i++) {
		if (ingest_is_consuming(app->ingests[i].ingest))
			return true;
	}
	return false;
}

/* --- each room's options from the settings --- */

/* Before the database is there: somebody may be looking why it is not. */
static enum status start_metrics(struct app *app, struct error *err)
{
	const struct config *config = &app->config;
	app->metrics = metrics_new();
	app->process = process_metrics_start(app->metrics);
	if (config->metrics_port == 0)
		return STATUS_OK;
	const struct metrics_listener_options options = { .bind = config->metrics_bind,
							  .port = (int)config->metrics_port,
							  .token_file = config->metrics_token_file,
							  .metrics = app->metrics };
	return metrics_listener_start(&options, &app->metrics_listener, err);
}

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
						.metrics = app->metrics,
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

/* --- the brokers --- */

static bool list_has(const char *list, const char *word)
{
	size_t len = strlen(word);
	for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
		at += strspn(at, " ");
		if (strncmp(at, word, len) == 0 && strchr(",", at[len + strspn(at + len, " ")]))
			return true; /* strchr() finds the end of its text too */
	}
	return false;
}

static enum status read_roles(struct app *app, struct error *err)
{
	static const char *const allowed[] = {
		"api", "ingest", "api,ingest", "ingest,api", "api, ingest", "ingest, api"
	};
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
		if (strcmp(app->config.roles, allowed[i]) != 0)
			continue;
		app->serves_api = list_has(allowed[i], "api");
		app->takes_messages = list_has(allowed[i], "ingest");
		return STATUS_OK;
	}
	return error_set(err, STATUS_INVALID, "roles: api, ingest or both, not '%.64s'", app->config.roles);
}

static enum status add_ingest(struct app *app, struct store *store, const char *name, struct error *err)
{
	if (app->n_ingests == BROKERS_MAX)
		return error_set(err, STATUS_INVALID, "ingest_brokers: more than %d", BROKERS_MAX);
	for (size_t i = 0; i < app->n_ingests; i++) {
		if (strcmp(app->ingests[i].row.name, name) == 0)
			return error_set(err, STATUS_INVALID, "ingest_brokers: '%s' stands there twice", name);
	}
	enum status st = store_broker_get(store, name, &app->ingests[app->n_ingests].row, err);
	if (st == STATUS_OK)
		app->n_ingests++;
	return st;
}

/* The table tells where each broker is; `main` is written there as the settings have it, by the process that takes its messages. */
static enum status find_brokers(struct app *app, struct error *err)
{
	const struct config *config = &app->config;
	const struct store_options options = store_options(app, "cisternd start", API_STATEMENT_MS);
	CLEANUP(store) struct store *store = NULL;
	enum status st = app->takes_messages ? store_open(&options, &store, err) : STATUS_OK;
	if (st != STATUS_OK || !app->takes_messages)
		return st;
	if (list_has(config->ingest_brokers, BROKER_MAIN))
		st = store_broker_put_main(store, config->mqtt_host, config->broker_host, (int)config->broker_port,
					   err);
	setting_text names;
	memcpy(names, config->ingest_brokers, sizeof(names));
	char *rest = NULL;
	for (char *name = strtok_r(names, ", ", &rest); st == STATUS_OK && name; name = strtok_r(NULL, ", ", &rest))
		st = add_ingest(app, store, name, err);
	if (st == STATUS_OK && app->n_ingests == 0)
		return error_set(err, STATUS_INVALID, "ingest_brokers: none, with the role ingest");
	return st;
}

static void *start_revocation(void *context, const char *name, struct publisher *publisher)
{
	const struct app *app = context;
	const struct revocation_options options = {
		.broker_name = name,
		.store = store_options(app, "cisternd revocation", API_STATEMENT_MS),
		.publisher = publisher,
	};
	struct revocation *revocation = NULL;
	struct error err = { .status = STATUS_OK };
	if (revocation_start(&options, &revocation, &err) != STATUS_OK)
		log_error("revocation.not_started", F_STR("broker", name), F_STR("reason", err.text));
	return revocation;
}

static void stop_revocation(void *context, void *attached)
{
	(void)context;
	revocation_stop(attached);
}

static enum status start_brokers(struct app *app, struct error *err)
{
	const struct pool_options options = { .broker = broker_options(app, NULL, 0, NULL, "cistern.publisher"),
					      .attach = start_revocation,
					      .detach = stop_revocation,
					      .context = app };
	const struct store_options store = store_options(app, "cisternd brokers", API_STATEMENT_MS);
	app->pool = pool_new(&options);
	return brokers_start(&store, app->pool, &app->brokers, err);
}

static bool mqtt_host_of(void *context, const char *node_id, char *ret_host)
{
	const struct app *app = context;
	return app->pool && pool_mqtt_host(app->pool, node_id, ret_host);
}

/* --- the other rooms' options --- */

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
					       .mqtt_host_of = mqtt_host_of,
					       .mqtt_host_context = app,
					       .self_claim = config->self_claim,
					       .self_claim_key_file = config->self_claim_key_file };
	return claim_open(&options, &app->claim, err);
}

static enum status start_renewal(struct app *app, struct error *err)
{
	const struct config *config = &app->config;
	const struct renewal_options options = { .store = store_options(app, "cisternd renewal", API_STATEMENT_MS),
						 .signer = signer_options(config),
						 .pool = app->pool };
	return renewal_start(&options, &app->renewal, err);
}

static enum status start_registrar(struct app *app, struct error *err)
{
	const struct config *config = &app->config;
	const struct registrar_options options = {
		.store = store_options(app, "cisternd registrar", INGEST_STATEMENT_MS),
		.import = { .trust_dir = config->node_trust_dir, .signer = signer_options(config) }
	};
	return registrar_start(&options, &app->registrar, err);
}

static enum status start_ingest_of(struct app *app, struct broker_ingest *of, struct error *err)
{
	const struct config *config = &app->config;
	const struct ingest_options options = { .broker =
							broker_options(app, of->row.service_host, of->row.service_port,
								       of->row.name, "cistern.ingest"),
						.broker_name = of->row.name,
						.store = store_options(app, "cisternd ingest", INGEST_STATEMENT_MS),
						.metrics = app->metrics,
						.batch_max = (int)config->ingest_batch_max,
						.batch_wait_ms = (int)config->ingest_batch_wait_ms };
	return ingest_start(&options, &of->ingest, err);
}

static enum status start_ingests(struct app *app, struct error *err)
{
	enum status st = STATUS_OK;
	for (size_t i = 0; st == STATUS_OK && i < app->n_ingests; i++)
		st = start_ingest_of(app, &app->ingests[i], err);
	return st;
}

static enum status start_crl(struct app *app, struct error *err)
{
	const struct crl_options options = {
		.store = store_options(app, "cisternd crl", API_STATEMENT_MS),
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
		.store = store_options(app, "cisternd api", API_STATEMENT_MS),
		.account = app->account,
		.oidc = app->oidc,
		.pool = app->pool,
		.claim = app->claim,
		.signer = signer_options(config),
		.metrics = app->metrics,
		.certificates = { { "api", config->api_tls_cert_file },
				  { "daemon", config->broker_cert_file },
				  { "service_ca", config->broker_ca_file },
				  { "server_ca", config->ca_file },
				  { "node_ca", config->node_trust_dir } },
		.probes = { { "broker", is_publishing, app },
			    { app->takes_messages ? "ingest" : NULL, is_consuming, app } },
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
	enum role { EVERY, API, INGEST };
	static const struct {
		enum role role;
		enum status (*run)(struct app *, struct error *);
	} steps[] = {
		{ API, check_origins },   { EVERY, find_brokers },   { API, start_mailer },  { API, start_account },
		{ API, start_oidc },      { API, start_claim },      { API, start_brokers }, { API, start_renewal },
		{ API, start_registrar }, { INGEST, start_ingests }, { API, start_crl },     { API, start_api },
	};
	enum status st = STATUS_OK;
	for (size_t i = 0; st == STATUS_OK && i < ARRAY_LEN(steps); i++) {
		if (steps[i].role == EVERY || (steps[i].role == API ? app->serves_api : app->takes_messages))
			st = steps[i].run(app, err);
	}
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
	metrics_listener_stop(app->metrics_listener); /* it looks at all the others */
	oidc_stop(app->oidc);                         /* else a slow provider would keep the API */
	api_stop(app->api);
	crl_stop(app->crl);
	for (size_t i = 0; i < app->n_ingests; i++)
		ingest_stop(app->ingests[i].ingest);
	registrar_stop(app->registrar);
	renewal_stop(app->renewal);
	brokers_stop(app->brokers);
	pool_free(app->pool);
	claim_close(app->claim);
	oidc_close(app->oidc);
	account_close(app->account);
	mailer_stop(app->mailer);
	process_metrics_stop(app->process);
	metrics_free(app->metrics);
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

	struct error err = { .status = STATUS_OK };
	enum status st = start_metrics(app, &err);
	if (st == STATUS_OK) {
		st = wait_for_database(app, &signals, &err);
		if (st == STATUS_UNAVAILABLE) { /* told to stop while waiting */
			stop(app);
			return EXIT_SUCCESS;
		}
	}
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
	if (config_read(path, &app.config, &err) != STATUS_OK || read_roles(&app, &err) != STATUS_OK ||
	    !log_set_level_named(app.config.log_level)) {
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
