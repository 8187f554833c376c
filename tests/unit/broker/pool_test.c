/* Which broker a message for a node goes to, and what comes and goes with the list; the publishers are played here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../services/broker/pool.c"

struct publisher {
	struct broker_options options;
	bool connected;
};

static int n_started, n_stopped;
static bool refuses_to_start;
static char sent_to[64]; /* host:port of the last message */

enum status publisher_start(const struct broker_options *options, struct publisher **ret_publisher, struct error *err)
{
	if (refuses_to_start)
		return error_set(err, STATUS_UNAVAILABLE, "no eventfd");
	struct publisher *publisher = calloc(1, sizeof(*publisher));
	assert_non_null(publisher);
	publisher->options = *options;
	n_started++;
	*ret_publisher = publisher;
	return STATUS_OK;
}

void publisher_stop(struct publisher *publisher)
{
	n_stopped++;
	free(publisher);
}

bool publisher_is_connected(struct publisher *publisher)
{
	return publisher->connected;
}

enum status publisher_publish(struct publisher *publisher, const struct broker_message *messages, size_t n_messages,
			      int timeout_ms, struct error *err)
{
	(void)messages;
	assert_int_equal(n_messages, 1);
	assert_int_equal(timeout_ms, 7);
	(void)snprintf(sent_to, sizeof(sent_to), "%s:%d", publisher->options.host, publisher->options.port);
	return publisher->connected ? STATUS_OK : error_set(err, STATUS_UNAVAILABLE, "not connected");
}

/* --- the hooks: each attached thing is the broker's name --- */

static char attached[256];

static void *attach(void *context, const char *name, struct publisher *publisher)
{
	assert_ptr_equal(context, attached);
	publisher->connected = strcmp(name, "away") != 0;
	(void)snprintf(attached + strlen(attached), sizeof(attached) - strlen(attached), "+%s ", name);
	return strdup(name);
}

static void detach(void *context, void *name)
{
	assert_ptr_equal(context, attached);
	(void)snprintf(attached + strlen(attached), sizeof(attached) - strlen(attached), "-%s ", (char *)name);
	free(name);
}

static struct pool_member member(const char *name, int port, bool active)
{
	struct pool_member made = { .port = port, .active = active };
	(void)snprintf(made.name, sizeof(made.name), "%s", name);
	(void)snprintf(made.mqtt_host, sizeof(made.mqtt_host), "%s.example.org", name);
	(void)snprintf(made.host, sizeof(made.host), "%s", name);
	return made;
}

static struct pool *make_pool(void)
{
	n_started = n_stopped = 0;
	refuses_to_start = false;
	attached[0] = sent_to[0] = '\0';
	const struct pool_options options = {
		.broker = { .client_id = "cistern.test" }, .attach = attach, .detach = detach, .context = attached
	};
	return pool_new(&options);
}

static void set(struct pool *pool, const struct pool_member *members, size_t n)
{
	struct error err = { .status = STATUS_OK };
	assert_int_equal(pool_set(pool, members, n, &err), STATUS_OK);
}

static enum status publish(struct pool *pool, const char *node_id, const char *seen_at)
{
	struct error err = { .status = STATUS_OK };
	const struct broker_message message = { "t", "p", 1 };
	return pool_publish(pool, node_id, seen_at, &message, 1, 7, &err);
}

/* --- */

static void a_node_is_reached_where_it_was_heard_of_last(void **state)
{
	(void)state;
	struct pool *pool = make_pool();
	const struct pool_member members[] = { member("main", 1, true), member("b2", 2, true), member("b3", 3, false) };
	set(pool, members, 3);
	assert_true(pool_is_plural(pool));
	for (int i = 0; i < 3; i++) {
		char wanted[64];
		(void)snprintf(wanted, sizeof(wanted), "%s:%d", members[i].host, members[i].port);
		assert_int_equal(publish(pool, "node-1", members[i].name), STATUS_OK);
		assert_string_equal(sent_to, wanted);
	}
	pool_free(pool);
}

static void a_node_that_was_never_heard_of_is_expected_at_its_assigned_broker(void **state)
{
	(void)state;
	const char *const names[] = { "main", "b2" };
	struct pool *pool = make_pool();
	const struct pool_member members[] = { member("main", 1, true), member("b2", 2, true), member("b3", 3, false) };
	set(pool, members, 3);
	for (int i = 0; i < 100; i++) {
		char node_id[32], host[BROKER_HOST_MAX + 1], wanted[BROKER_HOST_MAX + 1];
		(void)snprintf(node_id, sizeof(node_id), "node-%d", i);
		const struct pool_member *its =
			&members[rendezvous_pick(names, 2, node_id)]; /* a draining one is none's */
		for (int each = 0; each < 3; each++) {
			static const char *const nowhere[] = { NULL, "", "gone" };
			assert_int_equal(publish(pool, node_id, nowhere[each]), STATUS_OK);
			assert_int_equal(atoi(strchr(sent_to, ':') + 1), its->port);
		}
		(void)snprintf(wanted, sizeof(wanted), "%s", its->mqtt_host);
		assert_true(pool_mqtt_host(pool, node_id, host));
		assert_string_equal(host, wanted);
	}
	pool_free(pool);
}

static void who_names_no_node_is_told_the_first_active_one(void **state)
{
	(void)state;
	struct pool *pool = make_pool();
	char host[BROKER_HOST_MAX + 1];
	const struct pool_member members[] = { member("main", 1, true), member("b2", 2, true), member("a1", 3, false) };
	assert_false(pool_mqtt_host(pool, NULL, host));
	set(pool, members, 3);
	assert_true(pool_mqtt_host(pool, NULL, host));
	assert_string_equal(host, "b2.example.org");
	assert_true(pool_mqtt_host(pool, "", host));
	assert_string_equal(host, "b2.example.org");
	set(pool, members + 2, 1);
	assert_false(pool_mqtt_host(pool, "node-1", host));
	pool_free(pool);
}

static void one_broker_takes_everything_even_when_it_drains(void **state)
{
	(void)state;
	struct pool *pool = make_pool();
	const struct pool_member only = member("b3", 3, false);
	assert_int_equal(publish(pool, "node-1", "b3"), STATUS_UNAVAILABLE);
	set(pool, &only, 1);
	assert_false(pool_is_plural(pool));
	assert_int_equal(publish(pool, "node-1", NULL), STATUS_OK);
	assert_int_equal(publish(pool, "node-1", "gone"), STATUS_OK);
	assert_string_equal(sent_to, "b3:3");
	pool_free(pool);
}

static void a_broker_that_is_away_fails_its_own_messages_alone(void **state)
{
	(void)state;
	struct pool *pool = make_pool();
	const struct pool_member members[] = { member("main", 1, true), member("away", 2, true) };
	set(pool, members, 2);
	assert_int_equal(publish(pool, "node-1", "away"), STATUS_UNAVAILABLE);
	assert_int_equal(publish(pool, "node-1", "main"), STATUS_OK);
	assert_true(pool_is_connected(pool, "main"));
	assert_false(pool_is_connected(pool, "away"));
	assert_false(pool_is_connected(pool, "nosuch"));
	assert_true(pool_is_any_connected(pool));
	set(pool, members + 1, 1);
	assert_false(pool_is_any_connected(pool));
	pool_free(pool);
}

static void only_what_changed_comes_and_goes(void **state)
{
	(void)state;
	struct pool *pool = make_pool();
	struct pool_member members[] = { member("main", 1, true), member("b2", 2, true) };
	set(pool, members, 2);
	members[0].active = false; /* and another host for nodes: neither is a connection's business */
	members[0].mqtt_host[0] = 'M';
	set(pool, members, 2);
	assert_string_equal(attached, "+main +b2 ");
	members[1].port = 22;
	set(pool, members, 2);
	assert_string_equal(attached, "+main +b2 -b2 +b2 ");
	assert_int_equal(publish(pool, "node-1", "b2"), STATUS_OK);
	assert_string_equal(sent_to, "b2:22");
	set(pool, members + 1, 1);
	pool_free(pool);
	assert_string_equal(attached, "+main +b2 -b2 +b2 -main -b2 ");
	assert_int_equal(n_started, 3);
	assert_int_equal(n_stopped, 3);
}

static void what_could_not_be_started_is_tried_again_by_the_next_call(void **state)
{
	(void)state;
	struct pool *pool = make_pool();
	struct error err = { .status = STATUS_OK };
	const struct pool_member only = member("main", 1, true);
	refuses_to_start = true;
	assert_int_equal(pool_set(pool, &only, 1, &err), STATUS_UNAVAILABLE);
	assert_int_equal(publish(pool, "node-1", "main"), STATUS_UNAVAILABLE);
	refuses_to_start = false;
	set(pool, &only, 1);
	assert_int_equal(publish(pool, "node-1", "main"), STATUS_OK);
	pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_is_reached_where_it_was_heard_of_last),
		cmocka_unit_test(a_node_that_was_never_heard_of_is_expected_at_its_assigned_broker),
		cmocka_unit_test(who_names_no_node_is_told_the_first_active_one),
		cmocka_unit_test(one_broker_takes_everything_even_when_it_drains),
		cmocka_unit_test(a_broker_that_is_away_fails_its_own_messages_alone),
		cmocka_unit_test(only_what_changed_comes_and_goes),
		cmocka_unit_test(what_could_not_be_started_is_tried_again_by_the_next_call),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
