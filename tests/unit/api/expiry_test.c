/* Which end of which certificate is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/expiry.h"
#include "base/buffer.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

static char folder[] = "/tmp/cistern-expiry-XXXXXX";

static const char *in_folder(const char *name)
{
	static char path[128];
	assert_in_range(snprintf(path, sizeof(path), "%s/%s", folder, name), 1, sizeof(path) - 1);
	return path;
}

/* Appends a certificate that ends at that second. */
static void put(const char *name, time_t end)
{
	X509 *cert = X509_new();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	FILE *file = fopen(in_folder(name), "a");
	assert_non_null(file);
	assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1), 1);
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(cert), 1000));
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(cert), end));
	assert_int_equal(X509_set_pubkey(cert, key), 1);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_X509(file, cert), 1);
	assert_int_equal(fclose(file), 0);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void put_text(const char *name, const char *text)
{
	FILE *file = fopen(in_folder(name), "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static struct metrics *metrics;

static int set_up(void **state)
{
	(void)state;
	metrics = metrics_new();
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	static const char *const names[] = { "a.crt", "b.pem", "chain.pem", "key.txt", "bad.crt" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)remove(in_folder(names[i])); /* those that there are */
	metrics_free(metrics);
	assert_int_equal(rmdir(folder), 0);
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	return 0;
}

/* The samples alone. */
static void assert_told(const char *name, const char *path, const char *expected)
{
	const struct api_certificate certificates[] = { { name, path }, { NULL, NULL }, { "behind", path } };
	expiry_show(metrics, certificates, 3);
	struct buffer page = { .bytes = NULL };
	metrics_render(metrics, &page);
	const char *at = strstr(buffer_text(&page), "# TYPE cistern_certificate_expiry_timestamp_seconds gauge\n");
	assert_non_null(at);
	at = strchr(at, '\n') + 1;
	size_t len = strcspn(at, "#");
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(at, expected, len);
	buffer_done(&page);
}

#define LINE(name, file, end)                                                                                          \
	"cistern_certificate_expiry_timestamp_seconds{certificate=\"" name "\",file=\"" file "\"} " end "\n"

static void of_a_chain_the_earliest_end_is_told(void **state)
{
	(void)state;
	put("chain.pem", 2000000000);
	put("chain.pem", 1900000000);
	put("chain.pem", 2100000000);
	assert_told("api", in_folder("chain.pem"), LINE("api", "chain.pem", "1900000000"));
}

static void of_a_folder_each_certificate_file_is_told(void **state)
{
	(void)state;
	put("a.crt", 1900000001);
	put("b.pem", 1900000002);
	put("key.txt", 1900000003);
	assert_told("node_ca", folder, LINE("node_ca", "a.crt", "1900000001") LINE("node_ca", "b.pem", "1900000002"));
}

static void what_has_gone_is_told_no_longer(void **state)
{
	(void)state;
	put("a.crt", 1900000001);
	put("b.pem", 1900000002);
	assert_told("node_ca", folder, LINE("node_ca", "a.crt", "1900000001") LINE("node_ca", "b.pem", "1900000002"));
	assert_int_equal(remove(in_folder("a.crt")), 0);
	assert_told("node_ca", folder, LINE("node_ca", "b.pem", "1900000002"));
}

static void what_is_no_certificate_has_no_line(void **state)
{
	(void)state;
	put_text("bad.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	assert_told("api", in_folder("bad.crt"), "");
	put_text("bad.crt", "");
	assert_told("api", in_folder("bad.crt"), "");
	assert_told("api", in_folder("none.crt"), "");
	assert_told("api", "", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(of_a_chain_the_earliest_end_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(of_a_folder_each_certificate_file_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_has_gone_is_told_no_longer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_certificate_has_no_line, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
