/* account/account.h - signing up, signing in, and sessions.
 *
 * A stranger learns nothing about who has an account (threats.md section 6): for a known and an unknown name the same statements
 * run, a password is hashed, a mail is queued, and the answer is one and the same. What differs goes by mail to the owner.
 *
 *   sign-up   the code goes by mail; the password of that sign-up becomes valid with its code. Repeating it replaces both.
 *             For a confirmed account nothing changes and the owner gets a notice.
 *   code      6 random digits, kept as a keyed hash over purpose, user name and digits; CODE_TRIES tries, CODE_LIFETIME_S,
 *             the newest only. Keyed, because six digits alone would be found from a stolen backup in no time.
 *   session   one for each sign-in, with one refresh token that stays the same until it ends (rest.md section 2: clients
 *             never store a second one). The newest SESSIONS_PER_USER_MAX are kept.
 *
 * Thread:  any; each thread brings its own struct store. Functions marked slow hash a password: see account/password.h.
 * Memory:  account_open() makes it, account_close() ends it (NULL is fine). Results are written into the caller's structs.
 * Errors:  as each function says; else as store/store.h.
 */
#ifndef CISTERN_ACCOUNT_ACCOUNT_H
#define CISTERN_ACCOUNT_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "account/token.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/macros.h"
#include "store/store.h"

enum { CODE_DIGITS = 6, CODE_TRIES = 5, CODE_LIFETIME_S = 900, SESSIONS_PER_USER_MAX = 100 };
enum { ACCOUNT_KEY_BYTES = 32 };

struct account;
struct mailer;

struct account_options {
	const char *token_key_file, *token_issuer;
	int64_t access_token_lifetime_s, session_lifetime_s;
	struct mailer *mailer;
};

struct account_tokens {
	struct buffer id, access;              /* without NUL at the end */
	char refresh[REFRESH_TOKEN_BYTES + 1]; /* "" after a refresh */
};

void account_tokens_done(struct account_tokens *tokens);

/* The options' texts and the mailer must outlive the account. Slow: hashes a dummy password. INVALID: a bad key file. */
MUST_CHECK enum status account_open(const struct account_options *options, struct account **ret_account,
				    struct error *err);
void account_close(struct account *account);

/* `user_name` is canonical, `password` within the policy. Slow. LIMIT: the mail queue is full. */
MUST_CHECK enum status account_sign_up(const struct account *account, struct store *store, const char *user_name,
				       const char *password, struct error *err);
/* DENIED: wrong, used up or outdated code, or no such account. */
MUST_CHECK enum status account_confirm(const struct account *account, struct store *store, const char *user_name,
				       const char *code, struct error *err);

/* Slow. UNAUTHENTICATED: wrong name or password. CONFLICT: both right, but the account is not confirmed. */
MUST_CHECK enum status account_login(const struct account *account, struct store *store, const char *user_name,
				     const char *password, struct account_tokens *ret_tokens, struct error *err);
/* For who has been recognised in another way than by a password: account/oidc.h. */
MUST_CHECK enum status account_open_session(const struct account *account, struct store *store, const char *user_id,
					    const char *user_name, struct account_tokens *ret_tokens,
					    struct error *err);
/* UNAUTHENTICATED: unknown, or its session has ended. */
MUST_CHECK enum status account_refresh(const struct account *account, struct store *store, const char *refresh_token,
				       struct account_tokens *ret_tokens, struct error *err);

/* Signature, issuer, kind and times; the session itself is asked of the store (store/session.h). */
MUST_CHECK enum status account_check_token(const struct account *account, const char *token, size_t token_len,
					   struct token_claims *ret_claims, struct error *err);

/* Operators: a confirmed account, without mail. Slow. INVALID: name or password. CONFLICT: the name is taken. */
MUST_CHECK enum status account_add(struct store *store, const char *user_name, const char *password, bool super_admin,
				   char ret_user_id[UUID_BYTES + 1], struct error *err);

int64_t account_token_lifetime_s(const struct account *account);
/* A key for one purpose, from the one that signs tokens. */
void account_derive_key(const struct account *account, const char *label, unsigned char ret_key[ACCOUNT_KEY_BYTES]);

DEFINE_CLEANUP(account, struct account *, account_close)

static inline void cleanup_account_tokens(struct account_tokens *tokens)
{
	account_tokens_done(tokens);
}

#endif
