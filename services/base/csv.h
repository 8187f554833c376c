/* base/csv.h - comma-separated values (RFC 4180) from outside, record by record, in bounded memory.
 *
 *   file    = record *( line-end record ) [ line-end ]          line-end: CR LF or LF
 *   record  = field *( "," field )
 *   field   = text | DQUOTE *( text | "," | CR | LF | DQUOTE DQUOTE ) DQUOTE
 *
 * A byte order mark before the first record is passed over, and so are empty lines. Stricter than many readers: a quote inside an
 * unquoted field, text behind a closing quote, a bare CR, a NUL and a file that ends within quotes are errors, for nobody knows what was meant.
 *
 * Thread:  one owner.
 * Memory:  csv_done() frees. Fields end in NUL and are valid until the next csv_read().
 * Errors:  csv_read(): INVALID not such a record, with its line. TOO_LARGE a record over CSV_RECORD_BYTES_MAX, more fields than CSV_FIELDS_MAX.
 *          What `fill` returns. After an error nothing more can be read.
 */
#ifndef CISTERN_BASE_CSV_H
#define CISTERN_BASE_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/macros.h"

enum { CSV_FIELDS_MAX = 64, CSV_RECORD_BYTES_MAX = 65536, CSV_CHUNK_BYTES = 8192 };

/* Gives the next bytes, 1 to `size`; 0 at the end. */
typedef enum status csv_fill(void *context, char *bytes, size_t size, size_t *ret_len, struct error *err);

struct csv_text {
	const char *text;
	size_t len;
};

struct csv {
	csv_fill *fill;
	void *context;
	int64_t line;        /* of the byte that is read next */
	int64_t record_line; /* where the record that was read last began */
	/* the rest is csv.c's */
	char chunk[CSV_CHUNK_BYTES];
	size_t at, len;
	bool is_at_end, has_begun;
	struct buffer record;
	size_t starts[CSV_FIELDS_MAX];
};

struct csv_record {
	const char *fields[CSV_FIELDS_MAX];
	size_t n_fields;
};

void csv_init(struct csv *csv, csv_fill *fill, void *context);
void csv_done(struct csv *csv);

/* ret_end: there was no further record; ret_record is then left alone. */
MUST_CHECK enum status csv_read(struct csv *csv, struct csv_record *ret_record, bool *ret_end, struct error *err);

/* A csv_fill for text in memory; the context is a struct csv_text, which moves on. */
csv_fill csv_fill_text;

/* Writes a field, in quotes where it needs them. The commas and line ends are the caller's. */
void csv_put_field(struct buffer *out, const char *field);

static inline void cleanup_csv(struct csv *csv)
{
	csv_done(csv);
}

#endif
