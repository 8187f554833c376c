/* cistern/node_files.h - the three files of a new node in a folder: node.key, ca.crt, node.crt.
 *
 * The order that matters: stage (written and on disk under hidden names), register in the database, publish (given their names, the
 * certificate last). So a node.crt that is there has its key, nothing is there that is not registered, and a key whose
 * certificate is registered is never lost: after an interruption between any two steps the same command finishes the work.
 *
 *   DIR/.<node id>.node.crt.new   staged         DIR/node.crt   published; an existing file is never replaced
 *
 * Thread:  main. One process at a time in a folder: it is locked until node_files_close().
 * Memory:  a plain struct on the caller's stack; `path` and `node_id` are borrowed.
 * Errors:  NOT_FOUND no such folder. CONFLICT a file is there already, or the folder is locked. UNAVAILABLE the file system refuses.
 */
#ifndef CISTERN_CISTERN_NODE_FILES_H
#define CISTERN_CISTERN_NODE_FILES_H

#include <stdbool.h>

#include "base/error.h"
#include "base/macros.h"

enum node_file { NODE_FILE_KEY, NODE_FILE_CA, NODE_FILE_CERTIFICATE, N_NODE_FILES }; /* in order of publishing */

struct node_files {
	const char *path, *node_id;
	int folder; /* -1: not open */
	bool made;  /* the folder is ours, and goes if nothing comes of it */
};

/* The name in the folder: node.key and so on. */
const char *node_file_name(enum node_file file);

/* make: makes the last part of the path when it is not there, for the owner alone. */
MUST_CHECK enum status node_files_open(struct node_files *files, const char *path, const char *node_id, bool make,
				       struct error *err);
/* Also removes a folder that was made and stayed empty. An unopened one is fine. */
void node_files_close(struct node_files *files);

/* CONFLICT: at least one of the published names is taken. */
MUST_CHECK enum status node_files_check_free(const struct node_files *files, struct error *err);
/* Are all three published, and is the certificate this one? */
bool node_files_are_published(const struct node_files *files, const char *certificate);
/* Was this certificate staged, so that publishing is what is left to do? */
bool node_files_are_staged(const struct node_files *files, const char *certificate);

/* `texts`: what is to be in each file. Replaces what an earlier run left staged. */
MUST_CHECK enum status node_files_stage(const struct node_files *files, const char *const texts[N_NODE_FILES],
					struct error *err);
MUST_CHECK enum status node_files_publish(const struct node_files *files, struct error *err);
/* The certificate alone, for a node that has its key itself; nothing to do when it is there. CONFLICT: another one is. */
MUST_CHECK enum status node_files_put_certificate(const struct node_files *files, const char *certificate,
						  struct error *err);
void node_files_drop_staged(const struct node_files *files);

static inline void cleanup_node_files(struct node_files *files)
{
	node_files_close(files);
}

#endif
