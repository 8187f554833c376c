#include "cistern/output.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"

enum { GAP = 2 }; /* blanks between columns */

/* C0, DEL, and C1 in UTF-8 (C2 80..9F): a terminal may obey any of them. */
static size_t control_len(const unsigned char *at)
{
	if (at[0] < 0x20 || at[0] == 0x7f)
		return 1;
	return at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f ? 2 : 0;
}

void output_put_shown(struct buffer *out, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	while (*at) {
		size_t len = control_len(at);
		if (len == 0) {
			buffer_putc(out, (char)*at++);
			continue;
		}
		at += len;
		buffer_printf(out, "\\x%02x", at[-1]);
	}
}

/* Characters, taking each for one column wide: wrong for some scripts, and then only a column is not straight. */
static size_t width_of(const char *text)
{
	size_t width = 0;
	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void put_time(struct buffer *out, int64_t time_us)
{
	time_t seconds = (time_t)(time_us / 1000000);
	struct tm utc;
	char text[40];
	(void)gmtime_r(&seconds, &utc);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	buffer_puts(out, text);
}

static void put_shown(struct buffer *out, const struct cell *cell)
{
	switch (cell->kind) {
	case CELL_TEXT: output_put_shown(out, cell->text && *cell->text ? cell->text : "-"); return;
	case CELL_NUMBER: buffer_printf(out, "%lld", (long long)cell->number); return;
	case CELL_BOOLEAN: buffer_puts(out, cell->number ? "yes" : "no"); return;
	case CELL_TIME:
		if (cell->number)
			put_time(out, cell->number);
		else
			buffer_puts(out, "never");
		return;
	case CELL_JSON: {
		CLEANUP(buffer) struct buffer compact = { 0 };
		json_put_compact(&compact, (struct json_slice){ cell->text, strlen(cell->text) });
		output_put_shown(out, buffer_text(&compact));
		return;
	}
	}
}

static void put_json(struct buffer *out, const struct cell *cell)
{
	switch (cell->kind) {
	case CELL_TEXT:
		if (cell->text)
			buffer_put_json_string(out, cell->text, strlen(cell->text));
		else
			buffer_puts(out, "null");
		return;
	case CELL_NUMBER: buffer_printf(out, "%lld", (long long)cell->number); return;
	case CELL_BOOLEAN: buffer_puts(out, cell->number ? "true" : "false"); return;
	case CELL_TIME:
		if (!cell->number) {
			buffer_puts(out, "null");
			return;
		}
		buffer_putc(out, '"');
		put_time(out, cell->number);
		buffer_putc(out, '"');
		return;
	case CELL_JSON: json_put_compact(out, (struct json_slice){ cell->text, strlen(cell->text) }); return;
	}
}

/* `names`: the columns of a list; NULL: the cells have names themselves. */
static void put_json_object(struct buffer *out, const char *const *names, const struct cell *cells, size_t n_cells)
{
	buffer_putc(out, '{');
	for (size_t i = 0; i < n_cells; i++) {
		const char *name = names ? names[i] : cells[i].name;
		buffer_printf(out, "%s\"%s\":", i ? "," : "", name);
		put_json(out, &cells[i]);
	}
	buffer_putc(out, '}');
}

static void put_blanks(struct buffer *out, size_t n)
{
	while (n-- > 0)
		buffer_putc(out, ' ');
}

/* `certificate_serial` is shown as `certificate serial`. */
static void put_heading(struct buffer *out, const char *name, bool upper)
{
	for (; *name; name++)
		buffer_putc(out, *name == '_' ? ' ' : upper ? (char)toupper((unsigned char)*name) : *name);
}

void output_done(struct output *output)
{
	buffer_done(&output->done);
	buffer_done(&output->cells);
}

void output_put_object(struct buffer *out, const struct cell *cells, size_t n_cells)
{
	put_json_object(out, NULL, cells, n_cells);
}

void output_record(struct output *output, const struct cell *cells, size_t n_cells)
{
	if (output->format == OUTPUT_JSON) {
		put_json_object(&output->done, NULL, cells, n_cells);
		buffer_putc(&output->done, '\n');
		return;
	}
	size_t widest = 0;
	for (size_t i = 0; i < n_cells; i++) {
		size_t width = strlen(cells[i].name);
		widest = width > widest ? width : widest;
	}
	for (size_t i = 0; i < n_cells; i++) {
		put_heading(&output->done, cells[i].name, false);
		put_blanks(&output->done, widest - strlen(cells[i].name) + GAP);
		put_shown(&output->done, &cells[i]);
		buffer_putc(&output->done, '\n');
	}
}

/* Keeps what buffer_text() of `shown` says as the next cell, with its NUL. */
static void keep_cell(struct output *output, size_t column, struct buffer *shown)
{
	size_t width = width_of(buffer_text(shown));
	if (width > output->widths[column])
		output->widths[column] = width;
	buffer_put(&output->cells, buffer_text(shown), shown->len + 1);
}

void output_list_begin(struct output *output, const char *name, const char *const *columns, size_t n_columns)
{
	assert(n_columns <= OUTPUT_COLUMNS_MAX);
	output->columns = columns;
	output->n_columns = n_columns;
	if (output->format == OUTPUT_JSON) {
		buffer_printf(&output->done, "{\"%s\":[", name);
		return;
	}
	for (size_t i = 0; i < n_columns; i++) {
		CLEANUP(buffer) struct buffer heading = { 0 };
		put_heading(&heading, columns[i], true);
		keep_cell(output, i, &heading);
	}
}

void output_list_row(struct output *output, const struct cell *cells)
{
	if (output->format == OUTPUT_JSON) {
		if (output->n_rows++ > 0)
			buffer_putc(&output->done, ',');
		put_json_object(&output->done, output->columns, cells, output->n_columns);
		return;
	}
	for (size_t i = 0; i < output->n_columns; i++) {
		CLEANUP(buffer) struct buffer shown = { 0 };
		put_shown(&shown, &cells[i]);
		keep_cell(output, i, &shown);
	}
}

void output_list_end(struct output *output)
{
	if (output->format == OUTPUT_JSON) {
		buffer_puts(&output->done, "]}\n");
		return;
	}
	const char *cell = output->cells.bytes, *end = cell + output->cells.len;
	for (size_t column = 0; cell < end; cell += strlen(cell) + 1) {
		bool last = column + 1 == output->n_columns;
		buffer_puts(&output->done, cell);
		if (last)
			buffer_putc(&output->done, '\n'); /* not filled up: no blanks at a line's end */
		else
			put_blanks(&output->done, output->widths[column] - width_of(cell) + GAP);
		column = last ? 0 : column + 1;
	}
}

void output_puts(struct output *output, const char *text)
{
	buffer_puts(&output->done, text);
}

enum status output_finish(struct output *output, struct error *err)
{
	if (output->done.len == 0)
		return STATUS_OK;
	if (fwrite(output->done.bytes, 1, output->done.len, stdout) != output->done.len || fflush(stdout) != 0)
		return error_set(err, STATUS_UNAVAILABLE, "cannot write the result: %s", strerror(errno));
	return STATUS_OK;
}
