/* account/token.h - access tokens, id tokens and refresh tokens.
 *
 *   token   = header "." payload "." signature      JWT, RFC 7519; each part base64url without padding, RFC 4648 section 5
 *   header  = {"alg":"HS256","typ":"JWT"}           always these bytes
 *   access  = {"iss","aud":"access","sub":<user id>,"sid":<session id>,"token_use":"access","iat","exp"}
 *   id      = {"iss","aud":"id","sub","custom:user_id","email"|"phone_number","email_verified","token_use":"id","iat","exp"}
 *   refresh = 64 hexadecimal digits: 32 random bytes; kept as SHA-256 only
 *
 * Composed here with libsodium and not with libjwt, for three reasons. A token's header is never parsed: it must be byte for byte
 * ours, so that no header field can choose an algorithm, a key or a URL. The signature is compared, in constant time, with
 * the canonical encoding of our own, so that one token has one spelling. And clients decode the payload with lenient standard
 * base64 (rest.md section 2): the segment must hold neither '-' nor '_'. Six bits 62 or 63 arise from ASCII only as the last
 * of four, from '>' '?' '~' or DEL; these four are written \u003e and so on, and the segment is then free of both for certain.
 *
 * Thread:  any, once token_key_read() has filled the key; reading only.
 * Memory:  fills the caller's buffers and structs.
 * Errors:  UNAUTHENTICATED the token is not ours, has ended, or is of the other kind; the text says which, for the log.
 */
#ifndef CISTERN_ACCOUNT_TOKEN_H
#define CISTERN_ACCOUNT_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/macros.h"
#include "base/secret.h"
#include "model/limits.h"

enum {
	TOKEN_KEY_BYTES_MIN = 32,
	TOKEN_BYTES_MAX = 4096,
	TOKEN_SKEW_S = 60, /* between the clocks of two daemons: threats.md section 6 */
	REFRESH_TOKEN_BYTES = 64,
	REFRESH_HASH_BYTES = 32,
};

struct token_key {
	struct secret secret;
	const char *issuer;
	int64_t lifetime_s;
};

/* Whom a token is about. */
struct token_claims {
	char user_id[UUID_BYTES + 1], session_id[UUID_BYTES + 1];
};

/* INVALID: shorter than TOKEN_KEY_BYTES_MIN. `issuer` must outlive the key. */
MUST_CHECK enum status token_key_read(const char *path, const char *issuer, int64_t lifetime_s,
				      struct token_key *ret_key, struct error *err);
void token_key_done(struct token_key *key);

/* Both write behind what is in the buffer. `user_name` is canonical. */
void token_put_access(const struct token_key *key, const struct token_claims *claims, struct buffer *out);
void token_put_id(const struct token_key *key, const struct token_claims *claims, const char *user_name,
		  struct buffer *out);

MUST_CHECK enum status token_check_access(const struct token_key *key, const char *token, size_t token_len,
					  struct token_claims *ret_claims, struct error *err);

void token_make_refresh(char ret_token[REFRESH_TOKEN_BYTES + 1]);
/* UNAUTHENTICATED: not of that form. */
MUST_CHECK enum status token_hash_refresh(const char *token, unsigned char ret_hash[REFRESH_HASH_BYTES],
					  struct error *err);

#endif
