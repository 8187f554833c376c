#include "api/server.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

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
	api->limiter = limiter_new();
	enum status st = watch_start(&api->watch, err);
	if (st == STATUS_OK)
		st = lane_start(API_HASH_THREADS, HASH_QUEUE_MAX, exchange_run_slow, &api->lanes[LANE_HASH], err);
	if (st == STATUS_OK)
		st = lane_start(API_COMMAND_THREADS, COMMAND_QUEUE_MAX, exchange_run_slow, &api->lanes[LANE_COMMAND], err);
	if (st == STATUS_OK)
		st = start_listeners(api, err);
	if (st != STATUS_OK) {
		api_stop(api);
		return st;
	}
	*ret_api = api;
	return STATUS_OK;
}

/* Requests in hand end by themselves, for every stage has a deadline; we wait for the quick ones. */
static void wait_for_exchanges(struct api *api)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	int64_t until_us = clock_monotonic_us() + API_STOP_MS * 1000;
	while (atomic_load(&api->n_exchanges) > 0 && clock_monotonic_us() < until_us)
		(void)nanosleep(&pause, NULL); /* a short sleep only looks earlier */
	int n_cut = atomic_load(&api->n_exchanges);
	if (n_cut > 0)
		log_warn("api.cut", F_I64("requests", n_cut));
}

/* The lanes stop before the listeners: a suspended connection must be resumed before its daemon can end. */
void api_stop(struct api *api)
{
	if (!api)
		return;
	atomic_store(&api->stopping, true);
	listener_quiesce(&api->plain);
	listener_quiesce(&api->tls);
	wait_for_exchanges(api);
	for (size_t i = 0; i < N_LANES; i++)
		lane_stop(api->lanes[i]);
	listener_stop(&api->plain);
	listener_stop(&api->tls);
	for (size_t i = 0; i < N_LANES; i++)
		lane_free(api->lanes[i]);
	watch_stop(api->watch);
	limiter_free(api->limiter);
	pthread_key_delete(api->worker_key);
	free(api);
}
