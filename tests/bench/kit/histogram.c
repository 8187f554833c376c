#include "histogram.h"

#include <stddef.h>

enum { SUB_BITS = 5, SUB = 1 << SUB_BITS };

/* Below 32 each value has a bucket; above, the five bits behind the highest one choose it. */
static size_t bucket_of(uint64_t value)
{
	if (value < SUB)
		return (size_t)value;
	unsigned shift = 63 - (unsigned)__builtin_clzll(value) - SUB_BITS;
	return (size_t)(shift + 1) * SUB + (size_t)((value >> shift) - SUB);
}

static uint64_t bucket_end(size_t bucket)
{
	if (bucket < SUB)
		return bucket;
	unsigned shift = (unsigned)(bucket / SUB) - 1;
	return ((bucket % SUB + SUB + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->n++;
	histogram->counts[bucket_of(value)]++;
	if (value > histogram->max)
		histogram->max = value;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent)
{
	uint64_t below = 0, wanted = (uint64_t)((double)histogram->n * percent / 100);
	if (wanted >= histogram->n)
		wanted = histogram->n ? histogram->n - 1 : 0;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		below += histogram->counts[i];
		if (below > wanted)
			return bucket_end(i) < histogram->max ? bucket_end(i) : histogram->max;
	}
	return 0;
}
