/* store/query.h - statements, arguments and rows; for the modules of this room only.
 *
 * Thread, memory and errors as in store/store.h.
 */
#ifndef CISTERN_STORE_QUERY_H
#define CISTERN_STORE_QUERY_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "store/connection.h"
#include "store/store.h"

/* QUERY_NODE_BY_ID and so on: one for each `-- name:` in sql/queries. */
enum query {
#define QUERY(symbol, name, text) QUERY_##symbol,
#include "queries.inc"
#undef QUERY
	N_QUERIES
};

enum { QUERY_ARGS_MAX = 13 };

/* One argument; made by the functions below. Text and bytes are borrowed, numbers are held inside. */
struct arg {
	const char *bytes; /* NULL: SQL NULL */
	int len;
	int format; /* 0 text, 1 binary */
	char number[24];
};

struct arg arg_text(const char *text); /* NULL gives SQL NULL */
struct arg arg_bytes(const void *bytes, size_t len);
struct arg arg_i64(int64_t value);
struct arg arg_bool(bool value);
/* Microseconds since 1970; the statement turns them into a timestamptz by time_us($n). */
struct arg arg_time_us(int64_t time_us);
/* A finished column of store/column.h. */
struct column;
struct arg arg_column(struct column *column);

/* A certificate takes six places in a row, in this order: serial, PEM, from, to, SHA-256 of the key, key id of the CA. */
enum { CERTIFICATE_ARGS = 6 };
struct certificate_record;
void arg_certificate(struct arg ret_args[CERTIFICATE_ARGS], const struct certificate_record *certificate);

/* A statement that may give rows, in text form. */
MUST_CHECK enum status store_query(struct store *store, enum query query, const struct arg *args, size_t n_args,
				   PGresult **ret_rows, struct error *err);
/* A statement whose filters may be left out, planned for those that are given: plan_each in sql/queries/store.sql. */
MUST_CHECK enum status store_query_filtered(struct store *store, enum query query, const struct arg *args,
					    size_t n_args, PGresult **ret_rows, struct error *err);
/* Two statements in one round trip and one transaction, read only or not; the second must not need the first one's rows. The caller
 * frees both results. */
struct query_call {
	enum query query;
	const struct arg *args;
	size_t n_args;
};
MUST_CHECK enum status store_query_both(struct store *store, const struct query_call calls[2], PGresult *ret_rows[2],
					struct error *err);
/* A statement whose rows nobody wants; ret_affected may be NULL. */
MUST_CHECK enum status store_execute(struct store *store, enum query query, const struct arg *args, size_t n_args,
				     int64_t *ret_affected, struct error *err);

/* Many statements in one round trip and one transaction: begin, any number of sends, finish. On failure nothing is kept.
 * Rows are not returned. Between begin and finish no other call may be made on the store. */
MUST_CHECK enum status store_batch_begin(struct store *store, struct error *err);
MUST_CHECK enum status store_batch_send(struct store *store, enum query query, const struct arg *args, size_t n_args,
					struct error *err);
MUST_CHECK enum status store_batch_finish(struct store *store, struct error *err);

/* Fields of a row: the column must exist; NULL is "" / 0 / false. */
const char *row_text(const PGresult *rows, int row, int column);
int64_t row_i64(const PGresult *rows, int row, int column);
bool row_bool(const PGresult *rows, int row, int column);
/* Copies into a field of a struct; false when it does not fit. */
MUST_CHECK bool row_copy(const PGresult *rows, int row, int column, char *ret_text, size_t size);

#endif
