/* Signing up, signing in and out, and what a user is. What is said about accounts: account/account.h. */
#include <string.h>

#include "account/password.h"
#include "account/user_name.h"
#include "api/body.h"
#include "api/handlers.h"
#include "api/limiter.h"
#include "base/parse.h"
#include "claim/claim.h"
#include "store/user.h"

/* A code is guessed with 5 tries in a million; 5 codes in 15 minutes keep that at 1 in 500 a day, and mail from flooding. */
static const struct limiter_rate code_rate = { .n = 5, .period_us = 900000000 };

/* Lives in the arena between the two halves. */
struct credentials {
	user_name_text user_name;
	char password[PASSWORD_CHARACTERS_MAX * 4 + 1];
};

static enum status take_account_rate(struct request *request, enum limiter_kind kind, const char *user_name,
				     struct limiter_rate rate, struct error *err)
{
	if (limiter_take(request->limiter, kind, user_name, strlen(user_name), rate, &request->reply.retry_after_s))
		return STATUS_OK;
	return error_set(err, STATUS_LIMIT, "too many sign-ins or codes for this account");
}

/* The canonical name from the body, within its rate. */
static enum status read_user_name(struct request *request, const json_t *body, user_name_text ret_name,
				  struct error *err)
{
	const char *text = NULL;
	enum status st = body_text(request, body, "user_name", &text, err);
	if (st != STATUS_OK)
		return st;
	if (!text)
		return reply_fail(&request->reply, FAILURE_USER_NAME_MISSING, err);
	if (user_name_canonical(text, ret_name, err) != STATUS_OK)
		return reply_fail(&request->reply, FAILURE_USER_NAME, err);
	struct limiter_rate rate = { request->options->sign_in_per_minute, 60000000 };
	return take_account_rate(request, LIMITER_ACCOUNT_SIGN_IN, ret_name, rate, err);
}

static enum status go_on_with(struct request *request, const user_name_text user_name, const char *password,
			      struct error *err)
{
	struct credentials *credentials = arena_alloc(request->arena, sizeof(*credentials));
	if (!credentials)
		return error_set(err, STATUS_TOO_LARGE, "request needs too much memory");
	memcpy(credentials->user_name, user_name, sizeof(credentials->user_name));
	memcpy(credentials->password, password, strlen(password) + 1); /* its length was checked */
	return request_go_on(request, credentials);
}

/* --- sign-up --- */

static enum status sign_up(struct request *request, const user_name_text user_name, const char *password,
			   struct error *err)
{
	if (password_check_policy(password, err) != STATUS_OK)
		return reply_fail(&request->reply, FAILURE_PASSWORD_POLICY, err);
	enum status st = take_account_rate(request, LIMITER_ACCOUNT_CODE, user_name, code_rate, err);
	return st == STATUS_OK ? go_on_with(request, user_name, password, err) : st;
}

enum status user_sign_up_slow(struct request *request, struct error *err)
{
	struct credentials *credentials = request->carried;
	enum status st = account_sign_up(request->options->account, request->store, credentials->user_name,
					 credentials->password, err);
	explicit_bzero(credentials, sizeof(*credentials));
	if (st == STATUS_OK)
		reply_put_success(&request->reply, "A verification code has been sent");
	return st;
}

static enum status confirm(struct request *request, const user_name_text user_name, const char *code, struct error *err)
{
	enum status st = account_confirm(request->options->account, request->store, user_name, code, err);
	if (st == STATUS_DENIED)
		return reply_fail(&request->reply, FAILURE_CODE, err);
	if (st == STATUS_OK)
		reply_put_success(&request->reply, "User confirmed");
	return st;
}

enum status user_sign_up_or_confirm(struct request *request, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	const char *code = NULL, *password = NULL;
	user_name_text user_name;
	enum status st = body_object(request, false, &body, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "verification_code", &code, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "password", &password, err);
	if (st == STATUS_OK)
		st = read_user_name(request, body, user_name, err);
	if (st != STATUS_OK)
		return st;
	if (code)
		return confirm(request, user_name, code, err);
	if (password)
		return sign_up(request, user_name, password, err);
	return reply_fail(&request->reply, FAILURE_CREDENTIAL_MISSING, err);
}

/* --- sign-in --- */

void user_put_tokens(struct reply *reply, const char *description, struct account_tokens *tokens)
{
	struct buffer *body = &reply->body;
	buffer_puts(body, "{\"status\":\"success\"");
	reply_put_member(body, "description", description);
	reply_put_member(body, "idtoken", buffer_text(&tokens->id));
	reply_put_member(body, "accesstoken", buffer_text(&tokens->access));
	if (tokens->refresh[0])
		reply_put_member(body, "refreshtoken", tokens->refresh);
	buffer_putc(body, '}');
}

/* The user name beside a refresh token is not needed (the SDK leaves it out) and not looked at. */
static enum status refresh(struct request *request, const char *token, struct error *err)
{
	CLEANUP(account_tokens) struct account_tokens tokens = { .refresh = "" };
	enum status st = account_refresh(request->options->account, request->store, token, &tokens, err);
	if (st == STATUS_UNAUTHENTICATED)
		return reply_fail(&request->reply, FAILURE_REFRESH_TOKEN, err);
	if (st == STATUS_OK)
		user_put_tokens(&request->reply, "Token refreshed", &tokens);
	return st;
}

enum status user_login_slow(struct request *request, struct error *err)
{
	struct credentials *credentials = request->carried;
	CLEANUP(account_tokens) struct account_tokens tokens = { .refresh = "" };
	enum status st = account_login(request->options->account, request->store, credentials->user_name,
				       credentials->password, &tokens, err);
	explicit_bzero(credentials, sizeof(*credentials));
	if (st == STATUS_UNAUTHENTICATED)
		return reply_fail(&request->reply, FAILURE_LOGIN, err);
	if (st == STATUS_CONFLICT)
		return reply_fail(&request->reply, FAILURE_UNCONFIRMED, err);
	if (st == STATUS_OK)
		user_put_tokens(&request->reply, "Login successful", &tokens);
	return st;
}

enum status user_login(struct request *request, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	const char *token = NULL, *password = NULL;
	user_name_text user_name;
	enum status st = body_object(request, false, &body, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "refreshtoken", &token, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "password", &password, err);
	if (st == STATUS_OK && token)
		return refresh(request, token, err);
	if (st == STATUS_OK)
		st = read_user_name(request, body, user_name, err);
	if (st != STATUS_OK)
		return st;
	if (!password)
		return reply_fail(&request->reply, FAILURE_CREDENTIAL_MISSING, err);
	if (strlen(password) > PASSWORD_CHARACTERS_MAX * 4)
		return reply_fail(&request->reply, FAILURE_LOGIN, err); /* nobody has such a password */
	return go_on_with(request, user_name, password, err);
}

/* logout_all stands in the query (CLI) or in the body (SDK), as a boolean or as text. */
static enum status read_logout_all(struct request *request, bool *ret_all, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	bool all = false;
	enum status st = body_object(request, true, &body, err);
	if (st != STATUS_OK)
		return st;
	const json_t *member = json_object_get(body, "logout_all");
	if (json_is_boolean(member))
		all = json_boolean_value(member);
	else if (member && !json_is_null(member) &&
		 !(json_is_string(member) && parse_bool(json_string_value(member), &all)))
		return reply_fail(&request->reply, FAILURE_LOGOUT_ALL, err);
	if (params_query_bool(&request->query, "logout_all", all, ret_all, err) != STATUS_OK)
		return reply_fail(&request->reply, FAILURE_LOGOUT_ALL, err);
	return STATUS_OK;
}

enum status user_logout(struct request *request, struct error *err)
{
	bool all = false;
	enum status st = read_logout_all(request, &all, err);
	if (st == STATUS_OK)
		st = store_session_end(request->store, request->caller.user_id, request->claims.session_id, all, err);
	if (st == STATUS_OK)
		reply_put_success(&request->reply, "Logged out");
	return st;
}

/* --- the user --- */

enum status user_get(struct request *request, struct error *err)
{
	struct user user;
	enum status st = store_user_get(request->store, request->caller.user_id, &user, err);
	if (st == STATUS_NOT_FOUND)
		return error_set(err, STATUS_UNAUTHENTICATED, "the account is gone");
	if (st != STATUS_OK)
		return st;
	bool is_phone = user_name_is_phone(user.name);
	struct buffer *body = &request->reply.body;
	buffer_putc(body, '{');
	reply_put_member(body, "user_id", user.id);
	reply_put_member(body, "user_name", user.name);
	reply_put_member(body, "email", is_phone ? "" : user.name);
	reply_put_member(body, "phone_number", is_phone ? user.name : "");
	reply_put_member(body, "name", user.display_name);
	buffer_printf(
		body,
		",\"super_admin\":%s,\"mfa\":false,\"quota\":%lld,\"picture_url\":\"\",\"tags\":[],\"custom_data\":{}}",
		user.super_admin ? "true" : "false", (long long)claim_quota(request->options->claim));
	return STATUS_OK;
}
