#include "model/rendezvous.h"

#include <string.h>

static uint64_t fnv1a(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return hash;
}

/* FNV alone leaves what differs in the last characters in the low bits; the finisher of splitmix64 spreads it over all. */
static uint64_t mix(uint64_t hash)
{
	hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
	return hash ^ hash >> 31;
}

uint64_t rendezvous_weight(const char *name, const char *node_id)
{
	uint64_t hash = fnv1a(UINT64_C(0xcbf29ce484222325), name) * UINT64_C(0x100000001b3); /* the NUL between them */
	return mix(fnv1a(hash, node_id));
}

size_t rendezvous_pick(const char *const *names, size_t n_names, const char *node_id)
{
	size_t best = 0;
	uint64_t best_weight = 0;
	for (size_t i = 0; i < n_names; i++) {
		uint64_t weight = rendezvous_weight(names[i], node_id);
		/* of two equal weights the first name, so that the order of the list decides nothing */
		if (i == 0 || weight > best_weight || (weight == best_weight && strcmp(names[i], names[best]) < 0)) {
			best = i;
			best_weight = weight;
		}
	}
	return best;
}
