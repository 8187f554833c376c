/* api/meter.h - what the API counts for /metrics (base/metrics.h): answers by route and class, their time; and, when the page is asked
 * for, what waits in its lanes, its connections, and when certificates end.
 *
 * Thread:  api_meter_answered() any; the others as api_start() and api_stop(). Adding takes a lock only for a route's first answer of
 *          its class.
 * Memory:  api_meter_new() makes it, api_meter_free() ends it (NULL is fine); the series stay with the metrics.
 * Errors:  none.
 */
#ifndef CISTERN_API_METER_H
#define CISTERN_API_METER_H

#include <stdint.h>

#include "base/metrics.h"

struct api;
struct api_meter;
struct route;

struct api_meter *api_meter_new(struct metrics *metrics);
void api_meter_free(struct api_meter *meter);

/* The route is NULL when none matched. Without a meter (NULL) nothing is counted. */
void api_meter_answered(struct api_meter *meter, const struct route *route, int http, int64_t micros);

/* The listeners are up: from now on the page tells of them. */
void api_meter_watch(struct api *api);

#endif
