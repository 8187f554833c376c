#include "store/challenge.h"

#include <string.h>

#include "store/column.h"
#include "store/query.h"

static enum status no_challenge(struct error *err)
{
	return error_set(err, STATUS_NOT_FOUND, "no such challenge, or nothing to answer it with");
}

enum status store_challenge_new(struct store *store, const char *user_id, const char *request_id, const char *challenge,
				int64_t life_s, struct error *err)
{
	const struct arg args[] = { arg_text(request_id), arg_text(user_id), arg_text(challenge), arg_i64(life_s) };
	return store_execute(store, QUERY_CHALLENGE_NEW, args, ARRAY_LEN(args), NULL, err);
}

/* Column order: challenge_get in sql/queries/mapping.sql. */
enum status store_challenge_get(struct store *store, const char *user_id, const char *request_id, const char *node_id,
				struct challenge_material *ret_material, struct buffer *ret_certificate_pem,
				struct error *err)
{
	const struct arg args[] = { arg_text(request_id), arg_text(user_id), arg_text(node_id) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_CHALLENGE_GET, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return no_challenge(err);
	struct challenge_material material;
	if (!row_copy(rows, 0, 0, material.challenge, sizeof(material.challenge)) ||
	    !row_copy(rows, 0, 1, material.serial, sizeof(material.serial)))
		return error_set(err, STATUS_INTERNAL, "a column of node_challenge is longer than its limit");
	buffer_put(ret_certificate_pem, PQgetvalue(rows, 0, 2), (size_t)PQgetlength(rows, 0, 2));
	*ret_material = material;
	return STATUS_OK;
}

enum status store_challenge_settle(struct store *store, const struct challenge_answer *answer, struct error *err)
{
	CLEANUP(column) struct column tags;
	column_init_texts(&tags, answer->tags.tags, answer->tags.n);
	const struct arg args[] = {
		arg_text(answer->request_id),    arg_text(answer->user_id), arg_text(answer->node_id),
		arg_text(answer->proven_serial), arg_column(&tags),         arg_text(answer->metadata_json)
	};
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_CHALLENGE_SETTLE, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	return strcmp(row_text(rows, 0, 0), "confirmed") == 0 ? STATUS_OK : no_challenge(err);
}
