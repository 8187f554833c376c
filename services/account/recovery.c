/* What goes by a code: signing up, a new password, deletion. */
#include <stdio.h>
#include <string.h>

#include "account/private.h"
#include "store/user.h"

enum { CODE_HASH_BYTES = 32 };

/* purpose NUL user-name NUL digits: no two triples have one encoding, for none of them holds a NUL. */
static void hash_code(const struct account *account, const char *purpose, const char *user_name, const char *code,
		      unsigned char ret_hash[CODE_HASH_BYTES])
{
	crypto_auth_hmacsha256_state state;
	crypto_auth_hmacsha256_init(&state, account->code_key, sizeof(account->code_key));
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)purpose, strlen(purpose) + 1);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)user_name, strlen(user_name) + 1);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)code, strlen(code));
	crypto_auth_hmacsha256_final(&state, ret_hash);
	sodium_memzero(&state, sizeof(state));
}

static void make_code(char ret_code[CODE_DIGITS + 1])
{
	(void)snprintf(ret_code, CODE_DIGITS + 1, "%06u", (unsigned)randombytes_uniform(1000000) % 1000000);
}

static enum status mail_code(const struct account *account, const char *user_name, enum mail_template which,
			     const char *code, struct error *err)
{
	char minutes[12];
	(void)snprintf(minutes, sizeof(minutes), "%d", CODE_LIFETIME_S / 60);
	const struct mail_value values[] = { { "minutes", minutes } };
	const struct mail mail = {
		.to = user_name, .template = which, .values = values, .n_values = ARRAY_LEN(values), .code = code
	};
	return mailer_send(account->options.mailer, &mail, err);
}

static enum status mail_notice(const struct account *account, const char *user_name, struct error *err)
{
	const struct mail mail = { .to = user_name, .template = MAIL_ALREADY_REGISTERED };
	return mailer_send(account->options.mailer, &mail, err);
}

enum status account_sign_up(const struct account *account, struct store *store, const char *user_name,
			    const char *password, const char *locale, struct error *err)
{
	password_hash_text hash;
	enum status st = password_hash(password, hash, err);
	if (st != STATUS_OK)
		return st;
	char code[CODE_DIGITS + 1];
	unsigned char code_hash[CODE_HASH_BYTES];
	make_code(code);
	hash_code(account, "signup", user_name, code, code_hash);
	const struct user_sign_up sign_up = { .user_name = user_name,
					      .password_hash = hash,
					      .code_hash = code_hash,
					      .code_hash_len = sizeof(code_hash),
					      .code_tries = CODE_TRIES,
					      .code_lifetime_s = CODE_LIFETIME_S,
					      .locale = locale };
	bool was_confirmed = false;
	st = store_user_sign_up(store, &sign_up, &was_confirmed, err);
	if (st == STATUS_OK)
		st = was_confirmed ? mail_notice(account, user_name, err)
				   : mail_code(account, user_name, MAIL_SIGN_UP_CODE, code, err);
	sodium_memzero(code, sizeof(code));
	return st;
}

static enum status spent(enum status st, struct error *err)
{
	return st == STATUS_NOT_FOUND ? error_set(err, STATUS_DENIED, "wrong, used or outdated code") : st;
}

enum status account_confirm(const struct account *account, struct store *store, const char *user_name, const char *code,
			    struct error *err)
{
	unsigned char hash[CODE_HASH_BYTES];
	hash_code(account, "signup", user_name, code, hash);
	return spent(store_user_confirm(store, user_name, hash, sizeof(hash), err), err);
}

/* A new code of that purpose to somebody who has an account. */
static enum status send_code(const struct account *account, struct store *store, const char *purpose,
			     const char *user_name, enum mail_template which, struct error *err)
{
	char digits[CODE_DIGITS + 1];
	unsigned char hash[CODE_HASH_BYTES];
	make_code(digits);
	hash_code(account, purpose, user_name, digits, hash);
	const struct user_code code = { .user_name = user_name,
					.purpose = purpose,
					.hash = hash,
					.hash_len = sizeof(hash),
					.tries = CODE_TRIES,
					.lifetime_s = CODE_LIFETIME_S };
	bool is_known = false;
	enum status st = store_user_send_code(store, &code, &is_known, err);
	if (st == STATUS_OK && is_known)
		st = mail_code(account, user_name, which, digits, err);
	sodium_memzero(digits, sizeof(digits));
	return st;
}

/* A full mail queue is not told: it would tell who has an account. Who gets no mail asks again. */
enum status account_forgot(const struct account *account, struct store *store, const char *user_name, struct error *err)
{
	enum status st = send_code(account, store, "forgot", user_name, MAIL_FORGOT_PASSWORD_CODE, err);
	if (st != STATUS_LIMIT)
		return st;
	*err = (struct error){ .status = STATUS_OK };
	return STATUS_OK;
}

enum status account_reset(const struct account *account, struct store *store, const char *user_name, const char *code,
			  const char *password, struct error *err)
{
	password_hash_text new_hash;
	enum status st = password_hash(password, new_hash, err);
	if (st != STATUS_OK)
		return st;
	unsigned char hash[CODE_HASH_BYTES];
	hash_code(account, "forgot", user_name, code, hash);
	st = spent(store_user_reset(store, user_name, hash, sizeof(hash), new_hash, err), err);
	if (st == STATUS_OK)
		account_tell(account, user_name, MAIL_PASSWORD_CHANGED);
	return st;
}

enum status account_request_deletion(const struct account *account, struct store *store, const char *user_name,
				     struct error *err)
{
	return send_code(account, store, "delete", user_name, MAIL_ACCOUNT_DELETION_CODE, err);
}

enum status account_delete(const struct account *account, struct store *store, const char *user_name, const char *code,
			   struct error *err)
{
	unsigned char hash[CODE_HASH_BYTES];
	hash_code(account, "delete", user_name, code, hash);
	enum status st = spent(store_user_delete(store, user_name, hash, sizeof(hash), err), err);
	if (st == STATUS_OK)
		account_tell(account, user_name, MAIL_ACCOUNT_DELETED);
	return st;
}
