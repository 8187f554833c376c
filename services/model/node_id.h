/* model/node_id.h - what a node id looks like.
 *
 *   node-id = 1*64( ALPHA / DIGIT / "_" / "-" )        compared byte for byte, case-sensitive
 *
 * The alphabet is what keeps ids apart from everything beside them: no '/', '+' or '#', so an id is always exactly one
 * topic segment; no '$', which marks a service's user name; no '.', which every service's client id has.
 *
 * Thread:  any; no state.
 * Memory:  keeps nothing.
 */
#ifndef CISTERN_MODEL_NODE_ID_H
#define CISTERN_MODEL_NODE_ID_H

#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>

#define NODE_ID_MAX 64

/* The id needs no NUL at its end; a NUL inside its length makes it invalid. */
MUST_CHECK bool node_id_valid(const char *id, size_t id_len);

#endif
