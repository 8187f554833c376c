/* setfile.h - the file in which the plugin keeps whom to refuse, and the operator's own list.
 *
 *   revocation 1 file <epoch> <version> <version>
 *   +n ... / +c ...                               by model/revocation.h
 *   local <node id>                               the operator's list, as it was when last it was good
 *   end <lines before this one> <64 hex>          SHA-256 of all bytes before this line
 *
 * A file without its end line, or with another count or sum, is damaged as a whole. It is written whole: under a temporary
 * name, to the disk, renamed, and the folder to the disk.
 *
 * The operator's list is a file of one node id a line; blanks around it, empty lines and what follows a # do not count.
 *
 * Thread:  any; waits for the disk. Memory: what is handed out is the caller's to free.
 */
#ifndef CISTERN_PLUGIN_SETFILE_H
#define CISTERN_PLUGIN_SETFILE_H

#include "base/macros.h"
#include "table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SETFILE_DIGEST_HEX = 64 };

/* No file may be larger: a million of the longest lines. */
#define SETFILE_BYTES_MAX (192L * 1024 * 1024)
#define LOCAL_BYTES_MAX   (8L * 1024 * 1024)

struct bytes {
	char *at; /* malloc()ed; NULL: none */
	size_t len;
};

void bytes_done(struct bytes *bytes);

enum file_state { FILE_READ, FILE_MISSING, FILE_UNREADABLE /* too large, too */ };

/* The whole file. Out-of-memory counts as unreadable. */
MUST_CHECK enum file_state file_read(const char *path, size_t bytes_max, struct bytes *ret_bytes);

/* Writes the bytes to the path, whole or not at all. */
MUST_CHECK bool file_write(const char *path, const char *bytes, size_t len);

/* The parts of a good file; they point into its bytes. */
struct setfile {
	const char *set; /* head and lines, for revocation_load() */
	size_t set_len;
	const char *local; /* the lines of the operator's list */
	size_t local_len;
	const char *digest; /* SETFILE_DIGEST_HEX digits */
};

/* False: damaged. */
MUST_CHECK bool setfile_check(const char *bytes, size_t len, struct setfile *ret_parts);

/* The file's bytes from its parts. False: no memory. */
MUST_CHECK bool setfile_compose(const struct bytes *set, const struct table *local, struct bytes *ret_file);

/* Adds the ids of "local <id>" lines. False: other lines, or no memory. */
MUST_CHECK bool local_read_kept(struct table *local, const char *lines, size_t len);

enum local_state { LOCAL_GOOD, LOCAL_DAMAGED /* some lines are no node ids */, LOCAL_NO_MEMORY };

/* Adds the ids of the operator's file. */
MUST_CHECK enum local_state local_parse(struct table *local, const char *bytes, size_t len);

/* Adds all of another list. False: no memory. */
MUST_CHECK bool local_add(struct table *local, const struct table *more);

#endif
