#include "api/meter.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/expiry.h"
#include "api/routes.h"
#include "api/server.h"

enum { CLASSES = 5 }; /* 1xx to 5xx */

typedef struct metric_series *_Atomic series_at;

struct api_meter {
	struct metrics *metrics;
	struct metric_series *seconds;
	series_at *answers; /* by route, the last for none, and by class; made at a route's first answer of the class */
};

struct api_meter *api_meter_new(struct metrics *metrics)
{
	struct api_meter *meter = calloc(1, sizeof(*meter));
	series_at *answers = calloc((n_routes + 1) * CLASSES, sizeof(*answers));
	if (!meter || !answers)
		abort();
	meter->metrics = metrics;
	meter->answers = answers;
	meter->seconds = metrics_series(metrics, METRIC_HTTP_REQUEST_SECONDS, METRIC_NO_LABELS);
	return meter;
}

void api_meter_free(struct api_meter *meter)
{
	if (!meter)
		return;
	free(meter->answers);
	free(meter);
}

static const char *method_name(enum route_method method)
{
	switch (method) {
	case METHOD_GET: return "GET";
	case METHOD_POST: return "POST";
	case METHOD_PUT: return "PUT";
	case METHOD_DELETE: return "DELETE";
	case METHOD_OTHER: break;
	}
	return "other";
}

/* Two threads that come here at once get the same series. */
static struct metric_series *answers_of(const struct api_meter *meter, const struct route *route, int class)
{
	char name[] = "0xx";
	name[0] = (char)('0' + class);
	return metrics_series(
		meter->metrics, METRIC_HTTP_REQUESTS,
		METRIC_LABELS(route ? method_name(route->method) : "other", route ? route->path : "other", name));
}

void api_meter_answered(struct api_meter *meter, const struct route *route, int http, int64_t micros)
{
	int class = http / 100;
	if (!meter || class < 1 || class > CLASSES)
		return;
	size_t row = route ? (size_t)(route - routes) : n_routes;
	series_at *at = &meter->answers[row * CLASSES + (size_t)(class - 1)];
	struct metric_series *series = atomic_load_explicit(at, memory_order_acquire);
	if (!series) {
		series = answers_of(meter, route, class);
		atomic_store_explicit(at, series, memory_order_release);
	}
	metric_add(series, 1);
	metric_observe(meter->seconds, micros);
}

/* --- when the page is asked for --- */

static void show_lanes(const struct api *api)
{
	static const struct {
		const char *name;
		int64_t capacity;
	} lanes[N_LANES] = { [LANE_HASH] = { "hash", HASH_QUEUE_MAX },
			     [LANE_COMMAND] = { "command", COMMAND_QUEUE_MAX },
			     [LANE_CLAIM] = { "claim", CLAIM_QUEUE_MAX },
			     [LANE_OIDC] = { "oidc", OIDC_QUEUE_MAX } };
	struct metrics *metrics = api->options.metrics;
	for (size_t i = 0; i < N_LANES; i++) {
		if (!api->lanes[i])
			continue;
		const char *const *labels = METRIC_LABELS(lanes[i].name);
		metric_set(metrics_series(metrics, METRIC_API_LANE_QUEUED, labels),
			   (int64_t)lane_queued(api->lanes[i]));
		metric_set(metrics_series(metrics, METRIC_API_LANE_CAPACITY, labels), lanes[i].capacity);
	}
}

static void show_connections(const struct api *api, const struct listener *listener, const char *name)
{
	if (!listener->daemon)
		return;
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
	if (info)
		metric_set(metrics_series(api->options.metrics, METRIC_HTTP_CONNECTIONS, METRIC_LABELS(name)),
			   info->num_connections);
}

/* Once the API stops its listeners go; whoever asks then gets the figures of the page before. */
static void collect(void *context)
{
	const struct api *api = context;
	if (atomic_load(&api->stopping))
		return;
	show_lanes(api);
	show_connections(api, &api->plain, "http");
	show_connections(api, &api->tls, "https");
	metric_set(metrics_series(api->options.metrics, METRIC_HTTP_IN_HAND, METRIC_NO_LABELS),
		   atomic_load(&api->n_exchanges));
	expiry_show(api->options.metrics, api->options.certificates, API_CERTIFICATES_MAX);
}

void api_meter_watch(struct api *api)
{
	metrics_collect_with(api->options.metrics, collect, api);
}
