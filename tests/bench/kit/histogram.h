/* histogram.h - many latencies in little memory: 32 buckets for each doubling, so that a percentile is at most 3 % off.
 *
 * Thread: one. Memory: the caller's struct, zeroed. */
#ifndef CISTERN_BENCH_HISTOGRAM_H
#define CISTERN_BENCH_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 64 * 32 };

struct histogram {
	uint64_t n, counts[HISTOGRAM_BUCKETS];
	uint64_t max;
};

void histogram_add(struct histogram *histogram, uint64_t value);
/* The upper end of the bucket in which the value of that rank is, the largest value at most; 0 when there is none. */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

#endif
