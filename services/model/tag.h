/* model/tag.h - tags of a node: short texts that users sort their nodes by, `room:hall`.
 *
 *   tag = 1..128 bytes of UTF-8 without control characters (C0, DEL, C1)      at most 50 a node
 *
 * The schema holds them to the same (node_tag in sql/migrations/0005_node_users.sql).
 *
 * Thread: any; pure. Memory: a list borrows its texts. Errors: none.
 */
#ifndef CISTERN_MODEL_TAG_H
#define CISTERN_MODEL_TAG_H

#include <stdbool.h>
#include <stddef.h>

enum { TAG_BYTES_MAX = 128, TAGS_PER_NODE_MAX = 50 };

struct tag_list {
	size_t n;
	const char *tags[TAGS_PER_NODE_MAX];
};

/* `text` is valid UTF-8. */
bool tag_valid(const char *text, size_t len);

#endif
