#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>

#include "ca/folder.h"
#include "ca/make.h"
#include "ca_kit.h"
#include "folder_kit.h"

static struct kit_folder kit;

static int set_up(void **state)
{
	(void)state;
	clock_test_shift_us = 0;
	kit_folder_make(&kit);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	kit_folder_drop(&kit);
	return 0;
}

static void made(const char *name)
{
	struct error err = { .text = "" };
	if (ca_make(kit.cas, name, &kit.passphrase, &err) != STATUS_OK)
		fail_msg("%s", err.text);
}

static void issues(const char *name)
{
	assert_int_equal(ca_make_current(kit.cas, name, NULL), STATUS_OK);
}

static struct ca_folder *opened(void)
{
	struct ca_folder *folder = NULL;
	struct error err = { .text = "" };
	if (ca_folder_open(kit.cas, &kit.passphrase, &folder, &err) != STATUS_OK)
		fail_msg("%s", err.text);
	return folder;
}

static void not_opened(const struct secret *passphrase, enum status status, const char *words)
{
	struct ca_folder *folder = NULL;
	struct error err = { .text = "" };
	assert_int_equal(ca_folder_open(kit.cas, passphrase, &folder, &err), status);
	assert_null(folder);
	if (!strstr(err.text, words))
		fail_msg("'%s' does not say '%s'", err.text, words);
	assert_int_equal(ERR_peek_error(), 0);
}

static X509 *certificate_of(const char *pem)
{
	BIO *in = BIO_new_mem_buf(pem, -1);
	X509 *certificate = PEM_read_bio_X509(in, NULL, NULL, NULL);
	BIO_free(in);
	assert_non_null(certificate);
	return certificate;
}

/* --- a new CA --- */

static void a_new_ca_follows_the_profile(void **state)
{
	(void)state;
	struct ca_listing listing;
	made("node-ca");
	assert_int_equal(ca_folder_list(kit.cas, &listing, NULL), STATUS_OK);
	assert_int_equal(listing.n_cas, 1);
	assert_string_equal(listing.cas[0].name, "node-ca");
	assert_false(listing.cas[0].issues);
	const struct ca_about *about = &listing.cas[0].about;
	assert_memory_equal(about->subject, "CN=Cistern node CA ", 19);
	assert_int_equal(strlen(about->key_id), 40);
	/* 25 years with six or seven leap days, and the day back */
	assert_int_equal(about->not_after_us - about->not_before_us, (INT64_C(9131) + 1) * 86400 * 1000000);
	X509 *certificate = certificate_of(about->pem);
	assert_int_equal(X509_check_ca(certificate), 1);
	assert_int_equal(X509_get_pathlen(certificate), 0);
	assert_int_equal(X509_get_key_usage(certificate), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
	assert_int_equal(X509_get_ext_count(certificate), 3);
	assert_int_equal(X509_get_extension_flags(certificate) & EXFLAG_INVALID, 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(X509_EXTENSION_get_critical(X509_get_ext(certificate, i)), 1);
	assert_int_equal(X509_get_signature_nid(certificate), NID_ecdsa_with_SHA256);
	assert_int_equal(X509_verify(certificate, X509_get0_pubkey(certificate)), 1);
	X509_free(certificate);
}

static void its_key_is_the_owners_alone_and_encrypted_under_scrypt(void **state)
{
	(void)state;
	char text[4096] = "";
	struct stat about;
	made("node-ca");
	assert_int_equal(stat(kit_path(kit.cas, "node-ca.key"), &about), 0);
	assert_int_equal(about.st_mode & 07777, 0600);
	FILE *file = fopen(kit_path(kit.cas, "node-ca.key"), "r");
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	(void)fclose(file);
	assert_memory_equal(text, "-----BEGIN ENCRYPTED PRIVATE KEY-----\n", 38);
	BIO *in = BIO_new_mem_buf(text, -1);
	X509_SIG *sealed = PEM_read_bio_PKCS8(in, NULL, NULL, NULL);
	const X509_ALGOR *how;
	X509_SIG_get0(sealed, &how, NULL);
	unsigned char *der = NULL;
	int len = i2d_X509_ALGOR(how, &der);
	/* 1.3.6.1.4.1.11591.4.11 scrypt (RFC 7914 section 7), 2.16.840.1.101.3.4.1.42 AES-256-CBC */
	assert_non_null(memmem(der, (size_t)len, "\x2b\x06\x01\x04\x01\xda\x47\x04\x0b", 9));
	assert_non_null(memmem(der, (size_t)len, "\x60\x86\x48\x01\x65\x03\x04\x01\x2a", 9));
	OPENSSL_free(der);
	X509_SIG_free(sealed);
	BIO_free(in);
	DIR *folder = opendir(kit.cas);
	for (struct dirent *entry; (entry = readdir(folder));)
		assert_null(strstr(entry->d_name, ".new")); /* nothing is left of the writing */
	closedir(folder);
}

static void a_name_is_taken_once_and_is_a_name(void **state)
{
	(void)state;
	static const char *const wrong[] = { "", "a b", "../x", "a.b", "123456789012345678901234567890123" };
	made("node-ca");
	assert_int_equal(ca_make(kit.cas, "node-ca", &kit.passphrase, NULL), STATUS_CONFLICT);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_int_equal(ca_make(kit.cas, wrong[i], &kit.passphrase, NULL), STATUS_INVALID);
		assert_int_equal(ca_make_current(kit.cas, wrong[i], NULL), STATUS_INVALID);
	}
	assert_int_equal(ca_make("/nowhere", "node-ca", &kit.passphrase, NULL), STATUS_UNAVAILABLE);
}

static void a_key_that_an_interrupted_run_left_is_replaced(void **state)
{
	(void)state;
	kit_write(kit_path(kit.cas, "node-ca.key"), "half", 0600);
	kit_write(kit_path(kit.cas, ".node-ca.crt.new"), "half", 0600);
	made("node-ca");
	issues("node-ca");
	ca_folder_close(opened());
}

static void a_ca_without_passphrase_is_taken_over_as_it_is(void **state)
{
	(void)state;
	struct kit_ca old;
	kit_ca_make(&old, EVP_RSA_gen(2048U), &kit_good_profile);
	assert_int_equal(ca_import(kit.cas, "node-ca", old.cert_file, old.key_file, &kit.passphrase, NULL), STATUS_OK);
	issues("node-ca");
	struct ca_folder *folder = opened();
	X509 *certificate = certificate_of(ca_about(ca_folder_issuing(folder))->pem);
	assert_int_equal(X509_cmp(certificate, old.certificate), 0);
	X509_free(certificate);
	ca_folder_close(folder);
	not_opened(NULL, STATUS_INVALID, "has a passphrase");
	assert_int_equal(ca_import(kit.cas, "node-ca", old.cert_file, old.key_file, &kit.passphrase, NULL),
			 STATUS_CONFLICT);
	assert_int_equal(
		ca_import(kit.cas, "b", old.cert_file, kit_path(kit.cas, "node-ca.key"), &kit.passphrase, NULL),
		STATUS_INVALID);
	assert_int_equal(ca_import(kit.cas, "b", "/nowhere", old.key_file, &kit.passphrase, NULL), STATUS_UNAVAILABLE);
	kit_ca_drop(&old);
}

/* --- the folder --- */

static void all_cas_are_loaded_and_the_current_one_issues(void **state)
{
	(void)state;
	made("node-ca");
	made("node-ca-2");
	issues("node-ca");
	struct ca_folder *folder = opened();
	const struct ca *first = ca_folder_at(folder, 0), *second = ca_folder_at(folder, 1);
	assert_null(ca_folder_at(folder, 2));
	assert_ptr_equal(ca_folder_issuing(folder), first);
	assert_ptr_equal(ca_folder_find(folder, ca_about(second)->key_id), second);
	assert_null(ca_folder_find(folder, "0000000000000000000000000000000000000000"));
	assert_string_not_equal(ca_about(first)->subject, ca_about(second)->subject);
	ca_folder_close(folder);
	issues("node-ca-2");
	folder = opened();
	assert_ptr_equal(ca_folder_issuing(folder), ca_folder_at(folder, 1));
	ca_folder_close(folder);
	ca_folder_close(NULL);
}

static void a_folder_that_is_not_whole_is_refused_with_the_reason(void **state)
{
	(void)state;
	const struct secret wrong = { .len = 5, .bytes = "wrong" };
	not_opened(&kit.passphrase, STATUS_INVALID, "no CA");
	made("node-ca");
	not_opened(&kit.passphrase, STATUS_INVALID, "no CA in");
	issues("node-ca");
	not_opened(NULL, STATUS_INVALID, "has a passphrase");
	not_opened(&wrong, STATUS_INVALID, "not encrypted with this passphrase");
	kit_write(kit_path(kit.cas, "current"), "node-ca-7\n", 0644);
	not_opened(&kit.passphrase, STATUS_INVALID, "'node-ca-7', which is not there");
	kit_write(kit_path(kit.cas, "current"), "../node-ca\n", 0644);
	not_opened(&kit.passphrase, STATUS_INVALID, "does not hold the name");
	kit_write(kit_path(kit.cas, "current"), "", 0644);
	not_opened(&kit.passphrase, STATUS_INVALID, "holds no secret");
	issues("node-ca");
	kit_write(kit_path(kit.cas, "other.crt"), "hello\n", 0644);
	not_opened(&kit.passphrase, STATUS_INVALID, "other.crt' holds no PEM");
	assert_int_equal(unlink(kit_path(kit.cas, "other.crt")), 0);
	assert_int_equal(chmod(kit_path(kit.cas, "node-ca.key"), 0604), 0);
	not_opened(&kit.passphrase, STATUS_INVALID, "open to other users");
	assert_int_equal(unlink(kit_path(kit.cas, "node-ca.key")), 0);
	not_opened(&kit.passphrase, STATUS_UNAVAILABLE, "node-ca.key");
	struct ca_listing listing;
	assert_int_equal(ca_folder_list("/nowhere", &listing, NULL), STATUS_UNAVAILABLE);
}

static void one_certificate_under_two_names_is_refused(void **state)
{
	(void)state;
	made("node-ca");
	issues("node-ca");
	assert_int_equal(link(kit_path(kit.cas, "node-ca.crt"), kit_path(kit.cas, "twin.crt")), 0);
	assert_int_equal(link(kit_path(kit.cas, "node-ca.key"), kit_path(kit.cas, "twin.key")), 0);
	not_opened(&kit.passphrase, STATUS_INVALID, "of another CA");
}

static void an_encrypted_key_is_demanded_where_there_is_a_passphrase(void **state)
{
	(void)state;
	struct kit_ca clear;
	kit_ca_make(&clear, EVP_EC_gen("P-256"), &kit_good_profile);
	assert_int_equal(link(clear.cert_file, kit_path(kit.cas, "node-ca.crt")), 0);
	assert_int_equal(link(clear.key_file, kit_path(kit.cas, "node-ca.key")), 0);
	issues("node-ca");
	not_opened(&kit.passphrase, STATUS_INVALID, "is not encrypted");
	kit_ca_drop(&clear);
}

static void a_key_may_be_a_uri(void **state)
{
	(void)state;
	char uri[256];
	made("node-ca");
	issues("node-ca");
	assert_int_equal(rename(kit_path(kit.cas, "node-ca.key"), kit_path(kit.root, "elsewhere.pem")), 0);
	(void)snprintf(uri, sizeof(uri), "file:%s\n", kit_path(kit.root, "elsewhere.pem"));
	kit_write(kit_path(kit.cas, "node-ca.key"), uri, 0600);
	struct ca_folder *folder = opened();
	struct ca_certificate certificate;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	assert_int_equal(ca_issue(ca_folder_issuing(folder), "lamp-1", key, &certificate, NULL), STATUS_OK);
	EVP_PKEY_free(key);
	ca_folder_close(folder);

	kit_write(kit_path(kit.cas, "node-ca.key"), "file:/nowhere/at/all.pem\n", 0600);
	not_opened(&kit.passphrase, STATUS_UNAVAILABLE, "no private key at the URI");
}

static void listed_keys_are_refused(void **state)
{
	(void)state;
	made("node-ca");
	issues("node-ca");
	static const unsigned char first[32] = { 0xab }, second[32] = { 0x01, 0x02 }, other[32] = { 0x7f };
	kit_write(kit_path(kit.cas, "refused_keys"),
		  "# keys that were published\n\n"
		  "ab00000000000000000000000000000000000000000000000000000000000000\r\n"
		  "0102000000000000000000000000000000000000000000000000000000000000\n",
		  0600);
	struct ca_folder *folder = opened();
	assert_true(ca_folder_refuses(folder, first));
	assert_true(ca_folder_refuses(folder, second));
	assert_false(ca_folder_refuses(folder, other));
	ca_folder_close(folder);
	static const char *const wrong[] = { "hello\n", "ab\n",
					     "ab00000000000000000000000000000000000000000000000000000000000000 x\n" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		kit_write(kit_path(kit.cas, "refused_keys"), wrong[i], 0600);
		not_opened(&kit.passphrase, STATUS_INVALID, "line 1");
	}
}

/* --- trust --- */

/* As the broker's TLS library would: by the folder alone. */
static bool library_vouches_for(const char *pem)
{
	X509_STORE *store = X509_STORE_new();
	X509 *certificate = certificate_of(pem);
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	assert_true(X509_STORE_load_path(store, kit.trust));
	assert_true(X509_STORE_CTX_init(context, store, certificate, NULL));
	bool found = X509_verify_cert(context) == 1;
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	X509_free(certificate);
	ERR_clear_error();
	return found;
}

static void a_trusted_ca_is_found_by_its_subjects_hash(void **state)
{
	(void)state;
	struct ca_listing listing;
	struct stat about;
	bool trusted = true;
	made("node-ca");
	made("node-ca-2");
	assert_int_equal(ca_folder_list(kit.cas, &listing, NULL), STATUS_OK);
	for (size_t i = 0; i < 2; i++) {
		const struct ca_listed *ca = &listing.cas[i];
		assert_int_equal(ca_is_trusted(kit.trust, &ca->about, &trusted, NULL), STATUS_OK);
		assert_false(trusted);
		assert_false(library_vouches_for(ca->about.pem));
		for (int twice = 0; twice < 2; twice++)
			assert_int_equal(ca_trust(kit.trust, ca->name, &ca->about, NULL), STATUS_OK);
		assert_int_equal(ca_is_trusted(kit.trust, &ca->about, &trusted, NULL), STATUS_OK);
		assert_true(trusted);
		assert_true(library_vouches_for(ca->about.pem));
	}
	assert_int_equal(stat(kit_path(kit.trust, "node-ca-2.crt"), &about), 0);
	assert_int_equal(about.st_mode & 07777, 0644);
	assert_int_equal(ca_trust("/nowhere", "node-ca", &listing.cas[0].about, NULL), STATUS_UNAVAILABLE);
	/* another certificate is not replaced */
	assert_int_equal(ca_trust(kit.trust, "node-ca", &listing.cas[1].about, NULL), STATUS_CONFLICT);
}

/* As two homes of an earlier release would have; the nodes' certificates say which by its key. */
static void two_cas_of_one_subject_both_vouch_for_their_nodes(void **state)
{
	(void)state;
	const struct kit_profile profile = { -10, 99999, "critical,CA:TRUE", "keyCertSign", false };
	struct ca_certificate certificates[2];
	EVP_PKEY *key = EVP_EC_gen("P-256");
	for (int i = 0; i < 2; i++) {
		struct kit_ca files;
		struct ca *ca = NULL;
		kit_ca_make(&files, EVP_EC_gen("P-256"), &profile);
		assert_int_equal(ca_open(files.cert_file, files.key_file, NULL, &ca, NULL), STATUS_OK);
		assert_int_equal(ca_issue(ca, "lamp-1", key, &certificates[i], NULL), STATUS_OK);
		assert_int_equal(ca_trust(kit.trust, i ? "b" : "a", ca_about(ca), NULL), STATUS_OK);
		ca_close(ca);
		kit_ca_drop(&files);
	}
	for (int i = 0; i < 2; i++)
		assert_true(library_vouches_for(certificates[i].pem));
	EVP_PKEY_free(key);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_ca_follows_the_profile),
		TEST(its_key_is_the_owners_alone_and_encrypted_under_scrypt),
		TEST(a_name_is_taken_once_and_is_a_name),
		TEST(a_key_that_an_interrupted_run_left_is_replaced),
		TEST(a_ca_without_passphrase_is_taken_over_as_it_is),
		TEST(all_cas_are_loaded_and_the_current_one_issues),
		TEST(a_folder_that_is_not_whole_is_refused_with_the_reason),
		TEST(one_certificate_under_two_names_is_refused),
		TEST(an_encrypted_key_is_demanded_where_there_is_a_passphrase),
		TEST(a_key_may_be_a_uri),
		TEST(listed_keys_are_refused),
		TEST(a_trusted_ca_is_found_by_its_subjects_hash),
		TEST(two_cas_of_one_subject_both_vouch_for_their_nodes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
