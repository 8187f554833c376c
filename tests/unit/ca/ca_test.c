#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ca/ca.h"
#include "ca_kit.h"

enum { MANY = 200 };

struct fixture {
	struct kit_ca files;
	struct ca *ca;
	EVP_PKEY *key;
};

static int set_up(void **state)
{
	static struct fixture fixture;
	kit_clock_to(kit_now_s);
	kit_ca_make(&fixture.files, EVP_EC_gen("P-256"), &kit_good_profile);
	if (ca_open(fixture.files.cert_file, fixture.files.key_file, NULL, &fixture.ca, NULL) != STATUS_OK ||
	    ca_key_new(&fixture.key, NULL) != STATUS_OK)
		abort();
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	ca_close(fixture->ca);
	EVP_PKEY_free(fixture->key);
	kit_ca_drop(&fixture->files);
	return 0;
}

static X509 *read_back(const struct ca_certificate *issued)
{
	assert_int_equal(strlen(issued->pem), issued->pem_len);
	assert_null(strchr(issued->pem, '\r'));
	BIO *in = BIO_new_mem_buf(issued->pem, (int)issued->pem_len);
	X509 *certificate = PEM_read_bio_X509(in, NULL, NULL, NULL);
	assert_non_null(certificate);
	assert_true(BIO_eof(in)); /* one block and nothing behind it */
	BIO_free(in);
	return certificate;
}

static struct ca_certificate issue(const struct ca *ca, const char *node_id, EVP_PKEY *key)
{
	struct ca_certificate issued;
	struct error err = { .status = STATUS_OK };
	if (ca_issue(ca, node_id, key, &issued, &err) != STATUS_OK)
		fail_msg("not issued: %s", err.text);
	return issued;
}

/* The extension's text as `openssl x509 -text` shows it, and whether it is critical. */
static void has_extension(const X509 *certificate, int nid, bool critical, const char *text)
{
	int at = X509_get_ext_by_NID(certificate, nid, -1);
	if (at < 0)
		fail_msg("no %s", OBJ_nid2sn(nid));
	X509_EXTENSION *extension = X509_get_ext(certificate, at);
	assert_int_equal(X509_EXTENSION_get_critical(extension), critical);
	BIO *out = BIO_new(BIO_s_mem());
	char shown[256] = "";
	assert_true(X509V3_EXT_print(out, extension, 0, 0));
	(void)BIO_read(out, shown, sizeof(shown) - 1);
	BIO_free(out);
	if (text)
		assert_string_equal(shown, text);
}

static int64_t seconds_of(const ASN1_TIME *time)
{
	struct tm utc;
	assert_true(ASN1_TIME_to_tm(time, &utc));
	return timegm(&utc);
}

static void a_certificate_follows_the_profile(void **state)
{
	const struct fixture *fixture = *state;
	struct ca_certificate issued = issue(fixture->ca, "lamp-1", fixture->key);
	X509 *certificate = read_back(&issued);

	assert_int_equal(X509_get_version(certificate), X509_VERSION_3);
	const X509_NAME *subject = X509_get_subject_name(certificate);
	assert_int_equal(X509_NAME_entry_count(subject), 1);
	char *line = X509_NAME_oneline(subject, NULL, 0);
	assert_string_equal(line, "/CN=lamp-1");
	OPENSSL_free(line);
	assert_int_equal(
		X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(fixture->files.certificate)), 0);
	assert_int_equal(X509_get_signature_nid(certificate), NID_ecdsa_with_SHA256);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(certificate), fixture->key), 1);

	assert_int_equal(X509_get_ext_count(certificate), 5);
	has_extension(certificate, NID_basic_constraints, true, "CA:FALSE");
	has_extension(certificate, NID_key_usage, true, "Digital Signature");
	has_extension(certificate, NID_ext_key_usage, false, "TLS Web Client Authentication");
	has_extension(certificate, NID_subject_key_identifier, false, NULL);
	has_extension(certificate, NID_authority_key_identifier, false, NULL);
	assert_int_equal(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(certificate),
					       X509_get0_subject_key_id(fixture->files.certificate)),
			 0);
	X509_free(certificate);
}

static void an_rsa_key_may_also_encipher_keys(void **state)
{
	const struct fixture *fixture = *state;
	EVP_PKEY *rsa = EVP_RSA_gen(2048U);
	struct ca_certificate issued = issue(fixture->ca, "lamp-1", rsa);
	X509 *certificate = read_back(&issued);
	has_extension(certificate, NID_key_usage, true, "Digital Signature, Key Encipherment");
	X509_free(certificate);
	EVP_PKEY_free(rsa);
}

static int verify(X509 *ca_certificate, X509 *certificate, int purpose)
{
	X509_STORE *trust = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	assert_true(X509_STORE_add_cert(trust, ca_certificate));
	assert_true(X509_STORE_CTX_init(context, trust, certificate, NULL));
	X509_STORE_CTX_set_purpose(context, purpose);
	X509_STORE_CTX_set_flags(context, X509_V_FLAG_X509_STRICT);
	X509_STORE_CTX_set_time(context, 0, kit_now_s);
	int result = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
	X509_STORE_CTX_free(context);
	X509_STORE_free(trust);
	return result;
}

static void a_certificate_verifies_for_clients_only(void **state)
{
	const struct fixture *fixture = *state;
	struct ca_certificate issued = issue(fixture->ca, "lamp-1", fixture->key);
	X509 *certificate = read_back(&issued);
	assert_int_equal(verify(fixture->files.certificate, certificate, X509_PURPOSE_SSL_CLIENT), X509_V_OK);
	assert_int_equal(verify(fixture->files.certificate, certificate, X509_PURPOSE_SSL_SERVER),
			 X509_V_ERR_INVALID_PURPOSE);
	X509_free(certificate);
}

static void serials_are_random_and_told_as_they_are(void **state)
{
	const struct fixture *fixture = *state;
	static char seen[MANY][CA_SERIAL_HEX_MAX + 1];
	unsigned high_bits = 0;
	for (int i = 0; i < MANY; i++) {
		struct ca_certificate issued = issue(fixture->ca, "lamp-1", fixture->key);
		X509 *certificate = read_back(&issued);
		BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
		assert_false(BN_is_negative(serial));
		assert_in_range(BN_num_bits(serial), 64, 127);
		high_bits += BN_is_bit_set(serial, 126) ? 1 : 0;
		char *hex = BN_bn2hex(serial);
		assert_string_equal(issued.serial_hex, hex);
		memcpy(seen[i], issued.serial_hex, sizeof(seen[i]));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(seen[j], seen[i]);
		OPENSSL_free(hex);
		BN_free(serial);
		X509_free(certificate);
	}
	/* the highest bit is random too: outside 50..150 of 200 once in 10^12 */
	assert_in_range(high_bits, 50, 150);
}

static void validity_is(const struct ca_certificate *issued, int64_t not_before_s, int64_t not_after_s)
{
	X509 *certificate = read_back(issued);
	assert_int_equal(seconds_of(X509_get0_notBefore(certificate)), not_before_s);
	assert_int_equal(seconds_of(X509_get0_notAfter(certificate)), not_after_s);
	assert_int_equal(issued->not_before_us, not_before_s * 1000000);
	assert_int_equal(issued->not_after_us, not_after_s * 1000000);
	X509_free(certificate);
}

/* The CA of the fixture began ten days before and ends 9125 days after kit_now_s. */
static void validity_begins_a_day_back_and_stays_inside_the_ca(void **state)
{
	const struct fixture *fixture = *state;
	int64_t ca_begin_s = kit_now_s - 10 * kit_day_s, ca_end_s = kit_now_s + 9125 * kit_day_s;
	struct ca_certificate issued = issue(fixture->ca, "lamp-1", fixture->key);
	/* kit_clock_to() set the second; the test may have reached the next one since */
	int64_t late_s = issued.not_before_us / 1000000 - (kit_now_s - kit_day_s);
	assert_in_range(late_s, 0, 30);
	validity_is(&issued, kit_now_s - kit_day_s + late_s, ca_end_s);

	kit_clock_to(ca_begin_s + 60);
	issued = issue(fixture->ca, "lamp-1", fixture->key);
	validity_is(&issued, ca_begin_s, ca_end_s);
	kit_clock_to(kit_now_s);
}

static void a_ca_of_longer_life_gives_a_hundred_years_and_9999_at_most(void **state)
{
	(void)state;
	struct kit_profile profile = kit_good_profile;
	profile.to_days = 2921939; /* 9999-12-31 */
	struct kit_ca files;
	struct ca *ca = NULL;
	EVP_PKEY *key = NULL;
	kit_ca_make(&files, EVP_EC_gen("P-384"), &profile);
	assert_int_equal(ca_open(files.cert_file, files.key_file, NULL, &ca, NULL), STATUS_OK);
	assert_int_equal(ca_key_new(&key, NULL), STATUS_OK);

	struct ca_certificate issued = issue(ca, "lamp-1", key);
	assert_int_equal(issued.not_after_us - issued.not_before_us, (CA_LIFE_DAYS + 1) * kit_day_s * 1000000);
	X509 *certificate = read_back(&issued);
	assert_int_equal(X509_get_signature_nid(certificate), NID_ecdsa_with_SHA256);
	/* RFC 5280 4.1.2.5: two-digit years before 2050, four digits from then on */
	assert_int_equal(ASN1_STRING_type(X509_get0_notBefore(certificate)), V_ASN1_UTCTIME);
	assert_int_equal(ASN1_STRING_type(X509_get0_notAfter(certificate)), V_ASN1_GENERALIZEDTIME);
	X509_free(certificate);

	kit_clock_to(INT64_C(253402300799) - 50 * 365 * kit_day_s); /* about 9950 */
	issued = issue(ca, "lamp-1", key);
	assert_true(issued.not_after_us <= INT64_C(253402300799000000));
	kit_clock_to(kit_now_s);
	EVP_PKEY_free(key);
	ca_close(ca);
	kit_ca_drop(&files);
}

static void nothing_is_signed_while_the_clock_is_outside_the_cas_life(void **state)
{
	const struct fixture *fixture = *state;
	const int64_t wrong_s[] = { 0, kit_now_s - 10 * kit_day_s - 60, kit_now_s + 9125 * kit_day_s + 60 };
	for (size_t i = 0; i < ARRAY_LEN(wrong_s); i++) {
		struct ca_certificate issued = { .serial_hex = "untouched" };
		struct error err;
		kit_clock_to(wrong_s[i]);
		assert_int_equal(ca_issue(fixture->ca, "lamp-1", fixture->key, &issued, &err), STATUS_UNAVAILABLE);
		assert_string_equal(issued.serial_hex, "untouched");
		assert_non_null(strstr(err.text, "clock"));
	}
	kit_clock_to(kit_now_s);
}

static void only_node_ids_and_good_keys_are_signed(void **state)
{
	const struct fixture *fixture = *state;
	static const char *const wrong[] = {
		"",         "a b", "a/b",
		"a,CN=b",   "a+b", "#",
		"\xc3\xa4", "a\n", "12345678901234567890123456789012345678901234567890123456789012345"
	};
	struct ca_certificate issued;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		if (ca_issue(fixture->ca, wrong[i], fixture->key, &issued, NULL) != STATUS_INVALID)
			fail_msg("'%s' was signed", wrong[i]);
	}
	/* 64: the longest id, and the longest CN of X.520 */
	issued = issue(fixture->ca, "1234567890123456789012345678901234567890123456789012345678901234", fixture->key);
	assert_true(issued.pem_len < 3072 - 512); /* claiming.md section 1: the whole answer is under 3072 bytes */
	EVP_PKEY *weak = EVP_EC_gen("P-224");
	assert_int_equal(ca_issue(fixture->ca, "lamp-1", weak, &issued, NULL), STATUS_INVALID);
	EVP_PKEY_free(weak);
}

static void certificates_that_are_not_a_cas_are_refused(void **state)
{
	(void)state;
	struct kit_profile profiles[4] = { kit_good_profile, kit_good_profile, kit_good_profile, kit_good_profile };
	profiles[0].basic_constraints = "critical,CA:FALSE";
	profiles[1].basic_constraints = NULL;
	profiles[2].key_usage = "critical,digitalSignature";
	profiles[3].no_key_id = true;
	for (size_t i = 0; i < ARRAY_LEN(profiles); i++) {
		struct kit_ca files;
		struct ca *ca = NULL;
		kit_ca_make(&files, EVP_EC_gen("P-256"), &profiles[i]);
		if (ca_open(files.cert_file, files.key_file, NULL, &ca, NULL) != STATUS_INVALID)
			fail_msg("profile %zu was taken for a CA", i);
		assert_null(ca);
		kit_ca_drop(&files);
	}
	struct kit_ca files;
	struct ca *ca = NULL;
	kit_ca_make(&files, EVP_EC_gen("P-224"), &kit_good_profile);
	assert_int_equal(ca_open(files.cert_file, files.key_file, NULL, &ca, NULL), STATUS_INVALID);
	kit_ca_drop(&files);
}

static void write_key(const struct kit_ca *files, EVP_PKEY *key, const EVP_CIPHER *cipher, mode_t mode)
{
	FILE *out = fopen(files->key_file, "we");
	assert_true(PEM_write_PKCS8PrivateKey(out, key, cipher, cipher ? "secret" : NULL, cipher ? 6 : 0, NULL, NULL));
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(files->key_file, mode), 0);
}

static void refused_with(const char *cert_file, const char *key_file, enum status status, const char *words)
{
	struct ca *ca = NULL;
	struct error err = { .text = "" };
	assert_int_equal(ca_open(cert_file, key_file, NULL, &ca, &err), status);
	assert_null(ca);
	if (!strstr(err.text, words))
		fail_msg("'%s' does not say '%s'", err.text, words);
	assert_int_equal(ERR_peek_error(), 0); /* nothing is left for a later, unrelated failure to report */
}

static void unfit_files_are_refused_with_the_reason(void **state)
{
	(void)state;
	struct kit_ca files;
	kit_ca_make(&files, EVP_EC_gen("P-256"), &kit_good_profile);
	EVP_PKEY *other = EVP_EC_gen("P-256");

	refused_with("/nowhere/ca.crt", files.key_file, STATUS_UNAVAILABLE, "/nowhere/ca.crt");
	refused_with(files.cert_file, "/nowhere/ca.key", STATUS_UNAVAILABLE, "/nowhere/ca.key");
	refused_with(files.key_file, files.key_file, STATUS_INVALID, "no PEM certificate");
	chmod(files.cert_file, 0600);
	refused_with(files.cert_file, files.cert_file, STATUS_INVALID, "no PEM key");
	write_key(&files, other, NULL, 0600);
	refused_with(files.cert_file, files.key_file, STATUS_INVALID, "does not belong");
	write_key(&files, files.key, EVP_aes_128_cbc(), 0600);
	refused_with(files.cert_file, files.key_file, STATUS_INVALID, "passphrase");
	write_key(&files, files.key, NULL, 0604);
	refused_with(files.cert_file, files.key_file, STATUS_INVALID, "open to other users");
	write_key(&files, files.key, NULL, 0640);
	struct ca *ca = NULL;
	assert_int_equal(ca_open(files.cert_file, files.key_file, NULL, &ca, NULL), STATUS_OK);
	ca_close(ca);
	ca_close(NULL);
	EVP_PKEY_free(other);
	kit_ca_drop(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_follows_the_profile),
		cmocka_unit_test(an_rsa_key_may_also_encipher_keys),
		cmocka_unit_test(a_certificate_verifies_for_clients_only),
		cmocka_unit_test(serials_are_random_and_told_as_they_are),
		cmocka_unit_test(validity_begins_a_day_back_and_stays_inside_the_ca),
		cmocka_unit_test(a_ca_of_longer_life_gives_a_hundred_years_and_9999_at_most),
		cmocka_unit_test(nothing_is_signed_while_the_clock_is_outside_the_cas_life),
		cmocka_unit_test(only_node_ids_and_good_keys_are_signed),
		cmocka_unit_test(certificates_that_are_not_a_cas_are_refused),
		cmocka_unit_test(unfit_files_are_refused_with_the_reason),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
