#include "store/self_claim.h"

#include <string.h>

#include "store/column.h"
#include "store/query.h"

enum status store_self_claim_put(struct store *store, const struct self_claim_device *devices, size_t n_devices,
				 struct error *err)
{
	struct column macs, secrets;
	column_init(&macs, COLUMN_TEXT);
	column_init(&secrets, COLUMN_BYTES);
	for (size_t i = 0; i < n_devices; i++) {
		column_put_text(&macs, devices[i].mac, SELF_CLAIM_MAC_LEN);
		column_put_text(&secrets, (const char *)devices[i].sealed, devices[i].sealed_len);
	}
	const struct arg args[] = { arg_column(&macs), arg_column(&secrets) };
	enum status st = store_execute(store, QUERY_SELF_CLAIM_PUT, args, ARRAY_LEN(args), NULL, err);
	column_done(&macs);
	column_done(&secrets);
	return st;
}

enum status store_self_claim_remove(struct store *store, const char *mac, struct error *err)
{
	const struct arg args[] = { arg_text(mac) };
	int64_t removed = 0;
	enum status st = store_execute(store, QUERY_SELF_CLAIM_REMOVE, args, ARRAY_LEN(args), &removed, err);
	if (st != STATUS_OK)
		return st;
	return removed ? STATUS_OK : error_set(err, STATUS_NOT_FOUND, "no device '%s' on the list", mac);
}

enum status store_self_claim_list(struct store *store, const char *after, int64_t limit, self_claim_each *each,
				  void *context, struct error *err)
{
	const struct arg args[] = { arg_text(after), arg_i64(limit) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_SELF_CLAIM_LIST, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	for (int row = 0; row < PQntuples(rows); row++)
		each(context, row_text(rows, row, 0), row_i64(rows, row, 1));
	return STATUS_OK;
}

/* Text form only comes from our own encode(): two digits a byte. */
static bool bytes_of_hex(const char *hex, unsigned char *ret_bytes, size_t size, size_t *ret_len)
{
	size_t len = strlen(hex) / 2;
	if (len > size)
		return false;
	for (size_t i = 0; i < len; i++) {
		const char *digits = "0123456789abcdef";
		const char *high = strchr(digits, hex[2 * i]), *low = strchr(digits, hex[2 * i + 1]);
		if (!high || !low)
			return false;
		ret_bytes[i] = (unsigned char)((high - digits) << 4 | (low - digits));
	}
	*ret_len = len;
	return true;
}

enum status store_self_claim_get(struct store *store, const char *mac, struct self_claim_device *ret_device,
				 struct error *err)
{
	const struct arg args[] = { arg_text(mac) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_SELF_CLAIM_SECRET, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0 || strlen(mac) != SELF_CLAIM_MAC_LEN)
		return error_set(err, STATUS_NOT_FOUND, "no device '%s' on the list", mac);
	struct self_claim_device device = { .sealed_len = 0 };
	memcpy(device.mac, mac, SELF_CLAIM_MAC_LEN + 1);
	if (!bytes_of_hex(row_text(rows, 0, 0), device.sealed, sizeof(device.sealed), &device.sealed_len))
		return error_set(err, STATUS_INTERNAL, "a secret is longer than its limit");
	*ret_device = device;
	return STATUS_OK;
}

enum status store_self_claim_challenge(struct store *store, const char *auth_id, const char *mac, const char *text,
				       const struct self_claim_bounds *bounds, struct error *err)
{
	const struct arg args[] = { arg_text(auth_id),        arg_text(mac),
				    arg_text(text),           arg_i64(bounds->life_s),
				    arg_i64(bounds->per_mac), arg_i64(bounds->in_all) };
	int64_t added = 0;
	enum status st = store_execute(store, QUERY_SELF_CLAIM_CHALLENGE_NEW, args, ARRAY_LEN(args), &added, err);
	if (st != STATUS_OK)
		return st;
	return added ? STATUS_OK : error_set(err, STATUS_LIMIT, "too many challenges are pending");
}

enum status store_self_claim_take(struct store *store, const char *auth_id, struct self_claim_challenge *ret_challenge,
				  struct error *err)
{
	const struct arg args[] = { arg_text(auth_id) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_SELF_CLAIM_CHALLENGE_TAKE, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return error_set(err, STATUS_NOT_FOUND, "no such challenge");
	struct self_claim_challenge challenge = { .live = row_bool(rows, 0, 2) };
	if (!row_copy(rows, 0, 0, challenge.mac, sizeof(challenge.mac)) ||
	    !row_copy(rows, 0, 1, challenge.text, sizeof(challenge.text)))
		return error_set(err, STATUS_INTERNAL, "a column of self_claim_challenge is longer than its limit");
	*ret_challenge = challenge;
	return STATUS_OK;
}

enum status store_self_claim_check(struct store *store, const char *mac,
				   const unsigned char key_hash[CERTIFICATE_KEY_HASH_BYTES], struct error *err)
{
	const struct arg args[] = { arg_text(mac), arg_bytes(key_hash, CERTIFICATE_KEY_HASH_BYTES) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_SELF_CLAIM_CHECK, args, ARRAY_LEN(args), &rows, err);
	return st == STATUS_OK ? store_claim_status(row_text(rows, 0, 0), err) : st;
}

enum status store_self_claim_complete(struct store *store, const char *mac,
				      const struct certificate_record *certificate, struct error *err)
{
	struct arg args[1 + CERTIFICATE_ARGS] = { arg_text(mac) };
	arg_certificate(args + 1, certificate);
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_SELF_CLAIM_COMPLETE, args, ARRAY_LEN(args), &rows, err);
	return st == STATUS_OK ? store_claim_status(row_text(rows, 0, 0), err) : st;
}
