/* base/json.h - JSON from outside: checked by jansson, limited by us, and kept as the bytes that came.
 *
 * jansson decides what is JSON (RFC 8259, UTF-8, no NUL, no duplicate keys however spelt, integers within 64 bit, numbers
 * within double). We add the limits of threats.md section 4. Values are then taken as slices of the source text, because a number
 * must keep its form on the way through (mqtt.md 4.2): 21.0 stays 21.0 and 0.1 never becomes 0.10000000000000001.
 *
 * Thread:  any; a document belongs to one owner.
 * Memory:  json_read() gives a json_t that the caller frees (CLEANUP(json)); slices and walks point into the source text
 *          and the document and live no longer than both.
 * Errors:  INVALID not such a document, with where and why. TOO_LARGE a limit was crossed. Nothing is written then.
 */
#ifndef CISTERN_BASE_JSON_H
#define CISTERN_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/macros.h"

enum {
	JSON_BYTES_MAX = 131072, /* threats.md section 4: 128 KB */
	JSON_DEPTH_MAX = 32,
	JSON_KEYS_MAX = 1000, /* in the whole document */
	JSON_KEY_BYTES_MAX = 64,
};

struct json_limits {
	size_t bytes_max;
	unsigned depth_max, keys_max, key_bytes_max;
};

/* The limits above, for what a node sends. */
extern const struct json_limits json_node_limits;
/* For a request's body: the route has already limited its size. */
extern const struct json_limits json_request_limits;

struct json_slice {
	const char *at;
	size_t len;
};

/* Reads one JSON value of any type. */
MUST_CHECK enum status json_read(struct json_slice text, const struct json_limits *limits, json_t **ret_document,
				 struct error *err);
/* Reads one JSON object; any other value is INVALID. */
MUST_CHECK enum status json_read_object(struct json_slice text, const struct json_limits *limits, json_t **ret_document,
					struct error *err);

/* A walk over the members of one object, or the elements of one array, in source order. `text` must be the source of
 * `container`, as json_read() or an earlier walk gave them together. */
struct json_walk {
	json_t *container;
	const char *at;
	void *member;
	size_t index;
};

struct json_member {
	const char *key; /* unescaped; NULL in an array */
	json_t *value;   /* borrowed from the document */
	struct json_slice text;
};

struct json_walk json_walk_start(json_t *container, struct json_slice text);
MUST_CHECK bool json_walk_next(struct json_walk *walk, struct json_member *ret_member);

/* Writes valid JSON text without blanks, with raw UTF-8 and without `\/`, numbers as they came (mqtt.md 4.3). */
void json_put_compact(struct buffer *out, struct json_slice text);

/* A member of an object: its text or number, or the default when it is absent, null or of another type. */
const char *json_member_text(const json_t *object, const char *key, const char *otherwise);

DEFINE_CLEANUP(json, json_t *, json_decref)

#endif
