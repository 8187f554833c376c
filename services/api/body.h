/* api/body.h - JSON bodies. What a body is, the endpoint decides and never the Content-Type: the JavaScript SDK sends
 * JSON as text/plain (rest.md 1.2). That opens no door to other sites' forms: there are no cookies, and the token in
 * Authorization is sent by nobody's browser on its own.
 *
 * Thread:  as the request. Memory: documents are the caller's (CLEANUP(json)), texts are copied into the arena.
 * Errors:  all are noted as FAILURE_BODY.
 */
#ifndef CISTERN_API_BODY_H
#define CISTERN_API_BODY_H

#include "api/request.h"
#include "base/json.h"

/* An empty body counts as {} where `may_be_empty`. */
MUST_CHECK enum status body_object(struct request *request, bool may_be_empty, json_t **ret_object, struct error *err);
/* A member's text, in the arena; absent, null and "" give NULL; another type is a failure. */
MUST_CHECK enum status body_text(struct request *request, const json_t *object, const char *name, const char **ret_text,
				 struct error *err);

#endif
