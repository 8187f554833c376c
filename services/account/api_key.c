#include "account/api_key.h"

#include <sodium.h>
#include <string.h>

#define PREFIX "ck_"

enum {
	PREFIX_LEN = sizeof(PREFIX) - 1,
	PART_BYTES = 16,
	PART_LEN = 2 * PART_BYTES,
	SIGNED_LEN = PREFIX_LEN + PART_LEN,
};

_Static_assert(SIGNED_LEN + 1 + PART_LEN == API_KEY_BYTES, "prefix, id, underscore, mac");
_Static_assert(API_KEY_SECRET_BYTES == crypto_auth_hmacsha256_KEYBYTES, "the secret is an HMAC's key");
_Static_assert(API_KEY_HASH_BYTES == crypto_hash_sha256_BYTES, "SHA-256");

/* As the key of codes in account.c, under another label. */
void api_key_derive(const struct token_key *token_key, struct api_key_secret *ret_secret)
{
	static const unsigned char label[] = "cistern api keys 1";
	crypto_auth_hmacsha256_state state;
	crypto_auth_hmacsha256_init(&state, (const unsigned char *)token_key->secret.bytes, token_key->secret.len);
	crypto_auth_hmacsha256_update(&state, label, sizeof(label));
	crypto_auth_hmacsha256_final(&state, ret_secret->bytes);
	sodium_memzero(&state, sizeof(state));
}

static void put_mac(const struct api_key_secret *secret, const char *key, char ret_mac[PART_LEN + 1])
{
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256(mac, (const unsigned char *)key, SIGNED_LEN, secret->bytes);
	(void)sodium_bin2hex(ret_mac, PART_LEN + 1, mac, PART_BYTES); /* returns its first argument */
	sodium_memzero(mac, sizeof(mac));
}

static void hash_key(const char *key, unsigned char ret_hash[API_KEY_HASH_BYTES])
{
	crypto_hash_sha256(ret_hash, (const unsigned char *)key, API_KEY_BYTES);
}

void api_key_make(const struct api_key_secret *secret, char ret_key[API_KEY_BYTES + 1],
		  unsigned char ret_hash[API_KEY_HASH_BYTES])
{
	unsigned char id[PART_BYTES];
	randombytes_buf(id, sizeof(id));
	memcpy(ret_key, PREFIX, PREFIX_LEN);
	(void)sodium_bin2hex(ret_key + PREFIX_LEN, PART_LEN + 1, id, sizeof(id)); /* returns its first argument */
	ret_key[SIGNED_LEN] = '_';
	put_mac(secret, ret_key, ret_key + SIGNED_LEN + 1);
	hash_key(ret_key, ret_hash);
	sodium_memzero(id, sizeof(id));
}

bool api_key_looks_like(const char *text)
{
	return strncmp(text, PREFIX, PREFIX_LEN) == 0;
}

/* The mac is compared with its one spelling, in constant time; the id is under it, byte for byte. */
enum status api_key_check(const struct api_key_secret *secret, const char *text, size_t len,
			  unsigned char ret_hash[API_KEY_HASH_BYTES], struct error *err)
{
	if (len != API_KEY_BYTES || memcmp(text, PREFIX, PREFIX_LEN) != 0 || text[SIGNED_LEN] != '_')
		return error_set(err, STATUS_UNAUTHENTICATED, "not a key");
	char mac[PART_LEN + 1];
	put_mac(secret, text, mac);
	bool is_ours = sodium_memcmp(mac, text + SIGNED_LEN + 1, PART_LEN) == 0;
	sodium_memzero(mac, sizeof(mac));
	if (!is_ours)
		return error_set(err, STATUS_UNAUTHENTICATED, "not a key of ours");
	hash_key(text, ret_hash);
	return STATUS_OK;
}
