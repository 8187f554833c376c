/* The files of revocations and the thread that keeps them: whatever happens to them, nobody gets in by it. */
#include "../../../plugin/keeper.c"
#include "../../../plugin/revocation.c"
#include "../../../plugin/setfile.c"
#include "../../../plugin/table.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Sums by sha256sum(1) over the lines before. */
#define SET_5                                                                                                          \
	"revocation 1 file a 5 5\n+n n1 revoked\n"                                                                     \
	"end 2 fb41c5481567a49c9e90f7c6467d3188a086e50de971fdedc1d267e9b64b3f36\n"
#define SET_5_LOCAL                                                                                                    \
	"revocation 1 file a 5 5\n+n n1 revoked\nlocal x1\n"                                                           \
	"end 3 76a351ace373e767647e6afe69196815e808b92894316d61d143cb9cfb35aa49\n"
#define SET_6                                                                                                          \
	"revocation 1 file a 6 6\n"                                                                                    \
	"end 1 21d2b1ccb4537cc8a722069f8e472bddfab06f4a655b232ba4fac71a484814e4\n"

static char folder[32], set_path[64], copy_path[64], local_path[64];
static struct revocation revocation;
static struct keeper *keeper;

static const struct certificate_digest no_certificate;

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/cistern-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(set_path, sizeof(set_path), "%s/set", folder);
	(void)snprintf(copy_path, sizeof(copy_path), "%s/set.copy", folder);
	(void)snprintf(local_path, sizeof(local_path), "%s/local", folder);
	return revocation_init(&revocation) ? 0 : 1;
}

static int tear_down(void **state)
{
	(void)state;
	keeper_free(keeper);
	keeper = NULL;
	revocation_done(&revocation);
	(void)unlink(set_path);
	(void)unlink(copy_path);
	(void)unlink(local_path);
	assert_int_equal(rmdir(folder), 0); /* no temporary file is left */
	return 0;
}

static void put_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
}

static bool file_is(const char *path, const char *text)
{
	struct bytes bytes = { NULL, 0 };
	bool same = file_read(path, 4096, &bytes) == FILE_READ && bytes.len == strlen(text) &&
		    memcmp(bytes.at, text, bytes.len) == 0;

	bytes_done(&bytes);
	return same;
}

static void open_keeper(void)
{
	keeper = keeper_open(set_path, local_path, &revocation);
	assert_non_null(keeper);
}

static enum refusal check(const char *id)
{
	return revocation_check(&revocation, id, strlen(id), &no_certificate);
}

/* One round of the thread, and what the broker's tick then takes. */
static void round_of_keeper(void)
{
	struct table local;

	(void)take_given(keeper);
	look_at_local(keeper);
	keep_files(keeper);
	if (keeper_take_local(keeper, &local))
		revocation_take_local(&revocation, &local);
}

static void save(const char *text)
{
	char *copy = strdup(text);

	assert_non_null(copy);
	keeper_save(keeper, copy, strlen(text));
}

static void a_good_file_is_taken_apart(void **state)
{
	struct setfile parts;

	(void)state;
	assert_true(setfile_check(SET_5_LOCAL, strlen(SET_5_LOCAL), &parts));
	assert_int_equal(parts.set_len, strlen("revocation 1 file a 5 5\n+n n1 revoked\n"));
	assert_int_equal(parts.local_len, strlen("local x1\n"));
	assert_memory_equal(parts.local, "local x1\n", parts.local_len);
	assert_true(setfile_check(SET_6, strlen(SET_6), &parts));
	assert_int_equal(parts.local_len, 0);
}

static void every_changed_byte_and_every_cut_is_noticed(void **state)
{
	char text[sizeof(SET_5_LOCAL)];
	size_t len = strlen(SET_5_LOCAL);
	struct setfile parts;

	(void)state;
	for (size_t i = 0; i < len; i++) {
		memcpy(text, SET_5_LOCAL, sizeof(text));
		text[i] ^= 1;
		assert_false(setfile_check(text, len, &parts));
		assert_false(setfile_check(SET_5_LOCAL, i, &parts));
	}
	assert_false(setfile_check(SET_5_LOCAL "\n", len + 1, &parts));
	assert_false(setfile_check(SET_5_LOCAL SET_5_LOCAL, 2 * len, &parts));
	assert_false(setfile_check("\n", 1, &parts));
}

static void what_is_composed_is_the_file(void **state)
{
	struct bytes set = { strdup("revocation 1 file a 5 5\n+n n1 revoked\n"), 0 };
	struct bytes file = { NULL, 0 };
	struct table local;

	(void)state;
	set.len = strlen(set.at);
	table_init(&local, 1);
	assert_int_equal(local_parse(&local, "x1", 2), LOCAL_GOOD);
	assert_true(setfile_compose(&set, &local, &file));
	assert_int_equal(file.len, strlen(SET_5_LOCAL));
	assert_memory_equal(file.at, SET_5_LOCAL, file.len);
	bytes_done(&set);
	bytes_done(&file);
	table_done(&local);
}

static void the_operators_list_is_read_line_by_line(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		enum local_state state;
		size_t n;
	} cases[] = {
		{ "", 0, LOCAL_GOOD, 0 },
		{ "n1", 2, LOCAL_GOOD, 1 },
		{ "n1\nn2\n", 6, LOCAL_GOOD, 2 },
		{ "n1\nn1\n", 6, LOCAL_GOOD, 1 },
		{ "# all\n\n  n1 \t# stolen\r\n\r\n#\n", 27, LOCAL_GOOD, 1 },
		{ "n1\nn 2\nn3\n", 10, LOCAL_DAMAGED, 2 },
		{ "n1\na/b\n", 7, LOCAL_DAMAGED, 1 },
		{ "n1\n\0\0\0", 6, LOCAL_DAMAGED, 1 },
		{ "\xff\xfe", 2, LOCAL_DAMAGED, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct table local;

		table_init(&local, 1);
		assert_int_equal(local_parse(&local, cases[i].text, cases[i].len), cases[i].state);
		assert_int_equal(local.n_used, cases[i].n);
		table_done(&local);
	}
}

static void a_good_file_is_in_force_from_the_start(void **state)
{
	(void)state;
	put_file(set_path, SET_5);
	open_keeper();
	assert_int_equal(check("n1"), REFUSAL_REVOKED);
	assert_int_equal(check("n2"), REFUSAL_NONE);
	assert_int_equal(revocation.set.version, 5);
	assert_int_equal(keeper_alarms(keeper), 0);
	round_of_keeper();
	assert_true(file_is(copy_path, SET_5)); /* a missing copy is made */
	assert_int_equal(keeper_alarms(keeper), 0);
}

static void the_copy_stands_in_for_a_damaged_or_missing_file(void **state)
{
	static const char *const bad[] = { NULL, "", "garbage", "revocation 1 file a 9 9\n", SET_5 "x" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		(void)unlink(set_path);
		if (bad[i])
			put_file(set_path, bad[i]);
		put_file(copy_path, SET_5);
		open_keeper();
		assert_int_equal(check("n1"), REFUSAL_REVOKED);
		assert_int_equal(keeper_alarms(keeper), KEEPER_FILE_DAMAGED);
		round_of_keeper();
		assert_true(file_is(set_path, SET_5));
		assert_int_equal(keeper_alarms(keeper), KEEPER_FILE_DAMAGED); /* for a while */
		keeper->damaged_until_ns = 1;
		round_of_keeper();
		assert_int_equal(keeper_alarms(keeper), 0);
		keeper_free(keeper);
		keeper = NULL;
		set_done(&revocation.set);
	}
}

static void with_both_damaged_it_is_unknown_until_a_set_comes(void **state)
{
	(void)state;
	put_file(set_path, "garbage");
	put_file(copy_path, "garbage");
	open_keeper();
	assert_false(revocation_known(&revocation));
	assert_int_equal(keeper_alarms(keeper), KEEPER_FILE_DAMAGED);
	round_of_keeper();
	assert_true(file_is(set_path, "garbage"));
	save("revocation 1 file a 6 6\n");
	round_of_keeper();
	assert_true(file_is(set_path, SET_6));
	assert_true(file_is(copy_path, SET_6));
}

static void with_neither_file_it_is_unknown_but_nothing_is_damaged(void **state)
{
	(void)state;
	open_keeper();
	assert_false(revocation_known(&revocation));
	assert_int_equal(keeper_alarms(keeper), 0);
	round_of_keeper();
	assert_int_equal(access(set_path, F_OK), -1);
}

static void what_somebody_changes_is_written_anew(void **state)
{
	static const char *const changes[] = { "garbage", "", NULL, SET_6 };
	const char *paths[] = { set_path, copy_path };

	(void)state;
	put_file(set_path, SET_5);
	open_keeper();
	round_of_keeper();
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		for (size_t k = 0; k < ARRAY_LEN(paths); k++) {
			set_alarm(keeper, KEEPER_FILE_DAMAGED, false);
			if (changes[i])
				put_file(paths[k], changes[i]);
			else
				(void)unlink(paths[k]);
			round_of_keeper();
			assert_true(file_is(paths[k], SET_5));
			assert_int_equal(keeper_alarms(keeper), KEEPER_FILE_DAMAGED);
			assert_int_equal(check("n1"), REFUSAL_REVOKED);
		}
	}
}

/* Same bytes from a backup, or by another hand: no alarm. */
static void the_same_bytes_are_no_damage(void **state)
{
	(void)state;
	put_file(set_path, SET_5);
	open_keeper();
	round_of_keeper();
	(void)unlink(set_path);
	put_file(set_path, SET_5);
	round_of_keeper();
	assert_int_equal(keeper_alarms(keeper), 0);
}

static void what_can_not_be_written_is_an_alarm_and_tried_again(void **state)
{
	char blocker[80];

	(void)state;
	put_file(set_path, SET_5);
	open_keeper();
	(void)snprintf(blocker, sizeof(blocker), "%s.new", set_path);
	assert_int_equal(mkdir(blocker, 0700), 0); /* in the way of the temporary file; root may write anywhere */
	save("revocation 1 file a 6 6\n");
	assert_false(keeper_idle(keeper));
	round_of_keeper();
	assert_int_equal(keeper_alarms(keeper), KEEPER_FILE_UNWRITABLE);
	assert_true(file_is(set_path, SET_5));
	assert_int_equal(rmdir(blocker), 0);
	round_of_keeper();
	assert_int_equal(keeper_alarms(keeper), KEEPER_FILE_UNWRITABLE); /* not yet */
	keeper->retry_at_ns = 0;
	round_of_keeper();
	assert_int_equal(keeper_alarms(keeper), 0);
	assert_true(file_is(set_path, SET_6));
	assert_true(file_is(copy_path, SET_6));
}

static void of_several_texts_the_last_is_written(void **state)
{
	(void)state;
	put_file(set_path, SET_5);
	open_keeper();
	save("revocation 1 file a 7 7\n");
	save("revocation 1 file a 6 6\n");
	round_of_keeper();
	assert_true(file_is(set_path, SET_6));
}

static void the_operators_list_comes_and_goes(void **state)
{
	(void)state;
	put_file(set_path, SET_5);
	open_keeper();
	put_file(local_path, "x1\n");
	round_of_keeper();
	assert_int_equal(check("x1"), REFUSAL_REVOKED);
	assert_true(file_is(set_path, SET_5_LOCAL));
	put_file(local_path, "# none\n");
	round_of_keeper();
	assert_int_equal(check("x1"), REFUSAL_NONE);
	assert_true(file_is(set_path, SET_5));
	put_file(local_path, "x2\n");
	round_of_keeper();
	assert_int_equal(check("x2"), REFUSAL_REVOKED);
	(void)unlink(local_path);
	round_of_keeper();
	assert_int_equal(check("x2"), REFUSAL_NONE);
	assert_int_equal(keeper_alarms(keeper), 0);
}

static void a_list_with_a_bad_line_adds_but_takes_nobody_out(void **state)
{
	(void)state;
	put_file(set_path, SET_5);
	put_file(local_path, "x1\n");
	open_keeper();
	assert_int_equal(check("x1"), REFUSAL_REVOKED);
	put_file(local_path, "x2\na bad line\n");
	round_of_keeper();
	assert_int_equal(keeper_alarms(keeper), KEEPER_LOCAL_DAMAGED);
	assert_int_equal(check("x1"), REFUSAL_REVOKED);
	assert_int_equal(check("x2"), REFUSAL_REVOKED);
	assert_true(file_is(set_path, SET_5_LOCAL)); /* the last good one */
	(void)unlink(local_path);
	assert_int_equal(mkdir(local_path, 0700), 0); /* not to be read at all */
	round_of_keeper();
	assert_int_equal(keeper_alarms(keeper), KEEPER_LOCAL_DAMAGED);
	assert_int_equal(check("x1"), REFUSAL_REVOKED);
	assert_int_equal(rmdir(local_path), 0);
	put_file(local_path, "x2\n");
	round_of_keeper();
	assert_int_equal(keeper_alarms(keeper), 0);
	assert_int_equal(check("x1"), REFUSAL_NONE);
	assert_int_equal(check("x2"), REFUSAL_REVOKED);
}

static void the_last_good_list_outlives_a_restart(void **state)
{
	(void)state;
	put_file(set_path, SET_5_LOCAL);
	put_file(local_path, "\x01\x02\n");
	open_keeper();
	assert_int_equal(keeper_alarms(keeper), KEEPER_LOCAL_DAMAGED);
	assert_int_equal(check("x1"), REFUSAL_REVOKED);
	assert_int_equal(check("n1"), REFUSAL_REVOKED);
}

static void a_list_in_an_unknown_set_is_kept_for_it(void **state)
{
	(void)state;
	put_file(local_path, "x1\n");
	open_keeper();
	assert_int_equal(check("x1"), REFUSAL_UNKNOWN);
	assert_true(keeper_idle(keeper)); /* or nobody would hand it the set */
	save("revocation 1 file a 5 5\n+n n1 revoked\n");
	round_of_keeper();
	assert_true(file_is(set_path, SET_5_LOCAL));
}

static void the_thread_does_all_of_it(void **state)
{
	struct table local;

	(void)state;
	put_file(set_path, SET_5);
	open_keeper();
	assert_true(keeper_start(keeper));
	save("revocation 1 file a 6 6\n");
	while (!keeper_idle(keeper))
		sched_yield();
	assert_true(file_is(set_path, SET_6));
	put_file(local_path, "x1\n");
	while (!keeper_take_local(keeper, &local))
		sched_yield();
	assert_int_equal(local.n_used, 1);
	table_done(&local);
	/* What is given at the very end is written, too. */
	save("revocation 1 file a 5 5\n+n n1 revoked\n");
	keeper_free(keeper);
	keeper = NULL;
	assert_true(file_is(set_path, SET_5_LOCAL));
	assert_true(file_is(copy_path, SET_5_LOCAL));
}

static void a_path_that_is_too_long_is_refused(void **state)
{
	static char path[PATH_MAX];

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	assert_null(keeper_open(path, NULL, &revocation));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_good_file_is_taken_apart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_changed_byte_and_every_cut_is_noticed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_composed_is_the_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_operators_list_is_read_line_by_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_good_file_is_in_force_from_the_start, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_copy_stands_in_for_a_damaged_or_missing_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(with_both_damaged_it_is_unknown_until_a_set_comes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(with_neither_file_it_is_unknown_but_nothing_is_damaged, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_somebody_changes_is_written_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_same_bytes_are_no_damage, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_can_not_be_written_is_an_alarm_and_tried_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(of_several_texts_the_last_is_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_operators_list_comes_and_goes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_list_with_a_bad_line_adds_but_takes_nobody_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_last_good_list_outlives_a_restart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_list_in_an_unknown_set_is_kept_for_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_thread_does_all_of_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_path_that_is_too_long_is_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
