/* certificates.h - CAs and leafs for the plugin's unit tests, made with OpenSSL in memory. */
#ifndef CISTERN_TEST_CERTIFICATES_H
#define CISTERN_TEST_CERTIFICATES_H

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct test_ca {
	EVP_PKEY *key;
	X509 *certificate;
	char dir[64]; /* a folder with nothing but its PEM file */
	char path[80];
};

/* What a leaf is to be like; the zero value is a good one without a name. */
struct test_leaf {
	const char *common_names[3];
	int name_len;        /* of the first; 0: as strlen() says */
	int name_type;       /* 0: UTF8String */
	const char *usages;  /* NULL: clientAuth; "": no such extension */
	const char *basic;   /* NULL: CA:FALSE; "": no such extension */
	long start_s, end_s; /* from now; 0: an hour before and after */
};

static void test_extend(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert(extension && X509_add_ext(certificate, extension, -1));
	X509_EXTENSION_free(extension);
}

static X509 *test_certificate(const X509_NAME *issuer, EVP_PKEY *issuer_key, EVP_PKEY *key,
			      const struct test_leaf *leaf)
{
	static long serial;
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);

	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
	for (int i = 0; i < 3 && leaf->common_names[i]; i++) {
		const unsigned char *name = (const unsigned char *)leaf->common_names[i];
		int type = leaf->name_type ? leaf->name_type : V_ASN1_UTF8STRING;
		int len = i == 0 && leaf->name_len ? leaf->name_len : -1;
		/* not X509_NAME_add_entry_by_NID() with its limit of 64, which a hostile CA would not keep either */
		X509_NAME_ENTRY *entry =
			X509_NAME_ENTRY_create_by_OBJ(NULL, OBJ_nid2obj(NID_commonName), type, name, len);

		assert(entry && X509_NAME_add_entry(subject, entry, -1, 0));
		X509_NAME_ENTRY_free(entry);
	}
	X509_set_issuer_name(certificate, issuer ? issuer : subject);
	X509_gmtime_adj(X509_getm_notBefore(certificate), leaf->start_s ? leaf->start_s : -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), leaf->end_s ? leaf->end_s : 3600);
	X509_set_pubkey(certificate, key);
	if (!leaf->basic || leaf->basic[0])
		test_extend(certificate, NID_basic_constraints, leaf->basic ? leaf->basic : "critical,CA:FALSE");
	if (!leaf->usages || leaf->usages[0])
		test_extend(certificate, NID_ext_key_usage, leaf->usages ? leaf->usages : "clientAuth");
	assert(X509_sign(certificate, issuer_key, EVP_sha256()) > 0);

	/* As if it had come over the wire: parsed anew from its bytes. */
	unsigned char *der = NULL;
	int der_len = i2d_X509(certificate, &der);
	const unsigned char *at = der;
	X509 *parsed = d2i_X509(NULL, &at, der_len);

	assert(parsed);
	OPENSSL_free(der);
	X509_free(certificate);
	return parsed;
}

static struct test_ca test_ca_make(const char *name)
{
	struct test_leaf self = { .common_names = { name }, .basic = "critical,CA:TRUE", .usages = "" };
	struct test_ca ca = { .key = EVP_EC_gen("P-256"), .dir = "/tmp/cistern-test-ca-XXXXXX" };

	assert(ca.key);
	ca.certificate = test_certificate(NULL, ca.key, ca.key, &self);

	assert(mkdtemp(ca.dir));
	(void)snprintf(ca.path, sizeof(ca.path), "%s/ca.crt", ca.dir);

	FILE *file = fopen(ca.path, "w");

	assert(file && PEM_write_X509(file, ca.certificate));
	(void)fclose(file);
	return ca;
}

static void test_ca_done(struct test_ca *ca)
{
	(void)unlink(ca->path);
	(void)rmdir(ca->dir);
	EVP_PKEY_free(ca->key);
	X509_free(ca->certificate);
}

static X509 *test_issue(const struct test_ca *ca, const struct test_leaf *leaf)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = test_certificate(X509_get_subject_name(ca->certificate), ca->key, key, leaf);

	EVP_PKEY_free(key);
	return certificate;
}

#endif
