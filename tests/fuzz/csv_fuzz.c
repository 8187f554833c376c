/* Any file is read or refused with a reason, whatever pieces it comes in; and what was read is read alike when it is written again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
	struct csv_text rest;
	size_t piece;
};

static enum status fill(void *context, char *bytes, size_t size, size_t *ret_len, struct error *err)
{
	struct source *source = context;
	return csv_fill_text(&source->rest, bytes, source->piece < size ? source->piece : size, ret_len, err);
}

/* Writes what it reads; false when the text was refused at some point. */
static bool copy(const char *text, size_t len, size_t piece, struct buffer *out)
{
	struct source source = { { text, len }, piece };
	struct csv_record record = { .n_fields = 0 };
	struct error err = { .text = "" };
	CLEANUP(csv) struct csv csv;
	csv_init(&csv, fill, &source);
	for (bool end = false;;) {
		if (csv_read(&csv, &record, &end, &err) != STATUS_OK) {
			if (err.text[0] == '\0')
				abort();
			return false;
		}
		if (end)
			return true;
		if (record.n_fields == 0 || record.n_fields > CSV_FIELDS_MAX)
			abort();
		for (size_t i = 0; i < record.n_fields; i++) {
			if (i)
				buffer_putc(out, ',');
			csv_put_field(out, record.fields[i]);
		}
		buffer_putc(out, '\n');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buffer) struct buffer whole = { 0 };
	CLEANUP(buffer) struct buffer pieces = { 0 };
	CLEANUP(buffer) struct buffer again = { 0 };
	const char *text = (const char *)data;
	bool read = copy(text, size, CSV_CHUNK_BYTES, &whole);
	if (copy(text, size, 3, &pieces) != read || whole.len != pieces.len ||
	    (whole.len && memcmp(whole.bytes, pieces.bytes, whole.len) != 0))
		abort();
	if (whole.len == 0)
		return 0;
	if (!copy(whole.bytes, whole.len, CSV_CHUNK_BYTES, &again) || again.len != whole.len ||
	    memcmp(again.bytes, whole.bytes, whole.len) != 0)
		abort();
	return 0;
}
