#include "account/account.h"

#include <stdlib.h>
#include <string.h>

#include "account/private.h"
#include "account/user_name.h"
#include "store/session.h"
#include "store/user.h"

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
	api_key_derive(&account->key, &account->api_key_secret);
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

void account_tell(const struct account *account, const char *user_name, enum mail_template which)
{
	struct error unsent;
	const struct mail mail = { .to = user_name, .template = which };
	if (mailer_send(account->options.mailer, &mail, &unsent) != STATUS_OK)
		return; /* as the header says */
}

void account_mail_invitation(const struct account *account, const char *to, const char *from, const char *what)
{
	struct error unsent;
	const struct mail_value values[] = { { "from", from }, { "what", what } };
	const struct mail mail = {
		.to = to, .template = MAIL_SHARING_INVITATION, .values = values, .n_values = ARRAY_LEN(values)
	};
	if (mailer_send(account->options.mailer, &mail, &unsent) != STATUS_OK)
		return; /* as the header says */
}

static void make_tokens(const struct account *account, const struct token_claims *claims, const char *user_name,
			struct account_tokens *ret_tokens)
{
	token_put_id(&account->key, claims, user_name, &ret_tokens->id);
	token_put_access(&account->key, claims, &ret_tokens->access);
}

static enum status open_session(const struct account *account, struct store *store, const char *user_id,
				const char *password_hash, const struct account_sign_in *sign_in,
				struct account_tokens *ret_tokens, struct error *err)
{
	char refresh[REFRESH_TOKEN_BYTES + 1];
	unsigned char refresh_hash[REFRESH_HASH_BYTES];
	token_make_refresh(refresh);
	enum status st = token_hash_refresh(refresh, refresh_hash, err);
	if (st != STATUS_OK)
		return st;
	const struct session_start start = { .user_id = user_id,
					     .password_hash = password_hash,
					     .refresh_hash = refresh_hash,
					     .refresh_hash_len = sizeof(refresh_hash),
					     .lifetime_s = account->options.session_lifetime_s,
					     .keep_max = SESSIONS_PER_USER_MAX,
					     .source = sign_in->source,
					     .client = sign_in->client };
	struct token_claims claims;
	memcpy(claims.user_id, user_id, sizeof(claims.user_id));
	st = store_session_open(store, &start, claims.session_id, err);
	if (st == STATUS_NOT_FOUND)
		return error_set(err, STATUS_UNAUTHENTICATED,
				 "the account is gone, or its password was changed meanwhile");
	if (st != STATUS_OK)
		return st;
	make_tokens(account, &claims, sign_in->user_name, ret_tokens);
	memcpy(ret_tokens->refresh, refresh, sizeof(refresh));
	sodium_memzero(refresh, sizeof(refresh));
	return STATUS_OK;
}

enum status account_login(const struct account *account, struct store *store, const struct account_sign_in *sign_in,
			  struct account_tokens *ret_tokens, struct error *err)
{
	struct user_login login = { .confirmed = false };
	enum status st = store_user_login(store, sign_in->user_name, &login, err);
	if (st != STATUS_OK && st != STATUS_NOT_FOUND)
		return st;
	/* a hash is computed in any case: an unknown name must take as long as a wrong password */
	bool has_password = st == STATUS_OK && login.password_hash[0] != '\0';
	st = password_verify(sign_in->password, has_password ? login.password_hash : account->dummy_hash, err);
	if (st == STATUS_UNAVAILABLE)
		return st;
	if (st != STATUS_OK || !has_password)
		return error_set(err, STATUS_UNAUTHENTICATED, "wrong user name or password");
	if (!login.confirmed)
		return error_set(err, STATUS_CONFLICT, "the account is not confirmed");
	return open_session(account, store, login.id, login.password_hash, sign_in, ret_tokens, err);
}

enum status account_open_session(const struct account *account, struct store *store, const char *user_id,
				 const struct account_sign_in *sign_in, struct account_tokens *ret_tokens,
				 struct error *err)
{
	return open_session(account, store, user_id, NULL, sign_in, ret_tokens, err);
}

enum status account_refresh(const struct account *account, struct store *store, const char *refresh_token,
			    const char *source, struct account_tokens *ret_tokens, struct error *err)
{
	static const struct session_networks networks = { REFRESH_NETWORKS_MAX, REFRESH_NETWORKS_WINDOW_S };
	unsigned char refresh_hash[REFRESH_HASH_BYTES];
	enum status st = token_hash_refresh(refresh_token, refresh_hash, err);
	if (st != STATUS_OK)
		return st;
	struct session_user user;
	enum session_refresh outcome = SESSION_REFRESH_UNKNOWN;
	st = store_session_refresh(store, refresh_hash, sizeof(refresh_hash), source, networks, &outcome, &user, err);
	if (st != STATUS_OK)
		return st;
	if (outcome == SESSION_REFRESH_STOLEN)
		account_tell(account, user.user_name, MAIL_SESSION_STOLEN);
	if (outcome != SESSION_REFRESH_OK)
		return error_set(err, STATUS_UNAUTHENTICATED, "refresh token of no session, an ended or a stolen one");
	struct token_claims claims;
	memcpy(claims.user_id, user.user_id, sizeof(claims.user_id));
	memcpy(claims.session_id, user.session_id, sizeof(claims.session_id));
	make_tokens(account, &claims, user.user_name, ret_tokens);
	ret_tokens->refresh[0] = '\0';
	return STATUS_OK;
}

/* The password that was checked is the one that is replaced: the store compares. */
enum status account_change_password(const struct account *account, struct store *store,
				    const struct account_password_change *change, struct error *err)
{
	struct user_login login = { .confirmed = false };
	password_hash_text hash;
	enum status st = store_user_login(store, change->user_name, &login, err);
	if (st == STATUS_OK && login.password_hash[0] == '\0')
		return error_set(err, STATUS_CONFLICT, "the account has no password");
	if (st == STATUS_OK)
		st = password_verify(change->old_password, login.password_hash, err);
	if (st == STATUS_UNAUTHENTICATED || st == STATUS_NOT_FOUND)
		return error_set(err, STATUS_DENIED, "the old password is wrong");
	if (st == STATUS_OK)
		st = password_hash(change->new_password, hash, err);
	if (st == STATUS_OK)
		st = store_user_change_password(store, change->user_id, change->session_id, login.password_hash, hash,
						err);
	if (st == STATUS_CONFLICT)
		return error_set(err, STATUS_DENIED, "the old password or the session is no more");
	if (st == STATUS_OK)
		account_tell(account, change->user_name, MAIL_PASSWORD_CHANGED);
	return st;
}

enum status account_check_token(const struct account *account, const char *token, size_t token_len,
				struct token_claims *ret_claims, struct error *err)
{
	return token_check_access(&account->key, token, token_len, ret_claims, err);
}

void account_make_key(const struct account *account, char ret_key[API_KEY_BYTES + 1],
		      unsigned char ret_hash[API_KEY_HASH_BYTES])
{
	api_key_make(&account->api_key_secret, ret_key, ret_hash);
}

enum status account_check_key(const struct account *account, const char *key, size_t key_len,
			      unsigned char ret_hash[API_KEY_HASH_BYTES], struct error *err)
{
	return api_key_check(&account->api_key_secret, key, key_len, ret_hash, err);
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
