/* What the broker's plugin is told: the thread's step, between a database and a plugin that are played here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../services/revocation/revocation.c"

/* --- the database --- */

enum { ROWS_MAX = 2000, TEXT = 80 };

static struct row {
	char value[TEXT];
	bool is_node, lifted;
	int64_t version;
} rows[ROWS_MAX];
static size_t n_rows;
static struct revocation_look look;
static int64_t n_expired;
static bool database_away;

static enum status answer(struct error *err)
{
	return database_away ? error_set(err, STATUS_UNAVAILABLE, "database is away") : STATUS_OK;
}

enum status store_revocation_look(struct store *store, const char *broker, struct revocation_look *ret_look,
				  struct error *err)
{
	(void)store;
	assert_string_equal(broker, "b");
	*ret_look = look;
	return answer(err);
}

static int compare_versions(const void *a, const void *b)
{
	const struct row *one = a, *other = b;
	return (one->version > other->version) - (one->version < other->version);
}

static enum status hand_out(int64_t after, int64_t up_to, bool with_lifted, size_t limit, revocation_each *each,
			    void *context, struct error *err)
{
	qsort(rows, n_rows, sizeof(rows[0]), compare_versions);
	for (size_t i = 0; i < n_rows && limit > 0; i++) {
		const struct row *row = &rows[i];
		if (row->version <= after || row->version > up_to || (row->lifted && !with_lifted))
			continue;
		const struct revocation_row handed = { row->is_node, row->value,  "of-it",
						       "revoked",    row->lifted, row->version };
		each(context, &handed);
		limit--;
	}
	return answer(err);
}

enum status store_revocation_changes(struct store *store, int64_t after, int64_t up_to, size_t limit,
				     revocation_each *each, void *context, struct error *err)
{
	(void)store;
	return hand_out(after, up_to, true, limit, each, context, err);
}

enum status store_revocation_set(struct store *store, int64_t after, size_t limit, revocation_each *each, void *context,
				 struct error *err)
{
	(void)store;
	return hand_out(after, INT64_MAX, false, limit, each, context, err);
}

enum status store_revocation_prune(struct store *store, int64_t *ret_n, struct error *err)
{
	(void)store;
	*ret_n = n_expired;
	return answer(err);
}

/* The node's row gets the next version. */
static void change(const char *value, bool lifted)
{
	struct row *row = rows;
	while (row < rows + n_rows && strcmp(row->value, value) != 0)
		row++;
	if (row == rows + n_rows)
		n_rows++;
	*row = (struct row){ .is_node = strlen(value) < FINGERPRINT_HEX, .lifted = lifted };
	(void)snprintf(row->value, sizeof(row->value), "%s", value);
	row->version = ++look.wanted.version;
}

/* --- the plugin: takes messages as model/revocation.h says, and says what it has; its word is heard when the test lets it --- */

static struct plugin_part {
	struct revocation_point has;
	char refused[ROWS_MAX][TEXT], staged[ROWS_MAX][TEXT];
	size_t n_refused, n_staged;
	bool staging;
	struct revocation_point sayings[64];
	size_t n_sayings, n_messages, n_sets;
	bool broker_away, refuses_all;
} plugin;

static bool refuses(const char *value)
{
	for (size_t i = 0; i < plugin.n_refused; i++) {
		if (strcmp(plugin.refused[i], value) == 0)
			return true;
	}
	return false;
}

static void add(char list[][TEXT], size_t *n, const char *at, size_t len)
{
	for (size_t i = 0; i < *n; i++) {
		if (strlen(list[i]) == len && memcmp(list[i], at, len) == 0)
			return;
	}
	(void)snprintf(list[(*n)++], TEXT, "%.*s", (int)len, at);
}

static void take_off(char list[][TEXT], size_t *n, const char *at, size_t len)
{
	for (size_t i = 0; i < *n; i++) {
		if (strlen(list[i]) == len && memcmp(list[i], at, len) == 0)
			memmove(list[i], list[--*n], TEXT);
	}
}

static void take_lines(struct topic_part rest, char list[][TEXT], size_t *n)
{
	struct topic_part text;
	struct revocation_line line;
	while (revocation_next_line(&rest, &text)) {
		assert_true(revocation_parse_line(text, &line));
		if (line.kind == REVOCATION_CERTIFICATE_ADD)
			add(list, n, line.fingerprint, FINGERPRINT_HEX);
		else if (line.kind == REVOCATION_NODE_ADD)
			add(list, n, line.node_id.at, line.node_id.len);
		else
			take_off(list, n, line.node_id.at, line.node_id.len);
	}
}

static void move_to(const struct revocation_head *head)
{
	(void)snprintf(plugin.has.epoch, sizeof(plugin.has.epoch), "%.*s", (int)head->epoch.len, head->epoch.at);
	plugin.has.version = head->to;
}

static void take_message(const struct revocation_head *head, struct topic_part rest)
{
	if (head->kind == REVOCATION_DELTA) {
		if (topic_part_is(head->epoch, plugin.has.epoch, strlen(plugin.has.epoch)) &&
		    head->from <= plugin.has.version && plugin.has.version <= head->to) {
			take_lines(rest, plugin.refused, &plugin.n_refused);
			move_to(head);
		}
		return;
	}
	if (head->kind == REVOCATION_BEGIN) {
		plugin.staging = true;
		plugin.n_staged = 0;
	}
	if (plugin.staging)
		take_lines(rest, plugin.staged, &plugin.n_staged);
	if (plugin.staging && head->kind == REVOCATION_END) {
		memcpy(plugin.refused, plugin.staged, sizeof(plugin.refused));
		plugin.n_refused = plugin.n_staged;
		plugin.staging = false;
		plugin.n_sets++;
		move_to(head);
	}
}

static void say(void)
{
	assert_true(plugin.n_sayings < ARRAY_LEN(plugin.sayings));
	plugin.sayings[plugin.n_sayings++] = plugin.has;
}

void publisher_hurry(struct publisher *publisher)
{
	(void)publisher;
}

enum status publisher_publish(struct publisher *publisher, const struct broker_message *messages, size_t n_messages,
			      int timeout_ms, struct error *err)
{
	(void)publisher;
	(void)timeout_ms;
	assert_int_equal(n_messages, 1);
	assert_string_equal(messages[0].topic, "$CONTROL/cistern/v1/revocation");
	assert_in_range(messages[0].payload_len, 1, REVOCATION_MESSAGE_BYTES_MAX);
	if (plugin.broker_away)
		return error_set(err, STATUS_UNAVAILABLE, "broker: not connected");
	struct topic_part rest = { messages[0].payload, messages[0].payload_len }, line;
	struct revocation_head head;
	assert_true(revocation_next_line(&rest, &line) && revocation_parse_head(line, &head));
	plugin.n_messages++;
	if (!plugin.refuses_all)
		take_message(&head, rest);
	say();
	return STATUS_OK;
}

/* Ingest writes the next n sayings down, the last of which is seen. */
static void hear_of(size_t n)
{
	for (; n > 0 && plugin.n_sayings > 0; n--) {
		look.said = plugin.sayings[0];
		look.n_said++;
		memmove(plugin.sayings, plugin.sayings + 1, --plugin.n_sayings * sizeof(plugin.sayings[0]));
	}
}

static void hear_all(void)
{
	hear_of(ARRAY_LEN(plugin.sayings));
}

/* --- the thread --- */

static struct revocation *made;

static int set_up(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	memset(&plugin, 0, sizeof(plugin));
	n_rows = 0;
	n_expired = 0;
	database_away = false;
	look = (struct revocation_look){ .wanted = { "aa", 1 } };
	made = calloc(1, sizeof(*made));
	if (!made)
		return -1;
	*made = (struct revocation){ .options.broker_name = "b", .n_said = -1, .confirm_ms = CONFIRM_MS_MIN };
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	buffer_done(&made->lines);
	buffer_done(&made->message);
	free(made);
	clock_test_shift_us = 0;
	return 0;
}

static enum status step_once(void)
{
	struct error err = { .status = STATUS_OK };
	int wait = 0;
	return step(made, &wait, &err);
}

/* Until there is nothing more to do; tells how many messages that took. */
static size_t settle(void)
{
	size_t before = plugin.n_messages;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(step_once(), STATUS_OK);
		hear_all();
	}
	assert_int_equal(plugin.has.version, look.wanted.version);
	assert_string_equal(plugin.has.epoch, look.wanted.epoch);
	return plugin.n_messages - before;
}

static void later(int64_t ms)
{
	clock_test_shift_us += ms * 1000;
}

/* --- the rules --- */

static const char certificate[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void a_plugin_that_has_nothing_gets_the_whole_set(void **state)
{
	(void)state;
	change("n1", false);
	change("n2", false);
	change("n2", true);
	change(certificate, false);
	assert_int_equal(settle(), 2); /* begin and end */
	assert_true(refuses("n1") && !refuses("n2") && refuses(certificate));
	assert_int_equal(settle(), 0);
}

static void a_change_goes_out_alone(void **state)
{
	(void)state;
	change("n1", false);
	(void)settle();
	change("n2", false);
	change("n1", true);
	assert_int_equal(settle(), 1);
	assert_true(!refuses("n1") && refuses("n2"));
	assert_int_equal(plugin.n_sets, 1);
}

static void what_does_not_fit_one_message_goes_out_in_pages(void **state)
{
	(void)state;
	(void)settle();
	char name[TEXT];
	for (int i = 0; i < 2 * PAGE_ROWS; i++) {
		(void)snprintf(name, sizeof(name), "%064d", i); /* as long as they come */
		rows[n_rows] = (struct row){ .is_node = false, .version = ++look.wanted.version };
		memcpy(rows[n_rows++].value, name, sizeof(name));
	}
	assert_int_equal(settle(), 2);
	assert_int_equal(plugin.n_refused, 2 * PAGE_ROWS);
	plugin.has = (struct revocation_point){ .version = 0 };
	plugin.n_refused = 0;
	say();
	hear_all();
	assert_int_equal(settle(), 4); /* begin, two parts, end */
	assert_int_equal(plugin.n_refused, 2 * PAGE_ROWS);
}

static void a_broker_that_is_away_is_told_when_it_is_back(void **state)
{
	(void)state;
	(void)settle();
	change("n1", false);
	plugin.broker_away = true;
	assert_int_equal(step_once(), STATUS_UNAVAILABLE);
	change("n2", false);
	assert_int_equal(step_once(), STATUS_UNAVAILABLE);
	plugin.broker_away = false;
	assert_int_equal(settle(), 1);
	assert_true(refuses("n1") && refuses("n2"));
}

static void a_database_that_is_away_changes_nothing(void **state)
{
	(void)state;
	(void)settle();
	database_away = true;
	assert_int_equal(step_once(), STATUS_UNAVAILABLE);
	database_away = false;
	assert_int_equal(settle(), 0);
}

static void a_broker_restarted_with_an_older_file_gets_what_it_has_lost_at_once(void **state)
{
	(void)state;
	change("n1", false);
	(void)settle();
	const struct plugin_part file = plugin;
	change("n2", false);
	change("n3", false);
	(void)settle();
	plugin = file;
	plugin.n_messages = 0;
	say();
	hear_all();
	assert_int_equal(step_once(), STATUS_OK);
	assert_int_equal(plugin.n_messages, 1);
	assert_true(refuses("n2") && refuses("n3"));
}

static void a_word_older_than_what_was_sent_starts_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 3 * PAGE_ROWS; i++) {
		char name[TEXT];
		(void)snprintf(name, sizeof(name), "n%d", i);
		change(name, false);
	}
	assert_int_equal(step_once(), STATUS_OK);
	size_t sent = plugin.n_messages;
	assert_int_equal(sent, 5);          /* begin, three parts, end */
	for (size_t i = 0; i < sent; i++) { /* the answers to begin and parts tell of nothing still */
		hear_of(1);
		assert_int_equal(step_once(), STATUS_OK);
	}
	assert_int_equal(plugin.n_messages, sent);
	later(60000);
	assert_int_equal(settle(), 0);
}

static void words_that_come_late_in_a_burst_make_no_further_messages(void **state)
{
	(void)state;
	(void)settle();
	for (int i = 0; i < 20; i++) {
		char name[TEXT];
		(void)snprintf(name, sizeof(name), "n%d", i);
		change(name, false);
		assert_int_equal(step_once(), STATUS_OK);
		if (i >= 3)
			hear_of(1); /* always three behind */
	}
	size_t sent = plugin.n_messages;
	for (int i = 0; i < 4; i++) {
		hear_of(1);
		assert_int_equal(step_once(), STATUS_OK);
	}
	assert_int_equal(plugin.n_messages, sent);
	assert_int_equal(plugin.has.version, look.wanted.version);
}

static void what_was_acknowledged_and_not_taken_is_sent_again_and_less_and_less_often(void **state)
{
	(void)state;
	(void)settle();
	change("n1", false);
	plugin.refuses_all = true;
	assert_int_equal(step_once(), STATUS_OK);
	size_t sent = plugin.n_messages;
	for (int ms = 0; ms < 60000; ms += 100) {
		later(100);
		hear_all();
		assert_int_equal(step_once(), STATUS_OK);
	}
	assert_in_range(plugin.n_messages - sent, 5, 15);
	plugin.refuses_all = false;
	for (int ms = 0; ms < 20000; ms += 100) {
		later(100);
		hear_all();
		assert_int_equal(step_once(), STATUS_OK);
	}
	assert_true(refuses("n1"));
}

static void a_stream_of_changes_does_not_hide_that_nothing_is_taken(void **state)
{
	(void)state;
	(void)settle();
	plugin.has.version = 0; /* it has lost a message that was acknowledged */
	for (int i = 0; i < 20; i++) {
		char name[TEXT];
		(void)snprintf(name, sizeof(name), "n%d", i);
		change(name, false);
		assert_int_equal(step_once(), STATUS_OK);
		hear_all();
		later(100);
	}
	assert_int_equal(plugin.has.version, look.wanted.version);
	assert_true(refuses("n0") && refuses("n19"));
}

static void a_broker_of_another_database_gets_the_whole_set(void **state)
{
	(void)state;
	change("n1", false);
	(void)settle();
	plugin.n_refused = 0;
	add(plugin.refused, &plugin.n_refused, "stranger", 8);
	(void)snprintf(plugin.has.epoch, sizeof(plugin.has.epoch), "bb");
	plugin.has.version = 99;
	say();
	hear_all();
	assert_int_equal(settle(), 2);
	assert_true(refuses("n1") && !refuses("stranger"));
}

static void a_broker_that_is_ahead_of_a_restored_backup_gets_the_whole_set(void **state)
{
	(void)state;
	change("n1", false);
	(void)settle();
	plugin.has.version = 50;
	say();
	hear_all();
	assert_int_equal(settle(), 2);
	assert_int_equal(plugin.has.version, 2);
}

static void another_database_under_the_running_daemon_is_noticed(void **state)
{
	(void)state;
	change("n1", false);
	(void)settle();
	n_rows = 0;
	look = (struct revocation_look){ .wanted = { "cc", 1 } };
	change("n9", false);
	assert_int_equal(settle(), 2);
	assert_true(!refuses("n1") && refuses("n9"));
}

static void expired_certificates_leave_the_plugin_once_a_day(void **state)
{
	(void)state;
	change(certificate, false);
	change("n1", false);
	(void)settle();
	rows[0] = rows[--n_rows]; /* the certificate's row went */
	n_expired = 1;
	assert_int_equal(settle(), 0);
	later((int64_t)PRUNE_EVERY_S * 1000 + 1000);
	assert_int_equal(step_once(), STATUS_OK);
	hear_all();
	n_expired = 0;
	assert_int_equal(plugin.n_sets, 2);
	assert_true(refuses("n1") && !refuses(certificate));
	assert_int_equal(settle(), 0);
}

#define RULE(rule) cmocka_unit_test_setup_teardown(rule, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(a_plugin_that_has_nothing_gets_the_whole_set),
		RULE(a_change_goes_out_alone),
		RULE(what_does_not_fit_one_message_goes_out_in_pages),
		RULE(a_broker_that_is_away_is_told_when_it_is_back),
		RULE(a_database_that_is_away_changes_nothing),
		RULE(a_broker_restarted_with_an_older_file_gets_what_it_has_lost_at_once),
		RULE(a_word_older_than_what_was_sent_starts_nothing),
		RULE(words_that_come_late_in_a_burst_make_no_further_messages),
		RULE(what_was_acknowledged_and_not_taken_is_sent_again_and_less_and_less_often),
		RULE(a_stream_of_changes_does_not_hide_that_nothing_is_taken),
		RULE(a_broker_of_another_database_gets_the_whole_set),
		RULE(a_broker_that_is_ahead_of_a_restored_backup_gets_the_whole_set),
		RULE(another_database_under_the_running_daemon_is_noticed),
		RULE(expired_certificates_leave_the_plugin_once_a_day),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
