#include "csr.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

enum { RSA_BITS = 2048 };

DEFINE_CLEANUP(pkey, EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(request, X509_REQ *, X509_REQ_free)
DEFINE_CLEANUP(certificate, X509 *, X509_free)
DEFINE_CLEANUP(bio, BIO *, BIO_free_all)

static enum status openssl_failed(const char *what, struct error *err)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return error_set(err, STATUS_INTERNAL, "%s: %s", what, reason ? reason : "OpenSSL failed");
}

bool csr_key_by_name(const char *name, enum csr_key *ret_key)
{
	if (strcmp(name, "p256") == 0)
		*ret_key = CSR_KEY_P256;
	else if (strcmp(name, "rsa") == 0)
		*ret_key = CSR_KEY_RSA;
	else
		return false;
	return true;
}

enum status csr_key_of_file(const char *key_file, enum csr_key *ret_key, struct error *err)
{
	CLEANUP(bio) BIO *file = BIO_new_file(key_file, "r");
	CLEANUP(pkey) EVP_PKEY *key = file ? PEM_read_bio_PrivateKey(file, NULL, NULL, NULL) : NULL;

	if (!key)
		return openssl_failed(key_file, err);
	*ret_key = EVP_PKEY_is_a(key, "RSA") ? CSR_KEY_RSA : CSR_KEY_P256;
	return STATUS_OK;
}

/* A copy of what was written, with a NUL. */
static char *bio_text(BIO *bio)
{
	char *bytes = NULL;
	long len = BIO_get_mem_data(bio, &bytes);
	char *text = strndup(bytes, (size_t)len);

	if (!text)
		abort();
	return text;
}

static char *key_text(EVP_PKEY *key)
{
	CLEANUP(bio) BIO *bio = BIO_new(BIO_s_secmem());

	if (!bio || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		return NULL;
	return bio_text(bio);
}

static char *request_text(EVP_PKEY *key, const char *common_name)
{
	CLEANUP(request) X509_REQ *request = X509_REQ_new();
	CLEANUP(bio) BIO *bio = BIO_new(BIO_s_mem());

	if (!request || !bio || X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 ||
	    X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(request), NID_commonName, MBSTRING_UTF8,
				       (const unsigned char *)common_name, -1, -1, 0) != 1 ||
	    X509_REQ_set_pubkey(request, key) != 1 || X509_REQ_sign(request, key, EVP_sha256()) <= 0 ||
	    PEM_write_bio_X509_REQ(bio, request) != 1)
		return NULL;
	return bio_text(bio);
}

enum status csr_make(enum csr_key kind, const char *common_name, struct csr *ret_csr, struct error *err)
{
	CLEANUP(csr) struct csr csr = { 0 };

	if (strlen(common_name) > CSR_COMMON_NAME_MAX)
		return error_set(err, STATUS_INVALID, "'%s': a device has room for %d characters", common_name,
				 CSR_COMMON_NAME_MAX);
	CLEANUP(pkey) EVP_PKEY *key = kind == CSR_KEY_RSA ? EVP_RSA_gen(RSA_BITS) : EVP_EC_gen("P-256");
	if (key)
		csr.key_pem = key_text(key);
	if (csr.key_pem)
		csr.pem = request_text(key, common_name);
	if (!csr.pem)
		return openssl_failed("certificate request", err);
	if (strlen(csr.pem) >= CSR_BYTES_MAX)
		return error_set(err, STATUS_INVALID, "certificate request of %zu bytes: a device has room for %d",
				 strlen(csr.pem), CSR_BYTES_MAX - 1);
	*ret_csr = (struct csr){ .key_pem = STEAL(csr.key_pem), .pem = STEAL(csr.pem) };
	return STATUS_OK;
}

void csr_done(struct csr *csr)
{
	if (csr->key_pem)
		explicit_bzero(csr->key_pem, strlen(csr->key_pem));
	free(csr->key_pem);
	free(csr->pem);
	*csr = (struct csr){ 0 };
}

void csr_put_json(struct buffer *out, const char *pem)
{
	buffer_putc(out, '"');
	for (; *pem; pem++) { /* base64, dashes, letters and blanks else */
		if (*pem == '\n')
			buffer_puts(out, "\\n");
		else
			buffer_putc(out, *pem);
	}
	buffer_putc(out, '"');
}

enum status csr_check_certificate(const char *key_pem, const char *certificate_pem, const char *common_name,
				  struct error *err)
{
	CLEANUP(bio) BIO *key_bio = BIO_new_mem_buf(key_pem, -1);
	CLEANUP(bio) BIO *bio = BIO_new_mem_buf(certificate_pem, -1);
	CLEANUP(pkey) EVP_PKEY *key = key_bio ? PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL) : NULL;
	CLEANUP(certificate) X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	char name[CSR_COMMON_NAME_MAX + 2];

	ERR_clear_error();
	if (!key)
		return error_set(err, STATUS_INTERNAL, "the own key cannot be read");
	if (!certificate)
		return error_set(err, STATUS_INVALID, "what came is no certificate");
	if (EVP_PKEY_eq(key, X509_get0_pubkey(certificate)) != 1)
		return error_set(err, STATUS_INVALID, "the certificate is for another key");
	if (X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof(name)) <= 0 ||
	    strcmp(name, common_name) != 0)
		return error_set(err, STATUS_INVALID, "the certificate is not for '%s'", common_name);
	return STATUS_OK;
}
