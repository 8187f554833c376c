/* base/arena.h - memory of one request or one batch, given back all at once.
 *
 * Thread:  one owner at a time.
 * Memory:  arena_alloc() aligns to 16 bytes; everything is freed by arena_clear() (which keeps the first block) or
 *          arena_free(). Crossing the ceiling, or no memory, gives NULL: the caller answers TOO_LARGE.
 */
#ifndef CISTERN_BASE_ARENA_H
#define CISTERN_BASE_ARENA_H

#include <stddef.h>

#include "base/macros.h"

struct arena;

/* Aborts the process when there is no memory for the first block. */
struct arena *arena_new(size_t ceiling_bytes);
void arena_free(struct arena *arena);
void arena_clear(struct arena *arena);

MUST_CHECK void *arena_alloc(struct arena *arena, size_t size);
/* A copy of len bytes with a NUL behind them. */
MUST_CHECK char *arena_copy(struct arena *arena, const void *bytes, size_t len);
size_t arena_used(const struct arena *arena);

DEFINE_CLEANUP(arena, struct arena *, arena_free)

#endif
