/* The set in memory: which messages change it, and how. */
#include "../../../plugin/revocation.c"
#include "../../../plugin/table.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define ONES  "0101010101010101010101010101010101010101010101010101010101010101"

static struct revocation revocation;

static const struct certificate_digest zeros,
	ones = { { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 } };

static enum revocation_outcome take(const char *text)
{
	return revocation_take(&revocation, text, strlen(text));
}

static int set_up_unknown(void **state)
{
	(void)state;
	return revocation_init(&revocation) ? 0 : 1;
}

/* Epoch a, version 5, with node n1 revoked and certificate 00.. of n2. */
static int set_up(void **state)
{
	static const char file[] = "revocation 1 file a 5 5\n+n n1 revoked\n+c " ZEROS " n2\n";

	return set_up_unknown(state) || !revocation_load(&revocation, file, sizeof(file) - 1);
}

static int tear_down(void **state)
{
	(void)state;
	revocation_done(&revocation);
	return 0;
}

static enum refusal check(const char *id, const struct certificate_digest *certificate)
{
	return revocation_check(&revocation, id, strlen(id), certificate);
}

static void without_a_set_everybody_is_refused(void **state)
{
	(void)state;
	assert_false(revocation_known(&revocation));
	assert_int_equal(check("n1", &ones), REFUSAL_UNKNOWN);
	assert_int_equal(take("revocation 1 begin b 0 1\n"), REVOCATION_PUT_ASIDE);
	assert_int_equal(check("n1", &ones), REFUSAL_UNKNOWN);
	assert_int_equal(take("revocation 1 end b 0 1\n"), REVOCATION_TAKEN_SET);
	assert_true(revocation_known(&revocation));
	assert_int_equal(check("n1", &ones), REFUSAL_NONE);
}

static void nodes_and_certificates_are_refused(void **state)
{
	(void)state;
	assert_int_equal(check("n1", &ones), REFUSAL_REVOKED);
	assert_int_equal(check("n2", &zeros), REFUSAL_CERTIFICATE);
	assert_int_equal(check("n2", &ones), REFUSAL_NONE);
	assert_int_equal(check("n3", &ones), REFUSAL_NONE);
}

static void changes_of_the_next_version_are_applied_in_order(void **state)
{
	(void)state;
	assert_int_equal(
		take("revocation 1 delta a 5 8\n-n n1\n+n n3 suspended\n+n n4 revoked\n-n n4\n+c " ONES " n5\n"),
		REVOCATION_TAKEN_CHANGES);
	assert_int_equal(revocation.set.version, 8);
	assert_int_equal(check("n1", &zeros), REFUSAL_CERTIFICATE);
	assert_int_equal(check("n3", &ones), REFUSAL_SUSPENDED);
	assert_int_equal(check("n4", &(struct certificate_digest){ { 2 } }), REFUSAL_NONE);
	assert_int_equal(check("n5", &ones), REFUSAL_CERTIFICATE);
}

static void a_word_of_no_meaning_here_revokes(void **state)
{
	(void)state;
	assert_int_equal(take("revocation 1 delta a 5 6\n+n n3 stolen\n+n n4 is_suspended\n"),
			 REVOCATION_TAKEN_CHANGES);
	assert_int_equal(check("n3", &ones), REFUSAL_REVOKED);
	assert_int_equal(check("n4", &ones), REFUSAL_REVOKED);
}

static void what_is_known_already_does_no_harm(void **state)
{
	static const char *const texts[] = {
		"revocation 1 delta a 3 5\n+n n1 revoked\n", /* again */
		"revocation 1 delta a 0 6\n+n n1 revoked\n+n n3 revoked\n",
		"revocation 1 delta a 6 6\n",
		"revocation 1 delta a 6 6\n-n nobody\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_int_equal(take(texts[i]), REVOCATION_TAKEN_CHANGES);
	assert_int_equal(revocation.set.version, 6);
	assert_int_equal(revocation.set.nodes.n_used, 2);
}

static void what_does_not_follow_changes_nothing(void **state)
{
	static const struct {
		const char *text;
		enum revocation_outcome outcome;
	} cases[] = {
		{ "revocation 1 delta a 6 7\n+n n9 revoked\n", REVOCATION_MISPLACED }, /* something is missing */
		{ "revocation 1 delta a 3 4\n+n n9 revoked\n", REVOCATION_MISPLACED }, /* long past */
		{ "revocation 1 delta b 5 6\n+n n9 revoked\n", REVOCATION_MISPLACED },
		{ "revocation 1 delta aa 5 6\n+n n9 revoked\n", REVOCATION_MISPLACED },
		{ "revocation 1 part a 0 6\n+n n9 revoked\n", REVOCATION_MISPLACED }, /* no begin */
		{ "revocation 1 end a 0 6\n+n n9 revoked\n", REVOCATION_MISPLACED },
		{ "revocation 1 file a 5 6\n+n n9 revoked\n", REVOCATION_MALFORMED },
		{ "", REVOCATION_MALFORMED },
		{ "garbage", REVOCATION_MALFORMED },
		{ "+n n9 revoked\n", REVOCATION_MALFORMED },
		{ "revocation 1 delta a 5 6\n+n n9 revoked\ngarbage\n", REVOCATION_MALFORMED },
		{ "revocation 1 delta a 5 6\n+n n9 revoked\n\n", REVOCATION_MALFORMED },
		{ "revocation 1 delta a 5 6\n+n n9 revoked\n+n a/b revoked\n", REVOCATION_MALFORMED },
		{ "revocation 1 delta a 5 6\n+n n9 revoked\n+c 00 n9\n", REVOCATION_MALFORMED },
		{ "revocation 1 delta a 5 6\n+n n9 revoked\nlocal n9\n", REVOCATION_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(take(cases[i].text), cases[i].outcome);
		assert_int_equal(revocation.set.version, 5);
		assert_int_equal(revocation.set.nodes.n_used, 1);
		assert_int_equal(revocation.set.certificates.n_used, 1);
		assert_int_equal(check("n9", &ones), REFUSAL_NONE);
		assert_string_equal(revocation.staged.epoch, "");
	}
}

static void a_message_that_is_too_long_changes_nothing(void **state)
{
	static char text[REVOCATION_MESSAGE_BYTES_MAX + 32];
	size_t len = (size_t)snprintf(text, sizeof(text), "revocation 1 delta a 5 6\n");

	(void)state;
	while (len <= REVOCATION_MESSAGE_BYTES_MAX)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "+n n9 revoked\n");
	assert_int_equal(revocation_take(&revocation, text, len), REVOCATION_MALFORMED);
	assert_int_equal(check("n9", &ones), REFUSAL_NONE);
	len -= strlen("+n n9 revoked\n");
	assert_int_equal(revocation_take(&revocation, text, len), REVOCATION_TAKEN_CHANGES);
}

static void a_whole_set_replaces_all_at_its_end_and_not_before(void **state)
{
	(void)state;
	assert_int_equal(take("revocation 1 begin b 0 2\n+n n7 revoked\n"), REVOCATION_PUT_ASIDE);
	assert_int_equal(take("revocation 1 part b 0 2\n+n n8 suspended\n"), REVOCATION_PUT_ASIDE);
	assert_int_equal(check("n1", &ones), REFUSAL_REVOKED);
	assert_int_equal(check("n7", &ones), REFUSAL_NONE);
	assert_int_equal(take("revocation 1 end b 0 2\n+c " ONES " n9\n"), REVOCATION_TAKEN_SET);
	assert_string_equal(revocation.set.epoch, "b");
	assert_int_equal(revocation.set.version, 2);
	assert_int_equal(check("n1", &zeros), REFUSAL_NONE);
	assert_int_equal(check("n7", &zeros), REFUSAL_REVOKED);
	assert_int_equal(check("n8", &zeros), REFUSAL_SUSPENDED);
	assert_int_equal(check("n9", &ones), REFUSAL_CERTIFICATE);
	assert_int_equal(take("revocation 1 delta b 2 3\n-n n7\n"), REVOCATION_TAKEN_CHANGES);
}

static void a_set_that_begins_again_forgets_the_first_attempt(void **state)
{
	(void)state;
	assert_int_equal(take("revocation 1 begin b 0 2\n+n n7 revoked\n"), REVOCATION_PUT_ASIDE);
	assert_int_equal(take("revocation 1 begin b 0 3\n+n n8 revoked\n"), REVOCATION_PUT_ASIDE);
	assert_int_equal(take("revocation 1 end b 0 3\n"), REVOCATION_TAKEN_SET);
	assert_int_equal(revocation.set.nodes.n_used, 1);
	assert_int_equal(check("n7", &ones), REFUSAL_NONE);
}

static void a_part_of_another_set_ends_the_attempt(void **state)
{
	(void)state;
	assert_int_equal(take("revocation 1 begin b 0 2\n+n n7 revoked\n"), REVOCATION_PUT_ASIDE);
	assert_int_equal(take("revocation 1 part b 0 3\n"), REVOCATION_MISPLACED);
	assert_int_equal(take("revocation 1 end b 0 2\n"), REVOCATION_MISPLACED);
	assert_int_equal(revocation.set.version, 5);
	assert_int_equal(check("n1", &ones), REFUSAL_REVOKED);
}

static void a_part_that_is_malformed_ends_the_attempt(void **state)
{
	static const char *const parts[] = { "revocation 1 part b 0 2\n+n n8 Revoked\n", "garbage", "",
					     "revocation 1 file b 0 2\n+n n8 revoked\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		assert_int_equal(take("revocation 1 begin b 0 2\n+n n7 revoked\n"), REVOCATION_PUT_ASIDE);
		assert_int_equal(take(parts[i]), REVOCATION_MALFORMED);
		assert_int_equal(take("revocation 1 end b 0 2\n"), REVOCATION_MISPLACED);
		assert_int_equal(revocation.set.version, 5);
	}
}

static void a_delta_meanwhile_is_applied_to_the_set_in_force(void **state)
{
	(void)state;
	assert_int_equal(take("revocation 1 begin b 0 2\n+n n7 revoked\n"), REVOCATION_PUT_ASIDE);
	assert_int_equal(take("revocation 1 delta a 5 6\n+n n3 revoked\n"), REVOCATION_TAKEN_CHANGES);
	assert_int_equal(check("n3", &ones), REFUSAL_REVOKED);
}

static void the_text_of_the_set_makes_the_same_set(void **state)
{
	size_t len;
	char *text = revocation_copy_text(&revocation, &len);
	const char *expected = "revocation 1 file a 5 5\n+n n1 revoked\n+c " ZEROS " n2\n";

	(void)state;
	assert_non_null(text);
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(text, expected, len);
	free(text);
}

static void a_file_of_other_lines_is_not_loaded(void **state)
{
	static const char *const files[] = {
		"",
		"revocation 1 delta a 5 5\n",
		"revocation 1 file a 5 5\ngarbage\n",
		"revocation 1 file a 5 5\n+n n9 revoked\nlocal n8\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		assert_false(revocation_load(&revocation, files[i], strlen(files[i])));
		assert_int_equal(check("n1", &ones), REFUSAL_REVOKED);
	}
}

static void the_operators_list_stands_beside_the_daemons(void **state)
{
	struct table local;

	(void)state;
	table_init(&local, revocation.seed);
	assert_true(table_put(&local, "n1", 2, "local n1\n", 9));
	assert_true(table_put(&local, "n6", 2, "local n6\n", 9));
	revocation_take_local(&revocation, &local);
	assert_int_equal(check("n6", &ones), REFUSAL_REVOKED);
	assert_int_equal(take("revocation 1 delta a 5 6\n-n n1\n-n n6\n"), REVOCATION_TAKEN_CHANGES);
	assert_int_equal(check("n1", &ones), REFUSAL_REVOKED);
	assert_int_equal(check("n6", &ones), REFUSAL_REVOKED);
	table_init(&local, revocation.seed);
	revocation_take_local(&revocation, &local);
	assert_int_equal(check("n1", &ones), REFUSAL_NONE);
	assert_int_equal(check("n6", &ones), REFUSAL_NONE);
}

static char named[64];

static void name_node(void *context, const char *node_id, size_t node_id_len)
{
	(void)context;
	(void)strncat(named, node_id, node_id_len);
	(void)strcat(named, ";");
}

static void the_nodes_that_may_have_to_go_are_named(void **state)
{
	const char *text = "revocation 1 delta a 5 6\n+n n1 revoked\n-n n2\n+c " ONES " n3\n";

	(void)state;
	named[0] = '\0';
	revocation_each_node(text, strlen(text), name_node, NULL);
	assert_string_equal(named, "n1;n3;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_a_set_everybody_is_refused, set_up_unknown, tear_down),
		cmocka_unit_test_setup_teardown(nodes_and_certificates_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(changes_of_the_next_version_are_applied_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_word_of_no_meaning_here_revokes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_known_already_does_no_harm, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_does_not_follow_changes_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_message_that_is_too_long_changes_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_whole_set_replaces_all_at_its_end_and_not_before, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_set_that_begins_again_forgets_the_first_attempt, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_part_of_another_set_ends_the_attempt, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_part_that_is_malformed_ends_the_attempt, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_delta_meanwhile_is_applied_to_the_set_in_force, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_text_of_the_set_makes_the_same_set, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_of_other_lines_is_not_loaded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_operators_list_stands_beside_the_daemons, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_nodes_that_may_have_to_go_are_named, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
