/* table.h - a hash table of lines, each found by a key that is part of it.
 *
 * What is refused is kept as the very line that stands in the file, so that writing the file is copying: the key of
 * "+n <id> revoked\n" is the id. A key need not be text: a certificate's is the 32 bytes before its line.
 *
 * Errors:  table_put() fails only for want of memory, and then changes nothing.
 * Memory:  grows in table_put() only; a look-up allocates nothing. Zeroed memory is an empty table without a seed.
 * Thread:  any, one at a time.
 */
#ifndef CISTERN_PLUGIN_TABLE_H
#define CISTERN_PLUGIN_TABLE_H

#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TABLE_KEY_MAX = 64, TABLE_LINE_MAX = 192 };

struct table_entry {
	uint64_t hash;
	uint16_t key_len, line_len;
	char bytes[]; /* the key, then the line */
};

struct table {
	struct table_entry *
		*slots; /* open addressing, linear probing, at most half full; NULL before the first entry */
	size_t n_slots; /* a power of two */
	size_t n_used;
	size_t line_bytes; /* of all lines together */
	uint64_t seed;     /* keys come from outside: nobody shall be able to choose where they meet */
};

void table_init(struct table *table, uint64_t seed);
void table_done(struct table *table);

/* Puts the line in, in the place of an earlier one of that key. */
MUST_CHECK bool table_put(struct table *table, const void *key, size_t key_len, const char *line, size_t line_len);
void table_remove(struct table *table, const void *key, size_t key_len);

/* NULL: not there. */
const struct table_entry *table_find(const struct table *table, const void *key, size_t key_len);

const char *table_line(const struct table_entry *entry);

/* Copies all lines, line_bytes in all, and returns where the next would go. */
char *table_copy_lines(const struct table *table, char *out);

#endif
