/* api/dispatch.h - what every request goes through, whatever its route.
 *
 *   dispatch_begin()   headers are in: path, query, route, declared size, source's rate, token. No database.
 *   dispatch_admit()   WHO_ADDRESS only: is the address good? Asks the database, before the body is read
 *   dispatch_run()     body is in: session, object check, handler
 *   dispatch_ask_together()   before that, if dispatch_may_wait(): asks about the callers of several requests at once
 *   dispatch_slow()    the handler's slow half, in its lane
 *
 * Each ends with the reply written and the one log line of the request, unless it says that another step follows.
 *
 * Thread:  as the request. Memory: as the request.
 */
#ifndef CISTERN_API_DISPATCH_H
#define CISTERN_API_DISPATCH_H

#include "api/request.h"
#include "store/audit.h"

enum dispatch_next {
	DISPATCH_BODY,  /* read the body, then dispatch_run() */
	DISPATCH_LANE,  /* dispatch_slow() in route->lane */
	DISPATCH_REPLY, /* the reply is written */
};

enum dispatch_next dispatch_begin(struct request *request);
enum dispatch_next dispatch_admit(struct request *request);
enum dispatch_next dispatch_run(struct request *request);
void dispatch_slow(struct request *request);

enum { DISPATCH_TOGETHER_MAX = 64 };
/* It is about the parameters of a node, which apps ask for most, and by a session: worth to be asked for with others like it. */
bool dispatch_may_wait(struct request *request);
/* In one statement on the store of the first; at most DISPATCH_TOGETHER_MAX. dispatch_run() of each then has its answer, or its failure. */
void dispatch_ask_together(struct request *const *requests, size_t n_requests);

/* Ends a request that found no place (UNAVAILABLE) or grew too large (TOO_LARGE) outside these steps. */
void dispatch_refuse(struct request *request, enum status status, const char *reason);

/* An event that no table's change tells, in the name that the handler runs in. That it cannot be written makes no answer another one: it
 * is an error line audit.lost. */
void dispatch_note(struct request *request, const struct audit_note *note);

#endif
