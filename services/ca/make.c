#include "ca/make.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "ca/ca_internal.h"
#include "ca/folder.h"
#include "ca/whole_file.h"

enum {
	LIFE_DAYS = 9131, /* 25 years */
	DAY_S = 86400,
	SERIAL_BITS = 127,
	SCRYPT_N = 16384, /* with r 8 and p 1 some 16 MB and 50 ms; the library refuses over 32 MB */
	SCRYPT_R = 8,
	SCRYPT_P = 1,
	NAMES_OF_ONE_HASH_MAX = 32,
	HASH_NAME_SIZE = 24, /* eight digits, a dot, a number */
};

DEFINE_CLEANUP(pkcs8_info, PKCS8_PRIV_KEY_INFO *, PKCS8_PRIV_KEY_INFO_free)
DEFINE_CLEANUP(x509_algor, X509_ALGOR *, X509_ALGOR_free)
DEFINE_CLEANUP(x509_sig, X509_SIG *, X509_SIG_free)

/* --- the certificate --- */

static bool set_serial(X509 *certificate)
{
	CLEANUP(bignum) BIGNUM *number = BN_new();
	return number && BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
	       BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
}

/* A name of its own, so that two CAs are never one to a reader: from its key. */
static bool set_names(X509 *certificate, EVP_PKEY *key)
{
	unsigned char hash[CSR_KEY_HASH_BYTES];
	char name[64];
	if (csr_key_hash(key, hash, NULL) != STATUS_OK)
		return false;
	(void)snprintf(name, sizeof(name), "Cistern node CA %02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3]);
	X509_NAME *subject = X509_get_subject_name(certificate);
	return X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, (const unsigned char *)name, -1, -1,
					  0) &&
	       X509_set_issuer_name(certificate, subject);
}

static bool set_validity(X509 *certificate)
{
	time_t now = (time_t)(clock_now_us() / 1000000);
	return ASN1_TIME_set(X509_getm_notBefore(certificate), now - DAY_S) &&
	       ASN1_TIME_set(X509_getm_notAfter(certificate), now + (time_t)DAY_S * LIFE_DAYS);
}

static bool add_extensions(X509 *certificate)
{
	static const struct {
		int nid;
		const char *value;
	} profile[] = {
		{ NID_basic_constraints, "critical,CA:TRUE,pathlen:0" },
		{ NID_key_usage, "critical,keyCertSign,cRLSign" },
		{ NID_subject_key_identifier, "hash" },
	};
	X509V3_CTX context;
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	for (size_t i = 0; i < ARRAY_LEN(profile); i++) {
		X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, profile[i].nid, profile[i].value);
		bool added = extension && X509_add_ext(certificate, extension, -1);
		X509_EXTENSION_free(extension);
		if (!added)
			return false;
	}
	return true;
}

static enum status make_certificate(EVP_PKEY *key, struct buffer *ret_pem, struct error *err)
{
	CLEANUP(x509) X509 *certificate = X509_new();
	CLEANUP(bio) BIO *out = BIO_new(BIO_s_mem());
	bool made = certificate && out && X509_set_version(certificate, X509_VERSION_3) && set_serial(certificate) &&
		    set_names(certificate, key) && set_validity(certificate) && X509_set_pubkey(certificate, key) &&
		    add_extensions(certificate) && X509_sign(certificate, key, EVP_sha256()) > 0 &&
		    PEM_write_bio_X509(out, certificate);
	char *bytes = NULL;
	long len = made ? BIO_get_mem_data(out, &bytes) : 0;
	if (len <= 0)
		return openssl_failure(err, STATUS_INTERNAL, "the CA certificate cannot be made");
	buffer_put(ret_pem, bytes, (size_t)len);
	return STATUS_OK;
}

/* --- the key --- */

static enum status encrypt_key(const EVP_PKEY *key, const struct secret *passphrase, struct buffer *ret_pem,
			       struct error *err)
{
	CLEANUP(pkcs8_info) PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	CLEANUP(x509_algor)
	X509_ALGOR *how = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, 0, NULL, SCRYPT_N, SCRYPT_R, SCRYPT_P);
	CLEANUP(x509_sig)
	X509_SIG *sealed = info && how ? PKCS8_set0_pbe(passphrase->bytes, (int)passphrase->len, info, how) : NULL;
	CLEANUP(bio) BIO *out = BIO_new(BIO_s_mem());
	if (sealed)
		how = NULL; /* it is the sealed key's now */
	char *bytes = NULL;
	long len = sealed && out && PEM_write_bio_PKCS8(out, sealed) ? BIO_get_mem_data(out, &bytes) : 0;
	if (len <= 0)
		return openssl_failure(err, STATUS_INTERNAL, "the CA key cannot be encrypted");
	buffer_put(ret_pem, bytes, (size_t)len);
	return STATUS_OK;
}

static enum status write_file(const char *path, const char *name, const char *end, const struct buffer *text,
			      mode_t mode, struct error *err)
{
	char file[CA_NAME_MAX + 8];
	(void)snprintf(file, sizeof(file), "%.*s%s", CA_NAME_MAX, name, end);
	const struct whole_file whole = {
		.folder = path, .name = file, .bytes = text->bytes, .len = text->len, .mode = mode
	};
	return whole_file_write(&whole, err);
}

/* The key first: a certificate that is there has its key. A key without one is of a run that was interrupted, and replaced. */
static enum status write_pair(const char *path, const char *name, const struct buffer *certificate,
			      const struct buffer *key, struct error *err)
{
	char cert_file[PATH_MAX], key_file[PATH_MAX];
	int cert_len = snprintf(cert_file, sizeof(cert_file), "%s/%s.crt", path, name);
	int key_len = snprintf(key_file, sizeof(key_file), "%s/%s.key", path, name);
	if (!ca_name_valid(name) || cert_len >= PATH_MAX || key_len >= PATH_MAX)
		return error_set(err, STATUS_INVALID, "'%.60s' is not a name for a CA", name);
	if (access(cert_file, F_OK) == 0)
		return error_set(err, STATUS_CONFLICT, "'%s' is there already", cert_file);
	(void)unlink(key_file); /* without a certificate it never signed anything */
	enum status st = write_file(path, name, ".key", key, 0600, err);
	if (st == STATUS_OK)
		st = write_file(path, name, ".crt", certificate, 0644, err);
	return st;
}

enum status ca_make(const char *path, const char *name, const struct secret *passphrase, struct error *err)
{
	CLEANUP(evp_pkey) EVP_PKEY *key = NULL;
	CLEANUP(buffer) struct buffer certificate = { 0 };
	CLEANUP(buffer) struct buffer sealed = { 0 };
	enum status st = ca_key_new(&key, err);
	if (st == STATUS_OK)
		st = make_certificate(key, &certificate, err);
	if (st == STATUS_OK)
		st = encrypt_key(key, passphrase, &sealed, err);
	if (st == STATUS_OK)
		st = write_pair(path, name, &certificate, &sealed, err);
	return st;
}

enum status ca_import(const char *path, const char *name, const char *cert_file, const char *key_file,
		      const struct secret *passphrase, struct error *err)
{
	CLEANUP(ca) struct ca *ca = NULL;
	CLEANUP(buffer) struct buffer certificate = { 0 };
	CLEANUP(buffer) struct buffer sealed = { 0 };
	enum status st = ca_open(cert_file, key_file, NULL, &ca, err);
	if (st == STATUS_OK)
		st = encrypt_key(ca->key, passphrase, &sealed, err);
	if (st != STATUS_OK)
		return st;
	buffer_puts(&certificate, ca_about(ca)->pem);
	return write_pair(path, name, &certificate, &sealed, err);
}

static enum status write_name(const char *path, const char *which, const char *name, struct error *err)
{
	char line[CA_NAME_MAX + 2];
	if (!ca_name_valid(name))
		return error_set(err, STATUS_INVALID, "'%.60s' is not a name for a CA", name);
	int len = snprintf(line, sizeof(line), "%s\n", name);
	const struct whole_file whole = {
		.folder = path, .name = which, .bytes = line, .len = (size_t)len, .mode = 0644, .replaces = true
	};
	return whole_file_write(&whole, err);
}

enum status ca_make_next(const char *path, const char *name, struct error *err)
{
	return write_name(path, "next", name, err);
}

enum status ca_make_current(const char *path, const char *name, struct error *err)
{
	char next[PATH_MAX];
	enum status st = write_name(path, "current", name, err);
	if (st != STATUS_OK)
		return st;
	int len = snprintf(next, sizeof(next), "%s/next", path);
	if (len >= PATH_MAX || (unlink(next) != 0 && errno != ENOENT))
		return error_set(err, STATUS_UNAVAILABLE, "cannot remove '%s/next': %s", path, strerror(errno));
	return STATUS_OK;
}

/* --- trust --- */

static X509 *certificate_of(const struct ca_about *about)
{
	CLEANUP(bio) BIO *in = BIO_new_mem_buf(about->pem, -1);
	return in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
}

/* `5f0c9e1a.0`; X509_LOOKUP_hash_dir(3). */
static bool hash_name(const struct ca_about *about, int n, char ret_name[HASH_NAME_SIZE])
{
	CLEANUP(x509) X509 *certificate = certificate_of(about);
	int ok = 0;
	unsigned long hash = certificate ? X509_NAME_hash_ex(X509_get_subject_name(certificate), NULL, NULL, &ok) : 0;
	(void)snprintf(ret_name, HASH_NAME_SIZE, "%08lx.%d", hash & 0xffffffffUL, n);
	return ok == 1;
}

enum found { FOUND_NONE, FOUND_OTHER, FOUND_SAME };

static enum found look_at(const char *trust_path, const char *name, const struct ca_about *about)
{
	char file[PATH_MAX];
	struct ca_about there;
	int len = snprintf(file, sizeof(file), "%s/%s", trust_path, name);
	struct stat stat_of_link;
	if (len >= PATH_MAX || lstat(file, &stat_of_link) != 0)
		return FOUND_NONE;
	return ca_about_read(file, &there, NULL) == STATUS_OK && strcmp(there.pem, about->pem) == 0 ? FOUND_SAME
												    : FOUND_OTHER;
}

/* The name that it has there, or the first that is free. The library looks from 0 upwards and stops at the first gap. */
static enum status find_hash_name(const char *trust_path, const struct ca_about *about, char ret_name[HASH_NAME_SIZE],
				  bool *ret_is_there, struct error *err)
{
	for (int n = 0; n < NAMES_OF_ONE_HASH_MAX; n++) {
		if (!hash_name(about, n, ret_name))
			return openssl_failure(err, STATUS_INTERNAL, "the CA's subject has no hash");
		enum found found = look_at(trust_path, ret_name, about);
		if (found == FOUND_OTHER)
			continue;
		*ret_is_there = found == FOUND_SAME;
		return STATUS_OK;
	}
	return error_set(err, STATUS_CONFLICT, "'%s' holds too many certificates of one subject", trust_path);
}

enum status ca_is_trusted(const char *trust_path, const struct ca_about *about, bool *ret_is_trusted, struct error *err)
{
	char name[HASH_NAME_SIZE];
	return find_hash_name(trust_path, about, name, ret_is_trusted, err);
}

static enum status link_to(const char *trust_path, const char *link_name, const char *file, struct error *err)
{
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s/%s", trust_path, link_name);
	struct stat owner;
	if (len >= PATH_MAX || symlink(file, path) != 0 || stat(trust_path, &owner) != 0 ||
	    (owner.st_uid != geteuid() && lchown(path, owner.st_uid, owner.st_gid) != 0))
		return error_set(err, STATUS_UNAVAILABLE, "cannot make the link '%s/%s': %s", trust_path, link_name,
				 strerror(errno));
	return STATUS_OK;
}

enum status ca_trust(const char *trust_path, const char *name, const struct ca_about *about, struct error *err)
{
	char file[CA_NAME_MAX + 8], link_name[HASH_NAME_SIZE];
	bool is_there = false;
	(void)snprintf(file, sizeof(file), "%.*s.crt", CA_NAME_MAX, name);
	if (look_at(trust_path, file, about) != FOUND_SAME) {
		const struct whole_file whole = {
			.folder = trust_path, .name = file, .bytes = about->pem, .len = strlen(about->pem), .mode = 0644
		};
		enum status st = whole_file_write(&whole, err);
		if (st != STATUS_OK)
			return st;
	}
	enum status st = find_hash_name(trust_path, about, link_name, &is_there, err);
	if (st != STATUS_OK || is_there)
		return st;
	return link_to(trust_path, link_name, file, err);
}
