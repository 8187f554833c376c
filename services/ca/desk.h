/* ca/desk.h - signerd's answers: a request's bytes in, a reply's bytes out. Who may ask is the socket's business (ca/server.h).
 *
 * In the order of a `sign`: size, CSR read anew (it trusts nobody), CN is the node id, not a refused key, clock not before the last issue,
 * certificate from the fixed profile, line in the issue log on disk; then the reply.
 *
 * Thread:  one owner.
 * Memory:  desk_open() makes it, desk_close() ends it (NULL is fine) and wipes the keys.
 * Errors:  desk_open(), desk_reload(): as ca/folder.h and ca/issue_log.h. desk_answer() always writes a reply.
 */
#ifndef CISTERN_CA_DESK_H
#define CISTERN_CA_DESK_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/macros.h"

struct desk;

/* Borrowed for the desk's life. */
struct desk_options {
	const char *ca_dir;
	const char *passphrase_file; /* "": the keys have none */
	const char *log_file;
};

MUST_CHECK enum status desk_open(const struct desk_options *options, struct desk **ret_desk, struct error *err);
void desk_close(struct desk *desk);

/* Reads the CA folder anew; what it had stays when that fails. desk_answer() does so by itself when `current` has changed. */
MUST_CHECK enum status desk_reload(struct desk *desk, struct error *err);

void desk_answer(struct desk *desk, const char *object, size_t len, struct buffer *ret_reply);

DEFINE_CLEANUP(desk, struct desk *, desk_close)

#endif
