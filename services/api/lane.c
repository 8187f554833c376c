#include "api/lane.h"

#include <pthread.h>
#include <stdlib.h>

enum { THREADS_MAX = 16 };

struct lane {
	lane_run *run;
	pthread_t threads[THREADS_MAX];
	unsigned n_threads;
	pthread_mutex_t mutex; /* guards everything below */
	pthread_cond_t changed;
	bool stopping;
	size_t capacity, first, n_items;
	void *items[]; /* a ring */
};

/* NULL: the lane has stopped and is empty. */
static void *take(struct lane *lane)
{
	void *item = NULL;
	pthread_mutex_lock(&lane->mutex);
	while (lane->n_items == 0 && !lane->stopping)
		pthread_cond_wait(&lane->changed, &lane->mutex);
	if (lane->n_items > 0) {
		item = lane->items[lane->first];
		lane->first = (lane->first + 1) % lane->capacity;
		lane->n_items--;
	}
	pthread_mutex_unlock(&lane->mutex);
	return item;
}

static void *work(void *context)
{
	struct lane *lane = context;
	for (void *item = take(lane); item; item = take(lane))
		lane->run(item);
	return NULL;
}

enum status lane_start(unsigned n_threads, size_t capacity, lane_run *run, struct lane **ret_lane, struct error *err)
{
	struct lane *lane = calloc(1, sizeof(*lane) + capacity * sizeof(lane->items[0]));
	if (!lane || n_threads > THREADS_MAX || pthread_mutex_init(&lane->mutex, NULL) != 0 ||
	    pthread_cond_init(&lane->changed, NULL) != 0)
		abort();
	lane->run = run;
	lane->capacity = capacity;
	while (lane->n_threads < n_threads) {
		if (pthread_create(&lane->threads[lane->n_threads], NULL, work, lane) != 0) {
			lane_stop(lane);
			lane_free(lane);
			return error_set(err, STATUS_UNAVAILABLE, "no thread for slow requests");
		}
		lane->n_threads++;
	}
	*ret_lane = lane;
	return STATUS_OK;
}

void lane_stop(struct lane *lane)
{
	if (!lane)
		return;
	pthread_mutex_lock(&lane->mutex);
	lane->stopping = true;
	pthread_cond_broadcast(&lane->changed);
	pthread_mutex_unlock(&lane->mutex);
	for (unsigned i = 0; i < lane->n_threads; i++)
		(void)pthread_join(lane->threads[i], NULL); /* fails only for a thread that is not ours */
	lane->n_threads = 0;
}

void lane_free(struct lane *lane)
{
	if (!lane)
		return;
	pthread_cond_destroy(&lane->changed);
	pthread_mutex_destroy(&lane->mutex);
	free(lane);
}

bool lane_push(struct lane *lane, void *item)
{
	pthread_mutex_lock(&lane->mutex);
	bool taken = !lane->stopping && lane->n_items < lane->capacity;
	if (taken) {
		lane->items[(lane->first + lane->n_items) % lane->capacity] = item;
		lane->n_items++;
		pthread_cond_signal(&lane->changed);
	}
	pthread_mutex_unlock(&lane->mutex);
	return taken;
}

size_t lane_queued(struct lane *lane)
{
	pthread_mutex_lock(&lane->mutex);
	size_t n_items = lane->n_items;
	pthread_mutex_unlock(&lane->mutex);
	return n_items;
}
