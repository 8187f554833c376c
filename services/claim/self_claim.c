#include "claim/self_claim.h"

#include <sodium.h>
#include <string.h>

#include "base/secret.h"

enum {
	NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	TAG_BYTES = crypto_aead_xchacha20poly1305_ietf_ABYTES,
	HMAC_BYTES = 64,
};

_Static_assert(SELF_CLAIM_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "one key");
_Static_assert(NONCE_BYTES + TAG_BYTES + SELF_CLAIM_SECRET_MAX <= SELF_CLAIM_SEALED_MAX, "every secret fits its row");

enum status self_claim_key_read(const char *path, struct self_claim_key *ret_key, struct error *err)
{
	CLEANUP(secret) struct secret text = { .len = 0 };
	enum status st = secret_read(&text, path, err);
	if (st != STATUS_OK)
		return st;
	if (text.len < SELF_CLAIM_KEY_TEXT_MIN)
		return error_set(err, STATUS_INVALID, "%s: the first line has fewer than %d characters", path,
				 SELF_CLAIM_KEY_TEXT_MIN);
	(void)crypto_generichash(ret_key->bytes, sizeof(ret_key->bytes), (const unsigned char *)text.bytes, text.len,
				 NULL, 0); /* fails only for sizes that these are not */
	return STATUS_OK;
}

enum status self_claim_seal(const struct self_claim_key *key, const char *mac, const unsigned char *secret,
			    size_t secret_len, struct self_claim_device *ret_device, struct error *err)
{
	if (strlen(mac) != SELF_CLAIM_MAC_LEN || secret_len < SELF_CLAIM_SECRET_MIN ||
	    secret_len > SELF_CLAIM_SECRET_MAX)
		return error_set(err, STATUS_INVALID, "not a device with a secret of %d to %d bytes",
				 SELF_CLAIM_SECRET_MIN, SELF_CLAIM_SECRET_MAX);
	struct self_claim_device device = { .sealed_len = NONCE_BYTES + secret_len + TAG_BYTES };
	memcpy(device.mac, mac, SELF_CLAIM_MAC_LEN + 1);
	randombytes_buf(device.sealed, NONCE_BYTES);
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(device.sealed + NONCE_BYTES, NULL, secret, secret_len,
							 (const unsigned char *)mac, SELF_CLAIM_MAC_LEN, NULL,
							 device.sealed, key->bytes); /* always 0 */
	*ret_device = device;
	return STATUS_OK;
}

enum status self_claim_unseal(const struct self_claim_key *key, const struct self_claim_device *device,
			      unsigned char ret_secret[SELF_CLAIM_SECRET_MAX], size_t *ret_secret_len,
			      struct error *err)
{
	size_t beside = NONCE_BYTES + TAG_BYTES;
	unsigned long long len = 0;
	if (device->sealed_len <= beside || device->sealed_len - beside > SELF_CLAIM_SECRET_MAX ||
	    crypto_aead_xchacha20poly1305_ietf_decrypt(
		    ret_secret, &len, NULL, device->sealed + NONCE_BYTES, device->sealed_len - NONCE_BYTES,
		    (const unsigned char *)device->mac, SELF_CLAIM_MAC_LEN, device->sealed, key->bytes) != 0)
		return error_set(err, STATUS_INVALID, "the secret of %s was not sealed with this self_claim_key_file",
				 device->mac);
	*ret_secret_len = (size_t)len;
	return STATUS_OK;
}

bool self_claim_secret_read(const char *hex, unsigned char ret_secret[SELF_CLAIM_SECRET_MAX], size_t *ret_secret_len)
{
	size_t len = 0, hex_len = strlen(hex);
	const char *end = NULL;
	if (hex_len % 2 != 0 ||
	    sodium_hex2bin(ret_secret, SELF_CLAIM_SECRET_MAX, hex, hex_len, NULL, &len, &end) != 0 ||
	    end != hex + hex_len || len < SELF_CLAIM_SECRET_MIN)
		return false;
	*ret_secret_len = len;
	return true;
}

/* libsodium's HMAC-SHA-512 takes a key of any length in its streaming form (RFC 2104). */
void self_claim_response(const unsigned char *secret, size_t secret_len, const char *challenge,
			 char ret_response[SELF_CLAIM_RESPONSE_LEN + 1])
{
	crypto_auth_hmacsha512_state state;
	unsigned char hmac[HMAC_BYTES];
	(void)crypto_auth_hmacsha512_init(&state, secret, secret_len); /* these three always return 0 */
	(void)crypto_auth_hmacsha512_update(&state, (const unsigned char *)challenge, strlen(challenge));
	(void)crypto_auth_hmacsha512_final(&state, hmac);
	for (size_t i = 0; i < sizeof(hmac); i++) {
		ret_response[2 * i] = "0123456789ABCDEF"[hmac[i] >> 4];
		ret_response[2 * i + 1] = "0123456789ABCDEF"[hmac[i] & 15];
	}
	ret_response[SELF_CLAIM_RESPONSE_LEN] = '\0';
	sodium_memzero(&state, sizeof(state));
}

bool self_claim_response_is_right(const unsigned char *secret, size_t secret_len, const char *challenge,
				  const char *response)
{
	char right[SELF_CLAIM_RESPONSE_LEN + 1];
	self_claim_response(secret, secret_len, challenge, right);
	bool is_right = strlen(response) == SELF_CLAIM_RESPONSE_LEN &&
			sodium_memcmp(right, response, SELF_CLAIM_RESPONSE_LEN) == 0;
	sodium_memzero(right, sizeof(right));
	return is_right;
}
