/* api/group.h - what the files about groups share.
 *
 * Thread: as the request. Memory: none. Errors: none.
 */
#ifndef CISTERN_API_GROUP_H
#define CISTERN_API_GROUP_H

#include <stdbool.h>

#include "store/group.h"

/* Whether it could be one. What could not is answered like a stranger's. */
bool group_id_valid(const char *text);

#endif
