/* What somebody without a token may ask: signing up, signing in, a new password for a forgotten one. What is said about accounts:
 * account/account.h; how often: api/attempts.h. */
#include <string.h>
#include <time.h>

#include "account/password.h"
#include "account/user_name.h"
#include "api/attempts.h"
#include "api/body.h"
#include "api/handlers.h"
#include "base/clock.h"

enum { CODE_STEP_US = 50000 };

/* Lives in the arena between the two halves. */
struct credentials {
	struct attempt attempt;
	const char *locale, *code; /* NULL: none */
	char password[PASSWORD_CHARACTERS_MAX * 4 + 1];
};

/* The name from the body, and whether it may be tried. */
static enum status read_attempt(struct request *request, const json_t *body, struct attempt *ret_attempt,
				struct error *err)
{
	const char *text = NULL;
	user_name_text user_name;
	enum status st = body_text(request, body, "user_name", &text, err);
	if (st != STATUS_OK)
		return st;
	if (!text)
		return reply_fail(&request->reply, FAILURE_USER_NAME_MISSING, err);
	if (user_name_canonical(text, user_name, err) != STATUS_OK)
		return reply_fail(&request->reply, FAILURE_USER_NAME, err);
	return attempt_prepare(request, user_name, ret_attempt, err);
}

static enum status go_on_with(struct request *request, const struct attempt *attempt, const char *password,
			      const char *locale, const char *code, struct error *err)
{
	struct credentials *credentials = arena_alloc(request->arena, sizeof(*credentials));
	if (!credentials)
		return error_set(err, STATUS_TOO_LARGE, "request needs too much memory");
	credentials->attempt = *attempt;
	credentials->locale = locale;
	credentials->code = code;
	memcpy(credentials->password, password, strlen(password) + 1); /* its length was checked */
	return request_go_on(request, credentials);
}

/* Wrong is what the account says so; any other failure is nobody's. */
static enum status end_attempt(struct request *request, const struct attempt *attempt, enum attempt_kind kind,
			       enum status outcome, enum status wrong, struct error *err)
{
	struct error untold = { .status = STATUS_OK };
	enum status st = attempt_end(request, attempt, kind, outcome == wrong, &untold);
	if (st == STATUS_OK)
		return outcome;
	*err = untold;
	return st;
}

/* What is done about a code leaves at the next full step: that a known name costs a code or a mail more is not to be seen. On a lane. */
static void wait_out(const struct request *request)
{
	int64_t took_us = clock_monotonic_us() - request->began_at_us;
	const struct timespec pause = { .tv_nsec = (CODE_STEP_US - took_us % CODE_STEP_US) * 1000 };
	(void)nanosleep(&pause, NULL); /* a signal may cut it short: no harm */
}

/* --- sign-up --- */

static enum status sign_up(struct request *request, const json_t *body, const struct attempt *attempt,
			   const char *password, struct error *err)
{
	const char *locale = NULL;
	enum status st = body_text(request, body, "locale", &locale, err);
	if (st != STATUS_OK)
		return st;
	if (locale && !profile_locale_valid(locale))
		return reply_fail(&request->reply, FAILURE_PROFILE_FIELD, err);
	if (password_check_policy(password, err) != STATUS_OK)
		return reply_fail(&request->reply, FAILURE_PASSWORD_POLICY, err);
	st = attempt_take_code(request, attempt, err);
	return st == STATUS_OK ? go_on_with(request, attempt, password, locale, NULL, err) : st;
}

static enum status confirm(struct request *request, const struct attempt *attempt, const char *code, struct error *err)
{
	enum status st = attempt_begin(request, attempt, err);
	if (st != STATUS_OK)
		return st;
	st = account_confirm(request->options->account, request->store, attempt->user_name, code, err);
	st = end_attempt(request, attempt, ATTEMPT_CODE, st, STATUS_DENIED, err);
	wait_out(request);
	if (st == STATUS_DENIED)
		return reply_fail(&request->reply, FAILURE_CODE, err);
	if (st == STATUS_OK)
		reply_put_success(&request->reply, "User confirmed");
	return st;
}

enum status user_sign_up_slow(struct request *request, struct error *err)
{
	struct credentials *credentials = request->carried;
	if (credentials->code)
		return confirm(request, &credentials->attempt, credentials->code, err);
	enum status st = account_sign_up(request->options->account, request->store, credentials->attempt.user_name,
					 credentials->password, credentials->locale, err);
	explicit_bzero(credentials->password, sizeof(credentials->password));
	if (st == STATUS_OK)
		reply_put_success(&request->reply, "A verification code has been sent");
	return st;
}

/* A body with a name and a code, a password, or both; NULL: absent. */
static enum status read_proof(struct request *request, json_t **ret_body, const char **ret_code,
			      const char **ret_password, struct attempt *ret_attempt, struct error *err)
{
	enum status st = body_object(request, false, ret_body, err);
	if (st == STATUS_OK)
		st = body_text(request, *ret_body, "verification_code", ret_code, err);
	if (st == STATUS_OK)
		st = body_text(request, *ret_body, "password", ret_password, err);
	return st == STATUS_OK ? read_attempt(request, *ret_body, ret_attempt, err) : st;
}

enum status user_sign_up_or_confirm(struct request *request, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	const char *code = NULL, *password = NULL;
	struct attempt attempt;
	enum status st = read_proof(request, &body, &code, &password, &attempt, err);
	if (st != STATUS_OK)
		return st;
	if (code)
		return go_on_with(request, &attempt, "", NULL, code, err);
	if (password)
		return sign_up(request, body, &attempt, password, err);
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

const char *user_source(const struct request *request)
{
	return request->address[0] ? request->address : NULL;
}

/* The user name beside a refresh token is not needed (the SDK leaves it out) and not looked at. */
static enum status refresh(struct request *request, const char *token, struct error *err)
{
	CLEANUP(account_tokens) struct account_tokens tokens = { .refresh = "" };
	enum status st =
		account_refresh(request->options->account, request->store, token, user_source(request), &tokens, err);
	if (st == STATUS_UNAUTHENTICATED)
		return reply_fail(&request->reply, FAILURE_REFRESH_TOKEN, err);
	if (st == STATUS_OK)
		user_put_tokens(&request->reply, "Token refreshed", &tokens);
	return st;
}

/* What the program calls itself, for the owner's eyes: printable ASCII, cut. */
void user_copy_client(const struct request *request, char ret_client[SESSION_CLIENT_BYTES_MAX + 1])
{
	const char *user_agent = request->user_agent;
	size_t len = 0;
	for (; user_agent && user_agent[len] && len < SESSION_CLIENT_BYTES_MAX; len++)
		ret_client[len] = user_agent[len] >= 0x20 && user_agent[len] < 0x7f ? user_agent[len] : '?';
	ret_client[len] = '\0';
}

static enum status login(struct request *request, const struct credentials *credentials,
			 struct account_tokens *ret_tokens, struct error *err)
{
	char client[SESSION_CLIENT_BYTES_MAX + 1];
	user_copy_client(request, client);
	const struct account_sign_in sign_in = { .user_name = credentials->attempt.user_name,
						 .password = credentials->password,
						 .source = user_source(request),
						 .client = client };
	enum status st = attempt_begin(request, &credentials->attempt, err);
	if (st != STATUS_OK)
		return st;
	st = account_login(request->options->account, request->store, &sign_in, ret_tokens, err);
	return end_attempt(request, &credentials->attempt, ATTEMPT_PASSWORD, st, STATUS_UNAUTHENTICATED, err);
}

enum status user_login_slow(struct request *request, struct error *err)
{
	struct credentials *credentials = request->carried;
	CLEANUP(account_tokens) struct account_tokens tokens = { .refresh = "" };
	enum status st = login(request, credentials, &tokens, err);
	explicit_bzero(credentials->password, sizeof(credentials->password));
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
	struct attempt attempt;
	enum status st = body_object(request, false, &body, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "refreshtoken", &token, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "password", &password, err);
	if (st == STATUS_OK && token)
		return refresh(request, token, err);
	if (st == STATUS_OK)
		st = read_attempt(request, body, &attempt, err);
	if (st != STATUS_OK)
		return st;
	if (!password)
		return reply_fail(&request->reply, FAILURE_CREDENTIAL_MISSING, err);
	if (strlen(password) > PASSWORD_CHARACTERS_MAX * 4)
		return reply_fail(&request->reply, FAILURE_LOGIN, err); /* nobody has such a password */
	return go_on_with(request, &attempt, password, NULL, NULL, err);
}

/* --- a forgotten password --- */

static enum status send_code(struct request *request, const struct attempt *attempt, struct error *err)
{
	enum status st = account_forgot(request->options->account, request->store, attempt->user_name, err);
	wait_out(request);
	if (st == STATUS_OK)
		reply_put_success(&request->reply, "If there is such an account, a verification code has been sent");
	return st;
}

static enum status ask_for_code(struct request *request, const struct attempt *attempt, struct error *err)
{
	enum status st = attempt_take_code(request, attempt, err);
	return st == STATUS_OK ? go_on_with(request, attempt, "", NULL, NULL, err) : st;
}

enum status user_forgot_password(struct request *request, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	const char *code = NULL, *password = NULL;
	struct attempt attempt;
	enum status st = read_proof(request, &body, &code, &password, &attempt, err);
	if (st != STATUS_OK)
		return st;
	if (!code && !password)
		return ask_for_code(request, &attempt, err);
	if (!code || !password)
		return reply_fail(&request->reply, FAILURE_CREDENTIAL_MISSING, err);
	if (password_check_policy(password, err) != STATUS_OK)
		return reply_fail(&request->reply, FAILURE_PASSWORD_POLICY, err);
	return go_on_with(request, &attempt, password, NULL, code, err);
}

static enum status set_password(struct request *request, struct credentials *credentials, struct error *err)
{
	enum status st = attempt_begin(request, &credentials->attempt, err);
	if (st != STATUS_OK)
		return st;
	st = account_reset(request->options->account, request->store, credentials->attempt.user_name, credentials->code,
			   credentials->password, err);
	explicit_bzero(credentials->password, sizeof(credentials->password));
	st = end_attempt(request, &credentials->attempt, ATTEMPT_CODE, st, STATUS_DENIED, err);
	wait_out(request);
	if (st == STATUS_DENIED)
		return reply_fail(&request->reply, FAILURE_CODE, err);
	if (st == STATUS_OK)
		reply_put_success(&request->reply, "The password has been set; sign in with it");
	return st;
}

enum status user_forgot_password_slow(struct request *request, struct error *err)
{
	struct credentials *credentials = request->carried;
	return credentials->code ? set_password(request, credentials, err)
				 : send_code(request, &credentials->attempt, err);
}
