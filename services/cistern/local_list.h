/* cistern/local_list.h - the list of node ids that the broker on this machine refuses whatever else is down (setting
 * `revocation_local_file`): one id a line, `#` begins a comment. The broker's plugin looks at it many times a second.
 *
 * Written whole: a temporary file beside it, on disk, then given the name. Owner and mode stay, so that the broker's user can go on
 * reading it; a new one belongs to the folder's owner and may be read by all. Two writers wait for each other.
 *
 * Thread:  any. Memory: none kept.
 * Errors:  INVALID the setting is not set. TOO_LARGE the list is longer than LOCAL_LIST_BYTES_MAX. UNAVAILABLE the file system refuses.
 */
#ifndef CISTERN_CISTERN_LOCAL_LIST_H
#define CISTERN_CISTERN_LOCAL_LIST_H

#include <stdbool.h>

#include "base/error.h"
#include "base/macros.h"

enum { LOCAL_LIST_BYTES_MAX = 16777216 };

/* Puts the id on the list or takes it off; nothing is written when that is so already. */
MUST_CHECK enum status local_list_set(const char *path, const char *node_id, bool listed, struct error *err);

#endif
