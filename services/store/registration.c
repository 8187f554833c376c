#include "store/registration.h"

#include <stdlib.h>
#include <string.h>

#include "store/column.h"
#include "store/query.h"

/* --- rows --- */

/* bytea in text form: \x and hexadecimal digits. */
static void read_hash(const char *text, unsigned char ret_hash[REGISTRATION_HASH_BYTES])
{
	memset(ret_hash, 0, REGISTRATION_HASH_BYTES);
	if (strlen(text) != 2 + 2 * (size_t)REGISTRATION_HASH_BYTES)
		return;
	for (size_t i = 0; i < REGISTRATION_HASH_BYTES; i++) {
		char pair[3] = { text[2 + 2 * i], text[3 + 2 * i], '\0' };
		ret_hash[i] = (unsigned char)strtoul(pair, NULL, 16); /* PostgreSQL's own digits */
	}
}

/* Column order: registration_look in sql/queries/registration.sql. */
enum status store_registration_look(struct store *store, const char *const *node_ids, size_t n_nodes,
				    registration_node_each *each, void *context, struct error *err)
{
	CLEANUP(column) struct column ids;
	CLEANUP(pg_result) PGresult *rows = NULL;
	column_init(&ids, COLUMN_TEXT);
	for (size_t i = 0; i < n_nodes; i++)
		column_put_text(&ids, node_ids[i], strlen(node_ids[i]));
	const struct arg args[] = { arg_column(&ids) };
	enum status st = store_query(store, QUERY_REGISTRATION_LOOK, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if ((size_t)PQntuples(rows) != n_nodes)
		return error_set(err, STATUS_INTERNAL, "%d rows about %zu nodes", PQntuples(rows), n_nodes);
	for (int row = 0; row < PQntuples(rows); row++) {
		struct registration_node node = { .state = row_text(rows, row, 0),
						  .has_certificate = !PQgetisnull(rows, row, 2),
						  .fingerprint = row_text(rows, row, 2),
						  .pem = row_text(rows, row, 3) };
		read_hash(row_text(rows, row, 1), node.key_hash);
		each(context, (size_t)row, &node);
	}
	return STATUS_OK;
}

struct row_columns {
	struct column node_ids, serials, pems, from, to, keys, cas, fingerprints;
};

static void put_row(struct row_columns *columns, const struct registration_row *row)
{
	column_put_text(&columns->node_ids, row->node_id, strlen(row->node_id));
	column_put_text(&columns->serials, row->serial_hex, strlen(row->serial_hex));
	column_put_text(&columns->pems, row->pem, strlen(row->pem));
	column_put_i64(&columns->from, row->not_before_us);
	column_put_i64(&columns->to, row->not_after_us);
	column_put_text(&columns->keys, (const char *)row->key_hash, REGISTRATION_HASH_BYTES);
	column_put_text(&columns->cas, row->ca_key_id, row->ca_key_id ? strlen(row->ca_key_id) : 0);
	column_put_text(&columns->fingerprints, row->fingerprint, strlen(row->fingerprint));
}

static enum status result_from_word(const char *word, enum registration_result *ret_result, struct error *err)
{
	static const char *const words[N_REGISTRATION_RESULTS] = {
		[REGISTRATION_ADDED] = "added",
		[REGISTRATION_PRESENT] = "present",
		[REGISTRATION_DIFFERS] = "differs",
		[REGISTRATION_REFUSED] = "refused",
		[REGISTRATION_SERIAL_TAKEN] = "serial_taken",
		[REGISTRATION_KEY_TAKEN] = "key_taken",
		[REGISTRATION_REVOKED] = "revoked",
		[REGISTRATION_SUSPENDED] = "suspended",
		[REGISTRATION_CONFLICT] = "conflict", /* never the database's word */
	};
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(word, words[i]) == 0) {
			*ret_result = (enum registration_result)i;
			return STATUS_OK;
		}
	}
	return error_set(err, STATUS_INTERNAL, "the database said '%s' to a row", word);
}

static enum status send_rows(struct store *store, struct row_columns *columns, size_t n_rows,
			     enum registration_result *ret_results, struct error *err)
{
	const struct arg args[] = { arg_column(&columns->node_ids), arg_column(&columns->serials),
				    arg_column(&columns->pems),     arg_column(&columns->from),
				    arg_column(&columns->to),       arg_column(&columns->keys),
				    arg_column(&columns->cas),      arg_column(&columns->fingerprints) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_REGISTRATION_IMPORT, args, ARRAY_LEN(args), &rows, err);
	if (st == STATUS_OK && (size_t)PQntuples(rows) != n_rows)
		return error_set(err, STATUS_INTERNAL, "%d results of %zu rows", PQntuples(rows), n_rows);
	for (int row = 0; st == STATUS_OK && row < PQntuples(rows); row++)
		st = result_from_word(row_text(rows, row, 0), &ret_results[row], err);
	return st;
}

static enum status import_rows(struct store *store, const struct registration_row *rows, size_t n_rows,
			       enum registration_result *ret_results, struct error *err)
{
	struct row_columns columns;
	const struct {
		struct column *column;
		enum column_type type;
	} all[] = { { &columns.node_ids, COLUMN_TEXT }, { &columns.serials, COLUMN_TEXT },
		    { &columns.pems, COLUMN_TEXT },     { &columns.from, COLUMN_BIGINT },
		    { &columns.to, COLUMN_BIGINT },     { &columns.keys, COLUMN_BYTES },
		    { &columns.cas, COLUMN_TEXT },      { &columns.fingerprints, COLUMN_TEXT } };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		column_init(all[i].column, all[i].type);
	for (size_t i = 0; i < n_rows; i++)
		put_row(&columns, &rows[i]);
	enum status st = send_rows(store, &columns, n_rows, ret_results, err);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		column_done(all[i].column);
	return st;
}

/* A conflict within the batch, or with another import: one row after the other, so that only the offender fails. */
enum status store_registration_rows(struct store *store, const struct registration_row *rows, size_t n_rows,
				    enum registration_result *ret_results, struct error *err)
{
	if (n_rows == 0)
		return STATUS_OK;
	enum status st = import_rows(store, rows, n_rows, ret_results, err);
	if (st != STATUS_CONFLICT && st != STATUS_INVALID)
		return st;
	for (size_t i = 0; i < n_rows; i++) {
		st = import_rows(store, &rows[i], 1, &ret_results[i], err);
		if (st == STATUS_CONFLICT || st == STATUS_INVALID)
			ret_results[i] = REGISTRATION_CONFLICT;
		else if (st != STATUS_OK)
			return st;
	}
	return STATUS_OK;
}

/* --- files --- */

static struct arg arg_hash(const unsigned char *hash)
{
	return hash ? arg_bytes(hash, REGISTRATION_HASH_BYTES) : arg_text(NULL);
}

static enum status none(const char *what, struct error *err)
{
	return error_set(err, STATUS_NOT_FOUND, "%s", what);
}

enum status store_registration_add(struct store *store, const struct registration_new *registration, struct error *err)
{
	const struct arg user[] = { arg_text(registration->user_id) };
	const struct arg row[] = { arg_text(registration->request_id),   arg_text(registration->user_id),
				   arg_text(registration->kind),         arg_text(registration->file_name),
				   arg_hash(registration->address_hash), arg_text(registration->content),
				   arg_text(registration->state),        arg_i64(registration->n_rows) };
	enum status st = store_batch_begin(store, err);
	if (st == STATUS_OK)
		st = store_batch_send(store, QUERY_REGISTRATION_FORGET, user, ARRAY_LEN(user), err);
	if (st == STATUS_OK)
		st = store_batch_send(store, QUERY_REGISTRATION_INSERT, row, ARRAY_LEN(row), err);
	if (st == STATUS_OK)
		st = store_batch_finish(store, err);
	return st;
}

enum status store_registration_may_upload(struct store *store, const char *request_id,
					  const unsigned char *address_hash, struct error *err)
{
	const struct arg args[] = { arg_text(request_id), arg_hash(address_hash) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_REGISTRATION_MAY_UPLOAD, args, ARRAY_LEN(args), &rows, err);
	if (st == STATUS_OK && PQntuples(rows) == 0)
		return none("no such address", err);
	return st;
}

/* OK: exactly one row was meant. */
static enum status change_one(struct store *store, enum query query, const struct arg *args, size_t n_args,
			      struct error *err)
{
	int64_t n = 0;
	enum status st = store_execute(store, query, args, n_args, &n, err);
	return st == STATUS_OK && n == 0 ? none("no such registration", err) : st;
}

enum status store_registration_upload(struct store *store, const char *request_id, const unsigned char *address_hash,
				      const char *content, struct error *err)
{
	const struct arg args[] = { arg_text(request_id), arg_hash(address_hash), arg_text(content) };
	return change_one(store, QUERY_REGISTRATION_UPLOAD, args, ARRAY_LEN(args), err);
}

enum status store_registration_download(struct store *store, const char *request_id, const unsigned char *address_hash,
					struct buffer *ret_content, struct error *err)
{
	const struct arg args[] = { arg_text(request_id), arg_hash(address_hash) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_REGISTRATION_DOWNLOAD, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return none("no such address", err);
	buffer_put(ret_content, PQgetvalue(rows, 0, 0), (size_t)PQgetlength(rows, 0, 0));
	return STATUS_OK;
}

enum status store_registration_begin(struct store *store, const char *user_id, const char *request_id,
				     const char *file_name, const char *md5, const char *options_json,
				     char ret_request_id[REGISTRATION_ID_MAX + 1], struct error *err)
{
	const struct arg which[] = { arg_text(user_id), arg_text(request_id), arg_text(file_name), arg_text(md5) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	char found[REGISTRATION_ID_MAX + 1];
	enum status st = store_query(store, QUERY_REGISTRATION_FIND, which, ARRAY_LEN(which), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return none("no such registration", err);
	if (!row_copy(rows, 0, 0, found, sizeof(found)))
		return error_set(err, STATUS_INTERNAL, "a request id is longer than its limit");
	if (strcmp(row_text(rows, 0, 1), "uploaded") != 0)
		return error_set(err, STATUS_CONFLICT, "the registration is in state '%s'", row_text(rows, 0, 1));
	if (!row_bool(rows, 0, 2))
		return error_set(err, STATUS_INVALID, "the file has another MD5");
	const struct arg args[] = { arg_text(found), arg_text(options_json) };
	st = change_one(store, QUERY_REGISTRATION_BEGIN, args, ARRAY_LEN(args), err);
	if (st == STATUS_NOT_FOUND)
		return error_set(err, STATUS_CONFLICT, "the registration was begun at the same moment");
	if (st == STATUS_OK)
		memcpy(ret_request_id, found, sizeof(found));
	return st;
}

enum status store_registration_state(struct store *store, const char *user_id, const char *request_id,
				     registration_state_each *each, void *context, struct error *err)
{
	const struct arg args[] = { arg_text(request_id), arg_text(user_id) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_REGISTRATION_STATE, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return none("no such registration", err);
	const struct registration_state state = { .state = row_text(rows, 0, 0),
						  .description = row_text(rows, 0, 1),
						  .n_rows = row_i64(rows, 0, 2),
						  .n_done = row_i64(rows, 0, 3),
						  .has_failed_rows = row_bool(rows, 0, 4),
						  .is_node_ids = strcmp(row_text(rows, 0, 5), "node_ids") == 0 };
	each(context, &state);
	return STATUS_OK;
}

enum status store_registration_readdress(struct store *store, const char *user_id, const char *request_id,
					 const unsigned char *address_hash, struct error *err)
{
	const struct arg args[] = { arg_text(request_id), arg_text(user_id), arg_hash(address_hash) };
	return change_one(store, QUERY_REGISTRATION_READDRESS, args, ARRAY_LEN(args), err);
}

/* --- work --- */

enum status store_registration_next(struct store *store, char ret_request_id[REGISTRATION_ID_MAX + 1],
				    struct buffer *ret_content, int64_t *ret_n_done, int64_t *ret_n_failed,
				    struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_REGISTRATION_NEXT, NULL, 0, &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return none("nothing to register", err);
	if (!row_copy(rows, 0, 0, ret_request_id, REGISTRATION_ID_MAX + 1))
		return error_set(err, STATUS_INTERNAL, "a request id is longer than its limit");
	buffer_put(ret_content, PQgetvalue(rows, 0, 1), (size_t)PQgetlength(rows, 0, 1));
	*ret_n_done = row_i64(rows, 0, 2);
	*ret_n_failed = row_i64(rows, 0, 3);
	return STATUS_OK;
}

enum status store_registration_progress(struct store *store, const char *request_id, int64_t n_done, int64_t n_failed,
					const char *failed_csv, struct error *err)
{
	const struct arg args[] = { arg_text(request_id), arg_i64(n_done), arg_i64(n_failed), arg_text(failed_csv) };
	return change_one(store, QUERY_REGISTRATION_PROGRESS, args, ARRAY_LEN(args), err);
}

enum status store_registration_end(struct store *store, const char *request_id, bool success, const char *description,
				   struct error *err)
{
	const struct arg args[] = { arg_text(request_id), arg_text(success ? "success" : "failure"),
				    arg_text(description) };
	return change_one(store, QUERY_REGISTRATION_END, args, ARRAY_LEN(args), err);
}
