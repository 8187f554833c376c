/* Which sessions are ended, when, and that none is touched after its end. */
#include "../../../plugin/cuts.c"
#include "../../../plugin/revocation.c"
#include "../../../plugin/sessions.c"
#include "../../../plugin/table.c"

#include "broker_stub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char clients[2 * CUTS_WALK_CHUNK + 16];
static struct sessions sessions;
static struct revocation revocation;
static struct cuts cuts;

/* As connect.c does at the disconnect event. */
static void end(struct session *session)
{
	cuts_forget(&cuts, session);
	sessions_unlink(&sessions, session);
	free(session);
}

static void end_by_id(const char *client_id)
{
	end(sessions_newest(&sessions, client_id, strlen(client_id)));
}

static int set_up(void **state)
{
	static const char file[] = "revocation 1 file a 1 1\n";

	stub_reset(state);
	stub.on_kick = end_by_id;
	cuts = (struct cuts){ .first = NULL };
	return !sessions_init(&sessions) || !revocation_init(&revocation) ||
	       !revocation_load(&revocation, file, sizeof(file) - 1);
}

static int tear_down(void **state)
{
	(void)state;
	sessions_done(&sessions);
	revocation_done(&revocation);
	return 0;
}

static struct session *begin(const char *id, size_t n)
{
	struct session *session =
		sessions_add(&sessions, id, strlen(id), (const struct mosquitto *)(const void *)&clients[n],
			     "192.0.2.1", (int64_t)n + 1, 0);

	assert_non_null(session);
	return session;
}

static void revoke(const char *id)
{
	char line[128];
	int n = snprintf(line, sizeof(line), "+n %s revoked\n", id);

	assert_true(table_put(&revocation.set.nodes, id, strlen(id), line, (size_t)n));
}

static bool tick(void)
{
	return cuts_tick(&cuts, &sessions, &revocation);
}

static void the_first_reason_counts_and_a_session_is_cut_once(void **state)
{
	struct session *a = begin("a", 0);

	(void)state;
	cuts_add(&cuts, a, SESSION_END_MESSAGE_RATE);
	cuts_add(&cuts, a, SESSION_END_REVOKED);
	assert_true(tick());
	assert_int_equal(stub.n_kicked, 1);
	assert_int_equal(cuts.n_cut[SESSION_END_MESSAGE_RATE], 1);
	assert_int_equal(cuts.n_cut[SESSION_END_REVOKED], 0);
	assert_false(tick());
}

static void who_ends_by_himself_is_taken_off_the_list(void **state)
{
	struct session *listed[3] = { begin("a", 0), begin("b", 1), begin("c", 2) };

	(void)state;
	for (size_t i = 0; i < 3; i++)
		cuts_add(&cuts, listed[i], SESSION_END_REVOKED);
	end(listed[1]);
	end(listed[0]);
	assert_true(tick());
	assert_int_equal(stub.n_kicked, 1);
	assert_string_equal(stub.kicked[0], "c");
	assert_null(cuts.first);
	assert_null(cuts.last);
}

static void a_walk_finds_the_refused_and_nobody_else(void **state)
{
	(void)state;
	(void)begin("a", 0);
	(void)begin("b", 1);
	(void)begin("c", 2);
	revoke("b");
	assert_false(tick()); /* nobody has asked */
	cuts_ask_walk(&cuts, &sessions);
	assert_true(tick());
	assert_int_equal(stub.n_kicked, 1);
	assert_string_equal(stub.kicked[0], "b");
	assert_false(tick());
}

static void a_walk_goes_on_over_ticks_and_over_the_ends_of_sessions(void **state)
{
	static struct session *live[2 * CUTS_WALK_CHUNK + 2];
	char id[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(live); i++) {
		(void)snprintf(id, sizeof(id), "n%zu", i);
		live[i] = begin(id, i);
	}
	(void)snprintf(id, sizeof(id), "n%d", 2 * CUTS_WALK_CHUNK + 1);
	revoke(id); /* the last one of all */
	cuts_ask_walk(&cuts, &sessions);
	assert_true(tick());
	assert_ptr_equal(cuts.walk_next, live[CUTS_WALK_CHUNK]);
	end(live[CUTS_WALK_CHUNK]);
	assert_ptr_equal(cuts.walk_next, live[CUTS_WALK_CHUNK + 1]);
	assert_true(tick());
	assert_int_equal(stub.n_kicked, 0);
	assert_true(tick());
	assert_int_equal(stub.n_kicked, 1);
	assert_string_equal(stub.kicked[0], id);
}

static void one_that_was_taken_over_is_not_kicked_by_the_id_of_the_newer(void **state)
{
	struct session *old = begin("a", 0);

	(void)state;
	cuts_add(&cuts, old, SESSION_END_BYTE_RATE);
	(void)begin("a", 1);
	(void)tick();
	assert_int_equal(stub.n_kicked, 0);
	assert_int_equal(cuts.n_cut[SESSION_END_BYTE_RATE], 0);
	end(old);
}

static void each_refusal_has_its_word(void **state)
{
	(void)state;
	assert_int_equal(session_end_of(REFUSAL_NONE), SESSION_END_CLOSED);
	assert_int_equal(session_end_of(REFUSAL_UNKNOWN), SESSION_END_REVOKED);
	assert_int_equal(session_end_of(REFUSAL_REVOKED), SESSION_END_REVOKED);
	assert_int_equal(session_end_of(REFUSAL_SUSPENDED), SESSION_END_SUSPENDED);
	assert_int_equal(session_end_of(REFUSAL_CERTIFICATE), SESSION_END_CERTIFICATE_REVOKED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_reason_counts_and_a_session_is_cut_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_ends_by_himself_is_taken_off_the_list, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_walk_finds_the_refused_and_nobody_else, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_walk_goes_on_over_ticks_and_over_the_ends_of_sessions, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(one_that_was_taken_over_is_not_kicked_by_the_id_of_the_newer, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(each_refusal_has_its_word, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
