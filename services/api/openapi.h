/* api/openapi.h - the OpenAPI 3.1 document, made from the route table and its docs: what is served is what is told.
 *
 * Beside the standard's members each operation has:
 *
 *   x-cistern-who, x-cistern-object    the row's words of model/permission.h: who may ask, and what is checked
 *   x-cistern-scope                    what a key needs; left out where no key may
 *   x-cistern-rate, x-cistern-body-max-bytes
 *   x-cistern-examples                 [{name, query, request, answer}], complete: with the query that OpenAPI has no place for
 *
 * Schemas are those of the examples: names and types of members, nothing about which of them are always there.
 *
 * Thread: any. Memory: the caller frees the json_t. Errors: none; out of memory aborts, as does an example that is not JSON (a test
 * reads them all).
 */
#ifndef CISTERN_API_OPENAPI_H
#define CISTERN_API_OPENAPI_H

#include "api/reply.h"
#include "api/request.h"
#include "base/json.h"

/* public_url: where clients reach this API; NULL or "": wherever they have the document from. */
json_t *openapi_document(const char *public_url);

/* Every failure that can be told, in order of the codes, each once: those that handlers name and those of a status by itself. */
enum { OPENAPI_FAILURES_MAX = FAILURE_BY_STATUS + STATUS_INTERNAL };
struct openapi_failure {
	int http, code;
	const char *text;
};
size_t openapi_failures(struct openapi_failure ret_failures[OPENAPI_FAILURES_MAX]);

/* The same words for people. */
const char *openapi_who_name(enum who who);
const char *openapi_object_name(enum object object);
const char *openapi_rate_name(enum route_rate rate);
const char *openapi_method_name(enum route_method method);

#endif
