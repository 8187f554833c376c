/* base/metrics.h - what is counted, and the page that tells it: Prometheus text form 0.0.4.
 *
 * The table of rows is metrics_table.c; docs/metrics.md tells the same to people. A room asks for its series once, when it starts, and adds
 * to them: one relaxed atomic addition, no lock. What is cheaper to look up than to keep counted is put by a collector, which runs
 * when the page is asked for.
 *
 * Labels never hold anything that grows with the fleet: a row takes METRICS_SERIES_MAX series, and beyond that nothing is counted.
 *
 * Thread:  any. A collector runs in the thread that renders, one page at a
 *          time. What a collector looks at must outlive the last rendering.
 * Memory:  metrics_new() makes it, metrics_free() ends it and every series (NULL is fine for both). Label values are copied.
 * Errors:  none. Without metrics (NULL), or beyond the limit, a series is NULL, and adding to that does nothing.
 * Units:   values are integers in the row's unit: seconds are counted in microseconds and written with a decimal point.
 */
#ifndef CISTERN_BASE_METRICS_H
#define CISTERN_BASE_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum metric {
	METRIC_INGEST_RECEIVED,
	METRIC_INGEST_COMMITTED,
	METRIC_INGEST_DEAD_LETTERED,
	METRIC_INGEST_BATCH_MESSAGES,
	METRIC_INGEST_COMMIT_SECONDS,
	METRIC_INGEST_OLDEST_SECONDS,
	METRIC_INGEST_CONSUMING,
	METRIC_INGEST_INTERRUPTIONS,

	METRIC_BROKER_PUBLISHER_CONNECTED,
	METRIC_BROKER_STORED_MESSAGES,
	METRIC_BROKER_STORED_BYTES,
	METRIC_BROKER_DROPPED,
	METRIC_BROKER_CLIENTS,
	METRIC_BROKER_UPTIME_SECONDS,
	METRIC_BROKER_NODES,
	METRIC_BROKER_CONNECTS,
	METRIC_BROKER_DISCONNECTS,
	METRIC_BROKER_DENIED,
	METRIC_BROKER_CUT,
	METRIC_BROKER_PRODUCT_MESSAGES,
	METRIC_BROKER_REVOCATION_VERSION,
	METRIC_BROKER_REVOCATION_ALARM,

	METRIC_DATABASE_UP,
	METRIC_DATABASE_CONNECTIONS,
	METRIC_DATABASE_CONNECT_FAILURES,

	METRIC_HTTP_REQUESTS,
	METRIC_HTTP_REQUEST_SECONDS,
	METRIC_HTTP_IN_HAND,
	METRIC_HTTP_CONNECTIONS,
	METRIC_API_LANE_QUEUED,
	METRIC_API_LANE_CAPACITY,
	METRIC_MAIL_QUEUED,
	METRIC_CERTIFICATE_EXPIRY,

	METRIC_PROCESS_CPU_SECONDS,
	METRIC_PROCESS_RESIDENT_BYTES,
	METRIC_PROCESS_VIRTUAL_BYTES,
	METRIC_PROCESS_OPEN_FDS,
	METRIC_PROCESS_MAX_FDS,
	METRIC_PROCESS_START_SECONDS,
	N_METRICS
};

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* What a value is, and how it is written: microseconds as seconds; SINCE is a time of the monotonic clock, written as its age in
 * seconds, 0 as 0. */
enum metric_unit { METRIC_NUMBER, METRIC_MICROSECONDS, METRIC_SINCE };

enum { METRIC_LABELS_MAX = 3, METRIC_BUCKETS_MAX = 16, METRICS_SERIES_MAX = 1024, METRICS_COLLECTORS_MAX = 8 };

struct metric_row {
	const char *name;
	enum metric_type type;
	enum metric_unit unit;
	const char *labels[METRIC_LABELS_MAX]; /* names; NULL ends */
	const int64_t *bounds; /* of a histogram, upper ones, growing, in the unit of the values; 0 ends */
	const char *help;      /* one line, no backslash */
};

extern const struct metric_row metric_rows[N_METRICS];

struct metrics;

struct metric_series {
	enum metric metric;
	char *labels; /* as it stands between the braces; "" without any */
	struct metric_series *next;
	_Atomic int64_t value;                           /* of a histogram: the sum */
	_Atomic int64_t buckets[METRIC_BUCKETS_MAX + 1]; /* not cumulative; the last is beyond all bounds */
};

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/* The series of these label values, as many as the row has labels, made when it is asked for the first time. Takes a lock. */
struct metric_series *metrics_series(struct metrics *metrics, enum metric metric, const char *const *values);
/* For a row without labels, with one, with two, with three. */
#define METRIC_LABELS(...) ((const char *const[]){ __VA_ARGS__ })
#define METRIC_NO_LABELS   ((const char *const *)0)

/* Takes every series of the row away, for a collector that puts them anew each time. Nobody else may hold one. */
void metrics_forget(struct metrics *metrics, enum metric metric);

static inline void metric_add(struct metric_series *series, int64_t n)
{
	if (series)
		atomic_fetch_add_explicit(&series->value, n, memory_order_relaxed);
}

static inline void metric_set(struct metric_series *series, int64_t value)
{
	if (series)
		atomic_store_explicit(&series->value, value, memory_order_relaxed);
}

/* Into a histogram: two additions. */
void metric_observe(struct metric_series *series, int64_t value);

typedef void metrics_collect(void *context);
void metrics_collect_with(struct metrics *metrics, metrics_collect *collect, void *context);

/* The whole page. Every row is named, also one without series yet. */
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
void metrics_render(struct metrics *metrics, struct buffer *out);

#endif
