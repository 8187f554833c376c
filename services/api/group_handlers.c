/* What users do with groups of nodes (rest.md section 6): make, change, fill, nest, delete, leave. What they see: group_list.c.
 *
 *   POST    {"group_name":"Home",...}                        only the name is required
 *   PUT     ?group_id=  any of the fields, and/or {"operation":"add"|"remove","nodes":[...]}: all of it or nothing
 *   DELETE  ?group_id=  |  &leave=true  |  &remove_sharing=true&user_name= */
#include <sodium.h>
#include <string.h>

#include "account/user_name.h"
#include "api/body.h"
#include "api/group.h"
#include "api/handlers.h"
#include "model/node_id.h"

enum { GROUP_ID_RANDOM_BYTES = 16 };

bool group_id_valid(const char *text)
{
	return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == GROUP_ID_LEN &&
	       text[GROUP_ID_LEN] == '\0';
}

static enum status fail(struct request *request, enum failure failure, struct error *err)
{
	return reply_fail(&request->reply, failure, err);
}

/* What became of a change. */
static enum status settle(struct request *request, enum status st, enum group_word word, struct error *err)
{
	if (st != STATUS_OK)
		return st;
	switch (word) {
	case GROUP_DONE: return STATUS_OK;
	case GROUP_UNKNOWN: return fail(request, FAILURE_GROUP, err);
	case GROUP_NOT_PRIMARY: return fail(request, FAILURE_GROUP_NOT_PRIMARY, err);
	case GROUP_NO_NODE: return fail(request, FAILURE_NODE, err);
	case GROUP_GROUPS_LIMIT: return fail(request, FAILURE_GROUP_LIMIT, err);
	case GROUP_NODES_LIMIT: return fail(request, FAILURE_GROUP_NODES_LIMIT, err);
	case GROUP_TOO_DEEP: return fail(request, FAILURE_GROUP_DEPTH, err);
	case GROUP_CYCLE: return fail(request, FAILURE_GROUP_CYCLE, err);
	case GROUP_DATA_TOO_LARGE: return fail(request, FAILURE_GROUP_DATA, err);
	case GROUP_NOT_SHARED: return fail(request, FAILURE_GROUP_NOT_SHARED, err);
	case GROUP_OTHER_PRIMARY: return fail(request, FAILURE_GROUP_OTHER_PRIMARY, err);
	case GROUP_LAST_PRIMARY: return fail(request, FAILURE_GROUP_LAST_PRIMARY, err);
	case GROUP_BY_PARENT: return fail(request, FAILURE_GROUP_BY_PARENT, err);
	case N_GROUP_WORDS: break;
	}
	return error_set(err, STATUS_INTERNAL, "no such word of a group");
}

/* --- bodies --- */

/* What a member may be, on its way as it came into the document that the database merges: a number keeps its form. */
static const struct field {
	const char *name;
	enum { FIELD_TEXT, FIELD_BOOL, FIELD_OBJECT } kind;
	size_t min, max; /* bytes of a text */
} fields[] = {
	{ "group_name", FIELD_TEXT, 1, GROUP_NAME_BYTES_MAX },
	{ "type", FIELD_TEXT, 0, GROUP_TYPE_BYTES_MAX },
	{ "description", FIELD_TEXT, 0, GROUP_DESCRIPTION_BYTES_MAX },
	{ "mutually_exclusive", FIELD_BOOL, 0, 0 },
	{ "custom_data", FIELD_OBJECT, 0, 0 },
	{ "group_metadata", FIELD_OBJECT, 0, 0 },
};

static const struct field *field_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	}
	return NULL;
}

static bool field_fits(const struct field *field, const json_t *value)
{
	size_t len = json_string_length(value); /* 0 of what is no text */
	switch (field->kind) {
	case FIELD_TEXT: return json_is_string(value) && len >= field->min && len <= field->max;
	case FIELD_BOOL: return json_is_boolean(value);
	case FIELD_OBJECT: return json_is_object(value) || json_is_null(value);
	}
	return false;
}

/* null leaves a text or a boolean as it is. */
static bool field_is_absent(const struct field *field, const json_t *value)
{
	return !field || (field->kind != FIELD_OBJECT && json_is_null(value));
}

static enum status read_fields(struct request *request, json_t *body, const char **ret_json, struct error *err)
{
	CLEANUP(buffer) struct buffer out = { .bytes = NULL };
	struct json_walk walk =
		json_walk_start(body, (struct json_slice){ buffer_text(&request->body), request->body.len });
	struct json_member member;
	buffer_putc(&out, '{');
	while (json_walk_next(&walk, &member)) {
		const struct field *field = field_find(member.key);
		if (field_is_absent(field, member.value))
			continue;
		if (!field_fits(field, member.value))
			return fail(request, FAILURE_GROUP_FIELD, err);
		if (out.len > 1)
			buffer_putc(&out, ',');
		buffer_printf(&out, "\"%s\":", field->name);
		buffer_put(&out, member.text.at, member.text.len);
	}
	buffer_putc(&out, '}');
	return request_copy(request, buffer_text(&out), ret_json, err);
}

/* Borrowed from the body. An id that could not exist is answered like a stranger's. */
static enum status read_nodes(struct request *request, const json_t *body, struct id_list *ret_list, struct error *err)
{
	const json_t *nodes = json_object_get(body, "nodes"), *item = NULL;
	struct id_list list = { .n = 0 };
	size_t i = 0;
	if (nodes && !json_is_null(nodes) && !json_is_array(nodes))
		return fail(request, FAILURE_GROUP_FIELD, err);
	if (json_array_size(nodes) > ITEMS_PER_PUT_MAX)
		return fail(request, FAILURE_PARAMS_ITEMS, err);
	json_array_foreach (nodes, i, item) {
		if (!json_is_string(item))
			return fail(request, FAILURE_GROUP_FIELD, err);
		if (!node_id_valid(json_string_value(item), json_string_length(item)))
			return fail(request, FAILURE_NODE, err);
		list.ids[list.n++] = json_string_value(item);
	}
	*ret_list = list;
	return STATUS_OK;
}

/* "" is none, and moves a group that has one to the top. */
static enum status read_parent(struct request *request, const json_t *body, struct group_change *change,
			       struct error *err)
{
	const json_t *parent = json_object_get(body, "parent_group_id");
	if (!parent || json_is_null(parent))
		return STATUS_OK;
	if (!json_is_string(parent))
		return fail(request, FAILURE_GROUP_FIELD, err);
	change->moves = true;
	if (json_string_length(parent) == 0)
		return STATUS_OK;
	change->parent_id = json_string_value(parent);
	return group_id_valid(change->parent_id) ? STATUS_OK : fail(request, FAILURE_GROUP, err);
}

static enum status read_body(struct request *request, json_t **ret_body, struct group_change *change,
			     struct id_list *ret_nodes, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	enum status st = body_object(request, false, &body, err);
	if (st == STATUS_OK)
		st = read_fields(request, body, &change->fields_json, err);
	if (st == STATUS_OK)
		st = read_parent(request, body, change, err);
	if (st == STATUS_OK)
		st = read_nodes(request, body, ret_nodes, err);
	*ret_body = STEAL(body);
	return st;
}

/* --- make --- */

/* is_matter is taken and not heeded: clients set it for every top-level group (rest.md section 6). */
enum status group_post(struct request *request, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	struct group_change with = { .fields_json = NULL };
	enum status st = read_body(request, &body, &with, &with.added, err);
	if (st != STATUS_OK)
		return st;
	if (!json_is_string(json_object_get(body, "group_name")))
		return fail(request, FAILURE_GROUP_FIELD, err);
	unsigned char random[GROUP_ID_RANDOM_BYTES];
	group_id_text group_id;
	randombytes_buf(random, sizeof(random));
	(void)sodium_bin2base64(group_id, sizeof(group_id), random, sizeof(random),
				sodium_base64_VARIANT_URLSAFE_NO_PADDING); /* returns its first argument */
	enum group_word word = GROUP_DONE;
	st = store_group_make(request->store, request->caller.user_id, group_id, &with, &word, err);
	st = settle(request, st, word, err);
	if (st != STATUS_OK)
		return st;
	struct buffer *out = &request->reply.body;
	buffer_puts(out, "{\"status\":\"success\"");
	reply_put_member(out, "description", "Group created");
	reply_put_member(out, "group_id", group_id);
	buffer_putc(out, '}');
	return STATUS_OK;
}

/* --- change --- */

/* The group in the query; an id that could not exist is answered like a stranger's. */
static enum status named_group(struct request *request, const char **ret_group_id, struct error *err)
{
	*ret_group_id = params_query_text(&request->query, "group_id");
	if (!*ret_group_id)
		return fail(request, FAILURE_GROUP_FIELD, err);
	return group_id_valid(*ret_group_id) ? STATUS_OK : fail(request, FAILURE_GROUP, err);
}

static enum status read_operation(struct request *request, const json_t *body, const struct id_list *nodes,
				  struct group_change *change, struct error *err)
{
	const char *operation = json_member_text(body, "operation", "");
	bool adds = strcmp(operation, "add") == 0, removes = strcmp(operation, "remove") == 0;
	if (!json_object_get(body, "operation") && !json_object_get(body, "nodes"))
		return STATUS_OK;
	if ((!adds && !removes) || nodes->n == 0)
		return fail(request, FAILURE_GROUP_FIELD, err);
	*(adds ? &change->added : &change->removed) = *nodes;
	return STATUS_OK;
}

enum status group_put(struct request *request, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	struct group_change change = { .fields_json = NULL };
	struct id_list nodes = { .n = 0 };
	const char *group_id = NULL;
	enum status st = named_group(request, &group_id, err);
	if (st == STATUS_OK)
		st = read_body(request, &body, &change, &nodes, err);
	if (st == STATUS_OK)
		st = read_operation(request, body, &nodes, &change, err);
	if (st != STATUS_OK)
		return st;
	if (json_is_true(json_object_get(body, "is_matter")))
		return fail(request, FAILURE_GROUP_MATTER, err);
	if (strcmp(change.fields_json, "{}") == 0 && !change.moves && nodes.n == 0)
		return fail(request, FAILURE_GROUP_FIELD, err);
	enum group_word word = GROUP_DONE;
	st = store_group_change(request->store, request->caller.user_id, group_id, &change, &word, err);
	st = settle(request, st, word, err);
	if (st == STATUS_OK)
		reply_put_success(&request->reply, "Group changed");
	return st;
}

/* --- delete, leave, end a share --- */

static enum status named_user(struct request *request, user_name_text ret_name, struct error *err)
{
	const char *text = NULL;
	enum status st = params_query_user_name(&request->query, "user_name", request->arena, &text, err);
	if (st != STATUS_OK)
		return st;
	if (!text)
		return fail(request, FAILURE_USER_NAME_MISSING, err);
	struct error why = { .status = STATUS_OK };
	if (user_name_canonical(text, ret_name, &why) != STATUS_OK)
		return fail(request, FAILURE_USER_NAME, err);
	return STATUS_OK;
}

static enum status end_share(struct request *request, const char *group_id, struct error *err)
{
	user_name_text name;
	enum group_word word = GROUP_DONE;
	enum status st = named_user(request, name, err);
	if (st != STATUS_OK)
		return st;
	st = store_group_unshare(request->store, request->caller.user_id, group_id, name, &word, err);
	st = settle(request, st, word, err);
	if (st == STATUS_OK)
		reply_put_success(&request->reply, "Sharing ended");
	return st;
}

static enum status delete_or_leave(struct request *request, const char *group_id, bool leaves, struct error *err)
{
	const char *user_id = request->caller.user_id;
	enum group_word word = GROUP_DONE;
	enum status st = leaves ? store_group_leave(request->store, user_id, group_id, &word, err)
				: store_group_delete(request->store, user_id, group_id, &word, err);
	st = settle(request, st, word, err);
	if (st == STATUS_OK)
		reply_put_success(&request->reply, leaves ? "Group left" : "Group deleted");
	return st;
}

enum status group_delete(struct request *request, struct error *err)
{
	const char *group_id = NULL;
	bool leaves = false, ends_share = false;
	enum status st = named_group(request, &group_id, err);
	if (st == STATUS_OK)
		st = params_query_bool(&request->query, "leave", false, &leaves, err);
	if (st == STATUS_OK)
		st = params_query_bool(&request->query, "remove_sharing", false, &ends_share, err);
	if (st != STATUS_OK)
		return st;
	if (leaves && ends_share)
		return fail(request, FAILURE_GROUP_FIELD, err);
	return ends_share ? end_share(request, group_id, err) : delete_or_leave(request, group_id, leaves, err);
}
