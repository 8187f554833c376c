/* base/error.h - what happened, for a person.
 *
 * Whoever first sees a failure fills the error; everyone between returns the status unchanged; the edge logs it once.
 *
 * Thread:  any; an error belongs to the call chain that made it.
 * Memory:  fixed size, no pointers kept. A longer text is cut.
 */
#ifndef CISTERN_BASE_ERROR_H
#define CISTERN_BASE_ERROR_H

#include "base/macros.h"
#include "base/status.h"

enum { ERROR_TEXT_MAX = 255 };

struct error {
	enum status status;
	char text[ERROR_TEXT_MAX + 1];
};

/* Fills err (which may be NULL) and returns status, so that `return error_set(...)` is the whole error path. */
enum status error_set(struct error *err, enum status status, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
