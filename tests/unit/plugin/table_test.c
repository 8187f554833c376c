/* The table of lines, against a plain list that does the same; and without memory. */
#include <stdlib.h>

static int allocations_until_failure = -1; /* below 0: never */

static int allocation_fails(void)
{
	if (allocations_until_failure > 0)
		return allocations_until_failure-- == 0;
	return allocations_until_failure == 0;
}

static void *calloc_or_fail(size_t n, size_t size)
{
	return allocation_fails() ? NULL : calloc(n, size);
}

static void *malloc_or_fail(size_t size)
{
	return allocation_fails() ? NULL : malloc(size);
}

#define calloc calloc_or_fail
#define malloc malloc_or_fail
#include "../../../plugin/table.c"
#undef calloc
#undef malloc

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

static struct table table;

static int set_up(void **state)
{
	(void)state;
	allocations_until_failure = -1;
	table_init(&table, 12345);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	table_done(&table);
	return 0;
}

static bool put(const char *key, const char *line)
{
	return table_put(&table, key, strlen(key), line, strlen(line));
}

static bool has(const char *key, const char *line)
{
	const struct table_entry *entry = table_find(&table, key, strlen(key));

	return entry && entry->line_len == strlen(line) && memcmp(table_line(entry), line, entry->line_len) == 0;
}

static void a_zeroed_table_is_empty(void **state)
{
	(void)state;
	table = (struct table){ .seed = 0 };
	assert_null(table_find(&table, "a", 1));
	table_remove(&table, "a", 1);
	assert_int_equal(table.n_used, 0);
}

static void a_line_is_found_by_its_key_alone(void **state)
{
	(void)state;
	assert_true(put("a", "+n a revoked\n"));
	assert_true(put("ab", "+n ab revoked\n"));
	assert_true(has("a", "+n a revoked\n"));
	assert_true(has("ab", "+n ab revoked\n"));
	assert_null(table_find(&table, "b", 1));
	assert_null(table_find(&table, "A", 1));
	assert_null(table_find(&table, "", 0));
	table_remove(&table, "a", 1);
	assert_null(table_find(&table, "a", 1));
	assert_true(has("ab", "+n ab revoked\n"));
}

static void a_second_line_of_a_key_replaces_the_first(void **state)
{
	(void)state;
	assert_true(put("a", "+n a revoked\n"));
	assert_true(put("a", "+n a suspended\n"));
	assert_true(has("a", "+n a suspended\n"));
	assert_int_equal(table.n_used, 1);
	assert_int_equal(table.line_bytes, strlen("+n a suspended\n"));
}

static void it_agrees_with_a_plain_list_over_many_changes(void **state)
{
	enum { N = 700 };
	static bool there[N];
	unsigned int random = 1;
	size_t n_there = 0;
	char key[16];

	(void)state;
	for (int i = 0; i < 50000; i++) {
		random = random * 1103515245U + 12345U;

		size_t k = (random >> 16) % N;
		bool add = (random >> 8 & 3) != 0 ? i % 10000 < 5000 : i % 10000 >= 5000;

		(void)snprintf(key, sizeof(key), "n%zu", k);
		if (add)
			assert_true(put(key, "x\n"));
		else
			table_remove(&table, key, strlen(key));
		n_there += (size_t)add - (size_t)there[k];
		there[k] = add;
		assert_int_equal(table.n_used, n_there);
		assert_int_equal(table.line_bytes, 2 * n_there);
	}
	for (size_t k = 0; k < N; k++) {
		(void)snprintf(key, sizeof(key), "n%zu", k);
		assert_int_equal(table_find(&table, key, strlen(key)) != NULL, there[k]);
	}
}

static void all_lines_are_copied_once(void **state)
{
	char out[16] = { 0 };
	char *end;

	(void)state;
	assert_true(put("a", "1\n"));
	assert_true(put("b", "22\n"));
	end = table_copy_lines(&table, out);
	assert_int_equal(end - out, 5);
	assert_int_equal(table.line_bytes, 5);
	assert_true(strcmp(out, "1\n22\n") == 0 || strcmp(out, "22\n1\n") == 0);
}

static void without_memory_nothing_changes(void **state)
{
	char key[16];

	(void)state;
	for (int fail_at = 0; fail_at < 2; fail_at++) {
		allocations_until_failure = fail_at;
		assert_false(put("a", "1\n"));
		assert_int_equal(table.n_used, 0);
		assert_null(table_find(&table, "a", 1));
	}
	allocations_until_failure = -1;
	for (int i = 0; i < 32; i++) { /* as many as fit without growing */
		(void)snprintf(key, sizeof(key), "n%d", i);
		assert_true(put(key, "1\n"));
	}
	allocations_until_failure = 0;
	assert_false(put("more", "1\n"));
	assert_false(put("n0", "2\n"));
	allocations_until_failure = -1;
	assert_true(has("n0", "1\n"));
	assert_true(has("n31", "1\n"));
	assert_int_equal(table.n_used, 32);
}

static void what_is_too_long_is_refused(void **state)
{
	static const char long_key[TABLE_KEY_MAX + 1], long_line[TABLE_LINE_MAX + 1];

	(void)state;
	assert_false(table_put(&table, long_key, sizeof(long_key), "x", 1));
	assert_false(table_put(&table, "x", 1, long_line, sizeof(long_line)));
	assert_true(table_put(&table, long_key, TABLE_KEY_MAX, long_line, TABLE_LINE_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_zeroed_table_is_empty, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_line_is_found_by_its_key_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_second_line_of_a_key_replaces_the_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(it_agrees_with_a_plain_list_over_many_changes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(all_lines_are_copied_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_memory_nothing_changes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_too_long_is_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
