#include "store/renewal.h"

#include "store/query.h"

/* Column order: renewal_open in sql/queries/renewal.sql. */
static struct renewal_request request_from_row(const PGresult *rows, int row)
{
	return (struct renewal_request){
		.node_id = row_text(rows, row, 0),
		.csr = row_text(rows, row, 1),
		.digest_hex = row_text(rows, row, 2),
		.received_at_us = row_i64(rows, row, 3),
		.answer = PQgetisnull(rows, row, 4) ? NULL : row_text(rows, row, 4),
		.node_state = row_text(rows, row, 5),
		.too_soon = row_bool(rows, row, 6),
	};
}

enum status store_renewal_open(struct store *store, int64_t limit, int64_t interval_s, renewal_each *each,
			       void *context, struct error *err)
{
	const struct arg args[] = { arg_i64(limit), arg_i64(interval_s) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_RENEWAL_OPEN, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	for (int row = 0; row < PQntuples(rows); row++) {
		struct renewal_request request = request_from_row(rows, row);
		each(context, &request);
	}
	return STATUS_OK;
}

enum status store_renewal_check_key(struct store *store, const char *node_id,
				    const unsigned char key_hash[CERTIFICATE_KEY_HASH_BYTES], struct error *err)
{
	const struct arg args[] = { arg_text(node_id), arg_bytes(key_hash, CERTIFICATE_KEY_HASH_BYTES) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_RENEWAL_KEY_IS_TAKEN, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	return store_claim_status(row_bool(rows, 0, 0) ? "key_taken" : "ok", err);
}

enum status store_renewal_record(struct store *store, const char *node_id, const char *digest_hex, const char *answer,
				 const struct certificate_record *certificate, struct error *err)
{
	struct arg args[3 + CERTIFICATE_ARGS] = { arg_text(node_id), arg_text(digest_hex), arg_text(answer) };
	arg_certificate(args + 3, certificate);
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_RENEWAL_RECORD, args, ARRAY_LEN(args), &rows, err);
	return st == STATUS_OK ? store_claim_status(row_text(rows, 0, 0), err) : st;
}

enum status store_renewal_answered(struct store *store, const struct renewal_request *request, bool keeps,
				   struct error *err)
{
	const struct arg args[] = { arg_text(request->node_id), arg_text(request->digest_hex), arg_bool(keeps),
				    arg_time_us(request->received_at_us) };
	return store_execute(store, QUERY_RENEWAL_ANSWERED, args, ARRAY_LEN(args), NULL, err);
}
