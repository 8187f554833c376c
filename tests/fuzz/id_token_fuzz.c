/* Any bytes as an ID token, as the provider's set of keys, and as the claims of a token that is signed rightly. Nothing is believed
 * but what the rules allow. */
#include <cjose/cjose.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "account/id_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct id_token_rules rules = {
	.issuer = "https://id.example.org", .client_id = "cistern", .nonce = "n", .now_s = 1750000000
};
static cjose_jwk_t *key;
static json_t *keys;

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void make_key(void)
{
	cjose_err why;
	key = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &why);
	char *text = cjose_jwk_to_json(key, false, &why);
	keys = json_pack("{s:[o]}", "keys", json_loads(text, 0, NULL));
	free(text);
	must(keys != NULL);
}

static void check(const char *token, size_t len, const json_t *set, bool may_be_ours)
{
	struct error err = { .status = STATUS_OK };
	struct id_token read = { .subject = "" };
	enum status st = id_token_check((struct json_slice){ token, len }, set, &rules, &read, &err);
	must(st == STATUS_OK || err.text[0] != '\0');
	must(st != STATUS_OK || may_be_ours);
	must(st != STATUS_OK || (read.subject[0] && strchr(read.email, '@')));
}

static void check_claims(const uint8_t *data, size_t size)
{
	cjose_err why;
	const char *token = NULL;
	cjose_header_t *header = cjose_header_new(&why);
	must(cjose_header_set(header, "alg", "ES256", &why));
	cjose_jws_t *jws = cjose_jws_sign(key, header, data, size, &why);
	if (jws && cjose_jws_export(jws, &token, &why))
		check(token, strlen(token), keys, true);
	cjose_jws_release(jws);
	cjose_header_release(header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* RFC 7515 appendix A.3 */
	static const char example[] =
		"eyJhbGciOiJFUzI1NiJ9."
		"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
		"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
	if (!key)
		make_key();
	if (size < 2)
		return 0;
	if (data[0] == 'c') {
		check_claims(data + 1, size - 1);
		return 0;
	}
	if (data[0] == 'k') {
		json_t *set = json_loadb((const char *)data + 1, size - 1, 0, NULL);
		check(example, strlen(example), set, false);
		json_decref(set);
		return 0;
	}
	check((const char *)data, size, keys, false);
	return 0;
}
