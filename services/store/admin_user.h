/* store/admin_user.h - what administrators see of accounts and do to them. Nothing secret is told.
 *
 * Thread:  any; each thread brings its own struct store.
 * Memory:  fills the caller's structs; texts given to `each` live until it returns.
 * Errors:  NOT_FOUND no such account. CONFLICT the last administrator stays one. Else as store/store.h.
 * Units:   times are microseconds since 1970 UTC.
 */
#ifndef CISTERN_STORE_ADMIN_USER_H
#define CISTERN_STORE_ADMIN_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "model/limits.h"
#include "model/permission.h"
#include "store/store.h"

struct admin_user {
	const char *id, *name, *display_name;
	enum account_role role;
	bool confirmed;
	int64_t created_at_us;
	int64_t n_nodes; /* not counting those by a group */
};

struct admin_user_node {
	const char *node_id, *role;
	int64_t since_us;
};

/* In order of user name, behind `after` ("" for the first page); `user_name` alone unless NULL. At most `limit` rows. */
typedef void admin_user_each(void *context, const struct admin_user *user);
MUST_CHECK enum status store_admin_user_list(struct store *store, const char *user_name, const char *after,
					     int64_t limit, admin_user_each *each, void *context, struct error *err);

/* The nodes that the user sees, in order of node id, behind `after`. */
typedef void admin_user_node_each(void *context, const struct admin_user_node *node);
MUST_CHECK enum status store_admin_user_nodes(struct store *store, const char *user_name, const char *after,
					      int64_t limit, admin_user_node_each *each, void *context,
					      struct error *err);

/* Another role ends the account's sessions. */
MUST_CHECK enum status store_admin_user_set_role(struct store *store, const char *user_name, enum account_role role,
						 char ret_user_id[UUID_BYTES + 1], struct error *err);
/* With all that hangs on it. */
MUST_CHECK enum status store_admin_user_delete(struct store *store, const char *user_name,
					       char ret_user_id[UUID_BYTES + 1], struct error *err);

#endif
