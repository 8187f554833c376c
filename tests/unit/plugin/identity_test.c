/* Whose certificate is this? */
#include "../../../plugin/identity.c"

#include "broker_stub.h"
#include "certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define X32 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static struct test_ca node_ca, service_ca, other_ca, namesake;
static struct authorities authorities;

static int make_cas(void **state)
{
	(void)state;
	node_ca = test_ca_make("node CA");
	service_ca = test_ca_make("service CA");
	other_ca = test_ca_make("other CA");
	namesake = test_ca_make("node CA"); /* the same name, another key */
	return authorities_init(&authorities, node_ca.dir, service_ca.path) ? 0 : 1;
}

static int free_cas(void **state)
{
	(void)state;
	authorities_done(&authorities);
	test_ca_done(&node_ca);
	test_ca_done(&service_ca);
	test_ca_done(&other_ca);
	test_ca_done(&namesake);
	return 0;
}

static enum denial check(const struct test_ca *ca, const struct test_leaf *leaf, struct identity *ret_identity)
{
	X509 *certificate = test_issue(ca, leaf);
	enum denial denial = identity_of(&authorities, certificate, ret_identity);

	X509_free(certificate);
	assert_int_equal(ERR_peek_error(), 0); /* the broker's TLS calls must find it empty */
	return denial;
}

static void the_node_ca_makes_nodes(void **state)
{
	struct identity identity;

	(void)state;
	assert_int_equal(check(&node_ca, &(struct test_leaf){ .common_names = { "A" } }, &identity), DENIAL_NONE);
	assert_string_equal(identity.name, "A");
	assert_int_equal(identity.name_len, 1);
	assert_null(identity.service);
}

static void the_service_ca_makes_known_services(void **state)
{
	struct identity identity;

	(void)state;
	assert_int_equal(check(&service_ca, &(struct test_leaf){ .common_names = { "cisternd" } }, &identity),
			 DENIAL_NONE);
	assert_string_equal(identity.name, "cisternd");
	assert_ptr_equal(identity.service, access_service_find("cisternd", 8));
	assert_int_equal(check(&service_ca, &(struct test_leaf){ .common_names = { "A" } }, &identity),
			 DENIAL_SERVICE_UNKNOWN);
}

static void the_name_never_makes_a_node_a_service(void **state)
{
	struct identity identity;

	(void)state;
	assert_int_equal(check(&node_ca, &(struct test_leaf){ .common_names = { "cisternd" } }, &identity),
			 DENIAL_NONE);
	assert_null(identity.service);
}

static void a_stranger_is_nobody(void **state)
{
	struct identity identity;
	const struct test_leaf leafs[] = { { .common_names = { "A" } }, { .common_names = { "cisternd" } } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(leafs); i++) {
		assert_int_equal(check(&other_ca, &leafs[i], &identity), DENIAL_CERTIFICATE_ISSUER);
		assert_int_equal(check(&namesake, &leafs[i], &identity), DENIAL_CERTIFICATE_ISSUER);
	}
}

static void the_subject_has_exactly_one_name_of_the_alphabet(void **state)
{
	static const struct {
		struct test_leaf leaf;
		enum denial expected;
	} cases[] = {
		{ { .common_names = { X32 X32 } }, DENIAL_NONE },
		{ { .common_names = { X32 X32 "x" } }, DENIAL_COMMON_NAME },
		{ { .common_names = { NULL } }, DENIAL_COMMON_NAME },
		{ { .common_names = { "A", "B" } }, DENIAL_COMMON_NAME },
		{ { .common_names = { "A", "A" } }, DENIAL_COMMON_NAME },
		{ { .common_names = { "A", "B", "C" } }, DENIAL_COMMON_NAME },
		{ { .common_names = { "a+b" } }, DENIAL_COMMON_NAME },
		{ { .common_names = { "#" } }, DENIAL_COMMON_NAME },
		{ { .common_names = { "a/b" } }, DENIAL_COMMON_NAME },
		{ { .common_names = { "$cisternd" } }, DENIAL_COMMON_NAME },
		{ { .common_names = { "cistern.x" } }, DENIAL_COMMON_NAME },
		{ { .common_names = { "a\0b" }, .name_len = 3 }, DENIAL_COMMON_NAME },
		{ { .common_names = { "ab\0" }, .name_len = 3 }, DENIAL_COMMON_NAME },
		{ { .common_names = { "A" }, .name_type = V_ASN1_PRINTABLESTRING }, DENIAL_NONE },
		{ { .common_names = { "\0A" }, .name_len = 2, .name_type = V_ASN1_BMPSTRING }, DENIAL_COMMON_NAME },
		{ { .common_names = { "\0\0\0A" }, .name_len = 4, .name_type = V_ASN1_UNIVERSALSTRING },
		  DENIAL_COMMON_NAME },
	};
	struct identity identity;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(check(&node_ca, &cases[i].leaf, &identity), cases[i].expected);
}

static void a_leaf_is_no_ca_and_for_clients(void **state)
{
	static const struct {
		struct test_leaf leaf;
		enum denial expected;
	} cases[] = {
		{ { .common_names = { "A" }, .usages = "" }, DENIAL_NONE },
		{ { .common_names = { "A" }, .usages = "serverAuth,clientAuth" }, DENIAL_NONE },
		{ { .common_names = { "A" }, .usages = "serverAuth" }, DENIAL_CERTIFICATE_PURPOSE },
		{ { .common_names = { "A" }, .usages = "codeSigning" }, DENIAL_CERTIFICATE_PURPOSE },
		{ { .common_names = { "A" }, .basic = "" }, DENIAL_NONE },
		{ { .common_names = { "A" }, .basic = "critical,CA:TRUE" }, DENIAL_CERTIFICATE_PURPOSE },
	};
	struct identity identity;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(check(&node_ca, &cases[i].leaf, &identity), cases[i].expected);
}

static void dates_are_looked_at(void **state)
{
	struct identity identity;

	(void)state;
	assert_int_equal(check(&node_ca, &(struct test_leaf){ .common_names = { "A" }, .end_s = -60 }, &identity),
			 DENIAL_CERTIFICATE_DATES);
	assert_int_equal(check(&node_ca, &(struct test_leaf){ .common_names = { "A" }, .start_s = 60 }, &identity),
			 DENIAL_CERTIFICATE_DATES);
}

static void a_remembered_certificate_passes_again_and_a_changed_one_does_not(void **state)
{
	X509 *certificate = test_issue(&node_ca, &(struct test_leaf){ .common_names = { "remembered" } });
	unsigned char *der = NULL;
	int der_len = i2d_X509(certificate, &der);
	struct identity identity;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(identity_of(&authorities, certificate, &identity), DENIAL_NONE);
		assert_string_equal(identity.name, "remembered");
	}
	/* The same certificate with one bit of its signature changed. */
	der[der_len - 1] ^= 1;
	const unsigned char *at = der;
	X509 *forged = d2i_X509(NULL, &at, der_len);

	assert_non_null(forged);
	assert_int_equal(identity_of(&authorities, forged, &identity), DENIAL_CERTIFICATE_ISSUER);
	assert_int_equal(identity_of(&authorities, certificate, &identity), DENIAL_NONE);
	X509_free(forged);
	X509_free(certificate);
	OPENSSL_free(der);
}

static void a_refusal_writes_nothing(void **state)
{
	struct identity identity = { .name = "mine" };

	(void)state;
	assert_int_equal(check(&other_ca, &(struct test_leaf){ .common_names = { "A" } }, &identity),
			 DENIAL_CERTIFICATE_ISSUER);
	assert_string_equal(identity.name, "mine");
}

static void the_two_sets_of_cas_share_no_key(void **state)
{
	struct authorities none;

	(void)state;
	assert_false(authorities_init(&none, node_ca.dir, node_ca.path));
	assert_non_null(strstr(stub.log, "share a key"));
	assert_true(authorities_init(&none, node_ca.dir, namesake.path)); /* a shared name alone is no harm */
	authorities_done(&none);
}

static void write_file(const char *path, const char *text, const struct test_ca *then, long then_len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	(void)fputs(text, file);
	if (then)
		PEM_write_X509(file, then->certificate);
	(void)fflush(file);
	if (then_len)
		assert_int_equal(ftruncate(fileno(file), then_len), 0);
	(void)fclose(file);
}

/* A folder with one file, and what the plugin makes of it as node CAs. */
static char folder[32], file_path[64];

static void folder_make(const char *name)
{
	(void)snprintf(folder, sizeof(folder), "/tmp/cistern-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(file_path, sizeof(file_path), "%s/%s", folder, name);
}

static void folder_remove(void)
{
	(void)unlink(file_path);
	assert_int_equal(rmdir(folder), 0);
}

static bool is_good(void)
{
	struct authorities none;

	if (!authorities_init(&none, folder, service_ca.path))
		return false;
	authorities_done(&none);
	return true;
}

static void a_file_that_is_not_all_cas_is_refused(void **state)
{
	struct authorities none;
	X509 *leaf = test_issue(&node_ca, &(struct test_leaf){ .common_names = { "A" } });
	FILE *file;

	(void)state;
	folder_make("ca.pem");
	assert_false(is_good()); /* an empty folder */
	write_file(file_path, "", NULL, 0);
	assert_false(is_good());
	write_file(file_path, "no certificate\n", NULL, 0);
	assert_false(is_good());
	write_file(file_path, "", &node_ca, 200); /* cut short */
	assert_false(is_good());
	write_file(file_path, "", &node_ca, 0);
	file = fopen(file_path, "a");
	PEM_write_X509(file, leaf);
	(void)fclose(file);
	assert_false(is_good()); /* one of two is a leaf */
	assert_false(authorities_init(&none, node_ca.dir, file_path));
	assert_false(authorities_init(&none, node_ca.dir, "/nonexistent"));
	assert_false(authorities_init(&none, "/nonexistent", service_ca.path));
	assert_false(authorities_init(&none, node_ca.path, service_ca.path)); /* a file for a folder */
	/* text around certificates is usual, and harmless */
	write_file(file_path, "subject=node CA\n", &node_ca, 0);
	assert_true(is_good());
	assert_int_equal(ERR_peek_error(), 0);
	X509_free(leaf);
	folder_remove();
}

static void only_files_called_crt_or_pem_are_cas(void **state)
{
	static const struct {
		const char *name;
		bool counts;
	} cases[] = {
		{ "ca.crt", true },      { "a.pem", true },       { "ca.key", false },
		{ "crt", false },        { ".crt", false },       { ".old.crt", false },
		{ "0a1b2c3d.0", false }, { "ca.crt.bak", false }, { "ca.CRT", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		folder_make(cases[i].name);
		write_file(file_path, "", &node_ca, 0);
		assert_int_equal(is_good(), cases[i].counts);
		folder_remove();
	}
}

static bool is_node(struct authorities *from, const struct test_ca *ca)
{
	struct identity identity;
	X509 *certificate = test_issue(ca, &(struct test_leaf){ .common_names = { "A" } });
	enum denial denial = identity_of(from, certificate, &identity);

	X509_free(certificate);
	return denial == DENIAL_NONE;
}

static void cas_read_again_replace_the_former_and_bad_ones_do_not(void **state)
{
	struct authorities rolled;
	struct identity identity;
	X509 *remembered = test_issue(&node_ca, &(struct test_leaf){ .common_names = { "A" } });

	(void)state;
	assert_true(authorities_init(&rolled, node_ca.dir, service_ca.path));
	assert_int_equal(identity_of(&rolled, remembered, &identity), DENIAL_NONE);
	assert_false(is_node(&rolled, &other_ca));
	assert_false(authorities_reload(&rolled, "/nonexistent", service_ca.path));
	assert_false(authorities_reload(&rolled, other_ca.dir, "/nonexistent"));
	assert_true(is_node(&rolled, &node_ca));
	assert_true(authorities_reload(&rolled, other_ca.dir, service_ca.path));
	assert_true(is_node(&rolled, &other_ca));
	assert_false(is_node(&rolled, &node_ca));
	assert_int_equal(identity_of(&rolled, remembered, &identity), DENIAL_CERTIFICATE_ISSUER);
	X509_free(remembered);
	authorities_done(&rolled);
}

static void the_identity_has_the_sha_256_of_the_certificate(void **state)
{
	struct identity identity;
	unsigned char expected[32];
	X509 *certificate = test_issue(&node_ca, &(struct test_leaf){ .common_names = { "A" } });
	unsigned char *der = NULL;
	int len = i2d_X509(certificate, &der);

	(void)state;
	assert_int_equal(EVP_Digest(der, (size_t)len, expected, NULL, EVP_sha256(), NULL), 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(identity_of(&authorities, certificate, &identity), DENIAL_NONE);
		assert_memory_equal(identity.certificate.bytes, expected, sizeof(expected));
	}
	OPENSSL_free(der);
	X509_free(certificate);
}

static void several_node_cas_are_good_at_once(void **state)
{
	struct authorities both;
	struct identity identity;
	FILE *file = fopen(node_ca.path, "a");
	X509 *certificate = test_issue(&other_ca, &(struct test_leaf){ .common_names = { "A" } });

	(void)state;
	PEM_write_X509(file, other_ca.certificate);
	(void)fclose(file);
	assert_true(authorities_init(&both, node_ca.dir, service_ca.path));
	assert_int_equal(identity_of(&both, certificate, &identity), DENIAL_NONE);
	X509_free(certificate);
	certificate = test_issue(&node_ca, &(struct test_leaf){ .common_names = { "A" } });
	assert_int_equal(identity_of(&both, certificate, &identity), DENIAL_NONE);
	X509_free(certificate);
	authorities_done(&both);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_node_ca_makes_nodes, stub_reset),
		cmocka_unit_test_setup(the_service_ca_makes_known_services, stub_reset),
		cmocka_unit_test_setup(the_name_never_makes_a_node_a_service, stub_reset),
		cmocka_unit_test_setup(a_stranger_is_nobody, stub_reset),
		cmocka_unit_test_setup(the_subject_has_exactly_one_name_of_the_alphabet, stub_reset),
		cmocka_unit_test_setup(a_leaf_is_no_ca_and_for_clients, stub_reset),
		cmocka_unit_test_setup(dates_are_looked_at, stub_reset),
		cmocka_unit_test_setup(a_remembered_certificate_passes_again_and_a_changed_one_does_not, stub_reset),
		cmocka_unit_test_setup(a_refusal_writes_nothing, stub_reset),
		cmocka_unit_test_setup(the_two_sets_of_cas_share_no_key, stub_reset),
		cmocka_unit_test_setup(a_file_that_is_not_all_cas_is_refused, stub_reset),
		cmocka_unit_test_setup(only_files_called_crt_or_pem_are_cas, stub_reset),
		cmocka_unit_test_setup(cas_read_again_replace_the_former_and_bad_ones_do_not, stub_reset),
		cmocka_unit_test_setup(the_identity_has_the_sha_256_of_the_certificate, stub_reset),
		cmocka_unit_test_setup(several_node_cas_are_good_at_once, stub_reset),
	};

	return cmocka_run_group_tests(tests, make_cas, free_cas);
}
