/* ca/make.h - makes a node CA in its folder, takes one over, and tells the broker's trust folder of it. For the operator.
 *
 *   certificate   25 years; CN "Cistern node CA <8 hex digits>"; basicConstraints critical CA:TRUE, pathlen:0;
 *                 keyUsage critical keyCertSign, cRLSign; subjectKeyIdentifier
 *   key           EC P-256, PKCS #8 encrypted with AES-256-CBC under a key from scrypt (N 16384, r 8, p 1)
 *
 * Every file is written whole: temporary name, on disk, renamed; the key before its certificate. It gets the owner of its folder.
 * In the trust folder the name `<hash of the subject>.<n>` links to each certificate, which is how the crypto library looks them up.
 *
 * Thread:  any; no state. One process at a time works on a folder; the caller sees to that.
 * Memory:  keeps nothing.
 * Errors:  CONFLICT the name is taken. UNAVAILABLE the file system refuses. INVALID what is to be taken over is not a CA.
 *          INTERNAL the crypto library failed.
 */
#ifndef CISTERN_CA_MAKE_H
#define CISTERN_CA_MAKE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/macros.h"
#include "base/secret.h"
#include "ca/ca.h"

/* A new CA in the folder, which does not issue yet. */
MUST_CHECK enum status ca_make(const char *path, const char *name, const struct secret *passphrase, struct error *err);
/* One that was kept without a passphrase: its certificate as it is, its key encrypted. */
MUST_CHECK enum status ca_import(const char *path, const char *name, const char *cert_file, const char *key_file,
				 const struct secret *passphrase, struct error *err);
/* It is to come after the current one; it need not be there yet. */
MUST_CHECK enum status ca_make_next(const char *path, const char *name, struct error *err);
/* From now on this one issues, and none is next. */
MUST_CHECK enum status ca_make_current(const char *path, const char *name, struct error *err);

/* Into the broker's trust folder, readable by all. Doing it again changes nothing. */
MUST_CHECK enum status ca_trust(const char *trust_path, const char *name, const struct ca_about *about,
				struct error *err);
/* Would the crypto library find it there? */
MUST_CHECK enum status ca_is_trusted(const char *trust_path, const struct ca_about *about, bool *ret_is_trusted,
				     struct error *err);

#endif
