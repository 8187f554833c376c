/* api/node_texts.h - tags and metadata of a node, as they come in a body (rest.md 4.2 and 4.4).
 *
 *   {"tags":["room:hall"],"metadata":{"k":"v","old":null}}      each may be absent; null tags are absent, null metadata is a word of its own
 *
 * Thread:  as the request. Memory: texts are copied into the arena.
 * Errors:  noted as FAILURE_BODY, FAILURE_NODE_TEXTS, FAILURE_NODE_TAGS, FAILURE_NODE_METADATA.
 */
#ifndef CISTERN_API_NODE_TEXTS_H
#define CISTERN_API_NODE_TEXTS_H

#include "api/request.h"
#include "base/json.h"
#include "model/tag.h"

struct node_texts {
	bool has_tags;
	struct tag_list tags;
	const char *metadata_json; /* NULL: absent; an object's compact text, or `null` */
};

/* `body` is what body_object() made of the request's body. */
MUST_CHECK enum status node_texts_read(struct request *request, json_t *body, struct node_texts *ret_texts,
				       struct error *err);

#endif
