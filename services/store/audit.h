/* store/audit.h - who did what to which object, when and from where. The table only grows: docs/audit.md.
 *
 * Thread:  any; each thread brings its own struct store.
 * Memory:  keeps no pointer after return; an event's texts live until `each` returns.
 * Errors:  as store/store.h.
 * Units:   times are microseconds since 1970 UTC.
 */
#ifndef CISTERN_STORE_AUDIT_H
#define CISTERN_STORE_AUDIT_H

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "store/store.h"

enum { AUDIT_OBJECT_BYTES_MAX = 256, AUDIT_ACTION_BYTES_MAX = 64 };

/* What no table's change tells. Who did it is said by store_act_as(). */
struct audit_note {
	const char *kind, *action, *object_kind, *object_id;
	const char *reason; /* NULL: none */
};

MUST_CHECK enum status store_audit_note(struct store *store, const struct audit_note *note, struct error *err);

/* Parameters of these nodes were set. */
MUST_CHECK enum status store_audit_params_set(struct store *store, const char *const *node_ids, size_t n_nodes,
					      struct error *err);

/* NULL, or 0 for a time: any. */
struct audit_filter {
	const char *kind, *action;
	const char *user_id, *user_name; /* who did it */
	const char *object_kind, *object_id;
	int64_t since_us, until_us;
};

/* NULL where nothing is known. */
struct audit_event {
	int64_t id, at_us;
	const char *kind, *action, *user_id, *user_name, *via, *source, *request_id, *object_kind, *object_id;
	const char *detail_json;
};

/* Newest first, before `before` (INT64_MAX for the first page). Calls `each` for at most `limit` rows. */
typedef void audit_each(void *context, const struct audit_event *event);
MUST_CHECK enum status store_audit_list(struct store *store, const struct audit_filter *filter, int64_t before,
					int64_t limit, audit_each *each, void *context, struct error *err);

/* Forgets what is older, and notes that; as the schema's owner. */
MUST_CHECK enum status store_audit_prune(struct store *store, int64_t before_us, int64_t *ret_n_events,
					 struct error *err);

#endif
