/* api/sharing_query.h - what a client writes into the query of the sharing routes.
 *
 *   ids    = id *( "," id )                     of nodes or of groups
 *   cursor = 1*19DIGIT "." random-id            a place in the order of time: microseconds since 1970, and an invitation's id
 *   random-id = 22( ALPHA / DIGIT / "-" / "_" ) 16 random bytes in base64url
 *
 * Thread: any; no state. Memory: as each says. Errors: false, or 0, when the text is no such thing.
 */
#ifndef CISTERN_API_SHARING_QUERY_H
#define CISTERN_API_SHARING_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* The form of the ids of groups and invitations. */
MUST_CHECK bool sharing_id_valid(const char *text);

/* Cuts `text` in place; the ids point into it. How many there are: 1 to max, or 0: an empty one, or too many. */
MUST_CHECK size_t sharing_ids_split(char *text, const char **ret_ids, size_t max);

/* ret_id points into `text`. */
MUST_CHECK bool sharing_cursor_read(const char *text, int64_t *ret_at_us, const char **ret_id);

#endif
