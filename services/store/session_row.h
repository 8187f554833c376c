/* store/session_row.h - the row of who is asking, for modules of this room that fetch something with it in one round trip.
 *
 * Thread, memory and errors as in store/session.h.
 */
#ifndef CISTERN_STORE_SESSION_ROW_H
#define CISTERN_STORE_SESSION_ROW_H

#include <libpq-fe.h>

#include "store/session.h"

/* Of session_access, session_access_params or session_access_params_of_many. NOT_FOUND: there is no such row, or no user in it. */
MUST_CHECK enum status session_access_from_row(const PGresult *rows, int row, struct session_access *ret_access,
					       struct error *err);

#endif
