#include "tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

enum { WRITE_BUFFER_BYTES = 16384 };

/* Length, then the name (RFC 7301 section 3.1). */
static const unsigned char alpn_list[] = "\x0ex-amzn-mqtt-ca";

static enum status tls_error(struct error *err, const char *path)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return error_set(err, STATUS_INVALID, "%s: %s", path, reason ? reason : "cannot be used");
}

static bool is_ip_address(const char *host)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static bool expect_host(SSL_CTX *context, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context);

	return is_ip_address(host) ? X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1
				   : X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

/* The certificate first: a key that does not fit it is then refused. */
enum status tls_context_use(SSL_CTX *context, const char *cert_file, const char *key_file, struct error *err)
{
	if (SSL_CTX_use_certificate_chain_file(context, cert_file) != 1)
		return tls_error(err, cert_file);
	if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1)
		return tls_error(err, key_file);
	return STATUS_OK;
}

enum status tls_context_new(const struct identity *identity, const char *host, bool alpn, SSL_CTX **ret_context,
			    struct error *err)
{
	CLEANUP(ssl_ctx) SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	if (!context || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 || !expect_host(context, host))
		return tls_error(err, "TLS");
	if (alpn && SSL_CTX_set_alpn_protos(context, alpn_list, sizeof(alpn_list) - 1) != 0)
		return tls_error(err, "ALPN");
	if (SSL_CTX_load_verify_file(context, identity->ca) != 1)
		return tls_error(err, identity->ca);
	enum status st = tls_context_use(context, identity->cert, identity->key, err);
	if (st != STATUS_OK)
		return st;
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_read_ahead(context, 1);
	*ret_context = STEAL(context);
	return STATUS_OK;
}

void tls_buffer_writes(SSL *ssl)
{
	BIO *socket = SSL_get_wbio(ssl);
	BIO *buffer = BIO_new(BIO_f_buffer());

	if (!buffer || BIO_set_write_buffer_size(buffer, WRITE_BUFFER_BYTES) != 1 || BIO_up_ref(socket) != 1)
		abort();
	/* The reference above is the chain's: replacing the write side drops the one that it held on the socket. */
	SSL_set0_wbio(ssl, BIO_push(buffer, socket));
}

bool tls_flush(SSL *ssl)
{
	BIO *out = SSL_get_wbio(ssl);

	if (BIO_flush(out) == 1)
		return true;
	ERR_clear_error();
	return !BIO_should_retry(out);
}
