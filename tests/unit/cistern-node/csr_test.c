/* A device's certificate request: contract/claiming.md section 2, read back by OpenSSL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cistern-node/csr.c"

#include <openssl/asn1.h>
#include <openssl/objects.h>

/* As long as a device has room for. */
#define LONGEST_NAME "a123456789b123456789c123456789d123456789e12345"

static X509_REQ *parse(const struct csr *csr)
{
	CLEANUP(bio) BIO *bio = BIO_new_mem_buf(csr->pem, -1);
	return PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
}

static void check_request(enum csr_key kind, int key_bits, int signature)
{
	CLEANUP(csr) struct csr csr = { 0 };
	struct error err;
	char name[64];

	assert_int_equal(csr_make(kind, LONGEST_NAME, &csr, &err), STATUS_OK);
	assert_true(strlen(csr.pem) < CSR_BYTES_MAX);
	CLEANUP(request) X509_REQ *request = parse(&csr);
	assert_non_null(request);
	assert_int_equal(X509_NAME_entry_count(X509_REQ_get_subject_name(request)), 1);
	assert_true(X509_NAME_get_text_by_NID(X509_REQ_get_subject_name(request), NID_commonName, name, sizeof(name)) >
		    0);
	assert_string_equal(name, LONGEST_NAME);
	assert_int_equal(EVP_PKEY_bits(X509_REQ_get0_pubkey(request)), key_bits);
	assert_int_equal(X509_REQ_get_signature_nid(request), signature);
	assert_int_equal(X509_REQ_verify(request, X509_REQ_get0_pubkey(request)), 1);
	assert_int_equal(X509_REQ_get_attr_count(request), 0); /* no extensions asked for */
}

static void a_p256_request_has_the_cn_alone_and_sha256(void **state)
{
	(void)state;
	check_request(CSR_KEY_P256, 256, NID_ecdsa_with_SHA256);
}

static void an_rsa_request_has_the_cn_alone_and_sha256(void **state)
{
	(void)state;
	check_request(CSR_KEY_RSA, 2048, NID_sha256WithRSAEncryption);
}

static void a_name_that_has_no_room_in_a_device_is_refused(void **state)
{
	CLEANUP(csr) struct csr csr = { 0 };

	(void)state;
	assert_int_equal(csr_make(CSR_KEY_P256, LONGEST_NAME "x", &csr, NULL), STATUS_INVALID);
	assert_null(csr.pem);
}

static void the_kinds_of_keys_have_names(void **state)
{
	enum csr_key kind = CSR_KEY_P256;

	(void)state;
	assert_true(csr_key_by_name("rsa", &kind));
	assert_int_equal(kind, CSR_KEY_RSA);
	assert_true(csr_key_by_name("p256", &kind));
	assert_int_equal(kind, CSR_KEY_P256);
	assert_false(csr_key_by_name("RSA", &kind));
	assert_false(csr_key_by_name("", &kind));
}

/* Self-signed, which is all that the check below looks at. */
static char *certificate_for(const struct csr *csr, const char *common_name)
{
	CLEANUP(bio) BIO *key_bio = BIO_new_mem_buf(csr->key_pem, -1);
	CLEANUP(pkey) EVP_PKEY *key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);
	CLEANUP(certificate) X509 *made = X509_new();
	CLEANUP(bio) BIO *out = BIO_new(BIO_s_mem());

	assert_int_equal(X509_NAME_add_entry_by_NID(X509_get_subject_name(made), NID_commonName, MBSTRING_UTF8,
						    (const unsigned char *)common_name, -1, -1, 0),
			 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(made), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(made), 60));
	assert_int_equal(X509_set_pubkey(made, key), 1);
	assert_true(X509_sign(made, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(out, made), 1);
	return bio_text(out);
}

static void a_certificate_is_taken_only_for_the_own_key_and_name(void **state)
{
	CLEANUP(csr) struct csr mine = { 0 }, other = { 0 };
	struct error err;

	(void)state;
	assert_int_equal(csr_make(CSR_KEY_P256, "n1", &mine, &err), STATUS_OK);
	assert_int_equal(csr_make(CSR_KEY_P256, "n1", &other, &err), STATUS_OK);
	char *good = certificate_for(&mine, "n1"), *of_another = certificate_for(&mine, "n2"),
	     *longer = certificate_for(&mine, LONGEST_NAME "xyz"), *other_key = certificate_for(&other, "n1");
	assert_int_equal(csr_check_certificate(mine.key_pem, good, "n1", &err), STATUS_OK);
	assert_int_equal(csr_check_certificate(mine.key_pem, of_another, "n1", &err), STATUS_INVALID);
	assert_string_equal(err.text, "the certificate is not for 'n1'");
	assert_int_equal(csr_check_certificate(mine.key_pem, longer, LONGEST_NAME, &err), STATUS_INVALID);
	assert_int_equal(csr_check_certificate(mine.key_pem, other_key, "n1", &err), STATUS_INVALID);
	assert_string_equal(err.text, "the certificate is for another key");
	assert_int_equal(csr_check_certificate(mine.key_pem, "nothing", "n1", &err), STATUS_INVALID);
	assert_string_equal(err.text, "what came is no certificate");
	free(good);
	free(of_another);
	free(longer);
	free(other_key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_p256_request_has_the_cn_alone_and_sha256),
		cmocka_unit_test(an_rsa_request_has_the_cn_alone_and_sha256),
		cmocka_unit_test(a_name_that_has_no_room_in_a_device_is_refused),
		cmocka_unit_test(the_kinds_of_keys_have_names),
		cmocka_unit_test(a_certificate_is_taken_only_for_the_own_key_and_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
