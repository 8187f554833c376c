#include "account/password.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

_Static_assert(PASSWORD_HASH_BYTES >= crypto_pwhash_STRBYTES, "a hash fits");

enum status password_check_policy(const char *password, struct error *err)
{
	size_t n_characters = 0;
	bool upper = false, lower = false, digit = false;
	for (const char *at = password; *at; at++) {
		n_characters += ((unsigned char)*at & 0xc0) != 0x80; /* not the rest of a UTF-8 character */
		upper |= *at >= 'A' && *at <= 'Z';
		lower |= *at >= 'a' && *at <= 'z';
		digit |= *at >= '0' && *at <= '9';
		if (n_characters > PASSWORD_CHARACTERS_MAX)
			return error_set(err, STATUS_INVALID, "password is longer than %d characters",
					 PASSWORD_CHARACTERS_MAX);
	}
	if (n_characters < PASSWORD_CHARACTERS_MIN || !upper || !lower || !digit)
		return error_set(err, STATUS_INVALID,
				 "password needs %d characters, a capital, a small letter and a digit",
				 PASSWORD_CHARACTERS_MIN);
	return STATUS_OK;
}

enum status password_hash(const char *password, password_hash_text ret_hash, struct error *err)
{
	char hash[crypto_pwhash_STRBYTES];
	if (crypto_pwhash_str(hash, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
			      crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
		return error_set(err, STATUS_UNAVAILABLE, "no memory to hash a password");
	memcpy(ret_hash, hash, sizeof(hash));
	return STATUS_OK;
}

enum status password_verify(const char *password, const char *hash, struct error *err)
{
	if (crypto_pwhash_str_verify(hash, password, strlen(password)) != 0)
		return error_set(err, STATUS_UNAUTHENTICATED, "wrong password");
	return STATUS_OK;
}
