/* Any text in place of a key: none passes but one that was made here. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "account/api_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char key_text[] = "0123456789abcdef0123456789abcdef";
	struct token_key key = { .secret = { .len = sizeof(key_text) - 1 } };
	struct api_key_secret secret;
	unsigned char hash[API_KEY_HASH_BYTES];
	struct error err = { .status = STATUS_OK };
	memcpy(key.secret.bytes, key_text, sizeof(key_text));
	api_key_derive(&key, &secret);
	if (api_key_check(&secret, (const char *)data, size, hash, &err) == STATUS_OK)
		abort(); /* the mac is 16 bytes that nobody told the fuzzer */
	return 0;
}
