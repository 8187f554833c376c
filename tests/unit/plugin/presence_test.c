/* Presence: what is said, in which order, and what happens when it can not be said. */
#include "../../../plugin/presence.c"
#include "../../../plugin/sessions.c"

#include "broker_stub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* of the bytes 0 to 31 */
#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static char clients[4096];

static struct sessions sessions;
static struct presence presence;

static int set_up(void **state)
{
	presence_init(&presence, 1000);
	return stub_reset(state) || !sessions_init(&sessions);
}

static int tear_down(void **state)
{
	(void)state;
	presence_done(&presence);
	sessions_done(&sessions);
	return 0;
}

static struct session *begin(const char *id, size_t client, int64_t now_us)
{
	struct session *session =
		sessions_add(&sessions, id, strlen(id), (const struct mosquitto *)(const void *)&clients[client],
			     "192.0.2.1", presence_take_number(&presence, now_us), now_us);

	assert_non_null(session);
	for (size_t i = 0; i < sizeof(session->certificate.bytes); i++)
		session->certificate.bytes[i] = (unsigned char)i;
	presence_on_connect(&presence, session);
	return session;
}

static void end(struct session *session, int64_t now_us)
{
	presence_on_disconnect(&presence, &sessions, session, SESSION_END_CLOSED, now_us);
}

static void tick(void)
{
	presence_tick(&presence, &sessions);
}

static void assert_said(const char *topic, const char *payload)
{
	const struct stub_message *message = stub_take();

	assert_non_null(message);
	assert_string_equal(message->topic, topic);
	assert_string_equal(message->payload, payload);
	assert_int_equal(message->qos, 1);
	assert_false(message->retain);
}

static void numbers_grow_whatever_the_clock_does(void **state)
{
	(void)state;
	assert_int_equal(presence_take_number(&presence, 5000), 5000);
	assert_int_equal(presence_take_number(&presence, 5000), 5001);
	assert_int_equal(presence_take_number(&presence, 10), 5002);
	assert_int_equal(presence_take_number(&presence, 6000), 6000);
}

static void a_connect_is_said_by_the_next_tick_and_once(void **state)
{
	(void)state;
	struct session *session = begin("A", 1, 2000000);

	assert_int_equal(stub.n_messages, 0);
	tick();
	assert_said("cistern/presence/A", "{\"event\":\"connected\",\"session\":2000000,\"at_ms\":2000,\"address\":"
					  "\"192.0.2.1\",\"certificate\":\"" HEX "\"}");
	tick();
	assert_int_equal(stub.n_messages, 0);
	end(session, 3000000);
	assert_said("cistern/presence/A",
		    "{\"event\":\"disconnected\",\"session\":2000000,\"at_ms\":3000,\"reason\":\"closed\"}");
	tick();
	assert_int_equal(stub.n_messages, 0);
}

static void a_connect_that_fails_before_the_tick_is_never_said(void **state)
{
	(void)state;
	end(begin("A", 1, 2000000), 2000001);
	struct session *middle = begin("B", 2, 2000002);
	struct session *last = begin("C", 3, 2000003);

	end(middle, 2000004);
	tick();
	assert_non_null(strstr(stub.messages[0].topic, "/C"));
	assert_int_equal(stub.n_messages, 1);
	end(last, 2000005);
	assert_int_equal(stub.n_messages, 2);
}

static void a_take_over_says_the_old_end_and_the_new_start(void **state)
{
	(void)state;
	struct session *old = begin("A", 1, 2000000);

	tick();
	assert_int_equal(stub.n_messages, 1);
	stub_reset(NULL);
	(void)begin("A", 2, 3000000);
	end(old, 3000001);
	tick();
	assert_said("cistern/presence/A",
		    "{\"event\":\"disconnected\",\"session\":2000000,\"at_ms\":3000,\"reason\":\"closed\"}");
	assert_said("cistern/presence/A", "{\"event\":\"connected\",\"session\":3000000,\"at_ms\":3000,\"address\":"
					  "\"192.0.2.1\",\"certificate\":\"" HEX "\"}");
}

static void what_finds_no_memory_is_said_later_and_in_order(void **state)
{
	(void)state;
	struct session *a = begin("A", 1, 2000000);
	struct session *b = begin("B", 2, 2000001);

	tick();
	stub_reset(NULL);
	stub.publish_fails = true;
	end(a, 3000000);
	end(b, 3000001);
	(void)begin("C", 3, 3000002);
	tick();
	stub.publish_fails = false;
	end(begin("D", 4, 3000003), 3000004); /* nothing to say of it, then and now */
	tick();
	assert_said("cistern/presence/C", "{\"event\":\"connected\",\"session\":3000002,\"at_ms\":3000,\"address\":"
					  "\"192.0.2.1\",\"certificate\":\"" HEX "\"}");
	assert_said("cistern/presence/A",
		    "{\"event\":\"disconnected\",\"session\":2000000,\"at_ms\":3000,\"reason\":\"closed\"}");
	assert_said("cistern/presence/B",
		    "{\"event\":\"disconnected\",\"session\":2000001,\"at_ms\":3000,\"reason\":\"closed\"}");
	assert_null(stub_take());
}

/* The other way round it would seem gone in between, to a reader that looks just then. */
static void the_end_of_one_that_is_taken_over_is_said_behind_the_newer_ones_start(void **state)
{
	(void)state;
	struct session *old = begin("A", 1, 2000000);

	tick();
	stub_reset(NULL);
	(void)begin("A", 2, 3000000);
	presence_on_disconnect(&presence, &sessions, old, SESSION_END_TAKEN_OVER, 3000000);
	assert_int_equal(stub.n_messages, 0);
	tick();
	assert_said("cistern/presence/A", "{\"event\":\"connected\",\"session\":3000000,\"at_ms\":3000,\"address\":"
					  "\"192.0.2.1\",\"certificate\":\"" HEX "\"}");
	assert_said("cistern/presence/A",
		    "{\"event\":\"disconnected\",\"session\":2000000,\"at_ms\":3000,\"reason\":\"taken_over\"}");
	assert_null(stub_take());
}

/* The newer one ended before the turn did, so nothing is said of it; the older one's end is all that is left to say. */
static void a_take_over_that_fails_leaves_the_node_off_line(void **state)
{
	(void)state;
	struct session *old = begin("A", 1, 2000000);

	tick();
	stub_reset(NULL);
	struct session *newer = begin("A", 2, 3000000);
	presence_on_disconnect(&presence, &sessions, old, SESSION_END_TAKEN_OVER, 3000000);
	end(newer, 3000001);
	tick();
	assert_said("cistern/presence/A",
		    "{\"event\":\"disconnected\",\"session\":2000000,\"at_ms\":3000,\"reason\":\"taken_over\"}");
	assert_null(stub_take());
}

static void what_was_never_said_is_freed_at_the_end(void **state)
{
	(void)state;
	struct session *a = begin("A", 1, 2000000);

	tick();
	stub.publish_fails = true;
	end(a, 3000000); /* tear_down() and the leak checker do the rest */
	assert_ptr_equal(presence.ended_first, a);
}

static void a_snapshot_names_every_live_session_in_chunks(void **state)
{
	enum { N = 2 * SNAPSHOT_CHUNK + 1 };
	static struct session *live[N];

	(void)state;
	for (size_t i = 0; i < N; i++) {
		char id[16];

		(void)snprintf(id, sizeof(id), "n%zu", i);
		live[i] = begin(id, i, 2000000);
	}
	tick();
	assert_int_equal(stub.n_messages, N);
	stub_reset(NULL);

	presence_ask_snapshot(&presence);
	tick();
	assert_int_equal(stub.n_messages, 1 + SNAPSHOT_CHUNK);
	assert_said("cistern/broker", "{\"event\":\"snapshot\",\"boot_session\":1000}");
	assert_string_equal(stub.messages[SNAPSHOT_CHUNK - 1].topic, "cistern/presence/n499");
	stub_reset(NULL);

	/* In between: the next one to name ends, a later one ends, a new one comes. */
	end(live[SNAPSHOT_CHUNK], 3000000);
	end(live[N - 1], 3000001);
	(void)begin("new", 3000, 3000002);
	stub_reset(NULL);
	tick();
	assert_int_equal(stub.n_messages, 1 + SNAPSHOT_CHUNK - 1);
	assert_string_equal(stub.messages[0].topic, "cistern/presence/new");
	assert_string_equal(stub.messages[1].topic, "cistern/presence/n501");
	assert_string_equal(stub.messages[SNAPSHOT_CHUNK - 1].topic, "cistern/presence/n999");
	stub_reset(NULL);
	tick();
	assert_int_equal(stub.n_messages, 0);
}

static void a_second_subscriber_starts_the_snapshot_over(void **state)
{
	enum { N = SNAPSHOT_CHUNK + 10 };

	(void)state;
	for (size_t i = 0; i < N; i++) {
		char id[16];

		(void)snprintf(id, sizeof(id), "n%zu", i);
		(void)begin(id, i, 2000000);
	}
	tick();
	presence_ask_snapshot(&presence);
	tick();
	stub_reset(NULL);
	presence_ask_snapshot(&presence);
	tick();
	tick();
	assert_int_equal(stub.n_messages, 1 + N);
	assert_string_equal(stub.messages[0].topic, "cistern/broker");
}

static void a_snapshot_without_memory_waits(void **state)
{
	(void)state;
	(void)begin("A", 1, 2000000);
	tick();
	stub_reset(NULL);
	presence_ask_snapshot(&presence);
	stub.publish_fails = true;
	tick();
	stub.publish_fails = false;
	tick();
	assert_said("cistern/broker", "{\"event\":\"snapshot\",\"boot_session\":1000}");
	assert_said("cistern/presence/A", "{\"event\":\"connected\",\"session\":2000000,\"at_ms\":2000,\"address\":"
					  "\"192.0.2.1\",\"certificate\":\"" HEX "\"}");
	presence_ask_snapshot(&presence);
	tick();
	assert_int_equal(stub.n_messages, 2);
}

static void the_end_has_a_word(void **state)
{
	static const struct {
		enum session_end end;
		const char *word;
	} cases[] = {
		{ SESSION_END_CLOSED, "closed" },         { SESSION_END_TAKEN_OVER, "taken_over" },
		{ SESSION_END_KEEP_ALIVE, "keep_alive" }, { SESSION_END_REVOKED, "revoked" },
		{ SESSION_END_SUSPENDED, "suspended" },   { SESSION_END_CERTIFICATE_REVOKED, "certificate_revoked" },
		{ SESSION_END_REFUSED, "refused" },       { SESSION_END_MESSAGE_RATE, "message_rate" },
		{ SESSION_END_BYTE_RATE, "byte_rate" },
	};

	(void)state;
	assert_int_equal(ARRAY_LEN(cases), SESSION_END_COUNT);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char expected[128];
		struct session *session = begin("A", 1, 2000000);

		tick();
		stub_reset(NULL);
		(void)snprintf(expected, sizeof(expected), "\"reason\":\"%s\"}", cases[i].word);
		presence_on_disconnect(&presence, &sessions, session, cases[i].end, 3000000);
		tick();
		assert_non_null(strstr(stub.messages[0].payload, expected));
	}
}

static void a_snapshot_of_nobody_is_said_too(void **state)
{
	(void)state;
	presence_ask_snapshot(&presence);
	tick();
	assert_said("cistern/broker", "{\"event\":\"snapshot\",\"boot_session\":1000}");
	assert_null(stub_take());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(numbers_grow_whatever_the_clock_does, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_connect_is_said_by_the_next_tick_and_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_connect_that_fails_before_the_tick_is_never_said, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_take_over_says_the_old_end_and_the_new_start, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_finds_no_memory_is_said_later_and_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_end_of_one_that_is_taken_over_is_said_behind_the_newer_ones_start,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_take_over_that_fails_leaves_the_node_off_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_never_said_is_freed_at_the_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_snapshot_names_every_live_session_in_chunks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_second_subscriber_starts_the_snapshot_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_snapshot_without_memory_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_end_has_a_word, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_snapshot_of_nobody_is_said_too, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
