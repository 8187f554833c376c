#include "store/column.h"

#include <string.h>

#include "store/query.h"

/* The five int32 before the elements. */
enum { HEADER_BYTES = 20 };

static void put_i32_at(char *at, int32_t value)
{
	uint32_t bits = (uint32_t)value;
	for (int i = 3; i >= 0; i--, bits >>= 8)
		at[i] = (char)(bits & 0xff);
}

static void put_i32(struct buffer *out, int32_t value)
{
	put_i32_at(buffer_reserve(out, 4), value);
	out->len += 4;
}

static void put_i64(struct buffer *out, int64_t value)
{
	uint64_t bits = (uint64_t)value;
	put_i32(out, (int32_t)(bits >> 32));
	put_i32(out, (int32_t)(bits & 0xffffffff));
}

void column_init(struct column *column, enum column_type type)
{
	*column = (struct column){ .type = type };
	column_clear(column);
}

void column_init_texts(struct column *column, const char *const *texts, size_t n)
{
	column_init(column, COLUMN_TEXT);
	for (size_t i = 0; i < n; i++)
		column_put_text(column, texts[i], strlen(texts[i]));
}

void column_done(struct column *column)
{
	buffer_done(&column->array);
}

void column_clear(struct column *column)
{
	column->n = 0;
	column->has_null = false;
	buffer_clear(&column->array);
	(void)buffer_reserve(&column->array, HEADER_BYTES); /* filled in when the column is used */
	column->array.len = HEADER_BYTES;
}

void column_put_text(struct column *column, const char *text, size_t len)
{
	column->n++;
	if (!text) {
		column->has_null = true;
		put_i32(&column->array, -1);
		return;
	}
	put_i32(&column->array, (int32_t)len);
	buffer_put(&column->array, text, len);
}

void column_put_i64(struct column *column, int64_t value)
{
	column->n++;
	put_i32(&column->array, 8);
	put_i64(&column->array, value);
}

void column_put_bool(struct column *column, bool value)
{
	column->n++;
	put_i32(&column->array, 1);
	buffer_putc(&column->array, value ? 1 : 0);
}

struct arg arg_column(struct column *column)
{
	char *header = column->array.bytes;
	bool empty = column->n == 0;
	put_i32_at(header, empty ? 0 : 1);
	put_i32_at(header + 4, column->has_null);
	put_i32_at(header + 8, (int32_t)column->type);
	put_i32_at(header + 12, column->n);
	put_i32_at(header + 16, 1);
	/* an array without elements has no dimensions behind the element type */
	return (struct arg){ .bytes = header, .len = empty ? 12 : (int)column->array.len, .format = 1 };
}
