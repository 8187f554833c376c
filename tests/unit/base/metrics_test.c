/* The page of metrics, against the Prometheus text format 0.0.4; expected texts are written by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include "base/clock.h"
#include "base/metrics.c"

/* Whether the page has that text. */
static bool page_has(struct metrics *metrics, const char *text)
{
	struct buffer page = { .bytes = NULL };
	metrics_render(metrics, &page);
	bool has = strstr(buffer_text(&page), text) != NULL;
	buffer_done(&page);
	return has;
}

static void a_label_value_is_escaped(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new();
	metric_set(metrics_series(metrics, METRIC_HTTP_CONNECTIONS, METRIC_LABELS("a\"b\\c\nd}")), 7);
	assert_true(page_has(metrics, "\ncistern_http_connections{listener=\"a\\\"b\\\\c\\nd}\"} 7\n"));
	metrics_free(metrics);
}

static void a_histogram_is_cumulative_and_a_bound_belongs_to_its_own_bucket(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new();
	struct metric_series *series =
		metrics_series(metrics, METRIC_INGEST_BATCH_MESSAGES, METRIC_LABELS("b", "bulk"));
	static const int64_t values[] = { 1, 2, 3, 5, 6, 10000, 10001 };
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		metric_observe(series, values[i]);
	static const char *const lines[] = {
		"_bucket{broker=\"b\",lane=\"bulk\",le=\"1\"} 1\n",
		"_bucket{broker=\"b\",lane=\"bulk\",le=\"2\"} 2\n",
		"_bucket{broker=\"b\",lane=\"bulk\",le=\"5\"} 4\n",
		"_bucket{broker=\"b\",lane=\"bulk\",le=\"10\"} 5\n",
		"_bucket{broker=\"b\",lane=\"bulk\",le=\"5000\"} 5\n",
		"_bucket{broker=\"b\",lane=\"bulk\",le=\"10000\"} 6\n",
		"_bucket{broker=\"b\",lane=\"bulk\",le=\"+Inf\"} 7\n",
		"_sum{broker=\"b\",lane=\"bulk\"} 20018\n",
		"_count{broker=\"b\",lane=\"bulk\"} 7\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		assert_true(page_has(metrics, lines[i]));
	metrics_free(metrics);
}

static void a_histogram_without_labels_has_le_alone(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new();
	metric_observe(metrics_series(metrics, METRIC_HTTP_REQUEST_SECONDS, METRIC_NO_LABELS), 250);
	assert_true(page_has(metrics, "\ncistern_http_request_seconds_bucket{le=\"0.00025\"} 1\n"));
	assert_true(page_has(metrics, "\ncistern_http_request_seconds_sum 0.00025\n"));
	assert_true(page_has(metrics, "\ncistern_http_request_seconds_count 1\n"));
	metrics_free(metrics);
}

static void microseconds_are_written_as_seconds_without_rounding(void **state)
{
	(void)state;
	static const struct {
		int64_t value;
		const char *text;
	} cases[] = { { 0, " 0\n" },          { 1, " 0.000001\n" },
		      { 1500000, " 1.5\n" },  { 10000000, " 10\n" },
		      { -500000, " -0.5\n" }, { INT64_C(1795548479000177), " 1795548479.000177\n" } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buffer out = { .bytes = NULL };
		buffer_putc(&out, ' ');
		put_number(&out, &metric_rows[METRIC_PROCESS_START_SECONDS], cases[i].value);
		buffer_putc(&out, '\n');
		assert_string_equal(buffer_text(&out), cases[i].text);
		buffer_done(&out);
	}
}

static void an_age_grows_with_the_clock_and_is_zero_without_a_beginning(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new();
	struct metric_series *series =
		metrics_series(metrics, METRIC_INGEST_OLDEST_SECONDS, METRIC_LABELS("b", "bulk"));
	assert_true(page_has(metrics, "seconds{broker=\"b\",lane=\"bulk\"} 0\n"));
	metric_set(series, clock_monotonic_us());
	clock_test_shift_us = INT64_C(3000000000);
	assert_true(page_has(metrics, "seconds{broker=\"b\",lane=\"bulk\"} 3000"));
	clock_test_shift_us = 0;
	metrics_free(metrics);
}

static void the_same_labels_are_the_same_series_and_series_stand_in_order(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new();
	static const char *const names[] = { "m", "z", "a" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		metric_set(metrics_series(metrics, METRIC_API_LANE_QUEUED, METRIC_LABELS(names[i])), (int64_t)i);
	metric_add(metrics_series(metrics, METRIC_API_LANE_QUEUED, METRIC_LABELS("z")), 40);
	assert_true(page_has(metrics, "queued{lane=\"a\"} 2\ncistern_api_lane_queued{lane=\"m\"} 0\n"
				      "cistern_api_lane_queued{lane=\"z\"} 41\n# HELP"));
	metrics_free(metrics);
}

static void a_row_takes_so_many_series_and_beyond_that_nothing_is_counted(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new();
	char name[16];
	for (int i = 0; i < METRICS_SERIES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		assert_non_null(metrics_series(metrics, METRIC_HTTP_CONNECTIONS, METRIC_LABELS(name)));
	}
	struct metric_series *refused = metrics_series(metrics, METRIC_HTTP_CONNECTIONS, METRIC_LABELS("one-too-many"));
	assert_null(refused);
	metric_add(refused, 1);
	metric_set(refused, 1);
	metric_observe(refused, 1);
	assert_false(page_has(metrics, "one-too-many"));
	assert_non_null(
		metrics_series(metrics, METRIC_HTTP_CONNECTIONS, METRIC_LABELS("n7"))); /* it is there already */
	metrics_forget(metrics, METRIC_HTTP_CONNECTIONS);
	assert_false(page_has(metrics, "n7"));
	assert_non_null(metrics_series(metrics, METRIC_HTTP_CONNECTIONS, METRIC_LABELS("one-too-many")));
	metrics_free(metrics);
}

static void without_metrics_everything_is_allowed_and_nothing_happens(void **state)
{
	(void)state;
	assert_null(metrics_series(NULL, METRIC_HTTP_CONNECTIONS, METRIC_LABELS("x")));
	metrics_collect_with(NULL, NULL, NULL);
	metrics_forget(NULL, METRIC_HTTP_CONNECTIONS);
	struct buffer page = { .bytes = NULL };
	metrics_render(NULL, &page);
	assert_int_equal(page.len, 0);
	metrics_free(NULL);
}

static void show_twelve(void *context)
{
	metric_set(metrics_series(context, METRIC_HTTP_CONNECTIONS, METRIC_LABELS("http")), 12);
}

static void a_collector_runs_before_the_page_is_written(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new();
	metrics_collect_with(metrics, show_twelve, metrics);
	assert_true(page_has(metrics, "listener=\"http\"} 12\n"));
	metrics_free(metrics);
}

enum { THREADS = 4, ADDITIONS = 50000 };

static void *add_many(void *context)
{
	struct metrics *metrics = context;
	struct metric_series *one = metrics_series(metrics, METRIC_INGEST_INTERRUPTIONS, METRIC_LABELS("b", "bulk"));
	struct metric_series *two = metrics_series(metrics, METRIC_HTTP_REQUEST_SECONDS, METRIC_NO_LABELS);
	for (int i = 0; i < ADDITIONS; i++) {
		metric_add(one, 1);
		metric_observe(two, i);
	}
	return NULL;
}

static void additions_of_all_threads_count(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new();
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, metrics), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_true(page_has(metrics, "interruptions_total{broker=\"b\",lane=\"bulk\"} 200000\n"));
	assert_true(page_has(metrics, "request_seconds_count 200000\n"));
	assert_true(page_has(metrics, "request_seconds_sum 4999.9\n")); /* 4 * 49999 * 50000 / 2 microseconds */
	metrics_free(metrics);
}

/* --- the table --- */

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);
	return len > end_len && strcmp(text + len - end_len, end) == 0;
}

static void check_bounds(const struct metric_row *row)
{
	if (row->type != METRIC_HISTOGRAM) {
		assert_null(row->bounds);
		return;
	}
	size_t n = 0;
	for (; row->bounds[n]; n++)
		assert_true(n == 0 || row->bounds[n] > row->bounds[n - 1]);
	assert_in_range(n, 1, METRIC_BUCKETS_MAX);
}

static void every_row_is_complete_and_named_as_prometheus_wants(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_METRICS; i++) {
		const struct metric_row *row = &metric_rows[i];
		assert_non_null(row->name);
		assert_int_equal(strspn(row->name, "abcdefghijklmnopqrstuvwxyz_"), strlen(row->name));
		assert_true(strncmp(row->name, "cistern_", 8) == 0 || strncmp(row->name, "process_", 8) == 0);
		assert_int_equal(row->type == METRIC_COUNTER, ends_with(row->name, "_total"));
		if (row->unit != METRIC_NUMBER)
			assert_non_null(strstr(row->name, "_seconds"));
		assert_true(strlen(row->help) > 10);
		assert_null(strpbrk(row->help, "\\\n"));
		check_bounds(row);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(row->name, metric_rows[j].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_label_value_is_escaped),
		cmocka_unit_test(a_histogram_is_cumulative_and_a_bound_belongs_to_its_own_bucket),
		cmocka_unit_test(a_histogram_without_labels_has_le_alone),
		cmocka_unit_test(microseconds_are_written_as_seconds_without_rounding),
		cmocka_unit_test(an_age_grows_with_the_clock_and_is_zero_without_a_beginning),
		cmocka_unit_test(the_same_labels_are_the_same_series_and_series_stand_in_order),
		cmocka_unit_test(a_row_takes_so_many_series_and_beyond_that_nothing_is_counted),
		cmocka_unit_test(without_metrics_everything_is_allowed_and_nothing_happens),
		cmocka_unit_test(a_collector_runs_before_the_page_is_written),
		cmocka_unit_test(additions_of_all_threads_count),
		cmocka_unit_test(every_row_is_complete_and_named_as_prometheus_wants),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
