/* api/admin.h - what the administrator's handlers share: admin_handlers.c, certificate_handlers.c.
 *
 * Thread, memory: as the request. Errors: noted in the reply.
 */
#ifndef CISTERN_API_ADMIN_H
#define CISTERN_API_ADMIN_H

#include "api/request.h"

/* NOT_FOUND: an id that could not exist is answered like one that does not. */
MUST_CHECK enum status admin_check_node_id(struct request *request, const char *node_id, struct error *err);
/* The same of the query's node_id or nodeid. */
MUST_CHECK enum status admin_query_node_id(struct request *request, const char **ret_node_id, struct error *err);
/* Notes what the failure of a store/fleet.h call means to the client; OK stays OK. */
MUST_CHECK enum status admin_fail(struct request *request, enum status st, struct error *err);

/* One line: who did it to which node. */
void admin_log(const struct request *request, const char *event, const char *node_id);
/* `,"name":1767225600`, or null for never. */
void admin_put_seconds(struct buffer *body, const char *name, int64_t time_us);

#endif
