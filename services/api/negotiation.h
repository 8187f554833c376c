/* api/negotiation.h - the two request headers that ask for another form of an answer (RFC 9110).
 *
 *   Accept-Encoding: gzip;q=0.8, identity;q=0.5, *;q=0      section 12.5.3
 *   If-None-Match: "one", W/"two"   or   *                   section 13.1.2
 *
 * Both are wishes: what is not understood is passed over, and then the answer goes out in its usual form.
 *
 * Thread: any. Memory: none kept. No errors.
 */
#ifndef CISTERN_API_NEGOTIATION_H
#define CISTERN_API_NEGOTIATION_H

#include <stdbool.h>

/* gzip is accepted, and not liked less than no coding. NULL: the header is absent, and no. */
bool negotiation_wants_gzip(const char *accept_encoding);

/* The client has the representation with this tag, which comes with its quotes. `W/` on either side makes no difference. NULL: no. */
bool negotiation_is_known(const char *if_none_match, const char *etag);

#endif
