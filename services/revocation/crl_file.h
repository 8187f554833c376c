/* revocation/crl_file.h - a CRL's bytes: checked, as PEM, and into a file that is always whole.
 *
 * Thread: any; no state. Memory: appends to the caller's buffer. Errors: INTERNAL the CRL is not what was asked for; UNAVAILABLE the
 * file could not be written, and the former one is still there.
 */
#ifndef CISTERN_REVOCATION_CRL_FILE_H
#define CISTERN_REVOCATION_CRL_FILE_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

/* It parses without a byte left over, the CA with this certificate has signed it, it is not over already, and it has that many
 * entries. */
MUST_CHECK enum status crl_check(const struct buffer *der, const char *ca_certificate_pem, size_t n_entries,
				 struct error *err);
void crl_put_pem(struct buffer *pem, const void *der, size_t der_len);
/* A temporary name beside it, fsync, rename, fsync of the folder. Readable by everybody. */
MUST_CHECK enum status crl_write_file(const char *path, const struct buffer *text, struct error *err);

#endif
