#include "account/account.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/password.h"
#include "account/user_name.h"
#include "push/mailer.h"
#include "store/session.h"
#include "store/user.h"

enum { CODE_HASH_BYTES = 32 };

struct account {
	struct account_options options;
	struct token_key key;
	unsigned char code_key[ACCOUNT_KEY_BYTES];
	password_hash_text dummy_hash; /* of a password that nobody knows */
};

/* No token's text can be a label: tokens begin with their header. */
void account_derive_key(const struct account *account, const char *label, unsigned char ret_key[ACCOUNT_KEY_BYTES])
{
	crypto_auth_hmacsha256_state state;
	crypto_auth_hmacsha256_init(&state, (const unsigned char *)account->key.secret.bytes, account->key.secret.len);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)label, strlen(label) + 1);
	crypto_auth_hmacsha256_final(&state, ret_key);
	sodium_memzero(&state, sizeof(state));
}

static enum status make_dummy(struct account *account, struct error *err)
{
	char password[REFRESH_TOKEN_BYTES + 1];
	token_make_refresh(password);
	return password_hash(password, account->dummy_hash, err);
}

enum status account_open(const struct account_options *options, struct account **ret_account, struct error *err)
{
	if (sodium_init() < 0)
		return error_set(err, STATUS_INTERNAL, "libsodium does not start");
	CLEANUP(account) struct account *account = calloc(1, sizeof(*account));
	if (!account)
		abort();
	account->options = *options;
	enum status st = token_key_read(options->token_key_file, options->token_issuer,
					options->access_token_lifetime_s, &account->key, err);
	if (st != STATUS_OK)
		return st;
	account_derive_key(account, "cistern account codes 1", account->code_key);
	st = make_dummy(account, err);
	if (st != STATUS_OK)
		return st;
	*ret_account = STEAL(account);
	return STATUS_OK;
}

void account_close(struct account *account)
{
	if (!account)
		return;
	token_key_done(&account->key);
	sodium_memzero(account, sizeof(*account));
	free(account);
}

int64_t account_token_lifetime_s(const struct account *account)
{
	return account->options.access_token_lifetime_s;
}

void account_tokens_done(struct account_tokens *tokens)
{
	if (tokens->id.bytes)
		sodium_memzero(tokens->id.bytes, tokens->id.capacity);
	if (tokens->access.bytes)
		sodium_memzero(tokens->access.bytes, tokens->access.capacity);
	buffer_done(&tokens->id);
	buffer_done(&tokens->access);
	sodium_memzero(tokens->refresh, sizeof(tokens->refresh));
}

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

static enum status mail_code(const struct account *account, const char *user_name, const char *code, struct error *err)
{
	char minutes[12];
	(void)snprintf(minutes, sizeof(minutes), "%d", CODE_LIFETIME_S / 60);
	const struct mail_value values[] = { { "minutes", minutes } };
	const struct mail mail = { .to = user_name,
				   .template = MAIL_SIGN_UP_CODE,
				   .values = values,
				   .n_values = ARRAY_LEN(values),
				   .code = code };
	return mailer_send(account->options.mailer, &mail, err);
}

static enum status mail_notice(const struct account *account, const char *user_name, struct error *err)
{
	const struct mail mail = { .to = user_name, .template = MAIL_ALREADY_REGISTERED };
	return mailer_send(account->options.mailer, &mail, err);
}

enum status account_sign_up(const struct account *account, struct store *store, const char *user_name,
			    const char *password, struct error *err)
{
	password_hash_text hash;
	enum status st = password_hash(password, hash, err);
	if (st != STATUS_OK)
		return st;
	char code[CODE_DIGITS + 1];
	(void)snprintf(code, sizeof(code), "%06u", (unsigned)randombytes_uniform(1000000) % 1000000);
	unsigned char code_hash[CODE_HASH_BYTES];
	hash_code(account, "signup", user_name, code, code_hash);
	const struct user_sign_up sign_up = { .user_name = user_name,
					      .password_hash = hash,
					      .code_hash = code_hash,
					      .code_hash_len = sizeof(code_hash),
					      .code_tries = CODE_TRIES,
					      .code_lifetime_s = CODE_LIFETIME_S };
	bool was_confirmed = false;
	st = store_user_sign_up(store, &sign_up, &was_confirmed, err);
	if (st == STATUS_OK)
		st = was_confirmed ? mail_notice(account, user_name, err) : mail_code(account, user_name, code, err);
	sodium_memzero(code, sizeof(code));
	return st;
}

enum status account_confirm(const struct account *account, struct store *store, const char *user_name, const char *code,
			    struct error *err)
{
	unsigned char code_hash[CODE_HASH_BYTES];
	hash_code(account, "signup", user_name, code, code_hash);
	enum status st = store_user_confirm(store, user_name, code_hash, sizeof(code_hash), err);
	if (st == STATUS_NOT_FOUND)
		return error_set(err, STATUS_DENIED, "wrong, used or outdated code");
	return st;
}

static void make_tokens(const struct account *account, const struct token_claims *claims, const char *user_name,
			struct account_tokens *ret_tokens)
{
	token_put_id(&account->key, claims, user_name, &ret_tokens->id);
	token_put_access(&account->key, claims, &ret_tokens->access);
}

enum status account_open_session(const struct account *account, struct store *store, const char *user_id,
				 const char *user_name, struct account_tokens *ret_tokens, struct error *err)
{
	char refresh[REFRESH_TOKEN_BYTES + 1];
	unsigned char refresh_hash[REFRESH_HASH_BYTES];
	token_make_refresh(refresh);
	enum status st = token_hash_refresh(refresh, refresh_hash, err);
	if (st != STATUS_OK)
		return st;
	struct token_claims claims;
	memcpy(claims.user_id, user_id, UUID_BYTES + 1);
	st = store_session_new(store, user_id, refresh_hash, sizeof(refresh_hash), account->options.session_lifetime_s,
			       SESSIONS_PER_USER_MAX, claims.session_id, err);
	if (st != STATUS_OK)
		return st;
	make_tokens(account, &claims, user_name, ret_tokens);
	memcpy(ret_tokens->refresh, refresh, sizeof(refresh));
	sodium_memzero(refresh, sizeof(refresh));
	return STATUS_OK;
}

enum status account_login(const struct account *account, struct store *store, const char *user_name,
			  const char *password, struct account_tokens *ret_tokens, struct error *err)
{
	struct user_login login = { .confirmed = false };
	enum status st = store_user_login(store, user_name, &login, err);
	if (st != STATUS_OK && st != STATUS_NOT_FOUND)
		return st;
	/* a hash is computed in any case: an unknown name must take as long as a wrong password */
	bool has_password = st == STATUS_OK && login.password_hash[0] != '\0';
	st = password_verify(password, has_password ? login.password_hash : account->dummy_hash, err);
	if (st != STATUS_OK || !has_password)
		return error_set(err, STATUS_UNAUTHENTICATED, "wrong user name or password");
	if (!login.confirmed)
		return error_set(err, STATUS_CONFLICT, "the account is not confirmed");
	return account_open_session(account, store, login.id, user_name, ret_tokens, err);
}

enum status account_refresh(const struct account *account, struct store *store, const char *refresh_token,
			    struct account_tokens *ret_tokens, struct error *err)
{
	unsigned char refresh_hash[REFRESH_HASH_BYTES];
	enum status st = token_hash_refresh(refresh_token, refresh_hash, err);
	if (st != STATUS_OK)
		return st;
	struct session_user user;
	st = store_session_refresh(store, refresh_hash, sizeof(refresh_hash), &user, err);
	if (st == STATUS_NOT_FOUND)
		return error_set(err, STATUS_UNAUTHENTICATED, "unknown refresh token, or its session has ended");
	if (st != STATUS_OK)
		return st;
	struct token_claims claims;
	memcpy(claims.user_id, user.user_id, sizeof(claims.user_id));
	memcpy(claims.session_id, user.session_id, sizeof(claims.session_id));
	make_tokens(account, &claims, user.user_name, ret_tokens);
	ret_tokens->refresh[0] = '\0';
	return STATUS_OK;
}

enum status account_check_token(const struct account *account, const char *token, size_t token_len,
				struct token_claims *ret_claims, struct error *err)
{
	return token_check_access(&account->key, token, token_len, ret_claims, err);
}

enum status account_add(struct store *store, const char *user_name, const char *password, bool super_admin,
			char ret_user_id[UUID_BYTES + 1], struct error *err)
{
	if (sodium_init() < 0)
		return error_set(err, STATUS_INTERNAL, "libsodium does not start");
	user_name_text name;
	enum status st = user_name_canonical(user_name, name, err);
	if (st == STATUS_OK)
		st = password_check_policy(password, err);
	password_hash_text hash;
	if (st == STATUS_OK)
		st = password_hash(password, hash, err);
	if (st != STATUS_OK)
		return st;
	return store_user_add(store, name, hash, super_admin, ret_user_id, err);
}
