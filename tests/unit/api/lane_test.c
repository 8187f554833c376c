/* A lane takes what fits, works it off at stop, and refuses the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "api/lane.h"

struct job {
	pthread_mutex_t *gate;
	atomic_int *n_begun, *n_done;
};

static void run_job(void *item)
{
	struct job *job = item;
	atomic_fetch_add(job->n_begun, 1);
	pthread_mutex_lock(job->gate);
	pthread_mutex_unlock(job->gate);
	atomic_fetch_add(job->n_done, 1);
}

static void wait_for(atomic_int *n, int value)
{
	while (atomic_load(n) < value)
		sched_yield();
}

static void a_full_lane_refuses_and_a_stopped_one_has_done_everything(void **state)
{
	(void)state;
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	atomic_int n_begun = 0, n_done = 0;
	struct job job = { &gate, &n_begun, &n_done };
	struct lane *lane = NULL;
	struct error err = { .status = STATUS_OK };
	assert_int_equal(lane_start(2, 3, run_job, &lane, &err), STATUS_OK);
	pthread_mutex_lock(&gate);
	for (int i = 0; i < 2; i++)
		assert_true(lane_push(lane, &job));
	wait_for(&n_begun, 2); /* both threads are busy: the next three wait */
	for (int i = 0; i < 3; i++)
		assert_true(lane_push(lane, &job));
	assert_false(lane_push(lane, &job));
	pthread_mutex_unlock(&gate);
	lane_stop(lane);
	assert_int_equal(atomic_load(&n_done), 5);
	assert_false(lane_push(lane, &job));
	lane_free(lane);
}

static void the_ring_goes_round(void **state)
{
	(void)state;
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	atomic_int n_begun = 0, n_done = 0;
	struct job job = { &gate, &n_begun, &n_done };
	struct lane *lane = NULL;
	struct error err = { .status = STATUS_OK };
	assert_int_equal(lane_start(2, 3, run_job, &lane, &err), STATUS_OK);
	int n_pushed = 0;
	while (n_pushed < 1000)
		n_pushed += lane_push(lane, &job);
	lane_stop(lane);
	assert_int_equal(atomic_load(&n_done), 1000);
	lane_free(lane);
	lane_stop(NULL);
	lane_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_lane_refuses_and_a_stopped_one_has_done_everything),
		cmocka_unit_test(the_ring_goes_round),
	};
	return cmocka_run_group_tests_name("api/lane", tests, NULL, NULL);
}
