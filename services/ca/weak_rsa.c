#include "ca/weak_rsa.h"

#include <stdbool.h>

#include "ca/openssl.h"

/* --- ROCA (CVE-2017-15361; Nemec, Sys, Svenda, Klinec, Matyas: "The Return of Coppersmith's Attack", CCS 2017, sections 2 and 3) ---
 *
 * A library in smart cards and TPMs made its primes as k * M + (65537^a mod M), where M is the product of the first primes: up
 * to 701 for keys of 1984 to 3936 bits, and of more for longer ones. Then the modulus too is a power of 65537 modulo each of
 * those primes. A random modulus is that for all of them by chance in one of 2^167 cases. */
enum { ROCA_GENERATOR = 65537, ROCA_PRIME_MAX = 701 };

static bool is_prime(unsigned n)
{
	for (unsigned i = 3; i * i <= n; i += 2) {
		if (n % i == 0)
			return false;
	}
	return true;
}

static bool is_power_of_generator(unsigned residue, unsigned prime)
{
	unsigned power = 1;
	do {
		if (power == residue)
			return true;
		power = power * (ROCA_GENERATOR % prime) % prime;
	} while (power != 1);
	return false;
}

static bool has_roca_fingerprint(const BIGNUM *modulus)
{
	for (unsigned prime = 3; prime <= ROCA_PRIME_MAX; prime += 2) {
		if (is_prime(prime) && !is_power_of_generator((unsigned)BN_mod_word(modulus, prime), prime))
			return false;
	}
	return true;
}

/* --- close primes: Fermat's method, n = a^2 - b^2 = (a - b)(a + b), with a from the square root upwards. ---
 *
 * Seen in the wild as CVE-2022-26320, where one round was enough; random primes would take some 2^1000. */
enum { FERMAT_ROUNDS = 100 };

struct fermat {
	BN_CTX *context;
	BIGNUM *a, *square, *b, *quotient;
};

DEFINE_CLEANUP(bn_ctx, BN_CTX *, BN_CTX_free)

/* Newton's method from above: the first value that does not get smaller is the root, rounded down. */
static bool square_root(const struct fermat *f, const BIGNUM *n, BIGNUM *root)
{
	BN_zero(root);
	if (BN_is_zero(n))
		return true;
	if (!BN_set_bit(root, (BN_num_bits(n) + 1) / 2))
		return false;
	for (;;) {
		if (!BN_div(f->quotient, NULL, n, root, f->context) || !BN_add(f->quotient, f->quotient, root) ||
		    !BN_rshift1(f->quotient, f->quotient))
			return false;
		if (BN_cmp(f->quotient, root) >= 0)
			return true;
		if (!BN_copy(root, f->quotient))
			return false;
	}
}

/* Squares modulo 64 are 0, 1, 4, 9, 16, 17, 25, 33, 36, 41, 49 and 57: five of six rounds need no root. */
static bool may_be_square(const BIGNUM *n)
{
	return (UINT64_C(0x0202021202030213) >> (unsigned)BN_mod_word(n, 64) & 1) != 0;
}

/* f->square: a^2 - n, kept up to date by addition; ret_found: it is b^2. */
static bool try_square(const struct fermat *f, bool *ret_found)
{
	*ret_found = false;
	if (!may_be_square(f->square))
		return true;
	CLEANUP(bignum) BIGNUM *again = BN_new();
	if (!again || !square_root(f, f->square, f->b) || !BN_sqr(again, f->b, f->context))
		return false;
	*ret_found = BN_cmp(again, f->square) == 0;
	return true;
}

static bool search(const struct fermat *f, const BIGNUM *modulus, bool *ret_found)
{
	/* a: the root, rounded up; no modulus that passed the library's check is a square itself */
	if (!square_root(f, modulus, f->a) || !BN_add_word(f->a, 1))
		return false;
	for (int i = 0; i < FERMAT_ROUNDS; i++) {
		if (!BN_sqr(f->square, f->a, f->context) || !BN_sub(f->square, f->square, modulus) ||
		    !try_square(f, ret_found))
			return false;
		if (*ret_found)
			return true;
		if (!BN_add_word(f->a, 1))
			return false;
	}
	return true;
}

static enum status check_close_primes(const BIGNUM *modulus, struct error *err)
{
	CLEANUP(bn_ctx) BN_CTX *context = BN_CTX_new();
	CLEANUP(bignum) BIGNUM *a = BN_new();
	CLEANUP(bignum) BIGNUM *square = BN_new();
	CLEANUP(bignum) BIGNUM *b = BN_new();
	CLEANUP(bignum) BIGNUM *quotient = BN_new();
	const struct fermat fermat = { context, a, square, b, quotient };
	bool found = false;
	if (!context || !a || !square || !b || !quotient || !search(&fermat, modulus, &found))
		return openssl_failure(err, STATUS_INTERNAL, "the key cannot be checked");
	if (found)
		return error_set(err, STATUS_INVALID, "the RSA key's primes are too close to each other");
	return STATUS_OK;
}

enum status weak_rsa_check(const BIGNUM *modulus, struct error *err)
{
	if (has_roca_fingerprint(modulus))
		return error_set(err, STATUS_INVALID,
				 "the RSA key was made by a library with a known flaw (ROCA, CVE-2017-15361)");
	return check_close_primes(modulus, err);
}
