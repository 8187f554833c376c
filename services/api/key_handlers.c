/* Keys for machines (services/account/api_key.h), made, listed and revoked by a person who is signed in.
 *
 *   POST    {"name","scopes":["user:read",...],"expires_in_s"}   the key, this once
 *   GET     ?num_records=&start_id=                              without the keys themselves
 *   DELETE  ?key_id= */
#include <string.h>

#include "account/account.h"
#include "api/admin.h"
#include "api/body.h"
#include "api/handlers.h"
#include "base/log.h"
#include "base/parse.h"
#include "store/key.h"

static enum status no_field(struct request *request, const char *what, struct error *err)
{
	request->reply.reason = what; /* a constant */
	return reply_fail(&request->reply, FAILURE_KEY_FIELD, err);
}

/* --- make --- */

static bool read_scopes(const json_t *scopes, unsigned *ret_scopes)
{
	unsigned found = 0;
	const json_t *item = NULL;
	size_t i = 0;
	if (!json_is_array(scopes) || json_array_size(scopes) > SCOPE_ALL)
		return false;
	json_array_foreach (scopes, i, item) {
		unsigned scope = json_is_string(item) ? scope_read(json_string_value(item)) : 0;
		if (scope == 0)
			return false;
		found |= scope;
	}
	*ret_scopes = found;
	return found != 0;
}

static bool read_lifetime(const json_t *member, int64_t *ret_lifetime_s)
{
	*ret_lifetime_s = KEY_LIFETIME_DEFAULT_S;
	if (!member || json_is_null(member))
		return true;
	*ret_lifetime_s = json_integer_value(member); /* 0 of another type */
	return *ret_lifetime_s >= KEY_LIFETIME_MIN_S && *ret_lifetime_s <= KEY_LIFETIME_MAX_S;
}

/* Scopes that the role does not have would mean nothing (permission_decide() asks both), so they are refused: a key should say what it can. */
static enum status read_wish(struct request *request, struct key_wish *ret_wish, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	struct key_wish wish = { .user_id = request->caller.user_id };
	enum status st = body_object(request, false, &body, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "name", &wish.name, err);
	if (st != STATUS_OK)
		return st;
	if (!wish.name || strlen(wish.name) > KEY_NAME_BYTES_MAX)
		return no_field(request, "name is 1 to 64 bytes", err);
	if (!read_scopes(json_object_get(body, "scopes"), &wish.scopes))
		return no_field(request,
				"scopes is a list of user:read, user:write, fleet:read, fleet:write, "
				"admin:read, admin:write",
				err);
	if (!read_lifetime(json_object_get(body, "expires_in_s"), &wish.lifetime_s))
		return no_field(request, "expires_in_s is a whole number of seconds, one day to one year", err);
	if (wish.scopes & ~role_scopes(request->caller.role))
		return reply_fail(&request->reply, FAILURE_KEY_SCOPE, err);
	*ret_wish = wish;
	return STATUS_OK;
}

static void put_scopes(struct buffer *body, unsigned scopes)
{
	const char *between = "";
	buffer_puts(body, ",\"scopes\":[");
	for (unsigned scope = 1; scope <= SCOPE_ALL; scope <<= 1) {
		if (!(scopes & scope))
			continue;
		buffer_printf(body, "%s\"%s\"", between, scope_name((enum scope)scope));
		between = ",";
	}
	buffer_putc(body, ']');
}

static void put_made(struct buffer *body, const struct key_wish *wish, const char *key_id, const char *key,
		     int64_t expires_at_us)
{
	buffer_puts(body, "{\"status\":\"success\"");
	reply_put_member(body, "description", "Key made; it is not shown again");
	reply_put_member(body, "key_id", key_id);
	reply_put_member(body, "key", key);
	reply_put_member(body, "name", wish->name);
	put_scopes(body, wish->scopes);
	admin_put_seconds(body, "expires_at", expires_at_us);
	buffer_putc(body, '}');
}

enum status key_post(struct request *request, struct error *err)
{
	struct key_wish wish = { .name = NULL };
	char key[API_KEY_BYTES + 1], key_id[UUID_BYTES + 1];
	unsigned char hash[API_KEY_HASH_BYTES];
	int64_t expires_at_us = 0;
	enum status st = read_wish(request, &wish, err);
	if (st != STATUS_OK)
		return st;
	account_make_key(request->options->account, key, hash);
	wish.hash = hash;
	st = store_key_new(request->store, &wish, key_id, &expires_at_us, err);
	if (st == STATUS_OK)
		put_made(&request->reply.body, &wish, key_id, key, expires_at_us);
	explicit_bzero(key, sizeof(key));
	if (st == STATUS_CONFLICT)
		return reply_fail(&request->reply, FAILURE_KEY_LIMIT, err);
	if (st == STATUS_OK)
		log_info("key.made", F_STR("user", request->caller.user_id), F_STR("key", key_id));
	return st;
}

/* --- list and revoke --- */

struct listing {
	struct buffer *body;
	int64_t n, limit;
	char last[UUID_BYTES + 1];
};

static void put_key(void *context, const struct key *key)
{
	struct listing *listing = context;
	struct buffer *body = listing->body;
	if (listing->n++ == listing->limit)
		return;
	buffer_puts(body, listing->n > 1 ? ",{" : "{");
	reply_put_member(body, "key_id", key->id);
	reply_put_member(body, "name", key->name);
	put_scopes(body, key->scopes);
	admin_put_seconds(body, "created_at", key->created_at_us);
	admin_put_seconds(body, "expires_at", key->expires_at_us);
	admin_put_seconds(body, "last_used_at", key->last_used_at_us);
	buffer_printf(body, ",\"expired\":%s}", key->expired ? "true" : "false");
	memcpy(listing->last, key->id, sizeof(listing->last));
}

enum status key_list(struct request *request, struct error *err)
{
	struct listing listing = { .body = &request->reply.body };
	const char *after = params_query_text(&request->query, "start_id");
	if (after && !parse_is_uuid(after))
		return no_field(request, "start_id is not a key id", err);
	enum status st =
		params_query_count(&request->query, "num_records", 1, PAGE_MAX, KEYS_PER_USER_MAX, &listing.limit, err);
	if (st != STATUS_OK)
		return st;
	buffer_puts(listing.body, "{\"keys\":[");
	st = store_key_list(request->store, request->caller.user_id, after, listing.limit + 1, put_key, &listing, err);
	buffer_putc(listing.body, ']');
	if (listing.n > listing.limit)
		reply_put_member(listing.body, "next_id", listing.last);
	buffer_putc(listing.body, '}');
	return st;
}

enum status key_delete(struct request *request, struct error *err)
{
	const char *key_id = params_query_text(&request->query, "key_id");
	if (!key_id)
		return no_field(request, "key_id is missing", err);
	if (!parse_is_uuid(key_id))
		return reply_fail(&request->reply, FAILURE_KEY, err);
	enum status st = store_key_revoke(request->store, request->caller.user_id, key_id, err);
	if (st == STATUS_NOT_FOUND)
		return reply_fail(&request->reply, FAILURE_KEY, err);
	if (st != STATUS_OK)
		return st;
	log_info("key.revoked", F_STR("user", request->caller.user_id), F_STR("key", key_id));
	reply_put_success(&request->reply, "Key revoked");
	return STATUS_OK;
}
