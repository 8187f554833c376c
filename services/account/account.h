/* account/account.h - signing up, signing in, and sessions.
 *
 * A stranger learns nothing about who has an account (threats.md section 6): for a known and an unknown name the same statements
 * run, a password is hashed, a mail is queued, and the answer is one and the same. What differs goes by mail to the owner.
 *
 *   sign-up   the code goes by mail; the password of that sign-up becomes valid with its code. Repeating it replaces both.
 *             For a confirmed account nothing changes and the owner gets a notice.
 *   code      6 random digits, kept as a keyed hash over purpose, user name and digits; CODE_TRIES tries, CODE_LIFETIME_S,
 *             the newest only. Keyed, because six digits alone would be found from a stolen backup in no time.
 *             Purposes: sign-up, a new password for a forgotten one, deletion of the account.
 *   session   one for each sign-in, with one refresh token that stays the same until it ends (rest.md section 2: clients
 *             never store a second one). The newest SESSIONS_PER_USER_MAX are kept.
 *
 * A refresh token ends with its session: by logging out, by its age, when the owner ends it from another one, when the password is
 * set anew or changed (the session that changes it stays), with the account - or because it was stolen. Since it does not rotate, a
 * thief is known by where it is used: it may come from REFRESH_NETWORKS_MAX networks (IPv4 /24, IPv6 /48) within
 * REFRESH_NETWORKS_WINDOW_S, the sign-in's counted. One more, and the session ends, the owner is told by mail and the audit knows
 * (session.ended, reason stolen). A token whose session has ended is refused, and the audit knows that too
 * (session.refresh_refused).
 *
 * A new password is checked against the rules before its code is looked at: a weak one costs no try.
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

#include "account/api_key.h"
#include "account/token.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/macros.h"
#include "store/store.h"

enum { CODE_DIGITS = 6, CODE_TRIES = 5, CODE_LIFETIME_S = 900, SESSIONS_PER_USER_MAX = 100 };
enum { REFRESH_NETWORKS_MAX = 8, REFRESH_NETWORKS_WINDOW_S = 3600 };
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

struct account_sign_in {
	const char *user_name, *password; /* the name is canonical */
	const char *source;               /* an address as text; NULL: not known */
	const char *client;               /* what the program calls itself; SESSION_CLIENT_BYTES_MAX */
};

struct account_password_change {
	const char *user_id, *session_id;
	const char *user_name;
	const char *old_password, *new_password;
};

void account_tokens_done(struct account_tokens *tokens);

/* The options' texts and the mailer must outlive the account. Slow: hashes a dummy password. INVALID: a bad key file. */
MUST_CHECK enum status account_open(const struct account_options *options, struct account **ret_account,
				    struct error *err);
void account_close(struct account *account);

/* `user_name` is canonical, `password` within the policy, `locale` NULL or of its form. Slow. LIMIT: the mail queue is full. */
MUST_CHECK enum status account_sign_up(const struct account *account, struct store *store, const char *user_name,
				       const char *password, const char *locale, struct error *err);
/* DENIED: wrong, used up or outdated code, or no such account. So for every code below. */
MUST_CHECK enum status account_confirm(const struct account *account, struct store *store, const char *user_name,
				       const char *code, struct error *err);

/* Slow. UNAUTHENTICATED: wrong name or password. CONFLICT: both right, but the account is not confirmed. */
MUST_CHECK enum status account_login(const struct account *account, struct store *store,
				     const struct account_sign_in *sign_in, struct account_tokens *ret_tokens,
				     struct error *err);
/* Mails an invitation to whoever has that address, with or without an account. A full mail queue loses the mail, not the invitation. */
void account_mail_invitation(const struct account *account, const char *to, const char *from, const char *what);

/* For a user who is known by other means; the password is not looked at. UNAUTHENTICATED: no such confirmed account. */
MUST_CHECK enum status account_open_session(const struct account *account, struct store *store, const char *user_id,
					    const struct account_sign_in *sign_in, struct account_tokens *ret_tokens,
					    struct error *err);
/* UNAUTHENTICATED: unknown, its session has ended, or it was stolen. `source` is an address as text, or NULL. */
MUST_CHECK enum status account_refresh(const struct account *account, struct store *store, const char *refresh_token,
				       const char *source, struct account_tokens *ret_tokens, struct error *err);

/* A code for a new password by mail, if there is such an account. */
MUST_CHECK enum status account_forgot(const struct account *account, struct store *store, const char *user_name,
				      struct error *err);
/* `password` is within the policy. Slow. */
MUST_CHECK enum status account_reset(const struct account *account, struct store *store, const char *user_name,
				     const char *code, const char *password, struct error *err);
/* In the caller's own session. `new_password` is within the policy. Slow. DENIED: `old_password` is wrong. CONFLICT: the account has no
 * password, since a provider made it; account_forgot() and account_reset() give it one. */
MUST_CHECK enum status account_change_password(const struct account *account, struct store *store,
					       const struct account_password_change *change, struct error *err);

/* A code for the account's deletion by mail. LIMIT: the mail queue is full. */
MUST_CHECK enum status account_request_deletion(const struct account *account, struct store *store,
						const char *user_name, struct error *err);
/* With all that hangs on it. CONFLICT: the last administrator. */
MUST_CHECK enum status account_delete(const struct account *account, struct store *store, const char *user_name,
				      const char *code, struct error *err);

/* Signature, issuer, kind and times; the session itself is asked of the store (store/session.h). */
MUST_CHECK enum status account_check_token(const struct account *account, const char *token, size_t token_len,
					   struct token_claims *ret_claims, struct error *err);

/* A key for machines, and the hash under which store/key.h keeps it. */
void account_make_key(const struct account *account, char ret_key[API_KEY_BYTES + 1],
		      unsigned char ret_hash[API_KEY_HASH_BYTES]);
/* That it was made here; whether it lives is asked of the store. UNAUTHENTICATED: it was not. */
MUST_CHECK enum status account_check_key(const struct account *account, const char *key, size_t key_len,
					 unsigned char ret_hash[API_KEY_HASH_BYTES], struct error *err);

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
