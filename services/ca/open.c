#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "ca/ca_internal.h"

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

/* In place of the library's own, which would ask at the terminal. */
static int no_passphrase(char *buffer, int size, int for_writing, void *context)
{
	(void)buffer, (void)size, (void)for_writing;
	*(bool *)context = true;
	return -1;
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

static enum status read_key(const char *path, EVP_PKEY **ret_key, struct error *err)
{
	CLEANUP(file) FILE *file = NULL;
	enum status st = open_file(path, &file, err);
	if (st == STATUS_OK)
		st = check_key_file_mode(path, file, err);
	if (st != STATUS_OK)
		return st;
	bool encrypted = false;
	EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, no_passphrase, &encrypted);
	if (!key) {
		ERR_clear_error(); /* as above */
		const char *reason = encrypted ? "has a passphrase" : "holds no PEM key";
		return error_set(err, STATUS_INVALID, "CA key '%s' %s", path, reason);
	}
	*ret_key = key;
	return STATUS_OK;
}

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
	/* RFC 5280 4.2.1.2 demands it of a CA; our authorityKeyIdentifier is made from it */
	if (!X509_get0_subject_key_id(certificate))
		return error_set(err, STATUS_INVALID, "CA certificate '%s' has no subjectKeyIdentifier", path);
	return STATUS_OK;
}

static enum status check_pair(const char *cert_file, const char *key_file, const struct ca *ca, struct error *err)
{
	enum status st = check_is_ca(cert_file, ca->certificate, err);
	if (st == STATUS_OK)
		st = ca_key_check(ca->key, err);
	if (st != STATUS_OK)
		return st;
	if (X509_check_private_key(ca->certificate, ca->key) != 1) {
		ERR_clear_error(); /* "key values mismatch" names no file */
		return error_set(err, STATUS_INVALID, "CA key '%s' does not belong to '%s'", key_file, cert_file);
	}
	return STATUS_OK;
}

enum status ca_open(const char *cert_file, const char *key_file, struct ca **ret_ca, struct error *err)
{
	CLEANUP(ca) struct ca *ca = calloc(1, sizeof(*ca));
	if (!ca)
		abort();
	enum status st = read_certificate(cert_file, &ca->certificate, err);
	if (st == STATUS_OK)
		st = read_key(key_file, &ca->key, err);
	if (st == STATUS_OK)
		st = check_pair(cert_file, key_file, ca, err);
	if (st == STATUS_OK)
		st = seconds_of(X509_get0_notBefore(ca->certificate), &ca->not_before_s, err);
	if (st == STATUS_OK)
		st = seconds_of(X509_get0_notAfter(ca->certificate), &ca->not_after_s, err);
	if (st != STATUS_OK)
		return st;
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
