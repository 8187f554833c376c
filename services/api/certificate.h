/* api/certificate.h - the certificate of the HTTPS listener; it can be replaced while connections are open.
 *
 * libmicrohttpd asks for the pair at each handshake. A connection keeps the one it began with; a replaced pair is freed when no
 * handshake can be using it any more.
 *
 * Thread:  certificate_load() and certificate_done() by main, the latter when no listener is left. certificate_retrieve() is called by
 *          the listener's workers.
 * Memory:  one pair for the process, since libmicrohttpd gives the callback no context.
 * Errors:  INVALID the files cannot be used, and why; whatever was in use stays in use.
 */
#ifndef CISTERN_API_CERTIFICATE_H
#define CISTERN_API_CERTIFICATE_H

#include <gnutls/abstract.h>

#include "base/error.h"
#include "base/macros.h"

/* START takes a pair that is out of its time, with a line in the log: a daemon that does not start helps nobody. */
enum certificate_when { CERTIFICATE_AT_START, CERTIFICATE_REPLACED };

/* PEM files; both may be the same. The chain begins with the server's own certificate, each signed by the next. */
MUST_CHECK enum status certificate_load(enum certificate_when when, const char *cert_file, const char *key_file,
					struct error *err);
void certificate_done(void);

/* A gnutls_certificate_retrieve_function3. */
int certificate_retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **ret_certs,
			 unsigned int *ret_n_certs, gnutls_ocsp_data_st **ret_ocsp, unsigned int *ret_n_ocsp,
			 gnutls_privkey_t *ret_key, unsigned int *ret_flags);

#endif
