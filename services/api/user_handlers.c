/* The signed-in user's own account: password and deletion. */
#include <string.h>

#include "account/password.h"
#include "api/attempts.h"
#include "api/body.h"
#include "api/handlers.h"
#include "store/user.h"

/* The caller's user name, for what is counted and mailed by name. */
static enum status prepare_own(struct request *request, struct attempt *ret_attempt, struct error *err)
{
	struct user user;
	enum status st = store_user_get(request->store, request->caller.user_id, &user, err);
	if (st == STATUS_NOT_FOUND)
		return error_set(err, STATUS_UNAUTHENTICATED, "the account is gone");
	return st == STATUS_OK ? attempt_prepare(request, user.name, ret_attempt, err) : st;
}

/* --- another password --- */

/* Lives in the arena between the two halves. */
struct passwords {
	struct attempt attempt;
	char old_password[PASSWORD_CHARACTERS_MAX * 4 + 1], new_password[PASSWORD_CHARACTERS_MAX * 4 + 1];
};

static enum status go_on_with(struct request *request, const char *old_password, const char *new_password,
			      struct error *err)
{
	struct passwords *passwords = arena_alloc(request->arena, sizeof(*passwords));
	if (!passwords)
		return error_set(err, STATUS_TOO_LARGE, "request needs too much memory");
	enum status st = prepare_own(request, &passwords->attempt, err);
	if (st != STATUS_OK)
		return st;
	memcpy(passwords->old_password, old_password, strlen(old_password) + 1); /* their lengths were checked */
	memcpy(passwords->new_password, new_password, strlen(new_password) + 1);
	return request_go_on(request, passwords);
}

enum status user_change_password(struct request *request, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	const char *old_password = NULL, *new_password = NULL;
	enum status st = body_object(request, false, &body, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "password", &old_password, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "newpassword", &new_password, err);
	if (st != STATUS_OK)
		return st;
	if (!old_password)
		return reply_fail(&request->reply, FAILURE_PASSWORD_MISSING, err);
	if (!new_password)
		return reply_fail(&request->reply, FAILURE_NEW_PASSWORD_MISSING, err);
	if (password_check_policy(new_password, err) != STATUS_OK)
		return reply_fail(&request->reply, FAILURE_PASSWORD_POLICY, err);
	if (strlen(old_password) > PASSWORD_CHARACTERS_MAX * 4)
		return reply_fail(&request->reply, FAILURE_CHANGE_PASSWORD, err); /* nobody has such a password */
	return go_on_with(request, old_password, new_password, err);
}

static enum status change(struct request *request, const struct passwords *passwords, struct error *err)
{
	const struct account_password_change change = { .user_id = request->caller.user_id,
							.session_id = request->claims.session_id,
							.user_name = passwords->attempt.user_name,
							.old_password = passwords->old_password,
							.new_password = passwords->new_password };
	enum status st = attempt_begin(request, &passwords->attempt, err);
	if (st != STATUS_OK)
		return st;
	st = account_change_password(request->options->account, request->store, &change, err);
	struct error untold = { .status = STATUS_OK };
	enum status told = attempt_end(request, &passwords->attempt, ATTEMPT_PASSWORD, st == STATUS_DENIED, &untold);
	if (told != STATUS_OK)
		*err = untold;
	return told != STATUS_OK ? told : st;
}

enum status user_change_password_slow(struct request *request, struct error *err)
{
	struct passwords *passwords = request->carried;
	enum status st = change(request, passwords, err);
	explicit_bzero(passwords, sizeof(*passwords));
	if (st == STATUS_DENIED)
		return reply_fail(&request->reply, FAILURE_CHANGE_PASSWORD, err);
	if (st == STATUS_CONFLICT)
		return reply_fail(&request->reply, FAILURE_NO_PASSWORD, err);
	if (st == STATUS_OK)
		reply_put_success(&request->reply, "The password has been changed; other sessions have ended");
	return st;
}

/* --- deletion --- */

static enum status request_deletion(struct request *request, const struct attempt *attempt, struct error *err)
{
	enum status st = attempt_take_code(request, attempt, err);
	if (st == STATUS_OK)
		st = account_request_deletion(request->options->account, request->store, attempt->user_name, err);
	if (st == STATUS_OK)
		reply_put_success(&request->reply, "A verification code has been sent");
	return st;
}

static enum status delete_account(struct request *request, const struct attempt *attempt, const char *code,
				  struct error *err)
{
	enum status st = attempt_begin(request, attempt, err);
	if (st != STATUS_OK)
		return st;
	st = account_delete(request->options->account, request->store, attempt->user_name, code, err);
	struct error untold = { .status = STATUS_OK };
	enum status told = attempt_end(request, attempt, ATTEMPT_CODE, st == STATUS_DENIED, &untold);
	if (told != STATUS_OK) {
		*err = untold;
		return told;
	}
	if (st == STATUS_DENIED)
		return reply_fail(&request->reply, FAILURE_DELETION_CODE, err);
	if (st == STATUS_CONFLICT)
		return reply_fail(&request->reply, FAILURE_LAST_ADMIN, err);
	if (st == STATUS_OK)
		reply_put_success(&request->reply, "The account has been deleted");
	return st;
}

enum status user_delete(struct request *request, struct error *err)
{
	bool is_request = false;
	const char *code = params_query_text(&request->query, "verification_code");
	enum status st = params_query_bool(&request->query, "request", false, &is_request, err);
	if (st != STATUS_OK)
		return st;
	if (!code && !is_request)
		return reply_fail(&request->reply, FAILURE_DELETION_CODE_MISSING, err);
	struct attempt attempt;
	st = prepare_own(request, &attempt, err);
	if (st != STATUS_OK)
		return st;
	return code ? delete_account(request, &attempt, code, err) : request_deletion(request, &attempt, err);
}
