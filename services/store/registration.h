/* store/registration.h - nodes registered in bulk: the rows of a file, and the files themselves as the API takes them.
 *
 * Thread:  any; each thread brings its own struct store.
 * Memory:  texts of rows are borrowed from the caller; what `each` gets is valid during its call.
 * Errors:  NOT_FOUND no such registration (or not the user's). CONFLICT it is not in the right state. Else as store/store.h.
 * Units:   times are microseconds since 1970 UTC.
 */
#ifndef CISTERN_STORE_REGISTRATION_H
#define CISTERN_STORE_REGISTRATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "store/store.h"

enum {
	REGISTRATION_ROWS_MAX = 200, /* at once */
	REGISTRATION_HASH_BYTES = 32,
	REGISTRATION_ID_MAX = 40,
	REGISTRATION_CONTENT_MAX = 16777216,
};

/* --- rows --- */

/* What is known of a node; texts "" when it is not there or has no live certificate. */
struct registration_node {
	const char *state; /* active, suspended or revoked; "": no such node */
	bool has_certificate;
	unsigned char key_hash[REGISTRATION_HASH_BYTES]; /* of the newest live one; zero when not known */
	const char *fingerprint, *pem;
};

typedef void registration_node_each(void *context, size_t index, const struct registration_node *node);
MUST_CHECK enum status store_registration_look(struct store *store, const char *const *node_ids, size_t n_nodes,
					       registration_node_each *each, void *context, struct error *err);

struct registration_row {
	const char *node_id, *serial_hex, *pem, *fingerprint;
	const char *ca_key_id; /* NULL: not one of ours */
	int64_t not_before_us, not_after_us;
	const unsigned char *key_hash;
};

enum registration_result {
	REGISTRATION_ADDED,
	REGISTRATION_PRESENT, /* with this very certificate */
	REGISTRATION_DIFFERS,
	REGISTRATION_REFUSED, /* the certificate was revoked */
	REGISTRATION_SERIAL_TAKEN,
	REGISTRATION_KEY_TAKEN,
	REGISTRATION_REVOKED,
	REGISTRATION_SUSPENDED,
	REGISTRATION_CONFLICT, /* with what somebody else did at the same moment, or a rule of the schema */
	N_REGISTRATION_RESULTS
};

/* Up to REGISTRATION_ROWS_MAX in one transaction; a result for each. A row that the schema refuses does not take the others with it. */
MUST_CHECK enum status store_registration_rows(struct store *store, const struct registration_row *rows, size_t n_rows,
					       enum registration_result *ret_results, struct error *err);

/* --- files --- */

struct registration_new {
	const char *request_id, *user_id, *kind, *file_name; /* kind: node_ids or certificates */
	const unsigned char *address_hash; /* SHA-256 of its address's secret part; NULL: no address yet */
	const char *content;               /* NULL: it is to be uploaded */
	const char *state;
	int64_t n_rows;
};

/* Also forgets the user's old ones. */
MUST_CHECK enum status store_registration_add(struct store *store, const struct registration_new *registration,
					      struct error *err);
/* OK: this address may be uploaded to now. */
MUST_CHECK enum status store_registration_may_upload(struct store *store, const char *request_id,
						     const unsigned char *address_hash, struct error *err);
MUST_CHECK enum status store_registration_upload(struct store *store, const char *request_id,
						 const unsigned char *address_hash, const char *content,
						 struct error *err);
MUST_CHECK enum status store_registration_download(struct store *store, const char *request_id,
						   const unsigned char *address_hash, struct buffer *ret_content,
						   struct error *err);

/* request_id NULL: the newest of that file name. INVALID: the content has another MD5. Spends the upload's address. */
MUST_CHECK enum status store_registration_begin(struct store *store, const char *user_id, const char *request_id,
						const char *file_name, const char *md5, const char *options_json,
						char ret_request_id[REGISTRATION_ID_MAX + 1], struct error *err);

struct registration_state {
	const char *state, *description;
	int64_t n_rows, n_done;
	bool has_failed_rows, is_node_ids;
};

typedef void registration_state_each(void *context, const struct registration_state *state);
MUST_CHECK enum status store_registration_state(struct store *store, const char *user_id, const char *request_id,
						registration_state_each *each, void *context, struct error *err);
/* A new address for what can be downloaded. */
MUST_CHECK enum status store_registration_readdress(struct store *store, const char *user_id, const char *request_id,
						    const unsigned char *address_hash, struct error *err);

/* --- work --- */

/* The oldest that waits: NOT_FOUND there is none. */
MUST_CHECK enum status store_registration_next(struct store *store, char ret_request_id[REGISTRATION_ID_MAX + 1],
					       struct buffer *ret_content, int64_t *ret_n_done, int64_t *ret_n_failed,
					       struct error *err);
/* n_failed counts all until now; failed_csv goes behind what is there. */
MUST_CHECK enum status store_registration_progress(struct store *store, const char *request_id, int64_t n_done,
						   int64_t n_failed, const char *failed_csv, struct error *err);
MUST_CHECK enum status store_registration_end(struct store *store, const char *request_id, bool success,
					      const char *description, struct error *err);

#endif
