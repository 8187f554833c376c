/* counters.h - what happened, counted; and every kind of refusal, with the log line about it.
 *
 * A denied publish is acknowledged to an MQTT 3.1.1 node, so the counter and the log line are all there is to see of it.
 * Lines are limited: LOG_BURST at once, then one a second, which says how many were left out. Counting is not limited.
 *
 * Counters leave as JSON on "cistern/counters", QoS 0, when they changed and at most every COUNTERS_EVERY_US.
 * They count from the start of the broker.
 */
#ifndef CISTERN_PLUGIN_COUNTERS_H
#define CISTERN_PLUGIN_COUNTERS_H

#include "model/access.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNTERS_TOPIC    "cistern/counters"
#define COUNTERS_EVERY_US (10 * INT64_C(1000000))

enum denial {
	DENIAL_NONE,
	/* connect */
	DENIAL_CERTIFICATE_MISSING,
	DENIAL_CERTIFICATE_DATES,   /* before notBefore or after notAfter */
	DENIAL_CERTIFICATE_PURPOSE, /* a CA, or not for TLS clients */
	DENIAL_CERTIFICATE_ISSUER,  /* signed by none of our CAs */
	DENIAL_COMMON_NAME,         /* not exactly one of the node alphabet */
	DENIAL_SERVICE_UNKNOWN,
	DENIAL_CLIENT_ID,
	DENIAL_CONSUMER_MISSING,
	DENIAL_REVOKED,
	DENIAL_SUSPENDED,
	DENIAL_CERTIFICATE_REVOKED,
	DENIAL_REVOCATION_UNKNOWN, /* no good file, and the daemon has not been heard yet */
	DENIAL_CONNECT_RATE,
	DENIAL_NO_MEMORY,
	/* publish, subscribe, read */
	DENIAL_IDENTITY_MISSING, /* no user name, or none that we could have set */
	DENIAL_SESSION_OLD,      /* the will of a session that has been taken over */
	/* what the daemon says of revocations */
	DENIAL_REVOCATION_MALFORMED,
	DENIAL_REVOCATION_MISPLACED, /* does not follow on what is known */
	DENIAL_ACCESS,               /* + enum access_result, so that each has its own counter */
	DENIAL_COUNT = DENIAL_ACCESS + ACCESS_RESULT_COUNT,
};

struct rate_options;
struct revocation;

struct counters {
	uint64_t denied[DENIAL_COUNT];
	uint64_t n_connects;
	uint64_t n_disconnects;
	uint64_t n_product_publishes; /* allowed, to topics that only the product knows */
	uint64_t n_log_lines_left_out;
	bool changed;
	int64_t published_at_us; /* monotonic */

	unsigned int log_tokens;
	int64_t log_refilled_at_us; /* monotonic */
	uint64_t n_left_out_since_line;
};

void counters_init(struct counters *counters, int64_t ticks_us);

/* A name for counters and logs that never changes; never NULL. */
const char *denial_name(enum denial denial);

/* Counts the refusal and, within the limit, logs it. `what` is our own word; client and topic come from outside, may be
 * NULL, and are escaped. */
void counters_deny(struct counters *counters, enum denial denial, const char *what, const char *client,
		   const char *topic, int64_t ticks_us);

/* What others count, for the same message. */
struct counters_view {
	size_t n_live;
	const uint64_t *n_cut; /* by enum session_end */
	const struct rate_options *limits;
	const struct revocation *revocation;
	const char *alarm;
};

/* Publishes when due. */
void counters_tick(struct counters *counters, const struct counters_view *view, int64_t now_us, int64_t ticks_us);

#endif
