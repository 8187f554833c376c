#include "api/limiter.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { KEY_BYTES_MAX = 320 }; /* a user name and an address */

_Static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "a tag is one hash");

struct bucket {
	uint64_t tag; /* hash of kind and key; 0: empty */
	int64_t used_until_us;
};

struct limiter {
	unsigned char hash_key[crypto_shorthash_KEYBYTES];
	pthread_mutex_t mutexes[LIMITER_SHARDS]; /* each guards the sets whose number is equal modulo LIMITER_SHARDS */
	struct bucket sets[LIMITER_SETS][LIMITER_WAYS];
};

struct limiter *limiter_new(void)
{
	struct limiter *limiter = calloc(1, sizeof(*limiter));
	if (!limiter || sodium_init() < 0)
		abort();
	crypto_shorthash_keygen(limiter->hash_key);
	for (size_t i = 0; i < LIMITER_SHARDS; i++)
		pthread_mutex_init(&limiter->mutexes[i], NULL);
	return limiter;
}

void limiter_free(struct limiter *limiter)
{
	if (!limiter)
		return;
	for (size_t i = 0; i < LIMITER_SHARDS; i++)
		pthread_mutex_destroy(&limiter->mutexes[i]);
	free(limiter);
}

static uint64_t tag_of(const struct limiter *limiter, enum limiter_kind kind, const void *key, size_t key_len)
{
	unsigned char text[1 + KEY_BYTES_MAX];
	text[0] = (unsigned char)kind;
	size_t len =
		key_len < KEY_BYTES_MAX ? key_len : KEY_BYTES_MAX; /* keys are ids, names and addresses: never cut */
	memcpy(text + 1, key, len);
	uint64_t tag = 0;
	crypto_shorthash((unsigned char *)&tag, text, 1 + len, limiter->hash_key);
	return tag ? tag : 1;
}

/* The key's bucket; else the one of the set that is nearest to empty, emptied for it when `adds`, or else NULL. */
static struct bucket *bucket_for(struct bucket set[LIMITER_WAYS], uint64_t tag, bool adds)
{
	struct bucket *oldest = &set[0];
	for (size_t way = 0; way < LIMITER_WAYS; way++) {
		if (set[way].tag == tag)
			return &set[way];
		if (set[way].used_until_us < oldest->used_until_us)
			oldest = &set[way];
	}
	if (!adds)
		return NULL;
	*oldest = (struct bucket){ .tag = tag };
	return oldest;
}

static bool look(struct limiter *limiter, uint64_t tag, struct limiter_rate rate, bool takes, int *ret_retry_after_s)
{
	size_t set = tag % LIMITER_SETS;
	int64_t now_us = clock_monotonic_us(), step_us = rate.period_us / rate.n;
	pthread_mutex_t *mutex = &limiter->mutexes[set % LIMITER_SHARDS];
	pthread_mutex_lock(mutex);
	struct bucket *bucket = bucket_for(limiter->sets[set], tag, takes);
	int64_t used_until_us = bucket ? bucket->used_until_us : 0;
	int64_t until_us = (used_until_us > now_us ? used_until_us : now_us) + step_us;
	int64_t over_us = until_us - now_us - rate.n * step_us;
	if (over_us <= 0 && takes && bucket)
		bucket->used_until_us = until_us;
	pthread_mutex_unlock(mutex);
	if (over_us <= 0)
		return true;
	*ret_retry_after_s = (int)((over_us + 999999) / 1000000);
	return false;
}

bool limiter_take(struct limiter *limiter, enum limiter_kind kind, const void *key, size_t key_len,
		  struct limiter_rate rate, int *ret_retry_after_s)
{
	return look(limiter, tag_of(limiter, kind, key, key_len), rate, true, ret_retry_after_s);
}

bool limiter_allows(struct limiter *limiter, enum limiter_kind kind, const void *key, size_t key_len,
		    struct limiter_rate rate, int *ret_retry_after_s)
{
	return look(limiter, tag_of(limiter, kind, key, key_len), rate, false, ret_retry_after_s);
}

void limiter_give_back(struct limiter *limiter, enum limiter_kind kind, const void *key, size_t key_len,
		       struct limiter_rate rate)
{
	uint64_t tag = tag_of(limiter, kind, key, key_len);
	size_t set = tag % LIMITER_SETS;
	pthread_mutex_t *mutex = &limiter->mutexes[set % LIMITER_SHARDS];
	pthread_mutex_lock(mutex);
	struct bucket *bucket = bucket_for(limiter->sets[set], tag, false);
	if (bucket)
		bucket->used_until_us -= rate.period_us / rate.n;
	pthread_mutex_unlock(mutex);
}
