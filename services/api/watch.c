#include "api/watch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

struct watched {
	struct watched *next, **self; /* self: the pointer that points here */
	int fd;
	_Atomic int64_t deadline_us; /* monotonic */
};

struct watch {
	pthread_t thread;
	pthread_mutex_t mutex; /* guards the list and keeps its sockets open */
	pthread_cond_t stop;
	bool stopping;
	struct watched *first;
};

static void end_the_late(struct watch *watch)
{
	int64_t now_us = clock_monotonic_us();
	uint64_t n_late = 0;
	for (struct watched *watched = watch->first; watched; watched = watched->next) {
		if (atomic_load_explicit(&watched->deadline_us, memory_order_relaxed) > now_us)
			continue;
		(void)shutdown(watched->fd, SHUT_RDWR); /* ENOTCONN: the client was faster */
		atomic_store_explicit(&watched->deadline_us, INT64_MAX, memory_order_relaxed);
		n_late++;
	}
	if (n_late > 0)
		log_info("api.deadline", F_U64("connections", n_late));
}

static void *run(void *context)
{
	struct watch *watch = context;
	pthread_mutex_lock(&watch->mutex);
	while (!watch->stopping) {
		end_the_late(watch);
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += WATCH_PERIOD_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		(void)pthread_cond_timedwait(&watch->stop, &watch->mutex, &until); /* the loop looks either way */
	}
	pthread_mutex_unlock(&watch->mutex);
	return NULL;
}

enum status watch_start(struct watch **ret_watch, struct error *err)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	pthread_condattr_t monotonic;
	if (!watch || pthread_condattr_init(&monotonic) != 0 ||
	    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) != 0 ||
	    pthread_mutex_init(&watch->mutex, NULL) != 0 || pthread_cond_init(&watch->stop, &monotonic) != 0)
		abort();
	pthread_condattr_destroy(&monotonic);
	if (pthread_create(&watch->thread, NULL, run, watch) != 0) {
		free(watch);
		return error_set(err, STATUS_UNAVAILABLE, "no thread for deadlines");
	}
	*ret_watch = watch;
	return STATUS_OK;
}

void watch_stop(struct watch *watch)
{
	if (!watch)
		return;
	pthread_mutex_lock(&watch->mutex);
	watch->stopping = true;
	pthread_cond_signal(&watch->stop);
	pthread_mutex_unlock(&watch->mutex);
	(void)pthread_join(watch->thread, NULL); /* fails only for a thread that is not ours */
	pthread_cond_destroy(&watch->stop);
	pthread_mutex_destroy(&watch->mutex);
	free(watch);
}

struct watched *watch_add(struct watch *watch, int fd, int64_t within_us)
{
	struct watched *watched = malloc(sizeof(*watched));
	if (!watched)
		abort();
	watched->fd = fd;
	atomic_init(&watched->deadline_us, clock_monotonic_us() + within_us);
	pthread_mutex_lock(&watch->mutex);
	watched->next = watch->first;
	watched->self = &watch->first;
	if (watched->next)
		watched->next->self = &watched->next;
	watch->first = watched;
	pthread_mutex_unlock(&watch->mutex);
	return watched;
}

void watch_set(struct watched *watched, int64_t within_us)
{
	atomic_store_explicit(&watched->deadline_us, clock_monotonic_us() + within_us, memory_order_relaxed);
}

void watch_remove(struct watch *watch, struct watched *watched)
{
	pthread_mutex_lock(&watch->mutex);
	*watched->self = watched->next;
	if (watched->next)
		watched->next->self = watched->self;
	pthread_mutex_unlock(&watch->mutex);
	free(watched);
}
