/* store/node.h - nodes: registration, configuration, parameters, presence, and who they belong to.
 *
 * Thread:  any; each thread brings its own struct store.
 * Memory:  fills the caller's structs and buffers; keeps no pointer after return.
 * Errors:  NOT_FOUND no such node (or not the user's). CONFLICT it exists already. Else as store/store.h.
 * Units:   times are microseconds since 1970 UTC; 0 is never.
 */
#ifndef CISTERN_STORE_NODE_H
#define CISTERN_STORE_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "model/limits.h"
#include "model/node_id.h"
#include "model/tag.h"
#include "store/certificate.h"
#include "store/session.h"
#include "store/store.h"

struct node {
	char id[NODE_ID_MAX + 1];
	int64_t registered_at_us;
	bool connected;
	int64_t presence_at_us; /* of the last connect or disconnect */
	int64_t session_no;
	char name[NAME_BYTES_MAX + 1], type[NAME_BYTES_MAX + 1], model[NAME_BYTES_MAX + 1];
	char fw_version[NAME_BYTES_MAX + 1]; /* from the node's own configuration; cut; "" when unknown */
	int64_t n_users;
};

/* Registers the node (if it is new) and its certificate in one transaction; a former certificate is revoked. CONFLICT: the key is
 * another node's, or the node is suspended or revoked. */
MUST_CHECK enum status store_node_register(struct store *store, const char *node_id,
					   const struct certificate_record *certificate, struct error *err);
MUST_CHECK enum status store_node_get(struct store *store, const char *node_id, struct node *ret_node,
				      struct error *err);

/* --- what a user sees: a node that is not mapped to the user is NOT_FOUND --- */

/* The configuration's verbatim JSON text; nothing when none was reported. */
MUST_CHECK enum status store_node_config(struct store *store, const char *user_id, const char *node_id,
					 struct buffer *ret_json, struct error *err);
MUST_CHECK enum status store_node_presence(struct store *store, const char *user_id, const char *node_id,
					   bool *ret_connected, int64_t *ret_at_us, struct error *err);

/* Which parts of a node's details to write; ids are always written. */
struct node_list_query {
	const char *user_id;
	const char *node_id; /* NULL: all of the user's nodes */
	const char *after;   /* node id of the last page's last row, "" for the first page */
	int64_t limit;
	const char *
		with_tags; /* NULL, or tags between commas: only nodes that have one of them, or the whole text as their tag */
	bool details, config, params; /* config and params only with details */
};

struct node_list_entry {
	const char *node_id, *role;
	int64_t mapped_at_us;
	bool connected;
	int64_t presence_at_us;
	const char *config_json;               /* NULL: not asked for, or never reported */
	const char *params_json;               /* NULL: not asked for */
	const char *tags_json, *metadata_json; /* an array and an object; NULL without details */
};

struct node_list_end {
	int64_t total; /* of all pages; with node_id 1 or 0 */
	bool more;     /* another page follows */
};

/* One round trip. Calls `each` in order of node id. The user's own nodes, those shared with the user and those that come by groups, each
 * once. */
typedef void node_list_each(void *context, const struct node_list_entry *entry);
MUST_CHECK enum status store_node_list_for_user(struct store *store, const struct node_list_query *query,
						node_list_each *each, void *context, struct node_list_end *ret_end,
						struct error *err);
/* The same and store_session_access() in one round trip. NOT_FOUND: the session has ended or is not query->user_id's; nothing is given then. */
MUST_CHECK enum status store_node_list_with_session(struct store *store, const char *session_id,
						    const struct node_list_query *query,
						    struct session_access *ret_access, node_list_each *each,
						    void *context, struct node_list_end *ret_end, struct error *err);

/* --- what primary users write on a node --- */

struct node_write {
	struct tag_list added, removed;
	const char *metadata_json; /* NULL: no change; an object is merged, a null member deletes, `null` deletes all */
};

/* All of it or nothing. NOT_FOUND not the user's, DENIED only shared with the user, LIMIT over TAGS_PER_NODE_MAX, TOO_LARGE over METADATA_BYTES_MAX. */
MUST_CHECK enum status store_node_write(struct store *store, const char *user_id, const char *node_id,
					const struct node_write *write, struct error *err);

#endif
