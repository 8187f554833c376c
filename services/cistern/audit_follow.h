/* cistern/audit_follow.h - the audit as it grows, and an event as cells.
 *
 * Thread: main. Memory: none kept. Errors: as store/store.h; UNAVAILABLE also when standard output cannot be written.
 */
#ifndef CISTERN_CISTERN_AUDIT_FOLLOW_H
#define CISTERN_CISTERN_AUDIT_FOLLOW_H

#include "base/error.h"
#include "base/macros.h"
#include "cistern/output.h"
#include "store/audit.h"

enum { AUDIT_CELLS = 12 };

#define AUDIT_COLUMNS                                                                                                  \
	{                                                                                                              \
		"event_id", "at", "kind", "action", "user_id", "user_name", "via", "source", "request_id",             \
			"object_kind", "object_id", "detail"                                                           \
	}
#define AUDIT_CELLS_OF(event)                                                                                          \
	{                                                                                                              \
		CELL_OF_NUMBER("event_id", (event)->id), CELL_OF_TIME("at", (event)->at_us),                           \
			CELL_OF_TEXT("kind", (event)->kind), CELL_OF_TEXT("action", (event)->action),                  \
			CELL_OF_TEXT("user_id", (event)->user_id), CELL_OF_TEXT("user_name", (event)->user_name),      \
			CELL_OF_TEXT("via", (event)->via), CELL_OF_TEXT("source", (event)->source),                    \
			CELL_OF_TEXT("request_id", (event)->request_id),                                               \
			CELL_OF_TEXT("object_kind", (event)->object_kind),                                             \
			CELL_OF_TEXT("object_id", (event)->object_id), CELL_OF_JSON("detail", (event)->detail_json)    \
	}

/* What the filter fits and comes from now on, a line each. Returns only with a failure. */
MUST_CHECK enum status audit_follow(struct store *store, const struct audit_filter *filter, struct output *output,
				    struct error *err);

#endif
