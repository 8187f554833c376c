#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "api/compressor.h"
#include "api/server.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/store.h"

struct worker {
	struct store *store;
	struct compressor *compressor;
	int64_t retry_at_us;
	struct exchange *spare;
	int n_spare;
	uint64_t id_base, n_ids;
	struct gathered gathered;
};

static struct worker *worker_here(struct api *api)
{
	struct worker *worker = pthread_getspecific(api->worker_key);
	if (worker)
		return worker;
	worker = calloc(1, sizeof(*worker));
	if (!worker || pthread_setspecific(api->worker_key, worker) != 0 ||
	    getrandom(&worker->id_base, sizeof(worker->id_base), 0) != sizeof(worker->id_base))
		abort();
	worker->compressor = compressor_new();
	return worker;
}

static void exchange_free(struct exchange *exchange)
{
	request_free(exchange->request);
	free(exchange);
}

void worker_free(void *held)
{
	struct worker *worker = held;
	if (!worker)
		return;
	while (worker->spare) {
		struct exchange *exchange = worker->spare;
		worker->spare = exchange->next_spare;
		exchange_free(exchange);
	}
	compressor_free(worker->compressor);
	store_close(worker->store);
	free(worker);
}

struct store *worker_store(struct api *api)
{
	struct worker *worker = worker_here(api);
	int64_t now_us = clock_monotonic_us();
	if (worker->store || now_us < worker->retry_at_us)
		return worker->store;
	struct error err;
	worker->retry_at_us = now_us + STORE_RETRY_MS * 1000;
	if (store_open(&api->options.store, &worker->store, &err) != STATUS_OK)
		log_warn("api.no_database", F_STR("reason", err.text));
	return worker->store;
}

struct compressor *worker_compressor(struct api *api)
{
	return worker_here(api)->compressor;
}

struct gathered *worker_gathered(struct api *api)
{
	struct worker *worker = pthread_getspecific(api->worker_key);
	return worker ? &worker->gathered : NULL;
}

struct exchange *worker_take_exchange(struct api *api)
{
	struct worker *worker = worker_here(api);
	struct exchange *exchange = worker->spare;
	if (exchange) {
		worker->spare = exchange->next_spare;
		worker->n_spare--;
	} else {
		exchange = malloc(sizeof(*exchange));
		if (!exchange)
			abort();
		exchange->request = request_new(&api->options, api->limiter);
	}
	*exchange = (struct exchange){ .api = api, .request = exchange->request };
	return exchange;
}

void worker_give_exchange(struct exchange *exchange)
{
	/* at the end, main closes what is left and has no worker */
	struct worker *worker = pthread_getspecific(exchange->api->worker_key);
	if (!worker || worker->n_spare == SPARE_EXCHANGES_MAX) {
		exchange_free(exchange);
		return;
	}
	request_clear(exchange->request);
	exchange->next_spare = worker->spare;
	worker->spare = exchange;
	worker->n_spare++;
}

void worker_next_id(struct api *api, char ret_id[17])
{
	struct worker *worker = worker_here(api);
	/* an odd multiplier maps the count one to one; it only spreads the digits (golden ratio, Knuth 6.4) */
	uint64_t id = worker->id_base ^ (++worker->n_ids * 0x9e3779b97f4a7c15);
	for (int i = 15; i >= 0; i--, id >>= 4)
		ret_id[i] = "0123456789abcdef"[id & 15];
	ret_id[16] = '\0';
}
