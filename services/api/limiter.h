/* api/limiter.h - how often: one bucket for each (kind, key), in a table of fixed size.
 *
 * The generic cell rate algorithm (ITU-T I.371): a bucket is one time, the moment up to which its allowance is used up; each
 * take moves it by period/n, and is refused when that would be more than one period ahead. So n may come at once, and
 * then one each period/n.
 *
 * Table:   LIMITER_BUCKETS in sets of LIMITER_WAYS; no allocation after the start. In a full set the bucket that is nearest to
 *          empty gives way, so that a flood of new keys cannot wash out one that is being held back. Keys are hashed under a
 *          random key: nobody outside can aim at a set.
 * Thread:  any; one mutex for each of LIMITER_SHARDS parts. The clock is the monotonic one.
 * Memory:  limiter_new() makes it (aborts without memory), limiter_free() ends it (NULL is fine).
 */
#ifndef CISTERN_API_LIMITER_H
#define CISTERN_API_LIMITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

enum { LIMITER_WAYS = 8, LIMITER_SETS = 4096, LIMITER_BUCKETS = LIMITER_WAYS * LIMITER_SETS, LIMITER_SHARDS = 64 };

enum limiter_kind {
	LIMITER_SOURCE_PROBE,
	LIMITER_SOURCE_SIGN_IN,
	LIMITER_ACCOUNT_SIGN_IN,
	LIMITER_ACCOUNT_CODE,
	LIMITER_ACCOUNT_FAILURE,  /* of one source at one account */
	LIMITER_STRANGER_FAILURE, /* of all sources that are new to the account */
	LIMITER_ACCOUNT_REQUEST,
	LIMITER_SOURCE_CLAIM,
	LIMITER_ACCOUNT_CLAIM,
	LIMITER_DEVICE_FAILURE,
	LIMITER_KEY_REQUEST,
	LIMITER_ACCOUNT_INVITATION, /* mails that tell of one */
	LIMITER_CALLER_DENIED,
	LIMITER_CHALLENGE_FAILURE_USER,
	LIMITER_CHALLENGE_FAILURE_NODE,
};

struct limiter_rate {
	int64_t n, period_us; /* n each period */
};

struct limiter;

struct limiter *limiter_new(void);
void limiter_free(struct limiter *limiter);

/* True: go on. False: too often; one may be taken again after ret_retry_after_s (at least 1). */
MUST_CHECK bool limiter_take(struct limiter *limiter, enum limiter_kind kind, const void *key, size_t key_len,
			     struct limiter_rate rate, int *ret_retry_after_s);
/* The same answer, and nothing is taken: for what is counted only when it has failed. */
MUST_CHECK bool limiter_allows(struct limiter *limiter, enum limiter_kind kind, const void *key, size_t key_len,
			       struct limiter_rate rate, int *ret_retry_after_s);
/* What was taken for something that then was none of its kind. */
void limiter_give_back(struct limiter *limiter, enum limiter_kind kind, const void *key, size_t key_len,
		       struct limiter_rate rate);

#endif
