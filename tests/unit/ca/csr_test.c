#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/csr.h"
#include "ca/key.h"

/* What a request is made of; zero is a good one. */
struct plan {
	const char *cn, *second_cn, *organisation;
	int cn_type; /* MBSTRING_UTF8 when 0 */
	const char *basic_constraints;
	int n_extension_requests, n_attributes;
	const EVP_MD *digest;
	EVP_PKEY *signed_by;
	bool breaks_signature, pss;
	long version;
};

static EVP_PKEY *p256, *rsa;

static void add_name(X509_REQ *request, const char *field, int type, const char *text)
{
	assert_true(X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), field, type,
					       (const unsigned char *)text, -1, -1, 0));
}

static void add_extensions(X509_REQ *request, const struct plan *plan)
{
	X509_EXTENSIONS *extensions = sk_X509_EXTENSION_new_null();
	X509_EXTENSION *one = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, plan->basic_constraints);
	assert_non_null(one);
	sk_X509_EXTENSION_push(extensions, one);
	one = X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, "keyCertSign");
	sk_X509_EXTENSION_push(extensions, one);
	unsigned char *der = NULL;
	int len = i2d_X509_EXTENSIONS(extensions, &der);
	int n = plan->n_extension_requests ? plan->n_extension_requests : 1;
	for (int i = 0; i < n; i++) {
		X509_ATTRIBUTE *made = X509_ATTRIBUTE_create_by_NID(NULL, i == 0 ? NID_ext_req : NID_ms_ext_req,
								    V_ASN1_SEQUENCE, der, len);
		assert_true(X509_REQ_add1_attr(request, made));
		X509_ATTRIBUTE_free(made);
	}
	OPENSSL_free(der);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

static void sign(X509_REQ *request, EVP_PKEY *key, const struct plan *plan)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how = NULL;
	assert_true(EVP_DigestSignInit(context, &how, plan->digest ? plan->digest : EVP_sha256(), NULL, key));
	if (plan->pss)
		assert_true(EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) > 0);
	assert_true(X509_REQ_sign_ctx(request, context) > 0);
	EVP_MD_CTX_free(context);
	if (plan->breaks_signature) {
		const ASN1_BIT_STRING *signature = NULL;
		X509_REQ_get0_signature(request, &signature, NULL);
		((ASN1_BIT_STRING *)(uintptr_t)signature)->data[signature->length - 1] ^= 1;
	}
}

/* PEM text that the caller frees. */
static char *make(EVP_PKEY *key, const struct plan *plan, size_t *ret_len)
{
	X509_REQ *request = X509_REQ_new();
	assert_true(X509_REQ_set_version(request, plan->version));
	add_name(request, "CN", plan->cn_type ? plan->cn_type : MBSTRING_UTF8, plan->cn ? plan->cn : "lamp-1");
	if (plan->second_cn)
		add_name(request, "CN", MBSTRING_UTF8, plan->second_cn);
	if (plan->organisation)
		add_name(request, "O", MBSTRING_UTF8, plan->organisation);
	assert_true(X509_REQ_set_pubkey(request, key));
	if (plan->basic_constraints)
		add_extensions(request, plan);
	for (int i = 0; i < plan->n_attributes; i++) {
		char oid[32];
		(void)snprintf(oid, sizeof(oid), "1.2.3.%d", i);
		assert_true(X509_REQ_add1_attr_by_txt(request, oid, V_ASN1_UTF8STRING, (const unsigned char *)"x", 1));
	}
	sign(request, plan->signed_by ? plan->signed_by : key, plan);
	BIO *out = BIO_new(BIO_s_mem());
	assert_true(PEM_write_bio_X509_REQ(out, request));
	char *bytes = NULL;
	long len = BIO_get_mem_data(out, &bytes);
	char *pem = strndup(bytes, (size_t)len);
	*ret_len = (size_t)len;
	BIO_free(out);
	X509_REQ_free(request);
	return pem;
}

static void text_refused(const char *pem, size_t len, enum status status, const char *words)
{
	struct csr csr = { .node_id = "untouched" };
	struct error err = { .text = "" };
	ERR_clear_error(); /* of making the request */
	enum status st = csr_read(pem, len, &csr, &err);
	if (st != status || !strstr(err.text, words))
		fail_msg("status %d '%s' is not %d '%s'", (int)st, err.text, (int)status, words);
	assert_string_equal(csr.node_id, "untouched");
	assert_int_equal(ERR_peek_error(), 0); /* nothing is left for a later, unrelated failure to report */
}

static void refused(EVP_PKEY *key, const struct plan *plan, const char *words)
{
	size_t len;
	char *pem = make(key, plan, &len);
	text_refused(pem, len, STATUS_INVALID, words);
	free(pem);
}

static void taken(EVP_PKEY *key, const struct plan *plan, const char *node_id)
{
	size_t len;
	char *pem = make(key, plan, &len);
	struct csr csr;
	struct error err = { .text = "" };
	if (csr_read(pem, len, &csr, &err) != STATUS_OK)
		fail_msg("refused: %s", err.text);
	assert_string_equal(csr.node_id, node_id);
	assert_int_equal(EVP_PKEY_eq(csr.key, key), 1);
	csr_done(&csr);
	free(pem);
}

static void what_devices_and_tools_send_is_taken(void **state)
{
	(void)state;
	taken(p256, &(struct plan){ 0 }, "lamp-1");
	taken(rsa, &(struct plan){ 0 }, "lamp-1");
	taken(p256, &(struct plan){ .cn_type = V_ASN1_PRINTABLESTRING }, "lamp-1");
	taken(p256, &(struct plan){ .cn_type = V_ASN1_IA5STRING }, "lamp-1");
	taken(p256, &(struct plan){ .digest = EVP_sha384() }, "lamp-1");
	taken(rsa, &(struct plan){ .digest = EVP_sha512() }, "lamp-1");
	/* claiming.md section 2: the command line asks for CA:FALSE, critical */
	taken(p256, &(struct plan){ .basic_constraints = "critical,CA:FALSE" }, "lamp-1");
	EVP_PKEY *p384 = EVP_EC_gen("P-384");
	taken(p384, &(struct plan){ 0 }, "lamp-1");
	EVP_PKEY_free(p384);
}

static void our_own_request_reads_back(void **state)
{
	(void)state;
	struct buffer pem = { 0 };
	struct csr csr;
	assert_int_equal(csr_write(p256, "GK5aVZ2mXq7pRt", &pem, NULL), STATUS_OK);
	assert_null(memchr(pem.bytes, '\r', pem.len));
	assert_int_equal(csr_read(pem.bytes, pem.len, &csr, NULL), STATUS_OK);
	assert_string_equal(csr.node_id, "GK5aVZ2mXq7pRt");
	csr_done(&csr);
	buffer_done(&pem);
}

static void line_ends_of_either_kind_and_none_at_the_end_are_taken(void **state)
{
	(void)state;
	size_t len, n = 0;
	char *pem = make(p256, &(struct plan){ 0 }, &len), *crlf = malloc(2 * len + 1);
	struct csr csr;
	for (size_t i = 0; i < len; i++) {
		if (pem[i] == '\n')
			crlf[n++] = '\r';
		crlf[n++] = pem[i];
	}
	assert_int_equal(csr_read(crlf, n, &csr, NULL), STATUS_OK);
	csr_done(&csr);
	assert_int_equal(csr_read(pem, len - 1, &csr, NULL), STATUS_OK);
	csr_done(&csr);
	free(crlf);
	free(pem);
}

static void a_subject_is_one_cn_that_is_a_node_id(void **state)
{
	(void)state;
	refused(p256, &(struct plan){ .second_cn = "lamp-2" }, "not one CN");
	refused(p256, &(struct plan){ .second_cn = "lamp-1" }, "not one CN");
	refused(p256, &(struct plan){ .organisation = "Cistern" }, "not one CN");
	static const char *const cns[] = { "a b", "a/b", "a,CN=b", "a+b", "#", "a.b", "$SYS", "\xc3\xa4", "a\n" };
	for (size_t i = 0; i < ARRAY_LEN(cns); i++) {
		refused(p256, &(struct plan){ .cn = cns[i] }, "not a node id");
	}
	refused(p256, &(struct plan){ .cn_type = V_ASN1_BMPSTRING, .cn = "abcd" }, "not a node id");
	refused(p256, &(struct plan){ .cn_type = V_ASN1_T61STRING }, "not a node id");
}

static void names_of_services_are_reserved(void **state)
{
	(void)state;
	static const char *const names[] = { "cisternd", "health", "esp-rmaker", "cistern", "signerd" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		refused(p256, &(struct plan){ .cn = names[i] }, "reserved");
}

static void the_name_of_no_field_is_not_a_cn(void **state)
{
	(void)state;
	X509_REQ *request = X509_REQ_new();
	assert_true(X509_REQ_set_pubkey(request, p256));
	assert_true(X509_REQ_sign(request, p256, EVP_sha256()));
	BIO *out = BIO_new(BIO_s_mem());
	assert_true(PEM_write_bio_X509_REQ(out, request));
	char *bytes = NULL;
	long len = BIO_get_mem_data(out, &bytes);
	text_refused(bytes, (size_t)len, STATUS_INVALID, "not one CN");
	BIO_free(out);
	X509_REQ_free(request);
}

static void weak_and_foreign_signatures_are_refused(void **state)
{
	(void)state;
	refused(rsa, &(struct plan){ .digest = EVP_md5() }, "SHA-256");
	refused(rsa, &(struct plan){ .digest = EVP_sha1() }, "SHA-256");
	refused(rsa, &(struct plan){ .digest = EVP_sha224() }, "SHA-256");
	refused(p256, &(struct plan){ .digest = EVP_sha1() }, "SHA-256");
	refused(p256, &(struct plan){ .digest = EVP_sha224() }, "SHA-256");
	refused(rsa, &(struct plan){ .pss = true }, "PKCS #1");
	refused(p256, &(struct plan){ .breaks_signature = true }, "not signed by its own key");
	refused(rsa, &(struct plan){ .breaks_signature = true }, "not signed by its own key");
	EVP_PKEY *other = EVP_EC_gen("P-256");
	refused(p256, &(struct plan){ .signed_by = other }, "not signed by its own key");
	refused(p256, &(struct plan){ .signed_by = rsa }, "not of its key's kind");
	refused(rsa, &(struct plan){ .signed_by = p256 }, "not of its key's kind");
	EVP_PKEY_free(other);
}

static void weak_keys_are_refused(void **state)
{
	(void)state;
	EVP_PKEY *small = EVP_RSA_gen(1024U), *p192 = EVP_EC_gen("P-192"), *k256 = EVP_EC_gen("secp256k1");
	refused(small, &(struct plan){ 0 }, "1024 bits");
	refused(p192, &(struct plan){ 0 }, "P-256");
	refused(k256, &(struct plan){ 0 }, "P-256");
	EVP_PKEY_free(small);
	EVP_PKEY_free(p192);
	EVP_PKEY_free(k256);
	EVP_PKEY *edwards = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	X509_REQ *request = X509_REQ_new();
	add_name(request, "CN", MBSTRING_UTF8, "lamp-1");
	assert_true(X509_REQ_set_pubkey(request, edwards) && X509_REQ_sign(request, edwards, NULL));
	BIO *out = BIO_new(BIO_s_mem());
	assert_true(PEM_write_bio_X509_REQ(out, request));
	char *bytes = NULL;
	long len = BIO_get_mem_data(out, &bytes);
	text_refused(bytes, (size_t)len, STATUS_INVALID, "neither EC nor RSA");
	BIO_free(out);
	X509_REQ_free(request);
	EVP_PKEY_free(edwards);
}

static void a_request_to_be_a_ca_is_refused(void **state)
{
	(void)state;
	refused(p256, &(struct plan){ .basic_constraints = "critical,CA:TRUE" }, "of a CA");
	refused(p256, &(struct plan){ .basic_constraints = "CA:TRUE,pathlen:0" }, "of a CA");
	refused(p256, &(struct plan){ .basic_constraints = "CA:FALSE", .n_extension_requests = 2 }, "more than one");
	refused(p256, &(struct plan){ .n_attributes = 9 }, "more than 8");
	refused(p256, &(struct plan){ .version = 1 }, "version");
}

static void an_extension_request_that_cannot_be_read_is_refused(void **state)
{
	(void)state;
	static const unsigned char not_extensions[] = { 0x30, 0x03, 0x02, 0x01, 0x05 };
	X509_REQ *request = X509_REQ_new();
	add_name(request, "CN", MBSTRING_UTF8, "lamp-1");
	X509_ATTRIBUTE *made = X509_ATTRIBUTE_create_by_NID(NULL, NID_ext_req, V_ASN1_SEQUENCE, not_extensions,
							    sizeof(not_extensions));
	assert_true(X509_REQ_add1_attr(request, made) && X509_REQ_set_pubkey(request, p256) &&
		    X509_REQ_sign(request, p256, EVP_sha256()));
	BIO *out = BIO_new(BIO_s_mem());
	assert_true(PEM_write_bio_X509_REQ(out, request));
	char *bytes = NULL;
	long len = BIO_get_mem_data(out, &bytes);
	text_refused(bytes, (size_t)len, STATUS_INVALID, "malformed");
	X509_ATTRIBUTE_free(made);
	BIO_free(out);
	X509_REQ_free(request);
}

static void anything_but_one_pem_block_is_refused(void **state)
{
	static const char empty[] = "-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n";
	static const char other[] = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\nxxxxxxxxxxxxxxxxx";
	(void)state;
	size_t len;
	char *pem = make(p256, &(struct plan){ 0 }, &len), text[3 * CSR_BYTES_MAX];
	text_refused("", 0, STATUS_INVALID, "begin");
	text_refused("hello", 5, STATUS_INVALID, "begin");
	text_refused(empty, strlen(empty), STATUS_INVALID, "PKCS #10");
	text_refused(other, strlen(other), STATUS_INVALID, "begin");
	int n = snprintf(text, sizeof(text), "%s%s", pem, pem);
	text_refused(text, (size_t)n, STATUS_INVALID, "not one base64");
	n = snprintf(text, sizeof(text), "%shello", pem);
	text_refused(text, (size_t)n, STATUS_INVALID, "end");
	n = snprintf(text, sizeof(text), "hello%s", pem);
	text_refused(text, (size_t)n, STATUS_INVALID, "begin");
	memcpy(text, pem, len);
	text[60] = '\0';
	text_refused(text, len, STATUS_INVALID, "not one base64");
	memcpy(text, pem, len);
	text[60] = '*';
	text_refused(text, len, STATUS_INVALID, "not one base64");
	/* a header of RFC 1421, as an encrypted key has it */
	n = snprintf(text, sizeof(text), "-----BEGIN CERTIFICATE REQUEST-----\nProc-Type: 4\n\n%s", pem + 36);
	text_refused(text, (size_t)n, STATUS_INVALID, "not one base64");
	free(pem);
}

static void a_request_over_8192_bytes_is_too_large(void **state)
{
	(void)state;
	char *text = malloc(1 << 20);
	memset(text, 'A', 1 << 20);
	text_refused(text, 1 << 20, STATUS_TOO_LARGE, "8192");
	text_refused(text, CSR_BYTES_MAX + 1, STATUS_TOO_LARGE, "8192");
	text_refused(text, CSR_BYTES_MAX, STATUS_INVALID, "begin");
	free(text);
}

/* The DER of a good request with `more` bytes behind it, cut to `len` of its own, as PEM. */
static size_t with_der(const unsigned char *der, size_t len, const char *more, size_t more_len, char *out)
{
	unsigned char bytes[4096];
	char base64[8192];
	memcpy(bytes, der, len);
	memcpy(bytes + len, more, more_len);
	EVP_EncodeBlock((unsigned char *)base64, bytes, (int)(len + more_len));
	return (size_t)sprintf(out, "-----BEGIN CERTIFICATE REQUEST-----\n%s\n-----END CERTIFICATE REQUEST-----\n",
			       base64);
}

static void a_cut_or_lengthened_structure_is_refused(void **state)
{
	(void)state;
	size_t pem_len;
	char *pem = make(p256, &(struct plan){ 0 }, &pem_len), text[CSR_BYTES_MAX];
	BIO *in = BIO_new_mem_buf(pem, (int)pem_len);
	X509_REQ *request = PEM_read_bio_X509_REQ(in, NULL, NULL, NULL);
	unsigned char *der = NULL;
	size_t len = (size_t)i2d_X509_REQ(request, &der);
	struct csr csr;
	assert_int_equal(csr_read(text, with_der(der, len, "", 0, text), &csr, NULL), STATUS_OK);
	csr_done(&csr);
	for (size_t cut = 0; cut < len; cut += 7)
		text_refused(text, with_der(der, cut, "", 0, text), STATUS_INVALID, "cut off");
	text_refused(text, with_der(der, len, "\0", 1, text), STATUS_INVALID, "bytes follow");
	text_refused(text, with_der(der, len, (const char *)der, 40, text), STATUS_INVALID, "bytes follow");

	/* BER's open length in place of DER's: 30 80 ... 00 00 */
	unsigned char open[4096];
	size_t head = der[1] & 0x80 ? 2 + (der[1] & 0x7fU) : 2;
	open[0] = 0x30;
	open[1] = 0x80;
	memcpy(open + 2, der + head, len - head);
	text_refused(text, with_der(open, len - head + 2, "\0\0", 2, text), STATUS_INVALID, "not DER");
	OPENSSL_free(der);
	X509_REQ_free(request);
	BIO_free(in);
	free(pem);
}

/* A point may be written in 33 or in 65 bytes: with two hashes one key could serve two nodes. */
static void one_key_has_one_hash(void **state)
{
	(void)state;
	size_t len;
	struct csr first, second;
	char *pem = make(p256, &(struct plan){ 0 }, &len);
	assert_int_equal(csr_read(pem, len, &first, NULL), STATUS_OK);
	free(pem);
	EVP_PKEY *compressed = EVP_PKEY_dup(p256);
	assert_true(EVP_PKEY_set_utf8_string_param(compressed, "point-format", "compressed"));
	pem = make(compressed, &(struct plan){ .cn = "lamp-2" }, &len);
	assert_int_equal(csr_read(pem, len, &second, NULL), STATUS_OK);
	free(pem);
	assert_memory_equal(first.key_hash, second.key_hash, CSR_KEY_HASH_BYTES);

	/* and it is what `openssl pkey -pubout -outform DER | sha256sum` says */
	unsigned char *der = NULL, digest[32];
	int der_len = i2d_PUBKEY(first.key, &der);
	assert_int_equal(der_len, 91); /* 26 bytes of algorithm, and the point in 65 */
	assert_true(EVP_Digest(der, (size_t)der_len, digest, NULL, EVP_sha256(), NULL));
	assert_memory_equal(first.key_hash, digest, sizeof(digest));
	OPENSSL_free(der);
	EVP_PKEY_free(compressed);
	csr_done(&first);
	csr_done(&second);
}

int main(void)
{
	p256 = EVP_EC_gen("P-256");
	rsa = EVP_RSA_gen(2048U);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_devices_and_tools_send_is_taken),
		cmocka_unit_test(our_own_request_reads_back),
		cmocka_unit_test(line_ends_of_either_kind_and_none_at_the_end_are_taken),
		cmocka_unit_test(a_subject_is_one_cn_that_is_a_node_id),
		cmocka_unit_test(names_of_services_are_reserved),
		cmocka_unit_test(the_name_of_no_field_is_not_a_cn),
		cmocka_unit_test(weak_and_foreign_signatures_are_refused),
		cmocka_unit_test(weak_keys_are_refused),
		cmocka_unit_test(a_request_to_be_a_ca_is_refused),
		cmocka_unit_test(an_extension_request_that_cannot_be_read_is_refused),
		cmocka_unit_test(anything_but_one_pem_block_is_refused),
		cmocka_unit_test(a_request_over_8192_bytes_is_too_large),
		cmocka_unit_test(a_cut_or_lengthened_structure_is_refused),
		cmocka_unit_test(one_key_has_one_hash),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	EVP_PKEY_free(p256);
	EVP_PKEY_free(rsa);
	return failed;
}
