/* Answers: what goes out and what stays inside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/reply.h"

static void a_failure_has_an_integer_code_and_the_tables_text(void **state)
{
	(void)state;
	struct reply reply = { .failure = FAILURE_BY_STATUS };
	struct error err = { .status = STATUS_OK };
	assert_int_equal(reply_fail(&reply, FAILURE_NODE, &err), STATUS_NOT_FOUND);
	reply_put_failure(&reply, STATUS_NOT_FOUND);
	assert_int_equal(reply.http, 404);
	assert_string_equal(buffer_text(&reply.body), "{\"status\":\"failure\",\"error_code\":105001,"
						      "\"description\":\"Node not associated with user\"}");
	buffer_done(&reply.body);
}

static void the_inner_reason_stays_inside(void **state)
{
	(void)state;
	struct reply reply = { .failure = FAILURE_BY_STATUS };
	struct error err = { .status = STATUS_INTERNAL, .text = "relation \"secret_table\" does not exist" };
	reply_put_failure(&reply, err.status);
	assert_int_equal(reply.http, 500);
	assert_null(strstr(buffer_text(&reply.body), "secret_table"));
	assert_int_equal(reply_fail(&reply, FAILURE_BODY, &err), STATUS_INVALID);
	assert_string_equal(err.text, "relation \"secret_table\" does not exist"); /* for the log */
	buffer_done(&reply.body);
}

static void only_401_says_unauthorized(void **state)
{
	(void)state;
	for (int st = STATUS_INVALID; st <= STATUS_INTERNAL; st++) {
		struct reply reply = { .failure = FAILURE_BY_STATUS };
		reply_put_failure(&reply, (enum status)st);
		bool says = strstr(buffer_text(&reply.body), "Unauthorized") || strstr(reply.body.bytes, "101017");
		assert_int_equal(says, reply.http == 401);
		assert_non_null(strstr(reply.body.bytes, "failure"));
		buffer_done(&reply.body);
	}
}

/* iOS ends the session on these (rest.md 1.3): none of them may mean anything else. */
static void codes_that_end_a_session_belong_to_401(void **state)
{
	(void)state;
	static const int ending[] = { 101025, 119006, 100007, 101017, 101016 };
	for (int failure = 0; failure < FAILURE_BY_STATUS; failure++) {
		const struct failure_row *row = failure_row((enum failure)failure, STATUS_OK);
		assert_true(row->code > 100000 && row->text[0] != '\0' && row->status != STATUS_OK);
		for (size_t i = 0; i < ARRAY_LEN(ending); i++)
			assert_true(row->code != ending[i] || row->status == STATUS_UNAUTHENTICATED);
	}
}

static void members_are_escaped_and_separated(void **state)
{
	(void)state;
	CLEANUP(buffer) struct buffer body = { 0 };
	buffer_putc(&body, '{');
	reply_put_member(&body, "a", "x\"\\\n</script>");
	reply_put_member(&body, "b", "");
	buffer_putc(&body, '}');
	assert_string_equal(buffer_text(&body), "{\"a\":\"x\\\"\\\\\\u000a</script>\",\"b\":\"\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_has_an_integer_code_and_the_tables_text),
		cmocka_unit_test(the_inner_reason_stays_inside),
		cmocka_unit_test(only_401_says_unauthorized),
		cmocka_unit_test(codes_that_end_a_session_belong_to_401),
		cmocka_unit_test(members_are_escaped_and_separated),
	};
	return cmocka_run_group_tests_name("api/reply", tests, NULL, NULL);
}
