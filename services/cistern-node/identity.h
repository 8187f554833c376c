/* identity.h - the certificates that this process plays.
 *
 *   DIR/<id>/node.crt  DIR/<id>/node.key  DIR/<id>/ca.crt     as `cistern node add <id> --out DIR/<id>` makes them, and
 *                                                       as claim.h does, without ca.crt
 *
 * Thread:  any.
 * Memory:  the list owns its texts; identity_list_done() frees them.
 * Errors:  INVALID a file cannot be read or is no certificate with a CN.
 */
#ifndef CISTERN_NODE_IDENTITY_H
#define CISTERN_NODE_IDENTITY_H

#include "options.h"

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { COMMON_NAME_MAX = 64 }; /* X.520 upper bound of a common name */

struct identity {
	char *ca, *cert, *key; /* files */
	char *folder;          /* where the latter two are and a renewal may write; NULL: nowhere */
	bool has_new;          /* the folder has a next pair that was not tried yet (credentials.h) */
	char common_name[COMMON_NAME_MAX + 1];
};

struct identity_list {
	struct identity *items;
	size_t n_items;
};

MUST_CHECK enum status identity_list_load(const struct options *options, struct identity_list *ret_list,
					  struct error *err);
void identity_list_done(struct identity_list *list);

static inline void cleanup_identity_list(struct identity_list *list)
{
	identity_list_done(list);
}

#endif
