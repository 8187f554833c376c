#include "store/crl.h"

#include <stdlib.h>
#include <string.h>

#include "store/column.h"
#include "store/query.h"

enum status store_crl_look(struct store *store, const struct crl_ca *ca, struct crl_look *ret_look, struct error *err)
{
	const struct arg args[] = { arg_text(ca->key_id), arg_text(ca->certificate), arg_bool(ca->issues) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_CRL_LOOK, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	*ret_look = (struct crl_look){ .wanted_version = row_i64(rows, 0, 0),
				       .version = row_i64(rows, 0, 1),
				       .made_at_us = row_i64(rows, 0, 2),
				       .next_update_us = row_i64(rows, 0, 3),
				       .same_ca = row_bool(rows, 0, 4) };
	return STATUS_OK;
}

enum status store_crl_number(struct store *store, bool take_new, int64_t *ret_number, struct error *err)
{
	const struct arg args[] = { arg_bool(take_new) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_CRL_NUMBER, args, ARRAY_LEN(args), &rows, err);
	if (st == STATUS_OK)
		*ret_number = row_i64(rows, 0, 0);
	return st;
}

enum status store_crl_entries(struct store *store, const char *ca_key_id, int64_t after, size_t limit, crl_each *each,
			      void *context, struct error *err)
{
	const struct arg args[] = { arg_text(ca_key_id), arg_i64(after), arg_i64((int64_t)limit) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_CRL_ENTRIES, args, ARRAY_LEN(args), &rows, err);
	for (int row = 0; st == STATUS_OK && row < PQntuples(rows); row++) {
		const struct crl_row read = { .serial = row_text(rows, row, 0),
					      .at_us = row_i64(rows, row, 1),
					      .reason = row_text(rows, row, 2),
					      .version = row_i64(rows, row, 3) };
		each(context, &read);
	}
	return st;
}

enum status store_crl_put(struct store *store, const struct crl_ca *ca, int64_t version, const struct buffer *der,
			  int64_t next_update_us, struct error *err)
{
	const struct arg args[] = {
		arg_text(ca->key_id), arg_text(ca->certificate),       arg_bool(ca->issues),
		arg_i64(version),     arg_bytes(der->bytes, der->len), arg_time_us(next_update_us)
	};
	return store_execute(store, QUERY_CRL_PUT, args, ARRAY_LEN(args), NULL, err);
}

enum status store_crl_keep_only(struct store *store, const char *const *ca_key_ids, size_t n, struct error *err)
{
	struct column ids;
	column_init(&ids, COLUMN_TEXT);
	for (size_t i = 0; i < n; i++)
		column_put_text(&ids, ca_key_ids[i], strlen(ca_key_ids[i]));
	const struct arg args[] = { arg_column(&ids) };
	enum status st = store_execute(store, QUERY_CRL_KEEP_ONLY, args, ARRAY_LEN(args), NULL, err);
	column_done(&ids);
	return st;
}

/* A bytea comes as \x and hexadecimal digits. The caller frees. */
static unsigned char *take_bytes(const PGresult *rows, int row, int column, size_t *ret_len)
{
	unsigned char *bytes = PQunescapeBytea((const unsigned char *)PQgetvalue(rows, row, column), ret_len);
	if (!bytes)
		abort();
	return bytes;
}

enum status store_crl_get(struct store *store, const char *ca_key_id, struct buffer *ret_der, struct error *err)
{
	const struct arg args[] = { arg_text(ca_key_id) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_CRL_GET, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return error_set(err, STATUS_NOT_FOUND, "no CRL of such a CA");
	size_t len = 0;
	unsigned char *der = take_bytes(rows, 0, 0, &len);
	buffer_put(ret_der, der, len);
	PQfreemem(der);
	return STATUS_OK;
}

enum status store_crl_list(struct store *store, crl_list_each *each, void *context, struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_CRL_LIST, NULL, 0, &rows, err);
	for (int row = 0; st == STATUS_OK && row < PQntuples(rows); row++) {
		size_t len = 0;
		unsigned char *der = take_bytes(rows, row, 0, &len);
		each(context, der, len);
		PQfreemem(der);
	}
	return st;
}

enum status store_crl_certificates(struct store *store, struct buffer *ret_pem, struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_CRL_CERTIFICATES, NULL, 0, &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return error_set(err, STATUS_NOT_FOUND, "no CA is known yet");
	for (int row = 0; row < PQntuples(rows); row++)
		buffer_puts(ret_pem, row_text(rows, row, 0));
	return STATUS_OK;
}
