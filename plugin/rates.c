#include "rates.h"

#include "hash.h"

#include <sys/random.h>

#include <stdlib.h>

#define SECOND_NS INT64_C(1000000000)

static struct limit limit_of(int64_t rate, int64_t seconds, int64_t burst)
{
	struct limit limit = { .rate = rate, .period_ns = seconds * SECOND_NS };

	if (rate > 0)
		limit.burst_ns = burst * limit.period_ns / rate;
	return limit;
}

bool rates_init(struct rates *rates, const struct rate_options *options)
{
	*rates = (struct rates){
		.connects = limit_of(options->connects_per_minute, 60, options->connects_per_minute),
		.messages = limit_of(options->messages_per_second, 1, options->messages_burst),
		.bytes = limit_of(options->bytes_per_second, 1, options->bytes_burst),
	};
	if (getrandom(&rates->seed, sizeof(rates->seed), 0) != (ssize_t)sizeof(rates->seed))
		return false;
	rates->places = calloc(CONNECT_PLACES, sizeof(rates->places[0]));
	return rates->places != NULL;
}

void rates_done(struct rates *rates)
{
	free(rates->places);
	*rates = (struct rates){ .seed = 0 };
}

/* When the bucket would be empty with n more in it. */
static int64_t filled(const struct limit *limit, int64_t empty_at_ns, int64_t n, int64_t now_ns)
{
	int64_t from = empty_at_ns > now_ns ? empty_at_ns : now_ns;

	return from + n * limit->period_ns / limit->rate;
}

/* The node's place, or the one that gives way to it, emptied. */
static struct connect_place *connect_place_of(struct rates *rates, uint64_t hash)
{
	struct connect_place *ways = rates->places[hash % CONNECT_PLACES];
	struct connect_place *emptiest = &ways[0];

	for (size_t i = 0; i < CONNECT_WAYS; i++) {
		if (ways[i].hash == hash)
			return &ways[i];
		if (ways[i].empty_at_ns < emptiest->empty_at_ns)
			emptiest = &ways[i];
	}
	*emptiest = (struct connect_place){ .hash = hash };
	return emptiest;
}

bool rates_connect(struct rates *rates, const char *node_id, size_t node_id_len, int64_t ticks_us)
{
	int64_t now_ns = ticks_us * 1000;

	if (rates->connects.rate == 0)
		return true;

	struct connect_place *place = connect_place_of(rates, hash_bytes(rates->seed, node_id, node_id_len));
	int64_t empty_at_ns = filled(&rates->connects, place->empty_at_ns, 1, now_ns);

	if (empty_at_ns - now_ns > rates->connects.burst_ns)
		return false;
	place->empty_at_ns = empty_at_ns;
	return true;
}

static bool overflows(const struct limit *limit, int64_t *empty_at_ns, int64_t n, int64_t now_ns)
{
	if (limit->rate == 0)
		return false;
	*empty_at_ns = filled(limit, *empty_at_ns, n, now_ns);
	return *empty_at_ns - now_ns > limit->burst_ns;
}

enum rate_verdict rates_message(const struct rates *rates, struct session_rates *session, size_t payload_len,
				int64_t ticks_us)
{
	int64_t now_ns = ticks_us * 1000;
	bool messages = overflows(&rates->messages, &session->messages_empty_at_ns, 1, now_ns);
	bool bytes = overflows(&rates->bytes, &session->bytes_empty_at_ns, (int64_t)payload_len, now_ns);

	if (messages)
		return RATE_MESSAGES;
	return bytes ? RATE_BYTES : RATE_KEPT;
}
