#include "base/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct collector {
	metrics_collect *collect;
	void *context;
};

struct metrics {
	pthread_mutex_t scrape; /* one page at a time; guards the collectors */
	struct collector collectors[METRICS_COLLECTORS_MAX];
	size_t n_collectors;
	pthread_mutex_t mutex;                  /* guards the lists, not the values in them; taken inside `scrape` */
	struct metric_series *first[N_METRICS]; /* in order of their labels, so that two pages have one order */
	size_t n_series[N_METRICS];
};

struct metrics *metrics_new(void)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));
	if (!metrics || pthread_mutex_init(&metrics->scrape, NULL) != 0 ||
	    pthread_mutex_init(&metrics->mutex, NULL) != 0)
		abort();
	return metrics;
}

static void free_list(struct metric_series *series)
{
	while (series) {
		struct metric_series *next = series->next;
		free(series->labels);
		free(series);
		series = next;
	}
}

void metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return;
	for (size_t i = 0; i < N_METRICS; i++)
		free_list(metrics->first[i]);
	pthread_mutex_destroy(&metrics->mutex);
	pthread_mutex_destroy(&metrics->scrape);
	free(metrics);
}

/* --- series --- */

/* "Text format details": backslash, quote and line feed are escaped, and nothing else. */
static void put_label_value(struct buffer *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n') {
			buffer_puts(out, "\\n");
			continue;
		}
		if (*value == '\\' || *value == '"')
			buffer_putc(out, '\\');
		buffer_putc(out, *value);
	}
}

static void put_labels(struct buffer *out, const struct metric_row *row, const char *const *values)
{
	for (size_t i = 0; i < METRIC_LABELS_MAX && row->labels[i]; i++) {
		buffer_printf(out, "%s%s=\"", i > 0 ? "," : "", row->labels[i]);
		put_label_value(out, values[i]);
		buffer_putc(out, '"');
	}
}

static struct metric_series *series_new(enum metric metric, const char *labels)
{
	struct metric_series *series = calloc(1, sizeof(*series));
	if (!series)
		abort();
	series->metric = metric;
	series->labels = strdup(labels);
	if (!series->labels)
		abort();
	return series;
}

/* Called with the mutex held. */
static struct metric_series *find_or_add(struct metrics *metrics, enum metric metric, const char *labels)
{
	struct metric_series **at = &metrics->first[metric];
	while (*at && strcmp((*at)->labels, labels) < 0)
		at = &(*at)->next;
	if (*at && strcmp((*at)->labels, labels) == 0)
		return *at;
	if (metrics->n_series[metric] == METRICS_SERIES_MAX)
		return NULL;
	struct metric_series *added = series_new(metric, labels);
	added->next = *at;
	*at = added;
	metrics->n_series[metric]++;
	return added;
}

struct metric_series *metrics_series(struct metrics *metrics, enum metric metric, const char *const *values)
{
	if (!metrics)
		return NULL;
	CLEANUP(buffer) struct buffer labels = { .bytes = NULL };
	put_labels(&labels, &metric_rows[metric], values);
	pthread_mutex_lock(&metrics->mutex);
	struct metric_series *series = find_or_add(metrics, metric, buffer_text(&labels));
	pthread_mutex_unlock(&metrics->mutex);
	return series;
}

void metrics_forget(struct metrics *metrics, enum metric metric)
{
	if (!metrics)
		return;
	pthread_mutex_lock(&metrics->mutex);
	struct metric_series *gone = metrics->first[metric];
	metrics->first[metric] = NULL;
	metrics->n_series[metric] = 0;
	pthread_mutex_unlock(&metrics->mutex);
	free_list(gone);
}

void metric_observe(struct metric_series *series, int64_t value)
{
	if (!series)
		return;
	const int64_t *bounds = metric_rows[series->metric].bounds;
	size_t bucket = 0;
	while (bounds[bucket] && value > bounds[bucket])
		bucket++;
	atomic_fetch_add_explicit(&series->buckets[bucket], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&series->value, value, memory_order_relaxed);
}

void metrics_collect_with(struct metrics *metrics, metrics_collect *collect, void *context)
{
	if (!metrics)
		return;
	pthread_mutex_lock(&metrics->scrape);
	if (metrics->n_collectors == METRICS_COLLECTORS_MAX)
		abort(); /* rooms are few and known */
	metrics->collectors[metrics->n_collectors++] = (struct collector){ collect, context };
	pthread_mutex_unlock(&metrics->scrape);
}

/* --- the page --- */

/* 1500000 microseconds are 1.5, without a way through floating point. */
static void put_number(struct buffer *out, const struct metric_row *row, int64_t value)
{
	if (row->unit == METRIC_NUMBER) {
		buffer_printf(out, "%" PRId64, value);
		return;
	}
	uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;
	buffer_printf(out, "%s%" PRIu64, value < 0 ? "-" : "", size / 1000000);
	char fraction[8];
	(void)snprintf(fraction, sizeof(fraction), "%06u", (unsigned)(size % 1000000));
	size_t len = 6;
	while (len > 0 && fraction[len - 1] == '0')
		len--;
	if (len > 0) {
		buffer_putc(out, '.');
		buffer_put(out, fraction, len);
	}
}

static void put_sample_name(struct buffer *out, const struct metric_row *row, const char *end, const char *labels)
{
	buffer_printf(out, "%s%s", row->name, end);
	if (*labels)
		buffer_printf(out, "{%s}", labels);
	buffer_putc(out, ' ');
}

static void put_bucket(struct buffer *out, const struct metric_row *row, const struct metric_series *series,
		       int64_t bound, int64_t n)
{
	buffer_printf(out, "%s_bucket{%s%sle=\"", row->name, series->labels, *series->labels ? "," : "");
	if (bound)
		put_number(out, row, bound);
	else
		buffer_puts(out, "+Inf");
	buffer_printf(out, "\"} %" PRId64 "\n", n);
}

/* The count is that of the last bucket, read once: a page never contradicts itself while others go on counting. */
static void put_histogram(struct buffer *out, const struct metric_row *row, struct metric_series *series)
{
	int64_t n = 0;
	for (size_t i = 0;; i++) {
		n += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
		put_bucket(out, row, series, row->bounds[i], n);
		if (!row->bounds[i])
			break;
	}
	put_sample_name(out, row, "_sum", series->labels);
	put_number(out, row, atomic_load_explicit(&series->value, memory_order_relaxed));
	buffer_putc(out, '\n');
	put_sample_name(out, row, "_count", series->labels);
	buffer_printf(out, "%" PRId64 "\n", n);
}

static void put_series(struct buffer *out, const struct metric_row *row, struct metric_series *series)
{
	if (row->type == METRIC_HISTOGRAM) {
		put_histogram(out, row, series);
		return;
	}
	int64_t value = atomic_load_explicit(&series->value, memory_order_relaxed);
	if (row->unit == METRIC_SINCE && value != 0)
		value = clock_monotonic_us() - value;
	put_sample_name(out, row, "", series->labels);
	put_number(out, row, value);
	buffer_putc(out, '\n');
}

static void put_row(struct buffer *out, const struct metric_row *row, struct metric_series *first)
{
	static const char *const types[] = {
		[METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"
	};
	buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name, types[row->type]);
	for (struct metric_series *series = first; series; series = series->next)
		put_series(out, row, series);
}

void metrics_render(struct metrics *metrics, struct buffer *out)
{
	if (!metrics)
		return;
	pthread_mutex_lock(&metrics->scrape);
	for (size_t i = 0; i < metrics->n_collectors; i++)
		metrics->collectors[i].collect(metrics->collectors[i].context);
	pthread_mutex_lock(&metrics->mutex);
	for (size_t i = 0; i < N_METRICS; i++)
		put_row(out, &metric_rows[i], metrics->first[i]);
	pthread_mutex_unlock(&metrics->mutex);
	pthread_mutex_unlock(&metrics->scrape);
}
