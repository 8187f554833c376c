/* account/provider.h - the OpenID Connect provider: where its endpoints are, which keys it signs with, and the exchange of a code.
 *
 * What it says of itself (OpenID Connect Discovery 1.0) and its keys are kept for PROVIDER_AGE_S. A token with a key that we do not
 * know makes us ask for the keys again, at most every PROVIDER_KEYS_AGAIN_S, so that nobody makes us ask without end. After a
 * failure nothing is asked for PROVIDER_PAUSE_S: who comes meanwhile is told at once instead of waiting in vain.
 *
 * Thread:  any that may wait (account/fetch.h); one asks at a time, the others wait for its answer. provider_stop() from any.
 * Memory:  provider_open() makes it, provider_close() ends it (NULL is fine). Texts go into the caller's buffers.
 * Errors:  UNAVAILABLE the provider is away, or what it says of itself will not do. DENIED it refused the code, or its token is none
 *          for us. INVALID the token has no verified e-mail address.
 */
#ifndef CISTERN_ACCOUNT_PROVIDER_H
#define CISTERN_ACCOUNT_PROVIDER_H

#include "account/id_token.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/macros.h"

enum { PROVIDER_AGE_S = 3600, PROVIDER_KEYS_AGAIN_S = 10, PROVIDER_PAUSE_S = 2, PROVIDER_CODE_BYTES_MAX = 2048 };

struct provider;

struct provider_options {
	const char *issuer; /* https:// */
	const char *client_id;
	const char *client_secret_file; /* NULL or "": a public client */
	const char *redirect_url;       /* of ours, as the provider knows it */
	const char *scopes;
	const char *ca_file; /* NULL or "": the system's store */
};

/* What only this sign-in has; base64url each. */
struct provider_proof {
	const char *state, *nonce, *challenge;
};

/* The options' texts must outlive it. Asks nothing of the provider yet. INVALID: an option will not do. */
MUST_CHECK enum status provider_open(const struct provider_options *options, struct provider **ret_provider,
				     struct error *err);
void provider_close(struct provider *provider);
/* Requests end within a second, and no more are made. */
void provider_stop(struct provider *provider);

/* Where a browser is sent to sign in. */
MUST_CHECK enum status provider_sign_in_url(struct provider *provider, const struct provider_proof *proof,
					    struct buffer *ret_url, struct error *err);
/* The code that came back, for who signed in. */
MUST_CHECK enum status provider_exchange(struct provider *provider, const char *code, const char *verifier,
					 const char *nonce, struct id_token *ret_token, struct error *err);

DEFINE_CLEANUP(provider, struct provider *, provider_close)

#endif
