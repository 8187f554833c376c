/* hash.h - the one hash of this folder's tables: FNV-1a from a secret start, mixed. Ids and certificates are issued by us, so
 * it has only to make a crafted set of them useless. */
#ifndef CISTERN_PLUGIN_HASH_H
#define CISTERN_PLUGIN_HASH_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t hash_mix(uint64_t h)
{
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return h ^ (h >> 32);
}

static inline uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;
	uint64_t h = seed;

	for (size_t i = 0; i < len; i++)
		h = (h ^ at[i]) * UINT64_C(0x100000001b3);
	return hash_mix(h);
}

#endif
