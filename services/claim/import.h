/* claim/import.h - nodes registered in bulk, from a CSV file (docs/manufacturing.md): one way for the command line and for the API.
 *
 *   header   column names in any order; needed: node_id. Others are kept in the file of failed rows and otherwise ignored
 *   certs or certificate    the node's certificate, by one of our CAs or one of the trust folder
 *   csr                     or its request: it gets a certificate of ours
 *   (neither)               or neither: a key is made, where the caller has a way to hand it over (struct import_hooks)
 *
 * A node that is there with what the row says is `present`, so a file can be run twice, or again after an interruption anywhere. A row
 * that fails is written, with its reason in a further column, into a CSV text that can be fed back. Rows are recorded in batches of
 * IMPORT_BATCH_MAX, each in one transaction; memory does not grow with the file.
 *
 * Thread:  one at a time for an importer. import_open() and import_next() may wait for signerd.
 * Memory:  import_open() and import_job_open() make, import_close() and import_job_close() end (NULL is fine). The options' texts, the importer
 *          and the source must outlive the job.
 * Errors:  INVALID, TOO_LARGE not such a file, with its line: what stood before is done. UNAVAILABLE, TIMEOUT database or signerd away: the
 *          batch in hand is kept, and import_next() can be called again. A failed row is no error.
 */
#ifndef CISTERN_CLAIM_IMPORT_H
#define CISTERN_CLAIM_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/csv.h"
#include "base/error.h"
#include "base/macros.h"
#include "claim/signer.h"
#include "store/store.h"

enum { IMPORT_BATCH_MAX = 100 };

struct import_options {
	const char *trust_dir;        /* CAs whose certificates are taken; "": only our own */
	struct signer_options signer; /* without a socket: rows with a certificate only */
};

struct importer;

MUST_CHECK enum status import_open(const struct import_options *options, struct importer **ret_importer,
				   struct error *err);
void import_close(struct importer *importer);

/* What a caller does with rows that get a certificate from us. `slot` is 0..IMPORT_BATCH_MAX - 1 and tells rows in hand apart. A failure fails
 * the row, with its text. */
struct import_hooks {
	void *context;
	/* A key and its request for a row that brings neither. */
	enum status (*make)(void *context, size_t slot, const char *node_id, struct buffer *ret_csr, struct error *err);
	/* The certificate that is about to be recorded. */
	enum status (*stage)(void *context, size_t slot, const char *node_id, const char *pem, struct error *err);
	/* It is recorded, now (`added`) or at an earlier time; `made`: the key was to be made here. */
	enum status (*publish)(void *context, size_t slot, const char *node_id, const char *pem, bool made, bool added,
			       struct error *err);
	/* The row is over. `refused`: and nothing of it is, or could be, recorded. */
	void (*end)(void *context, size_t slot, bool refused);
};

struct import_counts {
	int64_t n_rows, n_added, n_present, n_failed;
};

struct import_job;

/* hooks NULL: a row that brings nothing fails, and a certificate for a request is only recorded. Reads the header. */
MUST_CHECK enum status import_job_open(struct importer *importer, const struct import_hooks *hooks, csv_fill *fill,
				       void *fill_context, struct import_job **ret_job, struct error *err);
void import_job_close(struct import_job *job);
/* Passes over rows that an earlier run has done. */
MUST_CHECK enum status import_job_skip(struct import_job *job, int64_t n_rows, struct error *err);
/* The header of the file of failed rows. */
void import_job_failed_header(const struct import_job *job, struct buffer *ret_csv);
/* The next batch: counts grow, failed rows go behind what is in the buffer. ret_end: there is no more. */
MUST_CHECK enum status import_job_next(struct import_job *job, struct store *store, struct import_counts *counts,
				       struct buffer *failed_csv, bool *ret_end, struct error *err);
/* The reason of the row that failed first, and the line it begins at; 0: none did. */
int64_t import_job_first_failure(const struct import_job *job, const char **ret_reason);

DEFINE_CLEANUP(importer, struct importer *, import_close)
DEFINE_CLEANUP(import_job, struct import_job *, import_job_close)

#endif
