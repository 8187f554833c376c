#include "ca/key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <string.h>

#include "ca/openssl.h"
#include "ca/weak_rsa.h"

enum {
	RSA_BITS_MIN = 2048,
	RSA_BITS_MAX = 4096,
	RSA_EXPONENT_MIN = 65537,
	RSA_EXPONENT_BITS_MAX = 256, /* FIPS 186-5 section 5.1; a longer one only makes checks dear */
};

static enum status check_ec(const EVP_PKEY *key, struct error *err)
{
	char curve[32] = "";
	/* in 3.0 explicit parameters of a known curve get its name when they are read, hence both questions */
	int from_explicit = 0;
	int known = EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL);
	int asked = EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &from_explicit);
	if (!known || !asked || from_explicit)
		return error_set(err, STATUS_INVALID, "the key's curve is not a named one");
	if (strcmp(curve, SN_X9_62_prime256v1) != 0 && strcmp(curve, SN_secp384r1) != 0)
		return error_set(err, STATUS_INVALID, "curve %s is not P-256 or P-384", curve);
	return STATUS_OK;
}

static enum status check_rsa(const EVP_PKEY *key, struct error *err)
{
	int bits = EVP_PKEY_get_bits(key);
	if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX || bits % 8 != 0)
		return error_set(err, STATUS_INVALID, "an RSA key of %d bits, not %d to %d in whole bytes", bits,
				 RSA_BITS_MIN, RSA_BITS_MAX);
	CLEANUP(bignum) BIGNUM *exponent = NULL;
	if (!EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent))
		return openssl_failure(err, STATUS_INVALID, "the RSA key has no exponent");
	/* BN_get_word() gives its largest value for a number that does not fit */
	if (!BN_is_odd(exponent) || BN_get_word(exponent) < RSA_EXPONENT_MIN ||
	    BN_num_bits(exponent) > RSA_EXPONENT_BITS_MAX)
		return error_set(err, STATUS_INVALID, "the RSA key's exponent is not an odd one from %d to %d bits",
				 RSA_EXPONENT_MIN, RSA_EXPONENT_BITS_MAX);
	return STATUS_OK;
}

/* The library's own check: a point on the curve and not at infinity; a modulus that can be a product of two primes. */
static enum status check_arithmetic(EVP_PKEY *key, struct error *err)
{
	CLEANUP(evp_pkey_ctx) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	if (!context)
		return openssl_failure(err, STATUS_INTERNAL, "the key cannot be checked");
	if (EVP_PKEY_public_check(context) != 1)
		return openssl_failure(err, STATUS_INVALID, "not a valid public key");
	return STATUS_OK;
}

static enum status check_rsa_family(const EVP_PKEY *key, struct error *err)
{
	CLEANUP(bignum) BIGNUM *modulus = NULL;
	if (!EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus))
		return openssl_failure(err, STATUS_INVALID, "the RSA key has no modulus");
	return weak_rsa_check(modulus, err);
}

enum status ca_key_check(EVP_PKEY *key, struct error *err)
{
	int kind = EVP_PKEY_get_base_id(key);
	if (kind != EVP_PKEY_EC && kind != EVP_PKEY_RSA)
		return error_set(err, STATUS_INVALID, "the key is neither EC nor RSA");
	enum status st = kind == EVP_PKEY_EC ? check_ec(key, err) : check_rsa(key, err);
	if (st == STATUS_OK)
		st = check_arithmetic(key, err);
	if (st == STATUS_OK && kind == EVP_PKEY_RSA)
		st = check_rsa_family(key, err);
	return st;
}

bool ca_key_is_rsa(const EVP_PKEY *key)
{
	return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
}

enum status ca_key_new(EVP_PKEY **ret_key, struct error *err)
{
	EVP_PKEY *key = EVP_EC_gen(SN_X9_62_prime256v1);
	if (!key)
		return openssl_failure(err, STATUS_INTERNAL, "no new key");
	*ret_key = key;
	return STATUS_OK;
}

enum status ca_key_private_pem(const EVP_PKEY *key, struct secret *ret_pem, struct error *err)
{
	/* this kind of BIO wipes what it held */
	CLEANUP(bio) BIO *out = BIO_new(BIO_s_secmem());
	if (!out || !PEM_write_bio_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL))
		return openssl_failure(err, STATUS_INTERNAL, "the key cannot be written");
	char *bytes = NULL;
	long len = BIO_get_mem_data(out, &bytes);
	if (len <= 0 || len > SECRET_MAX)
		return error_set(err, STATUS_INTERNAL, "a key of %ld bytes", len);
	memcpy(ret_pem->bytes, bytes, (size_t)len);
	ret_pem->bytes[len] = '\0';
	ret_pem->len = (size_t)len;
	return STATUS_OK;
}
