#include "api/node_texts.h"

#include <string.h>

static enum status read_tags(struct request *request, const json_t *tags, struct node_texts *texts, struct error *err)
{
	if (json_is_null(tags))
		return STATUS_OK;
	if (!json_is_array(tags))
		return reply_fail(&request->reply, FAILURE_NODE_TEXTS, err);
	if (json_array_size(tags) > TAGS_PER_NODE_MAX)
		return reply_fail(&request->reply, FAILURE_NODE_TAGS, err);
	texts->has_tags = true;
	for (size_t i = 0; i < json_array_size(tags); i++) {
		const json_t *tag = json_array_get(tags, i);
		if (!json_is_string(tag) || !tag_valid(json_string_value(tag), json_string_length(tag)))
			return reply_fail(&request->reply, FAILURE_NODE_TEXTS, err);
		enum status st = request_copy(request, json_string_value(tag), &texts->tags.tags[i], err);
		if (st != STATUS_OK)
			return st;
		texts->tags.n++;
	}
	return STATUS_OK;
}

/* Its own text, so that numbers keep their value on the way. */
static enum status read_metadata(struct request *request, const struct json_member *member, struct node_texts *texts,
				 struct error *err)
{
	if (!json_is_object(member->value) && !json_is_null(member->value))
		return reply_fail(&request->reply, FAILURE_NODE_TEXTS, err);
	CLEANUP(buffer) struct buffer compact = { .bytes = NULL };
	json_put_compact(&compact, member->text);
	if (compact.len > METADATA_BYTES_MAX)
		return reply_fail(&request->reply, FAILURE_NODE_METADATA, err);
	return request_copy(request, buffer_text(&compact), &texts->metadata_json, err);
}

enum status node_texts_read(struct request *request, json_t *body, struct node_texts *ret_texts, struct error *err)
{
	struct json_walk walk =
		json_walk_start(body, (struct json_slice){ buffer_text(&request->body), request->body.len });
	struct json_member member;
	struct node_texts texts = { .metadata_json = NULL };
	enum status st = STATUS_OK;
	while (st == STATUS_OK && json_walk_next(&walk, &member)) {
		if (strcmp(member.key, "tags") == 0)
			st = read_tags(request, member.value, &texts, err);
		else if (strcmp(member.key, "metadata") == 0)
			st = read_metadata(request, &member, &texts, err);
	}
	if (st == STATUS_OK)
		*ret_texts = texts;
	return st;
}
