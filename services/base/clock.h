/* base/clock.h - the time, in microseconds.
 *
 * Durations use the monotonic clock, facts the UTC clock. A test moves either with clock_test_shift_us.
 *
 * Thread:  any. clock_test_shift_us is set by tests only, before threads start.
 */
#ifndef CISTERN_BASE_CLOCK_H
#define CISTERN_BASE_CLOCK_H

#include <stdint.h>

/* Microseconds since 1970-01-01 UTC. */
int64_t clock_now_us(void);

/* Microseconds since an unspecified start; never goes back. */
int64_t clock_monotonic_us(void);

extern int64_t clock_test_shift_us;

#endif
