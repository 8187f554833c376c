#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "ca/ca_internal.h"
#include "model/node_id.h"

enum { SERIAL_BITS = 127, SERIAL_BITS_MIN = 64, DAY_S = 86400 };
/* 9999-12-31T23:59:59Z: the last time a certificate can say (RFC 5280 4.1.2.5). */
static const int64_t last_time_s = INT64_C(253402300799);

struct validity {
	int64_t not_before_s, not_after_s;
};

static int64_t later_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t earlier_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

enum status ca_check_clock(const struct ca *ca, int64_t now_s, struct error *err)
{
	if (now_s < ca->not_before_s)
		return error_set(err, STATUS_UNAVAILABLE,
				 "the clock is before the beginning of the CA: nothing is signed");
	if (now_s > ca->not_after_s)
		return error_set(err, STATUS_UNAVAILABLE,
				 "the CA has expired, or the clock runs ahead: nothing is signed");
	return STATUS_OK;
}

static enum status choose_validity(const struct ca *ca, int64_t now_s, struct validity *ret_validity, struct error *err)
{
	enum status st = ca_check_clock(ca, now_s, err);
	if (st != STATUS_OK)
		return st;
	int64_t far_s = earlier_of(now_s + INT64_C(86400) * CA_LIFE_DAYS, last_time_s);
	*ret_validity = (struct validity){ .not_before_s = later_of(now_s - DAY_S, ca->not_before_s),
					   .not_after_s = earlier_of(far_s, ca->not_after_s) };
	return STATUS_OK;
}

static bool set_validity(X509 *certificate, const struct validity *validity)
{
	return ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)validity->not_before_s) &&
	       ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)validity->not_after_s);
}

/* Under 64 bits comes once in 2^63 times: then the random numbers are not random. */
static bool set_serial(X509 *certificate)
{
	CLEANUP(bignum) BIGNUM *number = BN_new();
	return number && BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
	       BN_num_bits(number) >= SERIAL_BITS_MIN && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
}

static bool set_names(X509 *certificate, const struct ca *ca, const char *node_id)
{
	return X509_set_issuer_name(certificate, X509_get_subject_name(ca->certificate)) &&
	       X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName, MBSTRING_UTF8,
					  (const unsigned char *)node_id, (int)strlen(node_id), -1, 0);
}

static bool add_extension(X509 *certificate, X509V3_CTX *context, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, nid, value);
	bool added = extension && X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
	return added;
}

/* After the public key: the subjectKeyIdentifier is its hash. */
static bool add_extensions(X509 *certificate, const struct ca *ca, bool is_rsa)
{
	const struct {
		int nid;
		const char *value;
	} profile[] = {
		{ NID_basic_constraints, "critical,CA:FALSE" },
		/* the broker's TLS 1.2 suites need no encipherment by a client's key; RSA clients are used to having it */
		{ NID_key_usage, is_rsa ? "critical,digitalSignature,keyEncipherment" : "critical,digitalSignature" },
		{ NID_ext_key_usage, "clientAuth" },
		{ NID_subject_key_identifier, "hash" },
		{ NID_authority_key_identifier, "keyid:always" },
	};
	X509V3_CTX context;
	X509V3_set_ctx(&context, ca->certificate, certificate, NULL, NULL, 0);
	for (size_t i = 0; i < ARRAY_LEN(profile); i++) {
		if (!add_extension(certificate, &context, profile[i].nid, profile[i].value))
			return false;
	}
	return true;
}

static bool write_pem(X509 *certificate, struct ca_certificate *result)
{
	CLEANUP(bio) BIO *out = BIO_new(BIO_s_mem());
	if (!out || !PEM_write_bio_X509(out, certificate))
		return false;
	char *bytes = NULL;
	long len = BIO_get_mem_data(out, &bytes);
	if (len <= 0 || len > CA_PEM_MAX)
		return false;
	memcpy(result->pem, bytes, (size_t)len);
	result->pem[len] = '\0';
	result->pem_len = (size_t)len;
	return true;
}

static bool write_serial(const X509 *certificate, struct ca_certificate *result)
{
	CLEANUP(bignum) BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
	char *hex = number ? BN_bn2hex(number) : NULL;
	int len = hex ? snprintf(result->serial_hex, sizeof(result->serial_hex), "%s", hex) : -1;
	OPENSSL_free(hex);
	return len > 0 && (size_t)len < sizeof(result->serial_hex);
}

enum status ca_issue(const struct ca *ca, const char *node_id, EVP_PKEY *key, struct ca_certificate *ret_certificate,
		     struct error *err)
{
	if (!node_id_valid(node_id, strlen(node_id)))
		return error_set(err, STATUS_INVALID, "not a node id");
	enum status st = ca_key_check(key, err);
	if (st != STATUS_OK)
		return st;
	struct ca_certificate result = { .pem_len = 0 };
	struct validity validity = { 0 };
	st = csr_key_hash(key, result.key_hash, err);
	if (st != STATUS_OK)
		return st;
	st = choose_validity(ca, clock_now_us() / 1000000, &validity, err);
	if (st != STATUS_OK)
		return st;

	CLEANUP(x509) X509 *certificate = X509_new();
	result.not_before_us = validity.not_before_s * 1000000;
	result.not_after_us = validity.not_after_s * 1000000;
	memcpy(result.ca_key_id, ca->about.key_id, sizeof(result.ca_key_id));
	bool made = certificate && X509_set_version(certificate, X509_VERSION_3) && set_serial(certificate) &&
		    set_validity(certificate, &validity) && set_names(certificate, ca, node_id) &&
		    X509_set_pubkey(certificate, key) && add_extensions(certificate, ca, ca_key_is_rsa(key)) &&
		    X509_sign(certificate, ca->key, EVP_sha256()) > 0 && write_serial(certificate, &result) &&
		    write_pem(certificate, &result);
	if (!made)
		return openssl_failure(err, STATUS_INTERNAL, "the certificate cannot be made");
	*ret_certificate = result;
	return STATUS_OK;
}
