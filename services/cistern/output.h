/* cistern/output.h - a command's result, for a person (aligned columns) or for a program (one JSON document).
 *
 * A result is one record, or one list of rows. Nothing reaches standard output before output_finish(): a command that fails half
 * way prints no half result.
 *
 *   text    record: "name   value" a line          list: a line of headings, then one line a row
 *   json    record: {"name":value,...}             list: {"nodes":[{"node_id":...},...]}
 *
 * Names and values may come from nodes and users: in text, control characters are shown as \x1b and never reach the terminal.
 *
 * Thread:  main. Memory: output_done() frees; texts are copied. Out of memory aborts.
 * Errors:  output_finish(): UNAVAILABLE standard output cannot be written.
 */
#ifndef CISTERN_CISTERN_OUTPUT_H
#define CISTERN_CISTERN_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/macros.h"

enum { OUTPUT_COLUMNS_MAX = 16 };

enum output_format { OUTPUT_TEXT, OUTPUT_JSON };

enum cell_kind {
	CELL_TEXT, /* NULL or "": - in text; NULL: null in JSON */
	CELL_NUMBER,
	CELL_BOOLEAN, /* yes or no; true or false */
	CELL_TIME,    /* number is microseconds since 1970 UTC; 2026-01-01T12:00:00Z; 0: never, null */
	CELL_JSON,    /* text is JSON already */
};

struct cell {
	const char *name; /* as in JSON; a list takes it from its columns */
	enum cell_kind kind;
	const char *text;
	int64_t number;
};

#define CELL_OF_TEXT(of, value)    ((struct cell){ .name = (of), .kind = CELL_TEXT, .text = (value) })
#define CELL_OF_NUMBER(of, value)  ((struct cell){ .name = (of), .kind = CELL_NUMBER, .number = (value) })
#define CELL_OF_BOOLEAN(of, value) ((struct cell){ .name = (of), .kind = CELL_BOOLEAN, .number = (value) })
#define CELL_OF_TIME(of, value_us) ((struct cell){ .name = (of), .kind = CELL_TIME, .number = (value_us) })
#define CELL_OF_JSON(of, value)    ((struct cell){ .name = (of), .kind = CELL_JSON, .text = (value) })

struct output {
	enum output_format format;
	int exit_status;    /* of a command that did only a part of its work, which its result tells; 0: done */
	struct buffer done; /* what goes to standard output */
	/* the open list */
	const char *const *columns;
	size_t n_columns, n_rows;
	struct buffer cells; /* text: each cell shown, with a NUL behind it */
	size_t widths[OUTPUT_COLUMNS_MAX];
};

void output_done(struct output *output);

void output_record(struct output *output, const struct cell *cells, size_t n_cells);

/* `name` and `columns` must live until the end of the list. A row has a cell for each column, in order. */
void output_list_begin(struct output *output, const char *name, const char *const *columns, size_t n_columns);
void output_list_row(struct output *output, const struct cell *cells);
void output_list_end(struct output *output);

/* One record as JSON behind what is in `out`, for a CELL_OF_JSON with a list inside. */
void output_put_object(struct buffer *out, const struct cell *cells, size_t n_cells);

/* Free text for a person, as it is; not for JSON. */
void output_puts(struct output *output, const char *text);

MUST_CHECK enum status output_finish(struct output *output, struct error *err);

/* Text from outside as a terminal may see it: also for standard error. */
void output_put_shown(struct buffer *out, const char *text);

static inline void cleanup_output(struct output *output)
{
	output_done(output);
}

#endif
