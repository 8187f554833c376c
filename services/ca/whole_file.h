/* ca/whole_file.h - files that are there whole or not at all; for this room only.
 *
 * Thread:  any; no state.
 * Memory:  keeps nothing.
 * Errors:  CONFLICT the name is taken. UNAVAILABLE the file system refuses.
 */
#ifndef CISTERN_CA_WHOLE_FILE_H
#define CISTERN_CA_WHOLE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/macros.h"

struct whole_file {
	const char *folder, *name;
	const char *bytes;
	size_t len;
	mode_t mode;
	bool replaces; /* an older one of that name */
};

/* Temporary name, on disk, renamed, the folder on disk; with the owner of its folder. */
MUST_CHECK enum status whole_file_write(const struct whole_file *file, struct error *err);

#endif
