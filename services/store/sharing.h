/* store/sharing.h - nodes and groups that users share: invitations, who has what by them, and the end of a share.
 *
 * What an invitation does, and who wins a race, is decided by the functions of sql/migrations/0007_sharing.sql, which answer with a
 * word: enum sharing_outcome. A function here is OK also when that word is a refusal.
 *
 * Thread:  any; each thread brings its own struct store.
 * Memory:  keeps no pointer; entries are valid during the callback.
 * Errors:  as store/store.h.
 */
#ifndef CISTERN_STORE_SHARING_H
#define CISTERN_STORE_SHARING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

enum { SHARING_REQUEST_ID_LEN = 22 };

enum sharing_kind { SHARING_NODES, SHARING_GROUPS };

enum sharing_outcome {
	SHARING_DONE,
	SHARING_UNKNOWN,       /* of invite and remove: a node or group is not the caller's; else: no such invitation */
	SHARING_NOT_PRIMARY,   /* it is only shared with the caller */
	SHARING_NOT_TOP,       /* a group that lies in another cannot be transferred */
	SHARING_SELF,          /* the addressee is the caller */
	SHARING_ALREADY,       /* the addressee has all of it in that role */
	SHARING_FULL,          /* no room for one user more */
	SHARING_METADATA,      /* too large */
	SHARING_PENDING_LIMIT, /* too many open invitations of the sender */
	SHARING_DAY_LIMIT,     /* too many in a day */
	SHARING_SETTLED,       /* accepted, declined or cancelled before */
	SHARING_NOTHING,       /* the sender may not hand on any of it any more */
	SHARING_NOT_SHARED,    /* one of them is not shared with whoever has that name */
	SHARING_OTHER_PRIMARY, /* a primary user cannot be taken off */
};

/* Ids that are in the alphabet of ids. */
struct sharing_ids {
	const char *const *at;
	size_t n;
};

struct sharing_invitation {
	const char *request_id; /* random, made by the caller */
	enum sharing_kind kind;
	const char *from_user; /* user id */
	const char *to_name;   /* canonical; whether there is such an account makes no difference */
	struct sharing_ids ids;
	bool as_primary, transfer;
	const char *new_role; /* of the sender after a transfer: `secondary`, or NULL: none */
	const char *metadata; /* a JSON object */
	int64_t lifetime_s;
};

/* An open invitation of the same sender to the same name about the same set is replaced. */
MUST_CHECK enum status store_sharing_invite(struct store *store, const struct sharing_invitation *invitation,
					    enum sharing_outcome *ret_outcome, struct error *err);
/* By the addressee. */
MUST_CHECK enum status store_sharing_answer(struct store *store, enum sharing_kind kind, const char *request_id,
					    const char *user_id, bool accepts, enum sharing_outcome *ret_outcome,
					    struct error *err);
/* By the sender. */
MUST_CHECK enum status store_sharing_cancel(struct store *store, enum sharing_kind kind, const char *request_id,
					    const char *user_id, enum sharing_outcome *ret_outcome, struct error *err);
/* A primary user ends the share of `user_name`, or `user_name` is the caller, who leaves. All or none. */
MUST_CHECK enum status store_sharing_remove(struct store *store, enum sharing_kind kind, const char *user_id,
					    struct sharing_ids ids, const char *user_name,
					    enum sharing_outcome *ret_outcome, struct error *err);

/* Its id, its place in the order, and the JSON object that goes out. */
struct sharing_entry {
	const char *id;
	int64_t created_at_us; /* of an invitation; else 0 */
	const char *user_name; /* of an invitation: its addressee; else "" */
	const char *json;
};
typedef void sharing_each(void *context, const struct sharing_entry *entry);

struct sharing_list_query {
	enum sharing_kind kind;
	const char *user_id;
	const char *id;    /* NULL: all */
	const char *after; /* "": from the beginning */
	int64_t limit;
	bool metadata, sub_groups, parent_groups; /* of groups */
};

/* The user's nodes or groups by id, each with the users that he may know of. ret_more: another page follows. */
MUST_CHECK enum status store_sharing_list(struct store *store, const struct sharing_list_query *query,
					  sharing_each *each, void *context, bool *ret_more, struct error *err);

struct sharing_requests_query {
	enum sharing_kind kind;
	const char *user_id;
	bool sent, received;
	const char *request_id; /* NULL: all */
	int64_t before_us;      /* those behind this place in the order; INT64_MAX: from the newest */
	const char *before_id;
	int64_t limit;
};

/* Invitations that were sent or received and have not run out, newest first. */
MUST_CHECK enum status store_sharing_requests(struct store *store, const struct sharing_requests_query *query,
					      sharing_each *each, void *context, bool *ret_more, struct error *err);

#endif
