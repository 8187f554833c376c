#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "ca/ca_internal.h"

enum { URI_MAX = 1023 };

static void cleanup_file(FILE **file)
{
	if (*file)
		(void)fclose(*file); /* read only */
}

static enum status open_file(const char *path, FILE **ret_file, struct error *err)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return error_set(err, STATUS_UNAVAILABLE, "cannot read '%s': %s", path, strerror(errno));
	setvbuf(file, NULL, _IONBF, 0); /* no copy of a key in a stdio buffer */
	*ret_file = file;
	return STATUS_OK;
}

static enum status read_certificate(const char *path, X509 **ret_certificate, struct error *err)
{
	CLEANUP(file) FILE *file = NULL;
	enum status st = open_file(path, &file, err);
	if (st != STATUS_OK)
		return st;
	X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
	if (!certificate) {
		ERR_clear_error(); /* "no start line" helps nobody */
		return error_set(err, STATUS_INVALID, "'%s' holds no PEM certificate", path);
	}
	*ret_certificate = certificate;
	return STATUS_OK;
}

/* --- the key --- */

int passphrase_answer(char *buffer, int size, int for_writing, void *question)
{
	(void)for_writing;
	struct passphrase_question *asked = question;
	asked->asked = true;
	if (!asked->passphrase || asked->passphrase->len > (size_t)size)
		return -1;
	memcpy(buffer, asked->passphrase->bytes, asked->passphrase->len);
	return (int)asked->passphrase->len;
}

static enum status check_key_file_mode(const char *path, FILE *file, struct error *err)
{
	struct stat about;
	if (fstat(fileno(file), &about) != 0)
		return error_set(err, STATUS_UNAVAILABLE, "cannot read '%s': %s", path, strerror(errno));
	if (about.st_mode & S_IRWXO)
		return error_set(err, STATUS_INVALID, "CA key '%s' is open to other users: chmod o= it", path);
	return STATUS_OK;
}

/* `scheme:...` in one line: RFC 3986 section 3.1. A PEM file begins with dashes. */
static bool read_uri(FILE *file, char ret_uri[URI_MAX + 1])
{
	size_t len = fread(ret_uri, 1, URI_MAX, file);
	ret_uri[len] = '\0';
	ret_uri[strcspn(ret_uri, "\r\n")] = '\0';
	const char *at = ret_uri;
	if (!isalpha((unsigned char)*at))
		return false;
	while (isalnum((unsigned char)*at) || *at == '+' || *at == '-' || *at == '.')
		at++;
	return *at == ':';
}

static enum status read_pem_key(const char *path, FILE *file, const struct secret *passphrase, EVP_PKEY **ret_key,
				struct error *err)
{
	struct passphrase_question question = { .passphrase = passphrase };
	CLEANUP(evp_pkey) EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, passphrase_answer, &question);
	if (!key) {
		ERR_clear_error(); /* as above */
		const char *reason = "holds no PEM key and no URI";
		if (question.asked)
			reason = passphrase ? "is not encrypted with this passphrase" : "has a passphrase";
		return error_set(err, STATUS_INVALID, "CA key '%s' %s", path, reason);
	}
	if (passphrase && !question.asked)
		return error_set(err, STATUS_INVALID, "CA key '%s' is not encrypted, although there is a passphrase",
				 path);
	*ret_key = STEAL(key);
	return STATUS_OK;
}

static enum status read_key(const char *path, const struct secret *passphrase, EVP_PKEY **ret_key, struct error *err)
{
	CLEANUP(file) FILE *file = NULL;
	char uri[URI_MAX + 1];
	enum status st = open_file(path, &file, err);
	if (st == STATUS_OK)
		st = check_key_file_mode(path, file, err);
	if (st != STATUS_OK)
		return st;
	if (read_uri(file, uri))
		return ca_key_from_uri(uri, passphrase, ret_key, err);
	OPENSSL_cleanse(uri, sizeof(uri)); /* it was the beginning of a key */
	rewind(file);
	return read_pem_key(path, file, passphrase, ret_key, err);
}

/* --- the certificate --- */

static enum status seconds_of(const ASN1_TIME *time, int64_t *ret_seconds, struct error *err)
{
	struct tm utc;
	if (!ASN1_TIME_to_tm(time, &utc))
		return openssl_failure(err, STATUS_INVALID, "the CA certificate's validity");
	*ret_seconds = (int64_t)timegm(&utc);
	return STATUS_OK;
}

static enum status check_is_ca(const char *path, X509 *certificate, struct error *err)
{
	/* 1: a version 3 certificate with CA:TRUE, and keyCertSign if it has a keyUsage at all */
	if (X509_check_ca(certificate) != 1 || !(X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN))
		return error_set(err, STATUS_INVALID, "'%s' is not the certificate of a CA", path);
	/* RFC 5280 4.2.1.2 demands it of a CA; our authorityKeyIdentifier is made from it, and what we call a CA by */
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(certificate);
	if (!id || ASN1_STRING_length(id) != CA_KEY_ID_HEX / 2)
		return error_set(err, STATUS_INVALID, "CA certificate '%s' has no subjectKeyIdentifier of %d bytes",
				 path, CA_KEY_ID_HEX / 2);
	return STATUS_OK;
}

static enum status write_about(X509 *certificate, struct ca_about *about, struct error *err)
{
	CLEANUP(bio) BIO *out = BIO_new(BIO_s_mem());
	if (!out || !PEM_write_bio_X509(out, certificate))
		return openssl_failure(err, STATUS_INTERNAL, "the CA certificate cannot be written");
	char *bytes = NULL;
	long len = BIO_get_mem_data(out, &bytes);
	if (len <= 0 || len > CA_PEM_MAX)
		return error_set(err, STATUS_INVALID, "the CA certificate is longer than %d bytes", CA_PEM_MAX);
	memcpy(about->pem, bytes, (size_t)len);
	about->pem[len] = '\0';
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(certificate);
	(void)sodium_bin2hex(about->key_id, sizeof(about->key_id), ASN1_STRING_get0_data(id), CA_KEY_ID_HEX / 2);
	(void)BIO_reset(out);
	if (X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0)
		return openssl_failure(err, STATUS_INTERNAL, "the CA's subject cannot be written");
	int read = BIO_read(out, about->subject, CA_SUBJECT_MAX);
	about->subject[read > 0 ? read : 0] = '\0';
	return STATUS_OK;
}

static enum status about_certificate(const char *path, X509 *certificate, struct ca_about *ret_about, struct error *err)
{
	struct ca_about about = { .subject = "" };
	int64_t from_s = 0, to_s = 0;
	enum status st = check_is_ca(path, certificate, err);
	if (st == STATUS_OK)
		st = seconds_of(X509_get0_notBefore(certificate), &from_s, err);
	if (st == STATUS_OK)
		st = seconds_of(X509_get0_notAfter(certificate), &to_s, err);
	if (st == STATUS_OK)
		st = write_about(certificate, &about, err);
	if (st != STATUS_OK)
		return st;
	about.not_before_us = from_s * 1000000;
	about.not_after_us = to_s * 1000000;
	*ret_about = about;
	return STATUS_OK;
}

enum status ca_about_read(const char *cert_file, struct ca_about *ret_about, struct error *err)
{
	CLEANUP(x509) X509 *certificate = NULL;
	enum status st = read_certificate(cert_file, &certificate, err);
	return st == STATUS_OK ? about_certificate(cert_file, certificate, ret_about, err) : st;
}

static enum status check_pair(const char *cert_file, const char *key_file, const struct ca *ca, struct error *err)
{
	/* the public half, which a key in an HSM need not show */
	enum status st = ca_key_check(X509_get0_pubkey(ca->certificate), err);
	if (st != STATUS_OK)
		return st;
	if (X509_check_private_key(ca->certificate, ca->key) != 1) {
		ERR_clear_error(); /* "key values mismatch" names no file */
		return error_set(err, STATUS_INVALID, "CA key '%s' does not belong to '%s'", key_file, cert_file);
	}
	return STATUS_OK;
}

enum status ca_open(const char *cert_file, const char *key_file, const struct secret *passphrase, struct ca **ret_ca,
		    struct error *err)
{
	CLEANUP(ca) struct ca *ca = calloc(1, sizeof(*ca));
	if (!ca)
		abort();
	enum status st = read_certificate(cert_file, &ca->certificate, err);
	if (st == STATUS_OK)
		st = about_certificate(cert_file, ca->certificate, &ca->about, err);
	if (st == STATUS_OK)
		st = read_key(key_file, passphrase, &ca->key, err);
	if (st == STATUS_OK)
		st = check_pair(cert_file, key_file, ca, err);
	if (st != STATUS_OK)
		return st;
	ca->not_before_s = ca->about.not_before_us / 1000000;
	ca->not_after_s = ca->about.not_after_us / 1000000;
	*ret_ca = STEAL(ca);
	return STATUS_OK;
}

void ca_close(struct ca *ca)
{
	if (!ca)
		return;
	EVP_PKEY_free(ca->key); /* wipes it */
	X509_free(ca->certificate);
	free(ca);
}

const struct ca_about *ca_about(const struct ca *ca)
{
	return &ca->about;
}
