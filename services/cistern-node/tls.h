/* tls.h - the TLS side of a node: what it demands of the server, and fewer system calls.
 *
 * libmosquitto would build its own context from file names at each connect; a context of ours is checked once, at start,
 * verifies the host name by RFC 6125, and reads ahead.
 *
 * Thread:  one.
 * Memory:  the caller frees the context; libmosquitto takes a reference of its own.
 * Errors:  INVALID a file cannot be used.
 */
#ifndef CISTERN_NODE_TLS_H
#define CISTERN_NODE_TLS_H

#include "identity.h"

#include "base/error.h"
#include "base/macros.h"

#include <openssl/ssl.h>
#include <stdbool.h>

MUST_CHECK enum status tls_context_new(const struct identity *identity, const char *host, bool alpn,
				       SSL_CTX **ret_context, struct error *err);

/* Another certificate for the connections that follow. After an error it is to be given one that can be used. */
MUST_CHECK enum status tls_context_use(SSL_CTX *context, const char *cert_file, const char *key_file,
				       struct error *err);

/* Lets a finished handshake collect what is written until tls_flush(): the records of many messages leave in one write(2). */
void tls_buffer_writes(SSL *ssl);

/* True when nothing is left; false: again when the socket is writable. A broken socket shows when it is read. */
MUST_CHECK bool tls_flush(SSL *ssl);

DEFINE_CLEANUP(ssl_ctx, SSL_CTX *, SSL_CTX_free)

#endif
