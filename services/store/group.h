/* store/group.h - groups of nodes: what users do with them and see of them.
 *
 * A group belongs to its primary users and to those of the groups that it lies in; what is somebody else's is NOT_FOUND, as if it were
 * not there. Each change is one transaction: all of it or nothing. The rules are in sql/migrations/0006_groups.sql.
 *
 * Thread:  any; each thread brings its own struct store.
 * Memory:  fills the caller's values; keeps no pointer after return. A struct group_page is the caller's to free; the texts of its
 *          rows live as long.
 * Errors:  as store/store.h. What forbids a change is no error but a group_word.
 */
#ifndef CISTERN_STORE_GROUP_H
#define CISTERN_STORE_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/limits.h"
#include "store/node.h"
#include "store/store.h"

enum { GROUP_ID_LEN = 22 };
typedef char group_id_text[GROUP_ID_LEN + 1];

enum group_word {
	GROUP_DONE,
	GROUP_UNKNOWN, /* it, or the parent */
	GROUP_NOT_PRIMARY,
	GROUP_NO_NODE, /* one is not the user's; to remove: not in the group */
	GROUP_GROUPS_LIMIT,
	GROUP_NODES_LIMIT,
	GROUP_TOO_DEEP,
	GROUP_CYCLE,
	GROUP_DATA_TOO_LARGE,
	GROUP_NOT_SHARED, /* with the user of that name */
	GROUP_OTHER_PRIMARY,
	GROUP_LAST_PRIMARY,
	GROUP_BY_PARENT,
	N_GROUP_WORDS
};

struct id_list {
	size_t n;
	const char *ids[ITEMS_PER_PUT_MAX];
};

/* What to write. fields_json is an object of any of group_name, type, description (texts within their limits), mutually_exclusive,
 * custom_data and group_metadata (objects, merged member by member, where null deletes; or null: all of it goes). */
struct group_change {
	const char *fields_json;
	bool moves;            /* to parent_id */
	const char *parent_id; /* NULL: the top */
	struct id_list added, removed;
};

MUST_CHECK enum status store_group_make(struct store *store, const char *user_id, const char *group_id,
					const struct group_change *with, enum group_word *ret_word, struct error *err);
MUST_CHECK enum status store_group_change(struct store *store, const char *user_id, const char *group_id,
					  const struct group_change *change, enum group_word *ret_word,
					  struct error *err);
/* With all that lies in it. */
MUST_CHECK enum status store_group_delete(struct store *store, const char *user_id, const char *group_id,
					  enum group_word *ret_word, struct error *err);
MUST_CHECK enum status store_group_leave(struct store *store, const char *user_id, const char *group_id,
					 enum group_word *ret_word, struct error *err);
MUST_CHECK enum status store_group_unshare(struct store *store, const char *user_id, const char *group_id,
					   const char *user_name, enum group_word *ret_word, struct error *err);

/* --- what a user sees --- */

/* One group; those of a name; or, with neither, those that lie in no other group of the user's. */
struct group_query {
	const char *user_id;
	const char *group_id, *group_name; /* NULL: any */
	const char *after;                 /* the last page's last group, "" for the first page */
	int64_t limit;
	bool sub_groups; /* each is followed by all that lies in it */
	bool nodes;
};

struct group {
	const char *group_id, *name, *type, *description;
	const char *parent_id; /* "": none that is the user's */
	int64_t level;         /* 0: found by the query; 1, 2: inside the one before */
	bool is_primary, mutually_exclusive;
	const char *custom_data_json, *metadata_json;
	int64_t n_nodes;
	const char *nodes_json; /* ids; "" unless asked for */
};

struct group_page;
MUST_CHECK enum status store_group_list(struct store *store, const struct group_query *query,
					struct group_page **ret_page, struct error *err);
void group_page_free(struct group_page *page);
size_t
group_page_rows(const struct group_page *page); /* may be of one group more than the limit: another page follows */
int64_t group_page_total(const struct group_page *page);
struct group group_page_row(const struct group_page *page, size_t row);

/* The nodes of a page's first n_rows groups, each with its group's row, in that order and by id. */
typedef void group_nodes_each(void *context, size_t row, const struct node_list_entry *entry);
MUST_CHECK enum status store_group_nodes(struct store *store, const char *user_id, const struct group_page *page,
					 size_t n_rows, group_nodes_each *each, void *context, struct error *err);

DEFINE_CLEANUP(group_page, struct group_page *, group_page_free)

#endif
