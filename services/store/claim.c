#include "store/claim.h"

#include <string.h>

#include "store/query.h"

enum status store_claim_status(const char *said, struct error *err)
{
	static const struct {
		const char *said;
		enum status status;
		const char *text;
	} words[] = {
		{ "no_claim", STATUS_NOT_FOUND, "no claim of this user for this node is pending" },
		{ "no_node", STATUS_NOT_FOUND, "no such node" },
		{ "replaced", STATUS_NOT_FOUND, "the request was replaced by a newer one" },
		{ "suspended", STATUS_DENIED, "the node is suspended" },
		{ "revoked", STATUS_DENIED, "the node is revoked" },
		{ "key_taken", STATUS_CONFLICT, "the key serves another node; make a new one" },
	};
	if (strcmp(said, "ok") == 0)
		return STATUS_OK;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(said, words[i].said) == 0)
			return error_set(err, words[i].status, "%s", words[i].text);
	}
	return error_set(err, STATUS_INTERNAL, "unknown word '%s'", said);
}

/* A statement whose one value is such a word. */
static enum status query_word(struct store *store, enum query query, const struct arg *args, size_t n_args,
			      struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, query, args, n_args, &rows, err);
	return st == STATUS_OK ? store_claim_status(row_text(rows, 0, 0), err) : st;
}

enum status store_claim_initiate(struct store *store, const struct claim_wish *wish, char ret_node_id[NODE_ID_MAX + 1],
				 struct error *err)
{
	const struct arg args[] = { arg_text(wish->user_id),     arg_text(wish->mac),  arg_text(wish->platform),
				    arg_text(wish->new_node_id), arg_i64(wish->quota), arg_i64(wish->pending_s) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_CLAIM_INITIATE, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQgetisnull(rows, 0, 0))
		return error_set(err, STATUS_LIMIT, "the user's quota of %lld nodes is used up",
				 (long long)wish->quota);
	if (!row_copy(rows, 0, 0, ret_node_id, NODE_ID_MAX + 1))
		return error_set(err, STATUS_INTERNAL, "a node id is longer than its limit");
	return STATUS_OK;
}

enum status store_claim_lock(struct store *store, const char *node_id, struct error *err)
{
	const struct arg args[] = { arg_text(node_id) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_CLAIM_LOCK, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	return row_bool(rows, 0, 0) ? STATUS_OK
				    : error_set(err, STATUS_CONFLICT, "another request for this node is in hand");
}

void store_claim_unlock(struct store *store, const char *node_id)
{
	const struct arg args[] = { arg_text(node_id) };
	struct error err;
	/* fails only with the connection, whose end unlocks too */
	IGNORE_RESULT(store_execute(store, QUERY_CLAIM_UNLOCK, args, ARRAY_LEN(args), NULL, &err));
}

enum status store_claim_check(struct store *store, const char *user_id, const char *node_id,
			      const unsigned char key_hash[CERTIFICATE_KEY_HASH_BYTES], struct error *err)
{
	const struct arg args[] = { arg_text(user_id), arg_text(node_id),
				    arg_bytes(key_hash, CERTIFICATE_KEY_HASH_BYTES) };
	return query_word(store, QUERY_CLAIM_CHECK, args, ARRAY_LEN(args), err);
}

enum status store_claim_complete(struct store *store, const char *user_id, const char *node_id, const char *policies,
				 const struct certificate_record *certificate, struct error *err)
{
	struct arg args[3 + CERTIFICATE_ARGS] = { arg_text(user_id), arg_text(node_id), arg_text(policies) };
	arg_certificate(args + 3, certificate);
	return query_word(store, QUERY_CLAIM_COMPLETE, args, ARRAY_LEN(args), err);
}
