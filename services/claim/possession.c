#include "claim/possession.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <string.h>

DEFINE_CLEANUP(bio, BIO *, BIO_free_all)
DEFINE_CLEANUP(x509, X509 *, X509_free)
DEFINE_CLEANUP(evp_md_ctx, EVP_MD_CTX *, EVP_MD_CTX_free)

enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 4096, GROUP_NAME_BYTES = 64 };

bool possession_signature_read(const char *hex, struct possession_signature *ret_signature)
{
	size_t hex_len = strnlen(hex, (size_t)POSSESSION_SIGNATURE_MAX * 2 + 1);
	if (hex_len == 0 || hex_len > (size_t)POSSESSION_SIGNATURE_MAX * 2 || hex_len % 2 != 0)
		return false;
	/* without a place for the end, anything but digits to the last is a failure */
	return sodium_hex2bin(ret_signature->bytes, sizeof(ret_signature->bytes), hex, hex_len, NULL,
			      &ret_signature->len, NULL) == 0;
}

static bool is_known_curve(const EVP_PKEY *key)
{
	char group[GROUP_NAME_BYTES];
	return EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
	       (strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0);
}

static bool is_known_rsa(const EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);
	return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
}

/* mbedTLS salts with the hash's length or with all that fits, so the length is read from the signature. */
static bool ask_for_pss(EVP_PKEY_CTX *context)
{
	return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_AUTO) == 1;
}

static bool has_signed(EVP_PKEY *key, const char *text, const struct possession_signature *signature)
{
	CLEANUP(evp_md_ctx) EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_context = NULL; /* the other context's */
	if (!context || EVP_DigestVerifyInit(context, &key_context, EVP_sha256(), NULL, key) != 1)
		return false;
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_EC:
		if (!is_known_curve(key))
			return false;
		break;
	case EVP_PKEY_RSA:
		if (!is_known_rsa(key) || !ask_for_pss(key_context))
			return false;
		break;
	default: return false;
	}
	return EVP_DigestVerify(context, signature->bytes, signature->len, (const unsigned char *)text, strlen(text)) ==
	       1;
}

enum status possession_check(const char *certificate_pem, const char *text,
			     const struct possession_signature *signature, struct error *err)
{
	CLEANUP(bio) BIO *bio = BIO_new_mem_buf(certificate_pem, (int)strnlen(certificate_pem, INT_MAX));
	CLEANUP(x509) X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	EVP_PKEY *key = certificate ? X509_get0_pubkey(certificate) : NULL; /* the certificate's */
	bool is_right = key && has_signed(key, text, signature);
	ERR_clear_error();
	if (!key)
		return error_set(err, STATUS_INTERNAL, "a node's certificate on record cannot be read");
	return is_right ? STATUS_OK : error_set(err, STATUS_DENIED, "the answer to the challenge is wrong");
}
