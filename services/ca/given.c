#include "ca/given.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "ca/key.h"
#include "ca/openssl.h"
#include "model/access.h"

enum {
	TRUST_FILES_MAX = 64,
	GIVEN_BYTES_MAX = 16384,
	SERIAL_HEX_MIN = 16,
	AUTH_LEVEL = 2, /* Debian's for TLS, so the broker's */
	KEY_ID_BYTES = 20,
};

struct trust {
	X509_STORE *store;
	int n;
};

DEFINE_CLEANUP(x509_store_ctx, X509_STORE_CTX *, X509_STORE_CTX_free)

/* --- the trust --- */

static void cleanup_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir); /* read only */
}

static void cleanup_file(FILE **file)
{
	if (*file)
		(void)fclose(*file); /* read only */
}

/* The end of a PEM file is told as a failure of its own kind. */
static bool was_end(void)
{
	unsigned long error = ERR_peek_last_error();
	ERR_clear_error();
	return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

static enum status add_all(struct trust *trust, BIO *in, const char *what, struct error *err)
{
	for (int n = 0;; n++) {
		CLEANUP(x509) X509 *certificate = PEM_read_bio_X509(in, NULL, NULL, NULL);
		if (!certificate && was_end() && n > 0)
			return STATUS_OK;
		if (!certificate)
			return error_set(err, STATUS_INVALID, "'%s' is no PEM certificate", what);
		if (trust->n == TRUST_FILES_MAX)
			return error_set(err, STATUS_TOO_LARGE, "more than %d trusted CAs", TRUST_FILES_MAX);
		if (!X509_STORE_add_cert(trust->store, certificate))
			return openssl_failure(err, STATUS_INTERNAL, "a CA cannot be trusted");
		trust->n++;
	}
}

static enum status add_file(struct trust *trust, const char *folder, const char *name, struct error *err)
{
	char path[4096];
	int len = snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (len < 0 || (size_t)len >= sizeof(path))
		return error_set(err, STATUS_INVALID, "'%s' is too long for a file name", folder);
	CLEANUP(file) FILE *file = fopen(path, "re");
	if (!file)
		return error_set(err, STATUS_UNAVAILABLE, "cannot read '%s': %s", path, strerror(errno));
	CLEANUP(bio) BIO *in = BIO_new_fp(file, BIO_NOCLOSE);
	if (!in)
		return openssl_failure(err, STATUS_INTERNAL, "no memory");
	return add_all(trust, in, path, err);
}

/* `1a2b3c4d.0`: a second name of a certificate, for the broker's look-up (openssl-rehash(1)). */
static bool is_hash_name(const char *name)
{
	return strspn(name, "0123456789abcdef") == 8 && name[8] == '.' && name[9] >= '0' && name[9] <= '9';
}

static enum status add_folder(struct trust *trust, const char *folder, struct error *err)
{
	CLEANUP(dir) DIR *dir = opendir(folder);
	if (!dir)
		return error_set(err, STATUS_UNAVAILABLE, "cannot read folder '%s': %s", folder, strerror(errno));
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (entry->d_name[0] == '.' || is_hash_name(entry->d_name))
			continue;
		enum status st = add_file(trust, folder, entry->d_name, err);
		if (st != STATUS_OK)
			return st;
	}
	return STATUS_OK;
}

enum status trust_open(const char *folder, struct trust **ret_trust, struct error *err)
{
	CLEANUP(trust) struct trust *trust = calloc(1, sizeof(*trust));
	if (!trust)
		abort();
	trust->store = X509_STORE_new();
	if (!trust->store)
		return openssl_failure(err, STATUS_INTERNAL, "no memory");
	X509_VERIFY_PARAM_set_auth_level(X509_STORE_get0_param(trust->store), AUTH_LEVEL);
	enum status st = folder && *folder ? add_folder(trust, folder, err) : STATUS_OK;
	if (st != STATUS_OK)
		return st;
	*ret_trust = STEAL(trust);
	return STATUS_OK;
}

enum status trust_add(struct trust *trust, const char *pem, struct error *err)
{
	CLEANUP(bio) BIO *in = BIO_new_mem_buf(pem, -1);
	if (!in)
		return openssl_failure(err, STATUS_INTERNAL, "no memory");
	return add_all(trust, in, "a CA's certificate", err);
}

void trust_close(struct trust *trust)
{
	if (!trust)
		return;
	X509_STORE_free(trust->store);
	free(trust);
}

/* --- the certificate --- */

/* CSV files hold `\n` for a line end as often as a line end. */
static void unescape(const char *pem, struct buffer *ret_pem)
{
	for (; *pem; pem++) {
		bool is_escape = pem[0] == '\\' && (pem[1] == 'n' || pem[1] == 'r');
		if (!is_escape)
			buffer_putc(ret_pem, *pem);
		else if (*++pem == 'n')
			buffer_putc(ret_pem, '\n');
	}
}

static enum status parse(const char *pem, X509 **ret_certificate, struct error *err)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	CLEANUP(buffer) struct buffer text = { 0 };
	if (strnlen(pem, GIVEN_BYTES_MAX + 1) > GIVEN_BYTES_MAX)
		return error_set(err, STATUS_TOO_LARGE, "a certificate of more than %d bytes", GIVEN_BYTES_MAX);
	unescape(pem, &text);
	const char *at = buffer_text(&text);
	at += strspn(at, " \t\r\n");
	if (strncmp(at, begin, strlen(begin)) != 0)
		return error_set(err, STATUS_INVALID, "the certificate does not begin with %s", begin);
	CLEANUP(bio) BIO *in = BIO_new_mem_buf(at, -1);
	CLEANUP(x509) X509 *certificate = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
	if (!certificate)
		return openssl_failure(err, STATUS_INVALID, "the certificate cannot be read");
	char *rest = NULL;
	long rest_len = BIO_get_mem_data(in, &rest);
	for (long i = 0; i < rest_len; i++) {
		if (!strchr(" \t\r\n", rest[i]))
			return error_set(err, STATUS_INVALID, "more than one certificate: the node's own is wanted");
	}
	*ret_certificate = STEAL(certificate);
	return STATUS_OK;
}

/* As the plugin does: exactly one CN, whatever else there is. */
static enum status take_node_id(X509 *certificate, char ret_node_id[NODE_ID_MAX + 1], struct error *err)
{
	X509_NAME *subject = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return error_set(err, STATUS_INVALID, "the certificate's subject has not exactly one CN");
	const ASN1_STRING *text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	const char *bytes = (const char *)ASN1_STRING_get0_data(text);
	int len = ASN1_STRING_length(text);
	if (len < 0 || !node_id_valid(bytes, (size_t)len) || access_service_find(bytes, (size_t)len))
		return error_set(err, STATUS_INVALID, "the certificate's CN is not a node id");
	memcpy(ret_node_id, bytes, (size_t)len);
	ret_node_id[len] = '\0';
	return STATUS_OK;
}

static void write_key_id(X509 *ca, char ret_key_id[CA_KEY_ID_HEX + 1])
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(ca);
	ret_key_id[0] = '\0';
	if (!id || ASN1_STRING_length(id) != KEY_ID_BYTES)
		return;
	for (int i = 0; i < KEY_ID_BYTES; i++)
		(void)snprintf(ret_key_id + 2 * i, 3, "%02x", ASN1_STRING_get0_data(id)[i]); /* always two digits */
}

static enum status verify(struct trust *trust, X509 *certificate, char ret_ca_key_id[CA_KEY_ID_HEX + 1],
			  struct error *err)
{
	CLEANUP(x509_store_ctx) X509_STORE_CTX *context = X509_STORE_CTX_new();
	if (!context || !X509_STORE_CTX_init(context, trust->store, certificate, NULL) ||
	    !X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT))
		return openssl_failure(err, STATUS_INTERNAL, "the certificate cannot be verified");
	int verified = X509_verify_cert(context);
	ERR_clear_error();
	if (verified != 1)
		return error_set(err, STATUS_INVALID, "the certificate would not be accepted: %s",
				 X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(context);
	if (X509_check_ca(certificate) != 0 || sk_X509_num(chain) < 2)
		return error_set(err, STATUS_INVALID, "the certificate is one of a CA");
	write_key_id(sk_X509_value(chain, 1), ret_ca_key_id);
	return STATUS_OK;
}

static enum status take_key(X509 *certificate, unsigned char ret_hash[CSR_KEY_HASH_BYTES], struct error *err)
{
	CLEANUP(evp_pkey) EVP_PKEY *key = X509_get_pubkey(certificate);
	if (!key)
		return openssl_failure(err, STATUS_INVALID, "the certificate's key cannot be read");
	enum status st = ca_key_check(key, err);
	return st == STATUS_OK ? csr_key_hash(key, ret_hash, err) : st;
}

static enum status take_serial(X509 *certificate, char ret_hex[CA_SERIAL_HEX_MAX + 1], struct error *err)
{
	CLEANUP(bignum) BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
	char *hex = number && !BN_is_negative(number) ? BN_bn2hex(number) : NULL;
	size_t len = hex ? strlen(hex) : 0;
	if (len >= SERIAL_HEX_MIN && len <= CA_SERIAL_HEX_MAX)
		memcpy(ret_hex, hex, len + 1);
	OPENSSL_free(hex);
	if (len < SERIAL_HEX_MIN || len > CA_SERIAL_HEX_MAX)
		return error_set(err, STATUS_INVALID, "the certificate's serial has not %d to %d hexadecimal digits",
				 SERIAL_HEX_MIN, CA_SERIAL_HEX_MAX);
	return STATUS_OK;
}

static enum status time_of(const ASN1_TIME *time, int64_t *ret_us, struct error *err)
{
	struct tm utc;
	if (!ASN1_TIME_to_tm(time, &utc))
		return openssl_failure(err, STATUS_INVALID, "the certificate's times cannot be read");
	*ret_us = (int64_t)timegm(&utc) * 1000000;
	return STATUS_OK;
}

static enum status write_pem(X509 *certificate, struct ca_certificate *result, struct error *err)
{
	CLEANUP(bio) BIO *out = BIO_new(BIO_s_mem());
	char *bytes = NULL;
	long len = out && PEM_write_bio_X509(out, certificate) ? BIO_get_mem_data(out, &bytes) : 0;
	if (len <= 0)
		return openssl_failure(err, STATUS_INTERNAL, "the certificate cannot be written");
	if (len > CA_PEM_MAX)
		return error_set(err, STATUS_TOO_LARGE, "the certificate has more than %d bytes", CA_PEM_MAX);
	memcpy(result->pem, bytes, (size_t)len);
	result->pem[len] = '\0';
	result->pem_len = (size_t)len;
	return STATUS_OK;
}

static enum status write_fingerprint(const X509 *certificate, char ret_fingerprint[GIVEN_FINGERPRINT_HEX + 1],
				     struct error *err)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	if (!X509_digest(certificate, EVP_sha256(), hash, &len) || len * 2 != GIVEN_FINGERPRINT_HEX)
		return openssl_failure(err, STATUS_INTERNAL, "no fingerprint");
	for (unsigned i = 0; i < len; i++)
		(void)snprintf(ret_fingerprint + (size_t)2 * i, 3, "%02x", hash[i]); /* always two digits */
	return STATUS_OK;
}

enum status given_read(struct trust *trust, const char *pem, struct given_certificate *ret_given, struct error *err)
{
	CLEANUP(x509) X509 *certificate = NULL;
	struct given_certificate given = { .node_id = "" };
	struct ca_certificate *about = &given.certificate;
	enum status st = parse(pem, &certificate, err);
	if (st == STATUS_OK)
		st = take_node_id(certificate, given.node_id, err);
	if (st == STATUS_OK)
		st = take_key(certificate, about->key_hash, err);
	if (st == STATUS_OK)
		st = verify(trust, certificate, about->ca_key_id, err);
	if (st == STATUS_OK)
		st = take_serial(certificate, about->serial_hex, err);
	if (st == STATUS_OK)
		st = time_of(X509_get0_notBefore(certificate), &about->not_before_us, err);
	if (st == STATUS_OK)
		st = time_of(X509_get0_notAfter(certificate), &about->not_after_us, err);
	if (st == STATUS_OK)
		st = write_pem(certificate, about, err);
	if (st == STATUS_OK)
		st = write_fingerprint(certificate, given.fingerprint, err);
	if (st == STATUS_OK)
		*ret_given = given;
	return st;
}

enum status given_fingerprint(const char *pem, char ret_fingerprint[GIVEN_FINGERPRINT_HEX + 1], struct error *err)
{
	CLEANUP(x509) X509 *certificate = NULL;
	enum status st = parse(pem, &certificate, err);
	return st == STATUS_OK ? write_fingerprint(certificate, ret_fingerprint, err) : st;
}
