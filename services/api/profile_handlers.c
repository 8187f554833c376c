/* What a user is called, and what apps keep for their user. */
#include <string.h>

#include "account/user_name.h"
#include "api/body.h"
#include "api/handlers.h"
#include "claim/claim.h"
#include "store/profile.h"

/* The form that the schema asks for: language tags as RFC 5646 and POSIX spell them. */
bool profile_locale_valid(const char *text)
{
	size_t len = strlen(text);
	return len <= LOCALE_BYTES_MAX &&
	       strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

static enum status get_profile(struct request *request, bool with_data, struct profile *ret_profile, struct error *err)
{
	enum status st = store_profile_get(request->store, request->caller.user_id, with_data, ret_profile, err);
	if (st == STATUS_NOT_FOUND)
		return error_set(err, STATUS_UNAUTHENTICATED, "the account is gone");
	return st;
}

static void put_profile(struct request *request, struct profile *profile)
{
	struct buffer *body = &request->reply.body;
	bool is_phone = user_name_is_phone(profile->user_name);
	buffer_putc(body, '{');
	reply_put_member(body, "user_id", profile->user_id);
	reply_put_member(body, "user_name", profile->user_name);
	reply_put_member(body, "email", is_phone ? "" : profile->user_name);
	reply_put_member(body, "phone_number", is_phone ? profile->user_name : "");
	reply_put_member(body, "name", profile->display_name);
	reply_put_member(body, "locale", profile->locale);
	buffer_printf(body, ",\"super_admin\":%s,\"user_roles\":[\"%s\"],\"mfa\":false,\"quota\":%lld",
		      profile->role == ROLE_ADMIN ? "true" : "false", account_role_name(profile->role),
		      (long long)claim_quota(request->options->claim));
	reply_put_member(body, "picture_url", "");
	buffer_puts(body, ",\"tags\":");
	buffer_put(body, profile->tags.bytes, profile->tags.len);
	buffer_puts(body, ",\"custom_data\":");
	buffer_put(body, profile->data.bytes, profile->data.len);
	buffer_putc(body, '}');
}

enum status user_get(struct request *request, struct error *err)
{
	CLEANUP(profile) struct profile profile = { .role = ROLE_USER };
	bool with_data = false;
	enum status st = params_query_bool(&request->query, "custom_data", false, &with_data, err);
	if (st == STATUS_OK)
		st = get_profile(request, with_data, &profile, err);
	if (st == STATUS_OK)
		put_profile(request, &profile);
	return st;
}

/* --- changes --- */

static size_t n_characters(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80; /* not a continuation byte: RFC 3629 */
	return n;
}

/* A text that may be empty; NULL when it is absent or null. */
static enum status read_field(struct request *request, const json_t *body, const char *name, const char **ret_text,
			      struct error *err)
{
	const json_t *member = json_object_get(body, name);
	if (member && !json_is_null(member) && !json_is_string(member))
		return reply_fail(&request->reply, FAILURE_BODY, err);
	*ret_text = json_string_value(member); /* lives as long as the body */
	return STATUS_OK;
}

static bool tag_is_valid(const json_t *tag)
{
	if (!json_is_string(tag) || json_string_length(tag) == 0 || json_string_length(tag) > USER_TAG_BYTES_MAX)
		return false;
	for (const char *text = json_string_value(tag); *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	}
	return true;
}

/* {"operation":"add"|"remove","tags":[...]}; `list` becomes the tags as JSON. */
static enum status read_tags(struct request *request, const json_t *body, struct profile_change *change,
			     struct buffer *list, struct error *err)
{
	const json_t *tags = json_object_get(body, "tags");
	if (!tags || json_is_null(tags))
		return STATUS_OK;
	const char *operation = json_string_value(json_object_get(body, "operation"));
	bool adds = operation && strcmp(operation, "add") == 0;
	if (!json_is_array(tags) || !operation || (!adds && strcmp(operation, "remove") != 0))
		return reply_fail(&request->reply, FAILURE_PROFILE_FIELD, err);
	if (json_array_size(tags) > USER_TAGS_MAX)
		return reply_fail(&request->reply, FAILURE_USER_TAGS, err);
	buffer_putc(list, '[');
	for (size_t i = 0; i < json_array_size(tags); i++) {
		const json_t *tag = json_array_get(tags, i);
		if (!tag_is_valid(tag))
			return reply_fail(&request->reply, FAILURE_PROFILE_FIELD, err);
		if (i > 0)
			buffer_putc(list, ',');
		buffer_put_json_string(list, json_string_value(tag), json_string_length(tag));
	}
	buffer_putc(list, ']');
	*(adds ? &change->tags_to_add : &change->tags_to_remove) = buffer_text(list);
	return STATUS_OK;
}

/* What clients may ask for and we do not have. No code for a phone number or for tags is ever sent, so none is right. */
static enum status refuse_the_rest(struct request *request, const json_t *body, struct error *err)
{
	static const struct {
		const char *name;
		enum failure failure;
	} refused[] = { { "phone_number", FAILURE_USER_NAME_FIXED },
			{ "verification_code", FAILURE_CODE },
			{ "tags_verification_code", FAILURE_CODE } };
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		const json_t *member = json_object_get(body, refused[i].name);
		if (member && !json_is_null(member))
			return reply_fail(&request->reply, refused[i].failure, err);
	}
	const json_t *mfa = json_object_get(body, "mfa");
	if (mfa && !json_is_null(mfa) && !json_is_false(mfa))
		return reply_fail(&request->reply, FAILURE_MFA, err);
	return STATUS_OK;
}

static enum status read_change(struct request *request, const json_t *body, struct profile_change *ret_change,
			       struct buffer *tags, struct error *err)
{
	struct profile_change change = { .display_name = NULL };
	enum status st = refuse_the_rest(request, body, err);
	if (st == STATUS_OK)
		st = read_field(request, body, "name", &change.display_name, err);
	if (st == STATUS_OK)
		st = read_field(request, body, "locale", &change.locale, err);
	if (st == STATUS_OK)
		st = read_tags(request, body, &change, tags, err);
	if (st != STATUS_OK)
		return st;
	bool has_any =
		change.display_name || change.locale || tags->len > 0 || json_is_false(json_object_get(body, "mfa"));
	if (!has_any || (change.locale && !profile_locale_valid(change.locale)) ||
	    (change.display_name && n_characters(change.display_name) > DISPLAY_NAME_CHARACTERS_MAX))
		return reply_fail(&request->reply, FAILURE_PROFILE_FIELD, err);
	*ret_change = change;
	return STATUS_OK;
}

static enum status after_change(struct request *request, enum status st, enum failure too_large, struct error *err)
{
	if (st == STATUS_TOO_LARGE)
		return reply_fail(&request->reply, too_large, err);
	if (st == STATUS_NOT_FOUND)
		return error_set(err, STATUS_UNAUTHENTICATED, "the account is gone");
	if (st == STATUS_OK)
		reply_put_success(&request->reply, "Saved");
	return st;
}

enum status user_put(struct request *request, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	CLEANUP(buffer) struct buffer tags = { .bytes = NULL };
	struct profile_change change;
	enum status st = body_object(request, false, &body, err);
	if (st == STATUS_OK)
		st = read_change(request, body, &change, &tags, err);
	if (st != STATUS_OK)
		return st;
	st = store_profile_change(request->store, request->caller.user_id, &change, err);
	return after_change(request, st, FAILURE_USER_TAGS, err);
}

/* --- custom data --- */

enum status custom_data_get(struct request *request, struct error *err)
{
	CLEANUP(profile) struct profile profile = { .role = ROLE_USER };
	enum status st = get_profile(request, true, &profile, err);
	if (st == STATUS_OK)
		buffer_put(&request->reply.body, profile.data.bytes, profile.data.len);
	return st;
}

/* The bytes go on as they came, once they are known to be an object. */
enum status custom_data_put(struct request *request, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	enum status st = body_object(request, false, &body, err);
	if (st != STATUS_OK)
		return st;
	st = store_profile_merge_data(request->store, request->caller.user_id, buffer_text(&request->body), err);
	return after_change(request, st, FAILURE_USER_DATA, err);
}
