/* What is served as a CRL: checked before, as PEM that OpenSSL reads back, and in a file that is always whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include "revocation/crl_file.h"

struct authority {
	EVP_PKEY *key;
	X509 *certificate;
	char pem[2048];
};

static struct authority ours, other;

static void make(struct authority *authority, const char *name)
{
	authority->key = EVP_EC_gen("P-256");
	authority->certificate = X509_new();
	X509 *made = authority->certificate;
	X509_NAME *subject = X509_get_subject_name(made);
	assert_true(authority->key && ASN1_INTEGER_set(X509_get_serialNumber(made), 1) &&
		    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) &&
		    X509_set_issuer_name(made, subject) && X509_set_pubkey(made, authority->key) &&
		    X509_gmtime_adj(X509_getm_notBefore(made), 0) && X509_gmtime_adj(X509_getm_notAfter(made), 3600) &&
		    X509_sign(made, authority->key, EVP_sha256()));
	BIO *text = BIO_new(BIO_s_mem());
	assert_true(PEM_write_bio_X509(text, made));
	int len = BIO_read(text, authority->pem, sizeof(authority->pem) - 1);
	assert_true(len > 0);
	authority->pem[len] = '\0';
	BIO_free(text);
}

static int set_up(void **state)
{
	(void)state;
	make(&ours, "Our CA");
	make(&other, "Other CA");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	X509_free(ours.certificate);
	X509_free(other.certificate);
	EVP_PKEY_free(ours.key);
	EVP_PKEY_free(other.key);
	return 0;
}

/* next_update_s from now; 0: none. */
static struct buffer make_crl(const struct authority *named, const struct authority *signs, int n_entries,
			      long next_update_s)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *now = X509_gmtime_adj(NULL, -10), *next = X509_gmtime_adj(NULL, next_update_s);
	assert_true(X509_CRL_set_version(crl, X509_CRL_VERSION_2) &&
		    X509_CRL_set_issuer_name(crl, X509_get_subject_name(named->certificate)) &&
		    X509_CRL_set1_lastUpdate(crl, now));
	if (next_update_s)
		assert_true(X509_CRL_set1_nextUpdate(crl, next));
	for (int i = 0; i < n_entries; i++) {
		X509_REVOKED *revoked = X509_REVOKED_new();
		ASN1_INTEGER *serial = ASN1_INTEGER_new();
		assert_true(ASN1_INTEGER_set(serial, 1000 + i) && X509_REVOKED_set_serialNumber(revoked, serial) &&
			    X509_REVOKED_set_revocationDate(revoked, now) && X509_CRL_add0_revoked(crl, revoked));
		ASN1_INTEGER_free(serial);
	}
	assert_true(X509_CRL_sign(crl, signs->key, EVP_sha256()));
	unsigned char *der = NULL;
	int len = i2d_X509_CRL(crl, &der);
	assert_true(len > 0);
	struct buffer made = { .bytes = NULL };
	buffer_put(&made, der, (size_t)len);
	OPENSSL_free(der);
	ASN1_TIME_free(now);
	ASN1_TIME_free(next);
	X509_CRL_free(crl);
	return made;
}

static void a_crl_is_taken_only_when_it_is_what_was_asked_for(void **state)
{
	(void)state;
	const struct {
		const struct authority *named, *signs;
		int n;
		long next_update_s;
		const char *reason; /* NULL: taken */
	} cases[] = {
		{ &ours, &ours, 0, 3600, NULL },
		{ &ours, &ours, 3, 3600, NULL },
		{ &ours, &other, 3, 3600, "the CRL is not signed by its CA" },
		{ &other, &ours, 3, 3600, "the CRL is not signed by its CA" },
		{ &other, &other, 3, 3600, "the CRL is not signed by its CA" },
		{ &ours, &ours, 3, -1, "the CRL has expired already" },
		{ &ours, &ours, 3, 0, "the CRL has expired already" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = { .status = STATUS_OK };
		CLEANUP(buffer)
		struct buffer der = make_crl(cases[i].named, cases[i].signs, cases[i].n, cases[i].next_update_s);
		enum status st = crl_check(&der, ours.pem, (size_t)cases[i].n, &err);
		assert_int_equal(st, cases[i].reason ? STATUS_INTERNAL : STATUS_OK);
		if (cases[i].reason)
			assert_string_equal(err.text, cases[i].reason);
	}
}

static void a_crl_with_an_entry_missing_is_refused(void **state)
{
	(void)state;
	struct error err = { .status = STATUS_OK };
	CLEANUP(buffer) struct buffer der = make_crl(&ours, &ours, 3, 3600);
	assert_int_equal(crl_check(&der, ours.pem, 4, &err), STATUS_INTERNAL);
	assert_string_equal(err.text, "the CRL has 3 entries, not 4");
}

static void what_is_no_crl_is_refused(void **state)
{
	(void)state;
	struct error err = { .status = STATUS_OK };
	CLEANUP(buffer) struct buffer good = make_crl(&ours, &ours, 2, 3600);
	for (size_t len = 0; len < good.len; len += 7) {
		struct buffer cut = { .bytes = good.bytes, .len = len };
		assert_int_equal(crl_check(&cut, ours.pem, 2, &err), STATUS_INTERNAL);
	}
	assert_int_equal(crl_check(&good, ours.pem, 2, &err), STATUS_OK);
	assert_int_equal(crl_check(&good, "no certificate", 2, &err), STATUS_INTERNAL);
	buffer_putc(&good, 'x');
	assert_int_equal(crl_check(&good, ours.pem, 2, &err), STATUS_INTERNAL);
	assert_string_equal(err.text, "the signer's answer is no CRL");
}

static void the_pem_text_reads_back_as_the_same_bytes(void **state)
{
	(void)state;
	for (int n = 0; n < 60; n++) { /* every length of the last line */
		CLEANUP(buffer) struct buffer der = make_crl(&ours, &ours, n, 3600);
		CLEANUP(buffer) struct buffer pem = { .bytes = NULL };
		crl_put_pem(&pem, der.bytes, der.len);
		BIO *text = BIO_new_mem_buf(pem.bytes, (int)pem.len);
		char *name = NULL, *header = NULL;
		unsigned char *bytes = NULL;
		long len = 0;
		assert_int_equal(PEM_read_bio(text, &name, &header, &bytes, &len), 1);
		assert_string_equal(name, "X509 CRL");
		assert_int_equal(len, der.len);
		assert_memory_equal(bytes, der.bytes, der.len);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(bytes);
		BIO_free(text);
	}
}

static void the_file_is_replaced_whole_and_a_failure_leaves_the_former_one(void **state)
{
	(void)state;
	char folder[] = "/tmp/crl_file_test.XXXXXX", path[64], nowhere[64];
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/crl.pem", folder);
	(void)snprintf(nowhere, sizeof(nowhere), "%s/none/crl.pem", folder);
	struct error err = { .status = STATUS_OK };
	const struct buffer first = { .bytes = (char[]){ "first, and longer" }, .len = 17 };
	const struct buffer second = { .bytes = (char[]){ "second" }, .len = 6 };
	assert_int_equal(crl_write_file(path, &first, &err), STATUS_OK);
	assert_int_equal(crl_write_file(path, &second, &err), STATUS_OK);
	char text[32] = "";
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fread(text, 1, sizeof(text), file), 6);
	assert_string_equal(text, "second");
	(void)fclose(file);
	struct stat about;
	assert_int_equal(stat(path, &about), 0);
	assert_int_equal(about.st_mode & 0777, 0644);
	assert_int_equal(crl_write_file(nowhere, &first, &err), STATUS_UNAVAILABLE);
	/* a folder in its place cannot be replaced, and nothing is left lying about */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(crl_write_file(path, &first, &err), STATUS_UNAVAILABLE);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crl_is_taken_only_when_it_is_what_was_asked_for),
		cmocka_unit_test(a_crl_with_an_entry_missing_is_refused),
		cmocka_unit_test(what_is_no_crl_is_refused),
		cmocka_unit_test(the_pem_text_reads_back_as_the_same_bytes),
		cmocka_unit_test(the_file_is_replaced_whole_and_a_failure_leaves_the_former_one),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
