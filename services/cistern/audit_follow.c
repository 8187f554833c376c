/* cistern audit --follow: events as they come, a line each, until a signal ends it. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cistern/audit_follow.h"
#include "model/limits.h"

/* Numbers are given before the commit, so an event may become visible after a later one: each look goes back as far as a transaction can last. */
#define LOOK_BACK_US 60000000

static const struct timespec between_looks = { .tv_sec = 1 };

struct seen {
	int64_t *ids;
	size_t n, capacity;
};

static void seen_add(struct seen *seen, int64_t id)
{
	if (seen->n == seen->capacity) {
		seen->capacity = seen->capacity ? 2 * seen->capacity : 256;
		seen->ids = realloc(seen->ids, seen->capacity * sizeof(*seen->ids));
		if (!seen->ids)
			abort();
	}
	seen->ids[seen->n++] = id;
}

/* Newest first, as they were listed. */
static int compare_ids(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
	return (left < right) - (left > right);
}

static bool seen_has(const struct seen *seen, int64_t id)
{
	return seen->n > 0 && bsearch(&id, seen->ids, seen->n, sizeof(id), compare_ids);
}

struct look {
	struct seen before, now;
	bool is_first;
	int64_t n_rows, last, newest_at_us;
	struct buffer lines; /* newest first, each behind the ones that go out later */
	enum output_format format;
};

static void put_line(struct buffer *line, enum output_format format, const struct audit_event *event)
{
	const struct cell cells[AUDIT_CELLS] = AUDIT_CELLS_OF(event);
	if (format == OUTPUT_JSON) {
		output_put_object(line, cells, ARRAY_LEN(cells));
	} else {
		struct output row = { .format = OUTPUT_TEXT };
		static const char *const columns[AUDIT_CELLS] = AUDIT_COLUMNS;
		output_list_begin(&row, "events", columns, AUDIT_CELLS);
		output_list_row(&row, cells);
		output_list_end(&row);
		const char *body = memchr(row.done.bytes, '\n', row.done.len); /* behind the headings */
		if (body)
			buffer_put(line, body + 1, row.done.len - (size_t)(body + 1 - row.done.bytes));
		output_done(&row);
	}
	if (line->len > 0 && line->bytes[line->len - 1] != '\n')
		buffer_putc(line, '\n');
}

static void look_at(void *context, const struct audit_event *event)
{
	struct look *look = context;
	look->n_rows++;
	look->last = event->id;
	if (event->at_us > look->newest_at_us)
		look->newest_at_us = event->at_us;
	seen_add(&look->now, event->id);
	if (look->is_first || seen_has(&look->before, event->id))
		return;
	CLEANUP(buffer) struct buffer line = { .bytes = NULL };
	put_line(&line, look->format, event);
	buffer_put(&line, look->lines.bytes, look->lines.len); /* older before newer */
	struct buffer former = look->lines;
	look->lines = line;
	line = former;
}

static enum status look_once(struct store *store, const struct audit_filter *filter, struct look *look,
			     struct error *err)
{
	struct audit_filter from = *filter;
	if (look->newest_at_us > LOOK_BACK_US)
		from.since_us = look->newest_at_us - LOOK_BACK_US;
	enum status st = STATUS_OK;
	look->last = INT64_MAX;
	look->now.n = 0;
	buffer_clear(&look->lines);
	do {
		look->n_rows = 0;
		st = store_audit_list(store, &from, look->last, PAGE_MAX, look_at, look, err);
	} while (st == STATUS_OK && look->n_rows == PAGE_MAX && look->newest_at_us > 0 && !look->is_first);
	struct seen former = look->before;
	look->before = look->now;
	look->now = former;
	return st;
}

enum status audit_follow(struct store *store, const struct audit_filter *filter, struct output *output,
			 struct error *err)
{
	struct look look = { .is_first = true, .format = output->format };
	enum status st = look_once(store, filter, &look, err);
	look.is_first = false;
	while (st == STATUS_OK) {
		st = look_once(store, filter, &look, err);
		buffer_clear(&output->done);
		if (st == STATUS_OK && look.lines.len > 0)
			output_puts(output, buffer_text(&look.lines));
		if (st == STATUS_OK)
			st = output_finish(output, err);
		buffer_clear(&output->done);
		(void)nanosleep(&between_looks, NULL); /* a signal ends the program */
	}
	free(look.before.ids);
	free(look.now.ids);
	buffer_done(&look.lines);
	return st;
}
