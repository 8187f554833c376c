/* store/session_row.h - the row of who is asking, for modules of this room that fetch something with it in one round trip.
 *
 * Thread, memory and errors as in store/session.h.
 */
#ifndef CISTERN_STORE_SESSION_ROW_H
#define CISTERN_STORE_SESSION_ROW_H

#include <libpq-fe.h>

#include "store/session.h"

/* Of session_access or session_access_params. NOT_FOUND: there is none. */
MUST_CHECK enum status session_access_from_row(const PGresult *rows, struct session_access *ret_access,
					       struct error *err);

#endif
