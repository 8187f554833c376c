#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "ca/ca_internal.h"

DEFINE_CLEANUP(x509_crl, X509_CRL *, X509_CRL_free)
DEFINE_CLEANUP(x509_revoked, X509_REVOKED *, X509_REVOKED_free)
DEFINE_CLEANUP(asn1_integer, ASN1_INTEGER *, ASN1_INTEGER_free)
DEFINE_CLEANUP(asn1_time, ASN1_TIME *, ASN1_TIME_free)
DEFINE_CLEANUP(asn1_enumerated, ASN1_ENUMERATED *, ASN1_ENUMERATED_free)
DEFINE_CLEANUP(authority_keyid, AUTHORITY_KEYID *, AUTHORITY_KEYID_free)

static ASN1_INTEGER *integer_of_hex(const char *hex)
{
	CLEANUP(bignum) BIGNUM *number = NULL;
	return BN_hex2bn(&number, hex) == (int)strlen(hex) ? BN_to_ASN1_INTEGER(number, NULL) : NULL;
}

/* RFC 5280 5.3.1: an entry without a reason is unspecified. */
static bool add_reason(X509_REVOKED *revoked, bool superseded)
{
	if (!superseded)
		return true;
	CLEANUP(asn1_enumerated) ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
	return reason && ASN1_ENUMERATED_set(reason, CRL_REASON_SUPERSEDED) &&
	       X509_REVOKED_add1_ext_i2d(revoked, NID_crl_reason, reason, 0, 0) == 1;
}

static bool add_entry(X509_CRL *crl, const struct wire_crl_entry *entry)
{
	CLEANUP(x509_revoked) X509_REVOKED *revoked = X509_REVOKED_new();
	CLEANUP(asn1_integer) ASN1_INTEGER *serial = integer_of_hex(entry->serial_hex);
	CLEANUP(asn1_time) ASN1_TIME *at = ASN1_TIME_set(NULL, (time_t)(entry->at_us / 1000000));
	if (!revoked || !serial || !at || !X509_REVOKED_set_serialNumber(revoked, serial) ||
	    !X509_REVOKED_set_revocationDate(revoked, at) || !add_reason(revoked, entry->superseded) ||
	    !X509_CRL_add0_revoked(crl, revoked))
		return false;
	revoked = NULL; /* the CRL's now */
	return true;
}

static bool add_extensions(X509_CRL *crl, const struct ca *ca, int64_t number)
{
	CLEANUP(asn1_integer) ASN1_INTEGER *crl_number = ASN1_INTEGER_new();
	CLEANUP(authority_keyid) AUTHORITY_KEYID *issuer = AUTHORITY_KEYID_new();
	if (!crl_number || !issuer || !ASN1_INTEGER_set_int64(crl_number, number))
		return false;
	issuer->keyid = ASN1_OCTET_STRING_dup(X509_get0_subject_key_id(ca->certificate));
	return issuer->keyid && X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, issuer, 0, 0) == 1 &&
	       X509_CRL_add1_ext_i2d(crl, NID_crl_number, crl_number, 0, 0) == 1;
}

static bool set_times(X509_CRL *crl, int64_t from_s, int64_t to_s)
{
	CLEANUP(asn1_time) ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)from_s);
	CLEANUP(asn1_time) ASN1_TIME *to = ASN1_TIME_set(NULL, (time_t)to_s);
	return from && to && X509_CRL_set1_lastUpdate(crl, from) && X509_CRL_set1_nextUpdate(crl, to);
}

static enum status add_entries(X509_CRL *crl, const struct wire_crl_entry *entries, size_t n_entries, struct error *err)
{
	for (size_t i = 0; i < n_entries; i++) {
		if (!add_entry(crl, &entries[i]))
			return openssl_failure(err, STATUS_INVALID, "an entry of the CRL cannot be written");
	}
	return STATUS_OK;
}

enum status ca_sign_crl(const struct ca *ca, int64_t number, const struct wire_crl_entry *entries, size_t n_entries,
			struct buffer *ret_der, int64_t *ret_next_update_us, struct error *err)
{
	int64_t now_s = clock_now_us() / 1000000, to_s = now_s + INT64_C(86400) * CA_CRL_LIFE_DAYS;
	CLEANUP(x509_crl) X509_CRL *crl = X509_CRL_new();
	enum status st = ca_check_clock(ca, now_s, err);
	if (st != STATUS_OK)
		return st;
	if (!crl || !X509_CRL_set_version(crl, X509_CRL_VERSION_2) ||
	    !X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->certificate)) || !set_times(crl, now_s, to_s) ||
	    !add_extensions(crl, ca, number))
		return openssl_failure(err, STATUS_INTERNAL, "the CRL cannot be made");
	st = add_entries(crl, entries, n_entries, err);
	if (st != STATUS_OK)
		return st;
	unsigned char *der = NULL;
	int len = X509_CRL_sort(crl) && X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0 ? i2d_X509_CRL(crl, &der) : -1;
	if (len <= 0)
		return openssl_failure(err, STATUS_INTERNAL, "the CRL cannot be signed");
	buffer_put(ret_der, der, (size_t)len);
	OPENSSL_free(der);
	*ret_next_update_us = to_s * 1000000;
	return STATUS_OK;
}
