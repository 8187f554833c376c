/* Rows of a CSV file, batch by batch, and the file of those that failed. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "claim/import_internal.h"

enum { ARENA_BYTES_MAX = IMPORT_BATCH_MAX * (CSV_RECORD_BYTES_MAX + 4096) };

#define REASON_COLUMN "reason"

struct cells {
	const char *fields[CSV_FIELDS_MAX]; /* in the arena */
	size_t n_fields;
	int64_t line;
};

struct import_job {
	struct importer *importer;
	const struct import_hooks *hooks;
	struct csv csv;
	struct arena *header_arena, *arena; /* of the job; of the batch */
	struct cells header;
	int node_id_at, certificate_at, csr_at; /* -1: no such column */
	bool is_at_end;
	struct error broken; /* why the rest cannot be read; told when what stands before is done */
	size_t n_held;       /* rows of the batch in hand */
	struct cells held[IMPORT_BATCH_MAX];
	struct import_row rows[IMPORT_BATCH_MAX];
	int64_t failed_line; /* of the first */
	char failed_reason[ERROR_TEXT_MAX + 1];
};

/* --- the header --- */

static enum status copy_cells(struct arena *arena, const struct csv *csv, const struct csv_record *record,
			      struct cells *ret_cells, struct error *err)
{
	*ret_cells = (struct cells){ .n_fields = record->n_fields, .line = csv->record_line };
	for (size_t i = 0; i < record->n_fields; i++) {
		ret_cells->fields[i] = arena_copy(arena, record->fields[i], strlen(record->fields[i]));
		if (!ret_cells->fields[i])
			return error_set(err, STATUS_TOO_LARGE, "the rows take too much memory");
	}
	return STATUS_OK;
}

/* Blanks around a name come from editors and mean nothing. */
static bool is_name(const char *field, const char *name)
{
	field += strspn(field, " \t");
	size_t len = strlen(field);
	while (len > 0 && strchr(" \t", field[len - 1]))
		len--;
	return len == strlen(name) && strncasecmp(field, name, len) == 0;
}

static int find_column(const struct cells *header, const char *name)
{
	for (size_t i = 0; i < header->n_fields; i++) {
		if (is_name(header->fields[i], name))
			return (int)i;
	}
	return -1;
}

static enum status choose_columns(struct import_job *job, struct error *err)
{
	const struct cells *header = &job->header;
	int certs_at = find_column(header, "certs"), certificate_at = find_column(header, "certificate");
	job->node_id_at = find_column(header, "node_id");
	job->csr_at = find_column(header, "csr");
	job->certificate_at = certs_at >= 0 ? certs_at : certificate_at;
	if (job->node_id_at < 0)
		return error_set(err, STATUS_INVALID, "the first line names no column node_id");
	if (certs_at >= 0 && certificate_at >= 0)
		return error_set(err, STATUS_INVALID, "the columns certs and certificate mean the same: one of them");
	return STATUS_OK;
}

static enum status read_header(struct import_job *job, struct error *err)
{
	struct csv_record record = { .n_fields = 0 };
	bool at_end = false;
	enum status st = csv_read(&job->csv, &record, &at_end, err);
	if (st != STATUS_OK)
		return st;
	if (at_end)
		return error_set(err, STATUS_INVALID, "the file is empty");
	st = copy_cells(job->header_arena, &job->csv, &record, &job->header, err);
	return st == STATUS_OK ? choose_columns(job, err) : st;
}

enum status import_job_open(struct importer *importer, const struct import_hooks *hooks, csv_fill *fill,
			    void *fill_context, struct import_job **ret_job, struct error *err)
{
	CLEANUP(import_job) struct import_job *job = calloc(1, sizeof(*job));
	if (!job)
		abort();
	job->importer = importer;
	job->hooks = hooks;
	csv_init(&job->csv, fill, fill_context);
	job->header_arena = arena_new(CSV_RECORD_BYTES_MAX * 2);
	job->arena = arena_new(ARENA_BYTES_MAX);
	enum status st = read_header(job, err);
	if (st != STATUS_OK)
		return st;
	*ret_job = STEAL(job);
	return STATUS_OK;
}

void import_job_close(struct import_job *job)
{
	if (!job)
		return;
	csv_done(&job->csv);
	arena_free(job->header_arena);
	arena_free(job->arena);
	free(job);
}

enum status import_job_skip(struct import_job *job, int64_t n_rows, struct error *err)
{
	struct csv_record record;
	for (int64_t i = 0; i < n_rows && !job->is_at_end; i++) {
		enum status st = csv_read(&job->csv, &record, &job->is_at_end, err);
		if (st != STATUS_OK)
			return st;
	}
	return STATUS_OK;
}

/* --- the failed --- */

/* A file of failed rows that is fed back has its reasons already: new ones take their place. */
static void put_line(const struct import_job *job, const struct cells *cells, const char *reason, struct buffer *out)
{
	for (size_t i = 0; i < job->header.n_fields; i++) {
		if (is_name(job->header.fields[i], REASON_COLUMN))
			continue;
		if (i < cells->n_fields)
			csv_put_field(out, cells->fields[i]);
		buffer_putc(out, ',');
	}
	csv_put_field(out, reason);
	buffer_putc(out, '\n');
}

void import_job_failed_header(const struct import_job *job, struct buffer *ret_csv)
{
	put_line(job, &job->header, REASON_COLUMN, ret_csv);
}

static void put_failed(struct import_job *job, size_t at, struct buffer *out)
{
	const char *reason = job->rows[at].why.text;
	put_line(job, &job->held[at], reason, out);
	if (job->failed_line)
		return;
	job->failed_line = job->held[at].line;
	memcpy(job->failed_reason, reason, strlen(reason) + 1);
}

int64_t import_job_first_failure(const struct import_job *job, const char **ret_reason)
{
	*ret_reason = job->failed_reason;
	return job->failed_line;
}

/* --- the batch --- */

/* Its copy without blanks around it. */
static const char *trimmed(struct import_job *job, const char *text)
{
	size_t len = strlen(text += strspn(text, " \t"));
	while (len > 0 && strchr(" \t", text[len - 1]))
		len--;
	return arena_copy(job->arena, text, len);
}

static const char *field_at(const struct cells *cells, int at)
{
	return at >= 0 && (size_t)at < cells->n_fields ? cells->fields[at] : NULL;
}

static enum status hold(struct import_job *job, const struct csv_record *record, struct error *err)
{
	struct cells *cells = &job->held[job->n_held];
	enum status st = copy_cells(job->arena, &job->csv, record, cells, err);
	if (st != STATUS_OK)
		return st;
	const char *node_id = field_at(cells, job->node_id_at);
	job->rows[job->n_held] = (struct import_row){ .node_id = node_id ? trimmed(job, node_id) : NULL,
						      .certificate = field_at(cells, job->certificate_at),
						      .csr = field_at(cells, job->csr_at) };
	if (node_id && !job->rows[job->n_held].node_id)
		return error_set(err, STATUS_TOO_LARGE, "the rows take too much memory");
	job->n_held++;
	return STATUS_OK;
}

static enum status fill_batch(struct import_job *job, struct error *err)
{
	struct csv_record record;
	arena_clear(job->arena);
	while (job->n_held < IMPORT_BATCH_MAX && !job->is_at_end) {
		enum status st = csv_read(&job->csv, &record, &job->is_at_end, err);
		if (st == STATUS_OK && !job->is_at_end)
			st = hold(job, &record, err);
		if (st != STATUS_OK)
			return st;
	}
	return STATUS_OK;
}

static void count(struct import_job *job, struct import_counts *counts, struct buffer *failed_csv)
{
	for (size_t i = 0; i < job->n_held; i++) {
		counts->n_rows++;
		switch (job->rows[i].result) {
		case IMPORT_ADDED: counts->n_added++; break;
		case IMPORT_PRESENT: counts->n_present++; break;
		case IMPORT_FAILED:
			counts->n_failed++;
			put_failed(job, i, failed_csv);
			break;
		}
	}
}

enum status import_job_next(struct import_job *job, struct store *store, struct import_counts *counts,
			    struct buffer *failed_csv, bool *ret_end, struct error *err)
{
	if (job->n_held == 0 && !job->is_at_end && fill_batch(job, &job->broken) != STATUS_OK)
		job->is_at_end = true;
	if (job->n_held > 0) {
		enum status st = import_rows(job->importer, job->hooks, store, job->rows, job->n_held, err);
		if (st != STATUS_OK)
			return st;
		count(job, counts, failed_csv);
		job->n_held = 0;
	}
	if (job->broken.status != STATUS_OK)
		return error_set(err, job->broken.status, "%s", job->broken.text);
	*ret_end = job->is_at_end;
	return STATUS_OK;
}
