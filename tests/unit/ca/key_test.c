#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "ca/key.h"
#include "ca/openssl.h"

static void refused(EVP_PKEY *key, const char *what)
{
	struct error err = { .status = STATUS_OK };
	assert_non_null(key);
	if (ca_key_check(key, &err) != STATUS_INVALID)
		fail_msg("%s was not refused", what);
	if (err.text[0] == '\0')
		fail_msg("%s was refused without a reason", what);
	EVP_PKEY_free(key);
}

static void taken(EVP_PKEY *key, const char *what)
{
	struct error err = { .status = STATUS_OK };
	assert_non_null(key);
	if (ca_key_check(key, &err) != STATUS_OK)
		fail_msg("%s was refused: %s", what, err.text);
	EVP_PKEY_free(key);
}

/* A public key of any modulus and exponent, as a CSR might bring it. */
static EVP_PKEY *rsa_public(BIGNUM *modulus, const char *exponent_hex)
{
	BIGNUM *exponent = NULL;
	EVP_PKEY *key = NULL;
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	assert_true(BN_hex2bn(&exponent, exponent_hex) > 0);
	assert_true(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus));
	assert_true(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent));
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	assert_true(EVP_PKEY_fromdata_init(context) > 0);
	assert_true(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) > 0);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(context);
	BN_free(exponent);
	BN_free(modulus);
	return key;
}

/* 2^(bits-1) + more: of that size exactly. */
static BIGNUM *number(int bits, unsigned long more)
{
	BIGNUM *made = BN_new();
	assert_true(BN_set_bit(made, bits - 1) && BN_add_word(made, more));
	return made;
}

static BIGNUM *good_modulus(void)
{
	EVP_PKEY *pair = EVP_RSA_gen(2048U);
	BIGNUM *modulus = NULL;
	assert_true(EVP_PKEY_get_bn_param(pair, OSSL_PKEY_PARAM_RSA_N, &modulus));
	EVP_PKEY_free(pair);
	return modulus;
}

static void the_named_curves_p256_and_p384_are_taken(void **state)
{
	(void)state;
	taken(EVP_EC_gen("P-256"), "P-256");
	taken(EVP_EC_gen("P-384"), "P-384");
	EVP_PKEY *key = NULL;
	assert_int_equal(ca_key_new(&key, NULL), STATUS_OK);
	assert_false(ca_key_is_rsa(key));
	assert_int_equal(EVP_PKEY_get_bits(key), 256);
	taken(key, "our own new key");
}

static void other_curves_and_kinds_are_refused(void **state)
{
	(void)state;
	static const char *const curves[] = { "P-521", "P-224", "P-192", "secp256k1", "brainpoolP256r1" };
	for (size_t i = 0; i < ARRAY_LEN(curves); i++)
		refused(EVP_EC_gen(curves[i]), curves[i]);
	refused(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "Ed25519");
	refused(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), "X25519");
	EVP_PKEY *pss = NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
	assert_true(EVP_PKEY_keygen_init(context) > 0 && EVP_PKEY_keygen(context, &pss) > 0);
	EVP_PKEY_CTX_free(context);
	refused(pss, "RSA-PSS");
}

/* SubjectPublicKeyInfo there and back: what reading it from a CSR gives. */
static EVP_PKEY *as_read(EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);
	assert_true(len > 0);
	const unsigned char *at = der;
	EVP_PKEY *back = d2i_PUBKEY(NULL, &at, len);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	return back;
}

static void explicit_curve_parameters_are_refused_even_those_of_p256(void **state)
{
	(void)state;
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char[]){ "P-256" }, 0),
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, (char[]){ "explicit" }, 0),
		OSSL_PARAM_construct_end(),
	};
	assert_true(EVP_PKEY_keygen_init(context) > 0 && EVP_PKEY_CTX_set_params(context, params) > 0);
	assert_true(EVP_PKEY_keygen(context, &key) > 0);
	EVP_PKEY_CTX_free(context);
	refused(as_read(key), "explicit parameters");
	taken(as_read(EVP_EC_gen("P-256")), "P-256, read back");
}

static void rsa_is_taken_from_2048_to_4096_bits(void **state)
{
	(void)state;
	taken(EVP_RSA_gen(2048U), "RSA 2048");
	taken(EVP_RSA_gen(3072U), "RSA 3072");
	taken(EVP_RSA_gen(4096U), "RSA 4096");
	taken(rsa_public(good_modulus(), "10001"), "exponent 65537");
	taken(rsa_public(good_modulus(), "10003"), "exponent 65539");
	static const int sizes[] = { 512, 1024, 2040, 2047, 2049, 2052, 4097, 4104, 8192, 16384 };
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		refused(rsa_public(number(sizes[i], 1), "10001"), "an RSA size");
}

static void odd_rsa_exponents_and_moduli_are_refused(void **state)
{
	(void)state;
	static const char *const exponents[] = { "1", "3", "11", "FFFF", "10000", "10002",
						 /* 2^256 + 1 */
						 "10000000000000000000000000000000000000000000000000000000000000001" };
	for (size_t i = 0; i < ARRAY_LEN(exponents); i++)
		refused(rsa_public(good_modulus(), exponents[i]), exponents[i]);

	refused(rsa_public(number(2048, 2), "10001"), "an even modulus");
	BIGNUM *with_factor = number(2047, 1);
	assert_true(BN_mul_word(with_factor, 3) && BN_num_bits(with_factor) == 2048);
	refused(rsa_public(with_factor, "10001"), "a modulus divisible by 3");
	BIGNUM *prime = BN_new();
	assert_true(BN_generate_prime_ex(prime, 2048, 0, NULL, NULL, NULL));
	refused(rsa_public(prime, "10001"), "a prime modulus");
}

/* Product of the primes to 701, and 65537^exponent modulo it. */
static BIGNUM *primorial(void)
{
	BIGNUM *product = BN_new();
	assert_true(BN_one(product));
	for (unsigned long n = 2; n <= 701; n++) {
		bool prime = true;
		for (unsigned long i = 2; i * i <= n; i++)
			prime = prime && n % i != 0;
		if (prime)
			assert_true(BN_mul_word(product, n));
	}
	return product;
}

/* A prime of 1024 bits as the flawed library made them: k * M + (65537^a mod M), the two highest bits set. */
static BIGNUM *roca_prime(BN_CTX *context)
{
	BIGNUM *m = primorial(), *base = BN_new(), *power = BN_new(), *exponent = BN_new(), *k = BN_new(),
	       *made = BN_new();
	assert_true(BN_set_word(base, 65537));
	do {
		assert_true(BN_rand(exponent, 200, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
			    BN_mod_exp(power, base, exponent, m, context) &&
			    BN_rand(made, 1024, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ANY) &&
			    BN_div(k, NULL, made, m, context) && BN_mul(made, k, m, context) &&
			    BN_add(made, made, power));
	} while (BN_check_prime(made, context, NULL) != 1 || BN_num_bits(made) != 1024);
	BN_free(m);
	BN_free(base);
	BN_free(power);
	BN_free(exponent);
	BN_free(k);
	return made;
}

static BIGNUM *product_of(BIGNUM *p, BIGNUM *q, BN_CTX *context)
{
	BIGNUM *modulus = BN_new();
	assert_true(BN_mul(modulus, p, q, context));
	assert_int_equal(BN_num_bits(modulus), 2048);
	BN_free(p);
	BN_free(q);
	return modulus;
}

static void refused_for(EVP_PKEY *key, const char *words)
{
	struct error err = { .text = "" };
	assert_int_equal(ca_key_check(key, &err), STATUS_INVALID);
	if (!strstr(err.text, words))
		fail_msg("'%s' does not say '%s'", err.text, words);
	EVP_PKEY_free(key);
}

static void a_key_with_the_roca_fingerprint_is_refused(void **state)
{
	(void)state;
	BN_CTX *context = BN_CTX_new();
	refused_for(rsa_public(product_of(roca_prime(context), roca_prime(context), context), "10001"), "ROCA");
	BN_CTX_free(context);
}

/* The first prime behind `from + distance`. */
static BIGNUM *prime_behind(const BIGNUM *from, unsigned distance_bits, BN_CTX *context)
{
	BIGNUM *made = BN_new(), *distance = BN_new();
	assert_true(BN_set_bit(distance, (int)distance_bits) && BN_add(made, from, distance));
	if (!BN_is_odd(made))
		assert_true(BN_add_word(made, 1));
	while (BN_check_prime(made, context, NULL) != 1)
		assert_true(BN_add_word(made, 2));
	BN_free(distance);
	return made;
}

/* Fermat's method takes (p - q)^2 / (8 sqrt(n)) rounds: one for primes 2^512 apart, three for 2^514, and 2^170 for 2^600. */
static void a_key_of_close_primes_is_refused(void **state)
{
	(void)state;
	BN_CTX *context = BN_CTX_new();
	static const unsigned distances[] = { 1, 64, 400, 512, 514 };
	for (size_t i = 0; i < ARRAY_LEN(distances); i++) {
		BIGNUM *p = BN_new();
		assert_true(BN_generate_prime_ex(p, 1024, 0, NULL, NULL, NULL));
		BIGNUM *q = prime_behind(p, distances[i], context);
		refused_for(rsa_public(product_of(p, q, context), "10001"), "close");
	}
	BIGNUM *p = BN_new();
	assert_true(BN_generate_prime_ex(p, 1024, 0, NULL, NULL, NULL));
	BIGNUM *q = prime_behind(p, 600, context);
	taken(rsa_public(product_of(p, q, context), "10001"), "primes 2^600 apart");
	BN_CTX_free(context);
}

static void a_square_is_refused(void **state)
{
	(void)state;
	BN_CTX *context = BN_CTX_new();
	BIGNUM *p = BN_new();
	assert_true(BN_generate_prime_ex(p, 1024, 0, NULL, NULL, NULL));
	refused(rsa_public(product_of(BN_dup(p), p, context), "10001"), "a square");
	BN_CTX_free(context);
}

static void a_point_off_the_curve_is_refused_or_unreadable(void **state)
{
	(void)state;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);
	assert_int_equal(len, 91);
	der[90] ^= 1; /* y of the point */
	const unsigned char *at = der;
	EVP_PKEY *off = d2i_PUBKEY(NULL, &at, len);
	if (off)
		refused(off, "a point off the curve");
	OPENSSL_free(der);
	EVP_PKEY_free(key);
}

static void a_private_key_is_written_as_pem_and_reads_back(void **state)
{
	(void)state;
	static const char begin[] = "-----BEGIN PRIVATE KEY-----\n", end[] = "-----END PRIVATE KEY-----\n";
	EVP_PKEY *key = NULL;
	struct secret pem = { .len = 0 };
	assert_int_equal(ca_key_new(&key, NULL), STATUS_OK);
	assert_int_equal(ca_key_private_pem(key, &pem, NULL), STATUS_OK);
	assert_int_equal(strlen(pem.bytes), pem.len);
	assert_memory_equal(pem.bytes, begin, strlen(begin));
	assert_string_equal(pem.bytes + pem.len - strlen(end), end);
	BIO *in = BIO_new_mem_buf(pem.bytes, (int)pem.len);
	EVP_PKEY *back = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
	assert_int_equal(EVP_PKEY_eq(key, back), 1);
	EVP_PKEY_free(back);
	BIO_free(in);
	EVP_PKEY_free(key);
	secret_done(&pem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_named_curves_p256_and_p384_are_taken),
		cmocka_unit_test(other_curves_and_kinds_are_refused),
		cmocka_unit_test(explicit_curve_parameters_are_refused_even_those_of_p256),
		cmocka_unit_test(rsa_is_taken_from_2048_to_4096_bits),
		cmocka_unit_test(odd_rsa_exponents_and_moduli_are_refused),
		cmocka_unit_test(a_key_with_the_roca_fingerprint_is_refused),
		cmocka_unit_test(a_key_of_close_primes_is_refused),
		cmocka_unit_test(a_square_is_refused),
		cmocka_unit_test(a_point_off_the_curve_is_refused_or_unreadable),
		cmocka_unit_test(a_private_key_is_written_as_pem_and_reads_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
