/* account/id_token.h - whether an ID token of an OpenID Connect provider says who somebody is (OpenID Connect Core 3.1.3.7).
 *
 *   header.payload.signature     base64url each (RFC 7515)
 *
 * The algorithm is RS256 or ES256, whatever else the header names: none has no signature, and HS256 would make a secret of the
 * public key (RFC 8725 3.1). The key is the one of the provider's set with the header's kid, of the kind that the algorithm wants;
 * addresses of keys in the header are not looked at. libcjose does the signature, we do the rules.
 *
 * Thread:  any; pure. Memory: fills the caller's structs.
 * Errors:  NOT_FOUND no key of that kid: the provider may have new ones. DENIED it is no such token, or not for us, or not for now.
 *          INVALID it is all right, but there is no verified e-mail address in it.
 */
#ifndef CISTERN_ACCOUNT_ID_TOKEN_H
#define CISTERN_ACCOUNT_ID_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "account/user_name.h"
#include "base/error.h"
#include "base/json.h"
#include "base/macros.h"
#include "store/oidc.h"

enum {
	ID_TOKEN_BYTES_MAX = 16384,
	ID_TOKEN_SKEW_S = 60,
	ID_TOKEN_AGE_MAX_S = 600, /* a sign-in takes no longer */
	ID_TOKEN_RSA_BITS_MIN = 2048,
	ID_TOKEN_RSA_BITS_MAX = 4096,
	ID_TOKEN_KEYS_MAX = 64, /* in the provider's set */
};

struct id_token_rules {
	const char *issuer, *client_id, *nonce;
	int64_t now_s;
};

struct id_token {
	char subject[OIDC_SUBJECT_BYTES_MAX + 1];
	user_name_text email; /* canonical */
};

/* `keys` is the provider's set as it came (RFC 7517): an object with the array "keys". */
MUST_CHECK enum status id_token_check(struct json_slice token, const json_t *keys, const struct id_token_rules *rules,
				      struct id_token *ret_token, struct error *err);

#endif
