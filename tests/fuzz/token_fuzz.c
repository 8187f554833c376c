/* Any text in place of a token; and any payload under a right signature, so that what lies behind the signature is reached
 * too. Neither may pass for anybody but the one it was made for. */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "account/token.h"
#include "account/user_name.h"
#include "base/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char header[] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";
static const char key_text[] = "0123456789abcdef0123456789abcdef";

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void put_base64url(struct buffer *out, const unsigned char *bytes, size_t len)
{
	size_t size = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_bin2base64(buffer_reserve(out, size), size, bytes, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	out->len += size - 1;
}

static void check_signed_payload(const struct token_key *key, const uint8_t *payload, size_t len)
{
	CLEANUP(buffer) struct buffer token = { 0 };
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	struct token_claims claims;
	struct error err = { .status = STATUS_OK };
	buffer_puts(&token, header);
	put_base64url(&token, payload, len);
	crypto_auth_hmacsha256(mac, (const unsigned char *)token.bytes, token.len, (const unsigned char *)key_text);
	buffer_putc(&token, '.');
	put_base64url(&token, mac, sizeof(mac));
	if (token_check_access(key, token.bytes, token.len, &claims, &err) == STATUS_OK)
		must(parse_is_uuid(claims.user_id) && parse_is_uuid(claims.session_id));
}

static void check_user_name(const struct token_key *key, const char *text)
{
	const struct token_claims about = { .user_id = "6f1d0c1e-0000-4000-8000-000000000001",
					    .session_id = "6f1d0c1e-0000-4000-8000-000000000002" };
	user_name_text name, again;
	struct error err = { .status = STATUS_OK };
	if (user_name_canonical(text, name, &err) != STATUS_OK)
		return;
	must(user_name_canonical(name, again, &err) == STATUS_OK && strcmp(name, again) == 0);
	CLEANUP(buffer) struct buffer id = { 0 };
	token_put_id(key, &about, name, &id);
	const char *payload = (const char *)memchr(id.bytes, '.', id.len) + 1;
	size_t len = (size_t)((const char *)memchr(payload, '.', id.len - (size_t)(payload - id.bytes)) - payload);
	must(!memchr(payload, '-', len) && !memchr(payload, '_', len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct token_key key = { .secret = { .len = sizeof(key_text) - 1 }, .issuer = "cistern", .lifetime_s = 60 };
	memcpy(key.secret.bytes, key_text, sizeof(key_text));
	struct token_claims claims;
	struct error err = { .status = STATUS_OK };
	must(token_check_access(&key, (const char *)data, size, &claims, &err) != STATUS_OK);
	if (size <= 2048)
		check_signed_payload(&key, data, size);
	char *text = strndup((const char *)data, size);
	check_user_name(&key, text);
	free(text);
	return 0;
}
