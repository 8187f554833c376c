/* api/representation.h - in which form a good answer to a polled GET goes out: with an ETag, compressed, or not at all because
 * the client has it.
 *
 *   the body ─► 1 KiB or more, and gzip is wanted: gzip ─► ETag: hash (BLAKE2b), `-gz` behind it for gzip ─► If-None-Match
 *   names it: 304
 *
 * The tags are strong: gzip's bytes are another representation and so have a tag of their own (RFC 9110 8.8.3.3). A tag stands in
 * for bytes only, so whoever sends a stranger's tag learns nothing but whether the own answer is the same.
 *
 * Only rows with `polled` have this. Compression tells the length of an answer's repetitions to who listens, so no such row answers
 * with a secret (BREACH: a secret beside text that the attacker chose).
 *
 * Thread: as the request. Memory: as the request's reply. No errors.
 */
#ifndef CISTERN_API_REPRESENTATION_H
#define CISTERN_API_REPRESENTATION_H

#include "api/request.h"

/* After the handler, before the log line. Does nothing to other rows, methods and failures. */
void representation_choose(struct request *request);

#endif
