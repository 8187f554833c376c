#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sodium.h>
#include <sys/resource.h>

#include "base/log.h"
#include "ca/desk.h"
#include "ca/folder.h"
#include "ca/make.h"
#include "ca_kit.h"
#include "folder_kit.h"

static struct kit_folder kit;
static struct desk *desk;
static EVP_PKEY *key;

static struct desk *opened(void)
{
	static struct desk_options options;
	options = (struct desk_options){ kit.cas, kit.passphrase_file, kit.log };
	struct desk *made = NULL;
	struct error err = { .text = "" };
	if (desk_open(&options, &made, &err) != STATUS_OK)
		fail_msg("%s", err.text);
	return made;
}

static int set_up(void **state)
{
	(void)state;
	clock_test_shift_us = 0;
	kit_folder_make(&kit);
	key = EVP_EC_gen("P-256");
	if (ca_make(kit.cas, "node-ca", &kit.passphrase, NULL) != STATUS_OK ||
	    ca_make_current(kit.cas, "node-ca", NULL) != STATUS_OK)
		abort();
	desk = opened();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	clock_test_shift_us = 0;
	desk_close(desk);
	EVP_PKEY_free(key);
	kit_folder_drop(&kit);
	return 0;
}

static const char *log_text(void)
{
	static char text[16384];
	FILE *file = fopen(kit.log, "r");
	size_t len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	(void)fclose(file);
	return text;
}

static size_t n_log_lines(void)
{
	size_t n = 0;
	for (const char *at = log_text(); (at = strchr(at, '\n')); at++)
		n++;
	return n;
}

/* Sends a request with its length in front and gives the reply's object. */
static void ask(const struct buffer *request, struct buffer *reply)
{
	buffer_clear(reply);
	desk_answer(desk, request->bytes + WIRE_HEAD_BYTES, request->len - WIRE_HEAD_BYTES, reply);
	assert_int_equal(wire_length((const unsigned char *)reply->bytes), reply->len - WIRE_HEAD_BYTES);
}

static enum status sign(const char *cn, const char *node_id, struct ca_certificate *ret_certificate, struct error *err)
{
	struct buffer csr = { 0 }, request = { 0 }, reply = { 0 };
	assert_int_equal(csr_write(key, cn, &csr, NULL), STATUS_OK);
	wire_put_sign(&request, node_id, csr.bytes, csr.len);
	ask(&request, &reply);
	enum status st =
		wire_read_sign_reply(reply.bytes + WIRE_HEAD_BYTES, reply.len - WIRE_HEAD_BYTES, ret_certificate, err);
	buffer_done(&csr);
	buffer_done(&request);
	buffer_done(&reply);
	return st;
}

static struct ca_certificate signed_for(const char *node_id)
{
	struct ca_certificate certificate;
	struct error err = { .text = "" };
	if (sign(node_id, node_id, &certificate, &err) != STATUS_OK)
		fail_msg("%s", err.text);
	return certificate;
}

static void refused(const char *cn, const char *node_id, enum status status, const char *words)
{
	struct ca_certificate certificate;
	struct error err = { .text = "" };
	size_t n_lines = n_log_lines();
	assert_int_equal(sign(cn, node_id, &certificate, &err), status);
	if (!strstr(err.text, words))
		fail_msg("'%s' does not say '%s'", err.text, words);
	assert_int_equal(n_log_lines(), n_lines);
}

static void a_good_request_is_signed_and_in_the_log(void **state)
{
	(void)state;
	struct ca_certificate certificate = signed_for("lamp-1");
	char hash[65], line[256];
	(void)sodium_bin2hex(hash, sizeof(hash), certificate.key_hash, sizeof(certificate.key_hash));
	(void)snprintf(line, sizeof(line), " serial=%s node=lamp-1 key=%s not_after=", certificate.serial_hex, hash);
	assert_non_null(strstr(log_text(), line));
	assert_int_equal(n_log_lines(), 1);
	(void)signed_for("lamp-1");
	assert_int_equal(n_log_lines(), 2);
}

static void what_is_asked_for_must_be_the_csrs_own_name(void **state)
{
	(void)state;
	refused("lamp-1", "lamp-2", STATUS_INVALID, "not the node id that was asked for");
	refused("lamp-1", "lamp", STATUS_INVALID, "not the node id that was asked for");
	refused("cisternd", "cisternd", STATUS_INVALID, "reserved");
	refused("a.b", "a.b", STATUS_INVALID, "not a node id");
}

static void the_csr_is_read_again(void **state)
{
	(void)state;
	struct buffer request = { 0 }, reply = { 0 };
	struct ca_certificate certificate;
	struct error err;
	wire_put_sign(&request, "lamp-1", "hello", 5);
	ask(&request, &reply);
	assert_int_equal(wire_read_sign_reply(reply.bytes + 4, reply.len - 4, &certificate, &err), STATUS_INVALID);
	assert_non_null(strstr(err.text, "BEGIN CERTIFICATE REQUEST"));
	EVP_PKEY_free(key);
	key = EVP_EC_gen("P-224");
	refused("lamp-1", "lamp-1", STATUS_INVALID, "P-256");
	buffer_done(&request);
	buffer_done(&reply);
}

static void a_listed_key_is_refused(void **state)
{
	(void)state;
	char hash[66];
	struct ca_certificate certificate = signed_for("lamp-1");
	(void)sodium_bin2hex(hash, sizeof(hash), certificate.key_hash, sizeof(certificate.key_hash));
	kit_write(kit_path(kit.cas, "refused_keys"), hash, 0600);
	assert_int_equal(desk_reload(desk, NULL), STATUS_OK);
	refused("lamp-1", "lamp-1", STATUS_INVALID, "refused keys");
}

static void a_clock_before_the_last_issue_stops_issuing(void **state)
{
	(void)state;
	(void)signed_for("lamp-1");
	clock_test_shift_us = -60 * INT64_C(1000000);
	refused("lamp-1", "lamp-1", STATUS_UNAVAILABLE, "clock");
	/* also for who comes later */
	desk_close(desk);
	desk = opened();
	refused("lamp-1", "lamp-1", STATUS_UNAVAILABLE, "clock");
	clock_test_shift_us = 0;
	(void)signed_for("lamp-1");
}

static void a_log_that_cannot_be_written_stops_issuing(void **state)
{
	(void)state;
	struct rlimit before, none;
	(void)signed_for("lamp-1");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = (struct rlimit){ strlen(log_text()), before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	refused("lamp-1", "lamp-1", STATUS_UNAVAILABLE, "nothing is signed");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signed_for("lamp-1");
}

struct seen {
	size_t n;
	char issuing[CA_KEY_ID_HEX + 1], last[CA_KEY_ID_HEX + 1];
};

static void see(void *context, const struct wire_ca *ca)
{
	struct seen *seen = context;
	seen->n++;
	(void)strcpy(seen->last, ca->ca_key_id);
	if (ca->issues)
		(void)strcpy(seen->issuing, ca->ca_key_id);
}

static struct seen cas_seen(void)
{
	struct buffer request = { 0 }, reply = { 0 };
	struct seen seen = { 0 };
	wire_put_cas(&request);
	ask(&request, &reply);
	assert_int_equal(wire_read_cas_reply(reply.bytes + 4, reply.len - 4, see, &seen, NULL), STATUS_OK);
	buffer_done(&request);
	buffer_done(&reply);
	return seen;
}

static void a_new_current_ca_issues_with_the_next_request(void **state)
{
	(void)state;
	struct seen before = cas_seen();
	assert_int_equal(before.n, 1);
	assert_string_equal(signed_for("lamp-1").ca_key_id, before.issuing);
	assert_int_equal(ca_make(kit.cas, "node-ca-2", &kit.passphrase, NULL), STATUS_OK);
	assert_string_equal(signed_for("lamp-1").ca_key_id, before.issuing);
	assert_int_equal(ca_make_current(kit.cas, "node-ca-2", NULL), STATUS_OK);
	struct ca_certificate certificate = signed_for("lamp-1");
	struct seen after = cas_seen();
	assert_int_equal(after.n, 2);
	assert_string_not_equal(after.issuing, before.issuing);
	assert_string_equal(certificate.ca_key_id, after.issuing);
}

static void a_folder_that_became_bad_leaves_what_there_was(void **state)
{
	(void)state;
	struct seen before = cas_seen();
	log_set_level(LOG_ERROR);
	kit_write(kit_path(kit.cas, "new"), "node-ca-9\n", 0644);
	assert_int_equal(rename(kit_path(kit.cas, "new"), kit_path(kit.cas, "current")), 0);
	assert_string_equal(signed_for("lamp-1").ca_key_id, before.issuing);
	assert_int_equal(desk_reload(desk, NULL), STATUS_INVALID);
	assert_string_equal(signed_for("lamp-1").ca_key_id, before.issuing);
	assert_int_equal(ca_make_current(kit.cas, "node-ca", NULL), STATUS_OK);
	assert_string_equal(signed_for("lamp-1").ca_key_id, before.issuing);
}

/* --- CRLs --- */

static X509_CRL *crl_of(const char *ca_key_id, int64_t number, const struct wire_crl_entry *entries, size_t n_entries,
			int64_t *ret_next_update_us)
{
	struct buffer request = { 0 }, reply = { 0 }, der = { 0 };
	wire_put_crl(&request, ca_key_id, number, entries, n_entries);
	ask(&request, &reply);
	assert_int_equal(wire_read_crl_reply(reply.bytes + 4, reply.len - 4, &der, ret_next_update_us, NULL),
			 STATUS_OK);
	const unsigned char *at = (const unsigned char *)der.bytes;
	X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)der.len);
	assert_non_null(crl);
	assert_ptr_equal(at, (const unsigned char *)der.bytes + der.len);
	buffer_done(&request);
	buffer_done(&reply);
	buffer_done(&der);
	return crl;
}

static void a_crl_is_signed_by_its_ca_and_lists_what_it_was_told(void **state)
{
	(void)state;
	const struct wire_crl_entry entries[] = {
		{ .serial_hex = "7A", .at_us = INT64_C(1767225600000000) },
		{ .serial_hex = "0102", .at_us = INT64_C(1767225600000000), .superseded = true },
	};
	struct ca_listing listing;
	assert_int_equal(ca_folder_list(kit.cas, &listing, NULL), STATUS_OK);
	int64_t next_update_us = 0, now_us = clock_now_us();
	X509_CRL *crl = crl_of(listing.cas[0].about.key_id, 42, entries, 2, &next_update_us);
	assert_in_range(next_update_us - now_us, INT64_C(2591999000000), INT64_C(2592060000000)); /* 30 days */
	assert_int_equal(X509_CRL_get_version(crl), 1);
	BIO *in = BIO_new_mem_buf(listing.cas[0].about.pem, -1);
	X509 *ca = PEM_read_bio_X509(in, NULL, NULL, NULL);
	assert_int_equal(X509_CRL_verify(crl, X509_get0_pubkey(ca)), 1);
	assert_int_equal(X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(ca)), 0);
	ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	assert_int_equal(ASN1_INTEGER_get(number), 42);
	AUTHORITY_KEYID *issuer = X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, NULL, NULL);
	assert_int_equal(ASN1_OCTET_STRING_cmp(issuer->keyid, X509_get0_subject_key_id(ca)), 0);

	ASN1_INTEGER *serial = ASN1_INTEGER_new();
	X509_REVOKED *found = NULL;
	assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), 2);
	assert_true(ASN1_INTEGER_set(serial, 0x7a));
	assert_int_equal(X509_CRL_get0_by_serial(crl, &found, serial), 1);
	assert_int_equal(X509_REVOKED_get_ext_count(found), 0);
	assert_true(ASN1_INTEGER_set(serial, 0x102));
	assert_int_equal(X509_CRL_get0_by_serial(crl, &found, serial), 1);
	ASN1_ENUMERATED *reason = X509_REVOKED_get_ext_d2i(found, NID_crl_reason, NULL, NULL);
	assert_int_equal(ASN1_ENUMERATED_get(reason), 4); /* superseded, RFC 5280 5.3.1 */
	assert_true(ASN1_INTEGER_set(serial, 0x103));
	assert_int_equal(X509_CRL_get0_by_serial(crl, &found, serial), 0);

	ASN1_ENUMERATED_free(reason);
	ASN1_INTEGER_free(serial);
	ASN1_INTEGER_free(number);
	AUTHORITY_KEYID_free(issuer);
	X509_free(ca);
	BIO_free(in);
	X509_CRL_free(crl);
}

static void each_ca_signs_its_own_crl_and_no_other(void **state)
{
	(void)state;
	struct ca_listing listing;
	int64_t next_update_us;
	assert_int_equal(ca_make(kit.cas, "node-ca-2", &kit.passphrase, NULL), STATUS_OK);
	assert_int_equal(ca_make_current(kit.cas, "node-ca-2", NULL), STATUS_OK);
	assert_int_equal(ca_folder_list(kit.cas, &listing, NULL), STATUS_OK);
	for (size_t i = 0; i < 2; i++) {
		X509_CRL *crl = crl_of(listing.cas[i].about.key_id, 1, NULL, 0, &next_update_us);
		BIO *in = BIO_new_mem_buf(listing.cas[i].about.pem, -1);
		X509 *ca = PEM_read_bio_X509(in, NULL, NULL, NULL);
		assert_int_equal(X509_CRL_verify(crl, X509_get0_pubkey(ca)), 1);
		X509_free(ca);
		BIO_free(in);
		X509_CRL_free(crl);
	}
	struct buffer request = { 0 }, reply = { 0 };
	wire_put_crl(&request, "0000000000000000000000000000000000000000", 1, NULL, 0);
	ask(&request, &reply);
	assert_non_null(strstr(buffer_text(&reply) + 4, "\"status\":\"not_found\""));
	buffer_done(&request);
	buffer_done(&reply);
}

/* --- the process's side --- */

static void no_answer_has_a_key_in_it(void **state)
{
	(void)state;
	static const char *const requests[] = { "{\"op\":\"cas\"}", "{\"op\":\"key\"}", "{\"op\":\"export\"}", "hello",
						"" };
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		struct buffer reply = { 0 };
		desk_answer(desk, requests[i], strlen(requests[i]), &reply);
		assert_null(strstr(buffer_text(&reply) + 4, "PRIVATE"));
		buffer_done(&reply);
	}
}

static void a_desk_without_folder_passphrase_or_log_is_not_opened(void **state)
{
	(void)state;
	const struct desk_options wrong[] = {
		{ "/nowhere", kit.passphrase_file, kit_path(kit.root, "other.log") },
		{ kit.cas, "/nowhere", kit_path(kit.root, "other.log") },
		{ kit.cas, "", kit_path(kit.root, "other.log") },
		{ kit.cas, kit.passphrase_file, "" },
		{ kit.cas, kit.passphrase_file, "/nowhere/log" },
		{ kit.cas, kit.passphrase_file, kit.log }, /* the first desk's */
	};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct desk *other = NULL;
		struct error err = { .text = "" };
		assert_int_not_equal(desk_open(&wrong[i], &other, &err), STATUS_OK);
		assert_null(other);
		assert_true(err.text[0] != '\0');
	}
	desk_close(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	log_set_level(LOG_ERROR);
	(void)signal(SIGXFSZ, SIG_IGN);
	const struct CMUnitTest tests[] = {
		TEST(a_good_request_is_signed_and_in_the_log),
		TEST(what_is_asked_for_must_be_the_csrs_own_name),
		TEST(the_csr_is_read_again),
		TEST(a_listed_key_is_refused),
		TEST(a_clock_before_the_last_issue_stops_issuing),
		TEST(a_log_that_cannot_be_written_stops_issuing),
		TEST(a_new_current_ca_issues_with_the_next_request),
		TEST(a_folder_that_became_bad_leaves_what_there_was),
		TEST(a_crl_is_signed_by_its_ca_and_lists_what_it_was_told),
		TEST(each_ca_signs_its_own_crl_and_no_other),
		TEST(no_answer_has_a_key_in_it),
		TEST(a_desk_without_folder_passphrase_or_log_is_not_opened),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
