#include "base/clock.h"

#include <time.h>

int64_t clock_test_shift_us;

static int64_t read_us(clockid_t which)
{
	struct timespec now;
	(void)clock_gettime(which, &now); /* cannot fail for these two clocks */
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 + clock_test_shift_us;
}

int64_t clock_now_us(void)
{
	return read_us(CLOCK_REALTIME);
}

int64_t clock_monotonic_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}
