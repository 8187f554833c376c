#include "ingest/meter.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

struct meter {
	struct metrics *metrics;
	const char *broker;
	enum lane lane;
	/* by topics_index(); NULL for topics of the other lane, of which some may still come after a change of lanes */
	struct metric_series *received[TOPICS_MAX + 1], *committed[TOPICS_MAX + 1], *set_aside[TOPICS_MAX + 1];
	struct metric_series *batch_messages, *commit, *oldest, *consuming, *interruptions;
	bool holds; /* since the last acknowledgement a message was read */
	/* of the batch in hand */
	unsigned n_good[TOPICS_MAX + 1], n_bad[TOPICS_MAX + 1];
};

static const char *const lane_names[N_LANES] = { [LANE_CONTROL] = "control", [LANE_BULK] = "bulk" };

static void add_topic(struct meter *meter, size_t index)
{
	const struct topic_handler *handler = topics_at(index);
	char topic[TOPICS_FILTER_BYTES_MAX] = "other"; /* no handler */
	if (handler)
		(void)snprintf(topic, sizeof(topic), "%s%s", handler->suffix ? handler->suffix : handler->whole,
			       handler->grouped ? "/+" : "");
	const char *const *labels = METRIC_LABELS(meter->broker, lane_names[meter->lane], topic);
	meter->received[index] = metrics_series(meter->metrics, METRIC_INGEST_RECEIVED, labels);
	meter->committed[index] = metrics_series(meter->metrics, METRIC_INGEST_COMMITTED, labels);
	meter->set_aside[index] = metrics_series(meter->metrics, METRIC_INGEST_DEAD_LETTERED, labels);
}

struct meter *meter_new(struct metrics *metrics, const char *broker, enum lane lane)
{
	struct meter *meter = calloc(1, sizeof(*meter));
	if (!meter)
		abort();
	meter->metrics = metrics;
	meter->broker = broker;
	meter->lane = lane;
	for (size_t i = 0; i <= topics_count(); i++) {
		const struct topic_handler *handler = topics_at(i);
		if (!handler || handler->lane == lane)
			add_topic(meter, i);
	}
	const char *const *labels = METRIC_LABELS(broker, lane_names[lane]);
	meter->batch_messages = metrics_series(metrics, METRIC_INGEST_BATCH_MESSAGES, labels);
	meter->commit = metrics_series(metrics, METRIC_INGEST_COMMIT_SECONDS, labels);
	meter->oldest = metrics_series(metrics, METRIC_INGEST_OLDEST_SECONDS, labels);
	meter->consuming = metrics_series(metrics, METRIC_INGEST_CONSUMING, labels);
	meter->interruptions = metrics_series(metrics, METRIC_INGEST_INTERRUPTIONS, labels);
	return meter;
}

void meter_free(struct meter *meter)
{
	free(meter);
}

void meter_consuming(struct meter *meter, bool is_consuming)
{
	metric_set(meter->consuming, is_consuming);
}

void meter_interrupted(struct meter *meter)
{
	metric_add(meter->interruptions, 1);
}

/* After an interruption the age goes on from the message that was given back. */
void meter_batch_began(struct meter *meter)
{
	if (!meter->holds)
		metric_set(meter->oldest, clock_monotonic_us());
	meter->holds = true;
}

void meter_put(struct meter *meter, const struct topic_handler *handler, bool set_aside)
{
	(set_aside ? meter->n_bad : meter->n_good)[topics_index(handler)]++;
}

void meter_received(struct meter *meter)
{
	for (size_t i = 0; i <= topics_count(); i++) {
		unsigned n = meter->n_good[i] + meter->n_bad[i];
		if (n > 0 && !meter->received[i])
			add_topic(meter, i);
		if (n > 0)
			metric_add(meter->received[i], n);
		meter->n_good[i] = meter->n_bad[i] = 0;
	}
}

void meter_committed(struct meter *meter, int64_t began_us)
{
	int64_t n = 0;
	for (size_t i = 0; i <= topics_count(); i++) {
		if (meter->n_good[i] > 0)
			metric_add(meter->committed[i], meter->n_good[i]);
		if (meter->n_bad[i] > 0)
			metric_add(meter->set_aside[i], meter->n_bad[i]);
		n += meter->n_good[i] + meter->n_bad[i];
		meter->n_good[i] = meter->n_bad[i] = 0;
	}
	metric_observe(meter->batch_messages, n);
	metric_observe(meter->commit, clock_monotonic_us() - began_us);
}

void meter_acknowledged(struct meter *meter)
{
	if (meter->holds)
		metric_set(meter->oldest, 0);
	meter->holds = false;
}
