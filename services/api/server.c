#include "api/server.h"

#include <stdlib.h>
#include <time.h>

#include "api/certificate.h"
#include "api/documents.h"
#include "api/meter.h"
#include "base/clock.h"
#include "base/log.h"

enum { SEND_MS = 500 }; /* for the replies of what the lanes did last */

static enum status start_listeners(struct api *api, struct error *err)
{
	const struct api_options *options = &api->options;
	enum status st = STATUS_OK;
	if (options->port > 0) {
		const struct listener_options plain = { .bind = options->bind, .port = options->port };
		st = listener_start(api, &plain, &api->plain, err);
	}
	if (st == STATUS_OK && options->tls_port > 0) {
		const struct listener_options tls = { .bind = options->tls_bind,
						      .port = options->tls_port,
						      .cert_file = options->tls_cert_file ? options->tls_cert_file : "",
						      .key_file = options->tls_key_file };
		st = listener_start(api, &tls, &api->tls, err);
	}
	return st;
}

enum status api_start(const struct api_options *options, struct api **ret_api, struct error *err)
{
	struct api *api = calloc(1, sizeof(*api));
	if (!api || pthread_key_create(&api->worker_key, worker_free) != 0)
		abort();
	api->options = *options;
	api->documents = documents_new(options->public_url);
	api->options.documents = api->documents;
	api->meter = api_meter_new(options->metrics);
	api->options.meter = api->meter;
	api->limiter = limiter_new();
	enum status st = watch_start(&api->watch, err);
	if (st == STATUS_OK)
		st = lane_start(API_HASH_THREADS, HASH_QUEUE_MAX, exchange_run_slow, &api->lanes[LANE_HASH], err);
	if (st == STATUS_OK)
		st = lane_start(API_COMMAND_THREADS, COMMAND_QUEUE_MAX, exchange_run_slow, &api->lanes[LANE_COMMAND],
				err);
	if (st == STATUS_OK)
		st = lane_start(API_CLAIM_THREADS, CLAIM_QUEUE_MAX, exchange_run_slow, &api->lanes[LANE_CLAIM], err);
	if (st == STATUS_OK && options->oidc)
		st = lane_start(API_OIDC_THREADS, OIDC_QUEUE_MAX, exchange_run_slow, &api->lanes[LANE_OIDC], err);
	if (st == STATUS_OK)
		st = start_listeners(api, err);
	if (st != STATUS_OK) {
		api_stop(api);
		return st;
	}
	api_meter_watch(api);
	*ret_api = api;
	return STATUS_OK;
}

enum status api_reload_certificate(const struct api *api, struct error *err)
{
	const struct api_options *options = &api->options;
	if (options->tls_port == 0)
		return STATUS_OK;
	return certificate_load(CERTIFICATE_REPLACED, options->tls_cert_file, options->tls_key_file, err);
}

/* Requests in hand end by themselves, for every stage has a deadline; we wait for the quick ones. */
static int wait_for_exchanges(struct api *api, int64_t wait_ms)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	int64_t until_us = clock_monotonic_us() + wait_ms * 1000;
	while (atomic_load(&api->n_exchanges) > 0 && clock_monotonic_us() < until_us)
		(void)nanosleep(&pause, NULL); /* a short sleep only looks earlier */
	return atomic_load(&api->n_exchanges);
}

/* The lanes stop before the listeners: a suspended connection must be resumed before its daemon can end. */
void api_stop(struct api *api)
{
	if (!api)
		return;
	atomic_store(&api->stopping, true);
	listener_quiesce(&api->plain);
	listener_quiesce(&api->tls);
	(void)wait_for_exchanges(api, API_STOP_MS); /* asked again below */
	for (size_t i = 0; i < N_LANES; i++)
		lane_stop(api->lanes[i]);
	int n_cut = wait_for_exchanges(api, SEND_MS);
	if (n_cut > 0)
		log_warn("api.cut", F_I64("requests", n_cut));
	listener_stop(&api->plain);
	listener_stop(&api->tls);
	certificate_done();
	for (size_t i = 0; i < N_LANES; i++)
		lane_free(api->lanes[i]);
	watch_stop(api->watch);
	documents_free(api->documents);
	api_meter_free(api->meter);
	limiter_free(api->limiter);
	pthread_key_delete(api->worker_key);
	free(api);
}
