#include "api/attempts.h"

#include <string.h>

#include "api/limiter.h"
#include "api/reply.h"
#include "store/session.h"
#include "store/user.h"

static struct limiter_rate failure_rate(const struct request *request)
{
	return (struct limiter_rate){ request->options->sign_in_failures_max,
				      (int64_t)ATTEMPT_FAILURES_PERIOD_S * 1000000 };
}

static struct limiter_rate stranger_rate(const struct request *request)
{
	return (struct limiter_rate){ request->options->sign_in_strangers_failures_max,
				      (int64_t)ATTEMPT_STRANGERS_PERIOD_S * 1000000 };
}

/* For a source that the account knows a count of its own, for strangers one together. */
static size_t common_key_len(const struct attempt *attempt)
{
	return attempt->is_known ? attempt->key_len : strlen(attempt->user_name);
}

static enum status too_many(struct request *request, struct error *err)
{
	(void)error_set(err, STATUS_LIMIT, "too many wrong passwords or codes for this account"); /* for the log */
	return reply_fail(&request->reply, FAILURE_ATTEMPTS, err);
}

static bool is_left(struct request *request, const struct attempt *attempt)
{
	int *wait_s = &request->reply.retry_after_s;
	return limiter_allows(request->limiter, LIMITER_ACCOUNT_FAILURE, attempt->key, attempt->key_len,
			      failure_rate(request), wait_s) &&
	       (attempt->is_known || limiter_allows(request->limiter, LIMITER_STRANGER_FAILURE, attempt->user_name,
						    strlen(attempt->user_name), stranger_rate(request), wait_s));
}

enum status attempt_prepare(struct request *request, const char *user_name, struct attempt *ret_attempt,
			    struct error *err)
{
	struct attempt attempt = { .is_known = false };
	size_t name_len = strlen(user_name);
	memcpy(attempt.user_name, user_name, name_len + 1);
	memcpy(attempt.key, user_name, name_len + 1);
	memcpy(attempt.key + name_len + 1, request->source, sizeof(request->source));
	attempt.key_len = name_len + 1 + sizeof(request->source);
	enum status st = store_session_knows_network(
		request->store, user_name, request->address[0] ? request->address : NULL, &attempt.is_known, err);
	if (st != STATUS_OK)
		return st;
	const struct limiter_rate rate = { request->options->sign_in_per_minute, 60000000 };
	if (!limiter_take(request->limiter, LIMITER_ACCOUNT_SIGN_IN, attempt.key, common_key_len(&attempt), rate,
			  &request->reply.retry_after_s))
		return error_set(err, STATUS_LIMIT, "too many sign-ins for this account");
	if (!is_left(request, &attempt))
		return too_many(request, err);
	*ret_attempt = attempt;
	return STATUS_OK;
}

enum status attempt_take_code(struct request *request, const struct attempt *attempt, struct error *err)
{
	static const struct limiter_rate rate = { ATTEMPT_CODES_MAX, (int64_t)ATTEMPT_CODES_PERIOD_S * 1000000 };
	if (limiter_take(request->limiter, LIMITER_ACCOUNT_CODE, attempt->key, common_key_len(attempt), rate,
			 &request->reply.retry_after_s))
		return STATUS_OK;
	return error_set(err, STATUS_LIMIT, "too many codes for this account");
}

enum status attempt_begin(struct request *request, const struct attempt *attempt, struct error *err)
{
	int *wait_s = &request->reply.retry_after_s;
	if (!limiter_take(request->limiter, LIMITER_ACCOUNT_FAILURE, attempt->key, attempt->key_len,
			  failure_rate(request), wait_s))
		return too_many(request, err);
	if (attempt->is_known || limiter_take(request->limiter, LIMITER_STRANGER_FAILURE, attempt->user_name,
					      strlen(attempt->user_name), stranger_rate(request), wait_s))
		return STATUS_OK;
	limiter_give_back(request->limiter, LIMITER_ACCOUNT_FAILURE, attempt->key, attempt->key_len,
			  failure_rate(request));
	return too_many(request, err);
}

static void give_back(struct request *request, const struct attempt *attempt)
{
	limiter_give_back(request->limiter, LIMITER_ACCOUNT_FAILURE, attempt->key, attempt->key_len,
			  failure_rate(request));
	if (!attempt->is_known)
		limiter_give_back(request->limiter, LIMITER_STRANGER_FAILURE, attempt->user_name,
				  strlen(attempt->user_name), stranger_rate(request));
}

enum status attempt_end(struct request *request, const struct attempt *attempt, enum attempt_kind kind, bool wrong,
			struct error *err)
{
	if (!wrong) {
		give_back(request, attempt);
		return STATUS_OK;
	}
	/* a wrong code has told the audit itself */
	enum status st = STATUS_OK;
	if (kind == ATTEMPT_PASSWORD)
		st = store_user_event(request->store, attempt->user_name, "sign_in.failed", err);
	if (st != STATUS_OK || is_left(request, attempt))
		return st;
	request->reply.retry_after_s = 0; /* told to the next one */
	return store_user_event(request->store, attempt->user_name, "sign_in.locked", err);
}
