/* Who may try how often, with a store that only says whom the account knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Stand-ins for the store's, under other names, since the library has those. */
#define store_session_knows_network stub_knows_network
#define store_user_event            stub_event
#include "api/limiter.h"
#include "api/request.h"

/* Stand-ins for the store's, under other names, since the library has those. */
#define store_session_knows_network stub_knows_network
#define store_user_event            stub_event
#include "api/attempts.c"

enum { FAILURES = 3, STRANGERS = 5, SIGN_INS = 50 };

static bool knows;
static int n_failed, n_locked;

enum status stub_knows_network(struct store *store, const char *user_name, const char *source, bool *ret_knows,
			       struct error *err)
{
	(void)store, (void)user_name, (void)source, (void)err;
	*ret_knows = knows;
	return STATUS_OK;
}

enum status stub_event(struct store *store, const char *user_name, const char *action, struct error *err)
{
	(void)store, (void)user_name, (void)err;
	n_failed += strcmp(action, "sign_in.failed") == 0;
	n_locked += strcmp(action, "sign_in.locked") == 0;
	return STATUS_OK;
}

static const struct api_options options = { .sign_in_per_minute = SIGN_INS,
					    .sign_in_failures_max = FAILURES,
					    .sign_in_strangers_failures_max = STRANGERS };
static struct limiter *limiter;

static int set_up(void **state)
{
	limiter = limiter_new();
	*state = request_new(&options, limiter);
	knows = false;
	n_failed = n_locked = 0;
	return 0;
}

static int tear_down(void **state)
{
	request_free(*state);
	limiter_free(limiter);
	return 0;
}

/* One try from that source; OK: it was looked at. */
static enum status attempt_from(struct request *request, unsigned char source, enum attempt_kind kind, bool wrong)
{
	struct attempt attempt;
	struct error err = { .status = STATUS_OK };
	request_clear(request);
	request->source[15] = source;
	enum status st = attempt_prepare(request, "ann@example.org", &attempt, &err);
	if (st == STATUS_OK)
		st = attempt_begin(request, &attempt, &err);
	if (st == STATUS_OK)
		st = attempt_end(request, &attempt, kind, wrong, &err);
	if (st == STATUS_LIMIT) {
		assert_true(request->reply.retry_after_s >= 1);
		assert_int_equal(request->reply.failure, FAILURE_ATTEMPTS);
	}
	return st;
}

static void one_source_has_so_many_wrong_tries_and_then_none_right_or_wrong(void **state)
{
	for (int i = 0; i < FAILURES; i++)
		assert_int_equal(attempt_from(*state, 1, ATTEMPT_PASSWORD, true), STATUS_OK);
	assert_int_equal(attempt_from(*state, 1, ATTEMPT_PASSWORD, true), STATUS_LIMIT);
	assert_int_equal(attempt_from(*state, 1, ATTEMPT_PASSWORD, false), STATUS_LIMIT);
	assert_int_equal(attempt_from(*state, 2, ATTEMPT_PASSWORD, false), STATUS_OK);
	assert_int_equal(n_failed, FAILURES);
	assert_int_equal(n_locked, 1);
}

static void right_tries_take_nothing(void **state)
{
	for (int i = 0; i < 4 * STRANGERS; i++)
		assert_int_equal(attempt_from(*state, 1, ATTEMPT_PASSWORD, false), STATUS_OK);
	assert_int_equal(n_failed, 0);
}

static void strangers_share_their_tries_and_who_is_known_has_its_own(void **state)
{
	for (unsigned char i = 0; i < STRANGERS; i++)
		assert_int_equal(attempt_from(*state, i, ATTEMPT_PASSWORD, true), STATUS_OK);
	assert_int_equal(attempt_from(*state, 99, ATTEMPT_PASSWORD, false), STATUS_LIMIT);
	knows = true;
	for (int i = 0; i < FAILURES; i++)
		assert_int_equal(attempt_from(*state, 99, ATTEMPT_PASSWORD, true), STATUS_OK);
	assert_int_equal(attempt_from(*state, 99, ATTEMPT_PASSWORD, false), STATUS_LIMIT);
	assert_int_equal(attempt_from(*state, 98, ATTEMPT_PASSWORD, false), STATUS_OK);
}

/* Else a source that is over its own would use up the strangers' too. */
static void a_refused_try_takes_from_neither_count(void **state)
{
	for (int i = 0; i < FAILURES + 20; i++)
		(void)attempt_from(*state, 1, ATTEMPT_PASSWORD, true);
	for (unsigned char i = 2; i < 2 + STRANGERS - FAILURES; i++)
		assert_int_equal(attempt_from(*state, i, ATTEMPT_PASSWORD, true), STATUS_OK);
	assert_int_equal(attempt_from(*state, 50, ATTEMPT_PASSWORD, true), STATUS_LIMIT);
}

static void a_wrong_code_counts_and_is_not_told_twice(void **state)
{
	for (int i = 0; i < FAILURES; i++)
		assert_int_equal(attempt_from(*state, 1, ATTEMPT_CODE, true), STATUS_OK);
	assert_int_equal(attempt_from(*state, 1, ATTEMPT_PASSWORD, true), STATUS_LIMIT);
	assert_int_equal(n_failed, 0); /* the statement that looked at the code has told it */
	assert_int_equal(n_locked, 1);
}

static void tries_that_are_begun_and_not_ended_count(void **state)
{
	struct request *request = *state;
	struct attempt attempt;
	struct error err = { .status = STATUS_OK };
	assert_int_equal(attempt_prepare(request, "ann@example.org", &attempt, &err), STATUS_OK);
	for (int i = 0; i < FAILURES; i++)
		assert_int_equal(attempt_begin(request, &attempt, &err), STATUS_OK);
	assert_int_equal(attempt_begin(request, &attempt, &err), STATUS_LIMIT);
}

static void codes_are_counted_for_the_account(void **state)
{
	struct request *request = *state;
	struct attempt attempt;
	struct error err = { .status = STATUS_OK };
	assert_int_equal(attempt_prepare(request, "ann@example.org", &attempt, &err), STATUS_OK);
	for (int i = 0; i < ATTEMPT_CODES_MAX; i++)
		assert_int_equal(attempt_take_code(request, &attempt, &err), STATUS_OK);
	assert_int_equal(attempt_take_code(request, &attempt, &err), STATUS_LIMIT);
	knows = true;
	assert_int_equal(attempt_prepare(request, "ann@example.org", &attempt, &err), STATUS_OK);
	assert_int_equal(attempt_take_code(request, &attempt, &err), STATUS_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_source_has_so_many_wrong_tries_and_then_none_right_or_wrong),
		TEST(right_tries_take_nothing),
		TEST(strangers_share_their_tries_and_who_is_known_has_its_own),
		TEST(a_refused_try_takes_from_neither_count),
		TEST(a_wrong_code_counts_and_is_not_told_twice),
		TEST(tries_that_are_begun_and_not_ended_count),
		TEST(codes_are_counted_for_the_account),
	};
	return cmocka_run_group_tests_name("api/attempts", tests, NULL, NULL);
}
