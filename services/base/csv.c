#include "base/csv.h"

#include <string.h>

enum { END = -1 }; /* in place of a byte */

void csv_init(struct csv *csv, csv_fill *fill, void *context)
{
	csv->fill = fill;
	csv->context = context;
	csv->line = csv->record_line = 1;
	csv->at = csv->len = 0;
	csv->is_at_end = csv->has_begun = false;
	csv->record = (struct buffer){ .bytes = NULL };
}

void csv_done(struct csv *csv)
{
	buffer_done(&csv->record);
}

static enum status refuse(const struct csv *csv, enum status status, const char *why, struct error *err)
{
	return error_set(err, status, "line %lld: %s", (long long)csv->line, why);
}

static enum status refill(struct csv *csv, struct error *err)
{
	csv->at = csv->len = 0;
	enum status st = csv->fill(csv->context, csv->chunk, sizeof(csv->chunk), &csv->len, err);
	csv->is_at_end = st != STATUS_OK || csv->len == 0;
	return st;
}

/* The next byte, which stays; END at the end. */
static enum status peek(struct csv *csv, int *ret_byte, struct error *err)
{
	if (csv->at == csv->len && !csv->is_at_end) {
		enum status st = refill(csv, err);
		if (st != STATUS_OK)
			return st;
	}
	*ret_byte = csv->at == csv->len ? END : (unsigned char)csv->chunk[csv->at];
	return STATUS_OK;
}

static void take(struct csv *csv)
{
	csv->line += csv->chunk[csv->at++] == '\n';
}

static enum status put(struct csv *csv, int byte, struct error *err)
{
	if (byte == '\0')
		return refuse(csv, STATUS_INVALID, "a NUL", err);
	if (csv->record.len >= CSV_RECORD_BYTES_MAX)
		return refuse(csv, STATUS_TOO_LARGE, "the record is too long", err);
	buffer_putc(&csv->record, (char)byte);
	return STATUS_OK;
}

/* Behind the opening quote, up to and with the closing one. */
static enum status read_quoted(struct csv *csv, struct error *err)
{
	for (;;) {
		int byte = END;
		enum status st = peek(csv, &byte, err);
		if (st == STATUS_OK && byte == END)
			return refuse(csv, STATUS_INVALID, "the file ends within quotes", err);
		if (st != STATUS_OK)
			return st;
		take(csv);
		if (byte == '"') {
			st = peek(csv, &byte, err);
			if (st != STATUS_OK || byte != '"')
				return st;
			take(csv);
		}
		st = put(csv, byte, err);
		if (st != STATUS_OK)
			return st;
	}
}

static bool ends_field(int byte)
{
	return byte == END || byte == ',' || byte == '\n' || byte == '\r';
}

static enum status read_plain(struct csv *csv, struct error *err)
{
	for (;;) {
		int byte = END;
		enum status st = peek(csv, &byte, err);
		if (st != STATUS_OK || ends_field(byte))
			return st;
		if (byte == '"')
			return refuse(csv, STATUS_INVALID, "a quote inside a field that does not begin with one", err);
		st = put(csv, byte, err);
		if (st != STATUS_OK)
			return st;
		take(csv);
	}
}

static enum status read_field(struct csv *csv, struct error *err)
{
	int byte = END;
	enum status st = peek(csv, &byte, err);
	if (st == STATUS_OK && byte == '"') {
		take(csv);
		st = read_quoted(csv, err);
		if (st == STATUS_OK)
			st = peek(csv, &byte, err);
		if (st == STATUS_OK && !ends_field(byte))
			return refuse(csv, STATUS_INVALID, "text behind a closing quote", err);
	} else if (st == STATUS_OK) {
		st = read_plain(csv, err);
	}
	if (st == STATUS_OK)
		buffer_putc(&csv->record, '\0');
	return st;
}

/* CR LF, LF or the end. */
static enum status take_line_end(struct csv *csv, struct error *err)
{
	int byte = END;
	enum status st = peek(csv, &byte, err);
	if (st == STATUS_OK && byte == '\r') {
		take(csv);
		st = peek(csv, &byte, err);
		if (st == STATUS_OK && byte != '\n')
			return refuse(csv, STATUS_INVALID, "a carriage return without a line feed", err);
	}
	if (st == STATUS_OK && byte == '\n')
		take(csv);
	return st;
}

/* The first three bytes must be seen together: two of them may begin another character. */
static enum status pass_over_mark(struct csv *csv, struct error *err)
{
	static const char mark[] = "\xef\xbb\xbf";
	size_t mark_len = strlen(mark);
	if (csv->has_begun)
		return STATUS_OK;
	csv->has_begun = true;
	while (csv->len < mark_len && !csv->is_at_end) {
		size_t len = 0;
		enum status st =
			csv->fill(csv->context, csv->chunk + csv->len, sizeof(csv->chunk) - csv->len, &len, err);
		csv->is_at_end = st != STATUS_OK || len == 0;
		csv->len += len;
		if (st != STATUS_OK)
			return st;
	}
	if (csv->len >= mark_len && memcmp(csv->chunk, mark, mark_len) == 0)
		csv->at = mark_len;
	return STATUS_OK;
}

static enum status pass_over_empty_lines(struct csv *csv, int *ret_byte, struct error *err)
{
	enum status st = pass_over_mark(csv, err);
	if (st == STATUS_OK)
		st = peek(csv, ret_byte, err);
	while (st == STATUS_OK && (*ret_byte == '\n' || *ret_byte == '\r')) {
		st = take_line_end(csv, err);
		if (st == STATUS_OK)
			st = peek(csv, ret_byte, err);
	}
	return st;
}

static enum status read_fields(struct csv *csv, size_t *ret_n_fields, struct error *err)
{
	size_t n = 0;
	int byte = ',';
	while (byte == ',') {
		if (n == CSV_FIELDS_MAX)
			return refuse(csv, STATUS_TOO_LARGE, "too many fields", err);
		csv->starts[n++] = csv->record.len;
		enum status st = read_field(csv, err);
		if (st == STATUS_OK)
			st = peek(csv, &byte, err);
		if (st != STATUS_OK)
			return st;
		if (byte == ',')
			take(csv);
	}
	*ret_n_fields = n;
	return take_line_end(csv, err);
}

enum status csv_read(struct csv *csv, struct csv_record *ret_record, bool *ret_end, struct error *err)
{
	int byte = END;
	size_t n_fields = 0;
	buffer_clear(&csv->record);
	enum status st = pass_over_empty_lines(csv, &byte, err);
	if (st != STATUS_OK)
		return st;
	*ret_end = byte == END;
	if (byte == END)
		return STATUS_OK;
	csv->record_line = csv->line;
	st = read_fields(csv, &n_fields, err);
	if (st != STATUS_OK)
		return st;
	ret_record->n_fields = n_fields;
	for (size_t i = 0; i < n_fields; i++)
		ret_record->fields[i] = csv->record.bytes + csv->starts[i];
	return STATUS_OK;
}

enum status csv_fill_text(void *context, char *bytes, size_t size, size_t *ret_len, struct error *err)
{
	(void)err;
	struct csv_text *rest = context;
	size_t len = rest->len < size ? rest->len : size;
	if (len > 0)
		memcpy(bytes, rest->text, len);
	rest->text += len;
	rest->len -= len;
	*ret_len = len;
	return STATUS_OK;
}

void csv_put_field(struct buffer *out, const char *field)
{
	/* the byte order mark is no text at the beginning of a file */
	if (!strpbrk(field, "\",\r\n") && *field && (unsigned char)*field != 0xef) {
		buffer_puts(out, field);
		return;
	}
	buffer_putc(out, '"');
	for (; *field; field++) {
		if (*field == '"')
			buffer_putc(out, '"');
		buffer_putc(out, *field);
	}
	buffer_putc(out, '"');
}
