/* store/column.h - a column of values as one binary array argument, for statements that unnest() their rows.
 *
 * Format (PostgreSQL array_recv, all big endian): int32 dimensions = 1, int32 has-nulls, int32 element type's oid,
 * int32 length, int32 lower bound = 1, then for each element int32 byte length (-1: NULL) and the bytes.
 *
 * Thread:  one owner. Memory: column_done() frees; column_clear() keeps the memory for the next batch.
 */
#ifndef CISTERN_STORE_COLUMN_H
#define CISTERN_STORE_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum column_type { COLUMN_TEXT = 25, COLUMN_BYTES = 17, COLUMN_BIGINT = 20, COLUMN_BOOLEAN = 16 };

struct column {
	enum column_type type; /* the element type's oid in PostgreSQL */
	int32_t n;
	bool has_null;
	struct buffer array;
};

void column_init(struct column *column, enum column_type type);
/* All of them at once, as text. */
void column_init_texts(struct column *column, const char *const *texts, size_t n);
void column_done(struct column *column);
void column_clear(struct column *column);

void column_put_text(struct column *column, const char *text, size_t len); /* text and bytes; NULL text is SQL NULL */
void column_put_i64(struct column *column, int64_t value);
void column_put_bool(struct column *column, bool value);

static inline void cleanup_column(struct column *column)
{
	column_done(column);
}

#endif
