#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 65536, ALIGNMENT = 16 };

struct block {
	struct block *next;
	size_t size, used;
	_Alignas(ALIGNMENT) unsigned char bytes[];
};

struct arena {
	struct block *first, *current;
	size_t ceiling, used;
};

static struct block *block_new(size_t size)
{
	struct block *block = malloc(sizeof(*block) + size);
	if (block)
		*block = (struct block){ .size = size };
	return block;
}

struct arena *arena_new(size_t ceiling_bytes)
{
	struct arena *arena = malloc(sizeof(*arena));
	struct block *first = block_new(BLOCK_BYTES);
	if (!arena || !first)
		abort();
	*arena = (struct arena){ .first = first, .current = first, .ceiling = ceiling_bytes };
	return arena;
}

static void free_from(struct block *block)
{
	while (block) {
		struct block *next = block->next;
		free(block);
		block = next;
	}
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	free_from(arena->first);
	free(arena);
}

void arena_clear(struct arena *arena)
{
	free_from(arena->first->next);
	arena->first->next = NULL;
	arena->first->used = 0;
	arena->current = arena->first;
	arena->used = 0;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	if (size > arena->ceiling - arena->used)
		return NULL;
	size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (rounded > arena->ceiling - arena->used)
		return NULL;
	struct block *block = arena->current;
	if (rounded > block->size - block->used) {
		block = block_new(rounded > BLOCK_BYTES ? rounded : BLOCK_BYTES);
		if (!block)
			return NULL;
		arena->current->next = block;
		arena->current = block;
	}
	void *at = block->bytes + block->used;
	block->used += rounded;
	arena->used += rounded;
	return at;
}

char *arena_copy(struct arena *arena, const void *bytes, size_t len)
{
	if (len == SIZE_MAX)
		return NULL;
	char *copy = arena_alloc(arena, len + 1);
	if (!copy)
		return NULL;
	if (len > 0)
		memcpy(copy, bytes, len);
	copy[len] = '\0';
	return copy;
}

size_t arena_used(const struct arena *arena)
{
	return arena->used;
}
