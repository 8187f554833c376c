/* ca_kit.h - a CA in a folder of its own, as good or as bad as a test asks for. */
#ifndef CISTERN_TESTS_CA_KIT_H
#define CISTERN_TESTS_CA_KIT_H

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* 2000-01-01: every time below is counted from here, and the clock is moved here. */
static const int64_t kit_now_s = INT64_C(946684800);
static const int64_t kit_day_s = 86400;

struct kit_ca {
	char folder[64], cert_file[96], key_file[96];
	X509 *certificate;
	EVP_PKEY *key;
};

struct kit_profile {
	int64_t from_days, to_days;
	const char *basic_constraints, *key_usage; /* NULL: none */
	bool no_key_id;
};

static const struct kit_profile kit_good_profile = { .from_days = -10,
						     .to_days = 9125,
						     .basic_constraints = "critical,CA:TRUE,pathlen:0",
						     .key_usage = "critical,keyCertSign,cRLSign" };

static inline void kit_clock_to(int64_t now_s)
{
	clock_test_shift_us = 0;
	clock_test_shift_us = now_s * 1000000 - clock_now_us();
}

static inline void kit_extension(X509 *certificate, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	if (!extension || !X509_add_ext(certificate, extension, -1))
		abort();
	X509_EXTENSION_free(extension);
}

static inline void kit_write_files(struct kit_ca *ca)
{
	FILE *cert = fopen(ca->cert_file, "we"), *key = fopen(ca->key_file, "we");
	if (!cert || !key || !PEM_write_X509(cert, ca->certificate) ||
	    !PEM_write_PKCS8PrivateKey(key, ca->key, NULL, NULL, 0, NULL, NULL) || fclose(cert) || fclose(key) ||
	    chmod(ca->key_file, 0600))
		abort();
}

/* Takes the key over. */
static inline void kit_ca_make(struct kit_ca *ca, EVP_PKEY *key, const struct kit_profile *profile)
{
	*ca = (struct kit_ca){ .folder = "/tmp/cistern-ca-test.XXXXXX", .certificate = X509_new(), .key = key };
	if (!mkdtemp(ca->folder) || !key)
		abort();
	(void)snprintf(ca->cert_file, sizeof(ca->cert_file), "%s/ca.crt", ca->folder);
	(void)snprintf(ca->key_file, sizeof(ca->key_file), "%s/ca.key", ca->folder);
	X509 *made = ca->certificate;
	X509_NAME *name = X509_get_subject_name(made);
	if (!X509_set_version(made, X509_VERSION_3) || !ASN1_INTEGER_set(X509_get_serialNumber(made), 77) ||
	    !X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"Test CA", -1, -1, 0) ||
	    !X509_set_issuer_name(made, name) || !X509_set_pubkey(made, key) ||
	    !ASN1_TIME_set(X509_getm_notBefore(made), kit_now_s + profile->from_days * kit_day_s) ||
	    !ASN1_TIME_set(X509_getm_notAfter(made), kit_now_s + profile->to_days * kit_day_s))
		abort();
	if (profile->basic_constraints)
		kit_extension(made, NID_basic_constraints, profile->basic_constraints);
	if (profile->key_usage)
		kit_extension(made, NID_key_usage, profile->key_usage);
	if (!profile->no_key_id)
		kit_extension(made, NID_subject_key_identifier, "hash");
	if (!X509_sign(made, key, EVP_sha256()))
		abort();
	kit_write_files(ca);
}

static inline void kit_ca_drop(struct kit_ca *ca)
{
	(void)unlink(ca->cert_file);
	(void)unlink(ca->key_file);
	(void)rmdir(ca->folder);
	X509_free(ca->certificate);
	EVP_PKEY_free(ca->key);
}

#endif
