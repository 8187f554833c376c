/* Which server certificates are taken while the API serves; a pair that will not do changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/certificate.c"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

enum { DAY_S = 86400 };

static char folder[64], cert_file[96], key_file[96];

/* --- certificates --- */

struct made {
	X509 *cert;
	EVP_PKEY *key;
};

/* NULL: it signs itself. */
static struct made make(const char *name, const struct made *issuer, long from_s, long to_s)
{
	struct made made = { X509_new(), EVP_EC_gen("P-256") };

	assert_int_equal(X509_set_version(made.cert, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(made.cert), name[0]), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(made.cert), "CN", MBSTRING_UTF8,
						    (const unsigned char *)name, -1, -1, 0),
			 1);
	assert_int_equal(X509_set_issuer_name(made.cert, X509_get_subject_name(issuer ? issuer->cert : made.cert)), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(made.cert), from_s));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(made.cert), to_s));
	assert_int_equal(X509_set_pubkey(made.cert, made.key), 1);
	assert_true(X509_sign(made.cert, issuer ? issuer->key : made.key, EVP_sha256()) > 0);
	return made;
}

static void drop(struct made *made)
{
	X509_free(made->cert);
	EVP_PKEY_free(made->key);
}

static void write_certs(const struct made *first, const struct made *second, const struct made *third)
{
	const struct made *const all[] = { first, second, third };
	FILE *file = fopen(cert_file, "w");

	assert_non_null(file);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		assert_true(!all[i] || PEM_write_X509(file, all[i]->cert) == 1);
	assert_int_equal(fclose(file), 0);
}

static void write_key(const struct made *made)
{
	FILE *file = fopen(key_file, "w");

	assert_non_null(file);
	assert_int_equal(PEM_write_PrivateKey(file, made->key, NULL, NULL, 0, NULL, NULL), 1);
	assert_int_equal(fclose(file), 0);
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* --- what the listener would present --- */

static unsigned int n_presented(void)
{
	gnutls_pcert_st *certs = NULL;
	gnutls_ocsp_data_st *ocsp = NULL;
	gnutls_privkey_t key = NULL;
	unsigned int n_certs = 0, n_ocsp = 1, flags = 1;

	if (certificate_retrieve(NULL, NULL, &certs, &n_certs, &ocsp, &n_ocsp, &key, &flags) != 0)
		return 0;
	assert_non_null(key);
	assert_int_equal(n_ocsp, 0);
	assert_int_equal(flags, 0);
	return n_certs;
}

static bool is_presented(const struct made *made)
{
	const struct pair *pair = atomic_load(&current);
	unsigned char *der = NULL;
	int len = i2d_X509(made->cert, &der);
	bool same = pair && pair->certs[0].cert.size == (unsigned int)len &&
		    memcmp(pair->certs[0].cert.data, der, (size_t)len) == 0;

	OPENSSL_free(der);
	return same;
}

static enum status load(enum certificate_when when, struct error *err)
{
	return certificate_load(when, cert_file, key_file, err);
}

static struct made root, middle, leaf, other;

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/cistern-certificate-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(cert_file, sizeof(cert_file), "%s/crt", folder);
	(void)snprintf(key_file, sizeof(key_file), "%s/key", folder);
	root = make("root", NULL, -DAY_S, DAY_S);
	middle = make("middle", &root, -DAY_S, DAY_S);
	leaf = make("leaf", &middle, -DAY_S, DAY_S);
	other = make("other", &root, -DAY_S, DAY_S);
	write_certs(&leaf, &middle, NULL);
	write_key(&leaf);
	return load(CERTIFICATE_AT_START, NULL) == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	certificate_done();
	clock_test_shift_us = 0;
	drop(&root);
	drop(&middle);
	drop(&leaf);
	drop(&other);
	(void)unlink(cert_file);
	(void)unlink(key_file);
	return rmdir(folder);
}

static void the_whole_chain_is_presented(void **state)
{
	(void)state;
	assert_int_equal(n_presented(), 2);
	assert_true(is_presented(&leaf));
}

static void a_good_pair_takes_the_place_of_the_one_in_use(void **state)
{
	(void)state;
	write_certs(&other, NULL, NULL);
	write_key(&other);
	assert_int_equal(load(CERTIFICATE_REPLACED, NULL), STATUS_OK);
	assert_true(is_presented(&other));
	assert_int_equal(n_presented(), 1);
}

static void certificate_and_key_may_be_in_one_file(void **state)
{
	FILE *file = fopen(cert_file, "w");

	(void)state;
	assert_int_equal(PEM_write_PrivateKey(file, other.key, NULL, NULL, 0, NULL, NULL), 1);
	assert_int_equal(PEM_write_X509(file, other.cert), 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(certificate_load(CERTIFICATE_REPLACED, cert_file, cert_file, NULL), STATUS_OK);
	assert_true(is_presented(&other));
}

/* Refused for this reason, and what was in use is in use. */
static void check_refused(const char *reason)
{
	struct error err = { .text = "" };

	assert_int_equal(load(CERTIFICATE_REPLACED, &err), STATUS_INVALID);
	if (!strstr(err.text, reason))
		fail_msg("'%s' is not in '%s'", reason, err.text);
	assert_true(is_presented(&leaf));
}

static void a_key_of_another_certificate_is_refused(void **state)
{
	(void)state;
	write_key(&other);
	check_refused("the key is not this certificate's");
}

static void an_expired_certificate_is_refused(void **state)
{
	struct made old = make("old", &root, -2L * DAY_S, -1);

	(void)state;
	write_certs(&old, NULL, NULL);
	write_key(&old);
	check_refused("certificate 1 has expired");
	drop(&old);
}

static void an_expired_certificate_of_the_chain_is_refused(void **state)
{
	struct made old = make("old", &root, -2L * DAY_S, -1), below = make("below", &old, -DAY_S, DAY_S);

	(void)state;
	write_certs(&below, &old, NULL);
	write_key(&below);
	check_refused("certificate 2 has expired");
	drop(&old);
	drop(&below);
}

static void a_certificate_of_tomorrow_is_refused(void **state)
{
	struct made early = make("early", &root, 3600, DAY_S);

	(void)state;
	write_certs(&early, NULL, NULL);
	write_key(&early);
	check_refused("certificate 1 is not valid yet");
	drop(&early);
}

static void a_chain_out_of_order_is_refused(void **state)
{
	(void)state;
	write_certs(&leaf, &root, &middle);
	check_refused("crt: ");
}

static void files_that_hold_nothing_of_use_are_refused(void **state)
{
	(void)state;
	write_text(cert_file, "garbage");
	check_refused("crt: ");
	write_text(cert_file, "");
	check_refused("crt: ");
	write_certs(&leaf, NULL, NULL);
	write_text(key_file, "garbage");
	check_refused("key: ");
	assert_int_equal(unlink(key_file), 0);
	check_refused("No such file");
	write_key(&leaf);
}

static void an_expired_certificate_does_not_keep_the_daemon_from_starting(void **state)
{
	struct made old = make("old", &root, -2L * DAY_S, -1);

	(void)state;
	write_certs(&old, NULL, NULL);
	write_key(&old);
	assert_int_equal(load(CERTIFICATE_AT_START, NULL), STATUS_OK);
	assert_true(is_presented(&old));
	drop(&old);
}

static unsigned int n_kept(void)
{
	unsigned int n = 0;

	for (const struct pair *pair = atomic_load(&current); pair; pair = pair->older)
		n++;
	return n;
}

static void a_replaced_pair_is_kept_while_a_handshake_may_use_it_and_then_freed(void **state)
{
	(void)state;
	assert_int_equal(load(CERTIFICATE_REPLACED, NULL), STATUS_OK);
	assert_int_equal(load(CERTIFICATE_REPLACED, NULL), STATUS_OK);
	assert_int_equal(n_kept(), 3);
	clock_test_shift_us += (int64_t)KEPT_US + 1;
	assert_int_equal(load(CERTIFICATE_REPLACED, NULL), STATUS_OK);
	assert_int_equal(n_kept(), 2); /* the one in use and the one just replaced */
}

static void without_a_certificate_a_handshake_fails(void **state)
{
	(void)state;
	certificate_done();
	assert_int_equal(n_presented(), 0);
}

int main(void)
{
#define SERVING(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		SERVING(the_whole_chain_is_presented),
		SERVING(a_good_pair_takes_the_place_of_the_one_in_use),
		SERVING(certificate_and_key_may_be_in_one_file),
		SERVING(a_key_of_another_certificate_is_refused),
		SERVING(an_expired_certificate_is_refused),
		SERVING(an_expired_certificate_of_the_chain_is_refused),
		SERVING(a_certificate_of_tomorrow_is_refused),
		SERVING(a_chain_out_of_order_is_refused),
		SERVING(files_that_hold_nothing_of_use_are_refused),
		SERVING(an_expired_certificate_does_not_keep_the_daemon_from_starting),
		SERVING(a_replaced_pair_is_kept_while_a_handshake_may_use_it_and_then_freed),
		SERVING(without_a_certificate_a_handshake_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
