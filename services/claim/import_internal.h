/* claim/import_internal.h - between import.c, which has the rule for a row, and import_job.c, which reads them from a file. */
#ifndef CISTERN_CLAIM_IMPORT_INTERNAL_H
#define CISTERN_CLAIM_IMPORT_INTERNAL_H

#include "ca/given.h"
#include "claim/import.h"
#include "store/registration.h"

enum import_result { IMPORT_FAILED, IMPORT_ADDED, IMPORT_PRESENT };

/* One row in hand. Texts are borrowed; NULL or "": absent. */
struct import_row {
	const char *node_id, *certificate, *csr;
	enum import_result result;
	struct error why; /* of a failed one */

	/* import.c's */
	bool is_open;     /* not decided yet */
	bool is_made;     /* the key is made here */
	bool is_signed;   /* has a certificate of ours, to be recorded */
	bool is_recorded; /* by this run */
	bool has_hooks;   /* `make` or `stage` was called: `end` is owed */
	struct given_certificate given;
	const char *ca_key_id; /* NULL: not one of ours */
	struct buffer made_csr;
	bool is_there, has_certificate; /* what the database said before */
	const char *state;              /* a constant */
	unsigned char key_hash[REGISTRATION_HASH_BYTES];
	struct buffer pem; /* of its live certificate */
};

/* Decides and records up to IMPORT_BATCH_MAX rows. On failure nothing of them is decided. */
MUST_CHECK enum status import_rows(struct importer *importer, const struct import_hooks *hooks, struct store *store,
				   struct import_row *rows, size_t n_rows, struct error *err);

#endif
