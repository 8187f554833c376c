/* account/oidc.h - signing in with an OpenID Connect provider: authorisation code flow with PKCE on both legs.
 *
 *   app ── start ──► us ── 302, state, nonce, challenge ──► provider        the person signs in there
 *   app ◄─ 302, code of ours ── us ◄── 302, state, code of the provider ──  (we ask the provider who it was)
 *   app ── code of ours, verifier ──► us ── tokens, as after a sign-in with a password ──► app
 *
 * Nothing of a sign-in under way is kept in clear: nonce and verifier are made from the state with a key of our own, and of
 * state, browser secret and code the database has hashes. A state works once, within OIDC_STATE_S, and only in the browser that
 * began (a secret in a cookie), so that nobody is signed in to an account of somebody else's choice. A code of ours works once, within
 * OIDC_CODE_S, and with the app's verifier if it gave a challenge. The app is sent back only to addresses of the operator's list.
 *
 * Thread:  any that may wait for the provider (account/provider.h); each brings its own struct store. oidc_stop() from main.
 * Memory:  oidc_open() makes it, oidc_close() ends it (NULL is fine). Texts go into the caller's buffers.
 * Errors:  as each function says; else as store/store.h and account/provider.h.
 */
#ifndef CISTERN_ACCOUNT_OIDC_H
#define CISTERN_ACCOUNT_OIDC_H

#include <stdbool.h>

#include "account/account.h"
#include "account/provider.h"
#include "store/oidc.h"

enum {
	OIDC_STATE_S = 600,
	OIDC_STATES_MAX = 10000, /* under way at once */
	OIDC_CODE_S = 120,
	OIDC_SECRET_BYTES = 43, /* state, browser secret, code and verifier: base64url of 32 random bytes */
};

struct oidc;

struct oidc_options {
	struct provider_options provider;
	const char *return_urls; /* where apps may be sent back to, separated by commas; compared byte for byte */
	bool link_by_email;
	const struct account *account;
};

/* What an app gives back for a session. */
struct oidc_redemption {
	const char *code;
	const char *verifier, *return_url; /* NULL: not given */
	const char *source, *client;       /* as in struct account_sign_in */
};

typedef char oidc_secret[OIDC_SECRET_BYTES + 1];

/* INVALID: an option will not do. */
MUST_CHECK enum status oidc_open(const struct oidc_options *options, struct oidc **ret_oidc, struct error *err);
void oidc_close(struct oidc *oidc);
/* What waits for the provider ends within a second. */
void oidc_stop(struct oidc *oidc);

/* Checks of what comes from outside, before anything is done with it. */
MUST_CHECK bool oidc_is_return_url(const struct oidc *oidc, const char *url);
MUST_CHECK bool oidc_is_secret(const char *text);    /* of the form of our secrets, and of a challenge */
MUST_CHECK bool oidc_is_verifier(const char *text);  /* RFC 7636 4.1 */
MUST_CHECK bool oidc_is_app_state(const char *text); /* 1 to OIDC_APP_STATE_BYTES_MAX unreserved characters */
MUST_CHECK bool oidc_is_code(const char *text);      /* of the provider: RFC 6749 appendix A.11 */

/* Where the browser goes now, and the secret that it must bring back. LIMIT: too many under way. */
MUST_CHECK enum status oidc_start(struct oidc *oidc, struct store *store, const struct oidc_app *app,
				  oidc_secret ret_browser, struct buffer *ret_url, struct error *err);
/* The browser came back with the provider's code; NULL: with an error, of which the app is told. Where it goes now.
 * NOT_FOUND: no such sign-in is under way in this browser. CONFLICT: the address is that of an account which is not linked. */
MUST_CHECK enum status oidc_finish(struct oidc *oidc, struct store *store, const char *state, const char *browser,
				   const char *code, struct buffer *ret_url, struct error *err);
/* A session for a code of ours. NOT_FOUND: not such a code. */
MUST_CHECK enum status oidc_redeem(struct oidc *oidc, struct store *store, const struct oidc_redemption *redemption,
				   struct account_tokens *ret_tokens, struct error *err);

DEFINE_CLEANUP(oidc, struct oidc *, oidc_close)

#endif
