/* ca/issue_log.h - every certificate that was ever issued, written down and on disk before it leaves.
 *
 *   time=2026-01-01T12:00:00Z serial=7A.. node=lamp-1 key=<64 hex> not_after=2051-01-01T00:00:00Z ca=<40 hex> before=<64 hex>
 *
 * One line each, only ever added. `before` is the SHA-256 of the line before, without its end (64 zeros in the first line): a line that is
 * changed, taken out or put in breaks the chain, which is followed from its beginning whenever the log is opened. A line that was cut off by a
 * crash stays as it is and gets its line end; its certificate never left. The next line's `before` covers it.
 *
 * Thread:  one owner. Another process that opens the same file is refused.
 * Memory:  issue_log_open() makes it, issue_log_close() ends it (NULL is fine).
 * Errors:  issue_log_open(): UNAVAILABLE the file cannot be opened; CONFLICT another process has it; INVALID the chain is broken.
 *          issue_log_append(): UNAVAILABLE it cannot be written: the certificate must not leave.
 * Units:   seconds since 1970 UTC.
 */
#ifndef CISTERN_CA_ISSUE_LOG_H
#define CISTERN_CA_ISSUE_LOG_H

#include <stdint.h>

#include "base/error.h"
#include "base/macros.h"
#include "ca/certificate.h"
#include "model/node_id.h"

struct issue_log;

MUST_CHECK enum status issue_log_open(const char *path, struct issue_log **ret_log, struct error *err);
void issue_log_close(struct issue_log *log);

/* Of the newest line; 0: there is none. */
int64_t issue_log_last_s(const struct issue_log *log);
/* It is on disk when this returns. */
MUST_CHECK enum status issue_log_append(struct issue_log *log, int64_t now_s, const char *node_id,
					const struct ca_certificate *certificate, struct error *err);

DEFINE_CLEANUP(issue_log, struct issue_log *, issue_log_close)

#endif
