/* cistern/signing.h - what the commands that get certificates for nodes share: signerd by the settings, a key with its request, and the
 * CA's file that goes beside a node's certificate.
 *
 * Thread:  main. Memory: fills the caller's structs; a key is wiped by secret_done().
 * Errors:  INVALID a setting is not set, or its file is no PEM certificate. UNAVAILABLE a file cannot be read. INTERNAL the crypto library.
 */
#ifndef CISTERN_CISTERN_SIGNING_H
#define CISTERN_CISTERN_SIGNING_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/macros.h"
#include "base/secret.h"
#include "claim/signer.h"
#include "config/config.h"

/* Without the setting each call of signerd is UNAVAILABLE. */
struct signer_options signing_options(const struct config *config);
MUST_CHECK enum status signing_check_settings(const struct config *config, struct error *err);
/* The text of setting `ca_file`. */
MUST_CHECK enum status signing_read_ca_file(const struct config *config, struct buffer *ret_text, struct error *err);
/* A new key (EC P-256) and a request for it. */
MUST_CHECK enum status signing_make_key(const char *node_id, struct secret *ret_key_pem, struct buffer *ret_csr,
					struct error *err);

#endif
