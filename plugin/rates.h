/* rates.h - how often a node may connect, and how much it may send.
 *
 * Each limit is a bucket that fills with what a node does and runs empty at the allowed rate. Kept of it is one time: when
 * it will be empty (GCRA). Overflow is to go past the burst.
 *
 *   connects   counted once the certificate has shown whose they are, so nobody uses up another's. Over it: refused, and
 *              the refused one does not count. In a table of fixed size, below.
 *   messages   publishes, refused ones too; bytes: of their payloads. Kept in the session. Over it: the session is cut. The
 *              message at hand is still let through, as a denied one would be acknowledged and lost; so are those that
 *              the broker has read by the time of its next tick.
 *
 * The table of connects has CONNECT_PLACES times CONNECT_WAYS places, 1 MiB. Two nodes of one place, by a secret hash, do
 * not meet: a place has its ways, and when all are taken the one nearest to empty gives way.
 *
 * Memory:  allocates in rates_init() only.
 */
#ifndef CISTERN_PLUGIN_RATES_H
#define CISTERN_PLUGIN_RATES_H

#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONNECT_PLACES = 16384, CONNECT_WAYS = 4 };
/* No limit is above this, so that no product below leaves 64 bits. */
#define RATE_MAX INT64_C(100000000)

/* As the options give them; 0 for a rate: no limit. */
struct rate_options {
	int64_t connects_per_minute;
	int64_t messages_per_second, messages_burst;
	int64_t bytes_per_second, bytes_burst;
};

struct limit {
	int64_t rate;      /* 0: none */
	int64_t period_ns; /* rate units in so long */
	int64_t burst_ns;  /* a full bucket takes so long to run empty */
};

struct connect_place {
	uint64_t hash;
	int64_t empty_at_ns;
};

struct rates {
	struct limit connects, messages, bytes;
	struct connect_place (*places)[CONNECT_WAYS];
	uint64_t seed;
};

/* The buckets of one session; zeroed memory is empty ones. */
struct session_rates {
	int64_t messages_empty_at_ns, bytes_empty_at_ns;
};

enum rate_verdict { RATE_KEPT, RATE_MESSAGES, RATE_BYTES };

/* False: no memory. */
MUST_CHECK bool rates_init(struct rates *rates, const struct rate_options *options);
void rates_done(struct rates *rates);

/* May this node connect now? Times are of the monotonic clock. */
MUST_CHECK bool rates_connect(struct rates *rates, const char *node_id, size_t node_id_len, int64_t ticks_us);

/* Counts one message of so many bytes, and says whether it went past a burst. */
MUST_CHECK enum rate_verdict rates_message(const struct rates *rates, struct session_rates *session, size_t payload_len,
					   int64_t ticks_us);

#endif
