/* The lines by which the daemon tells the broker whom to refuse: what is one, and what is none. */
#include "model/revocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define HEX_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID_64  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

static struct topic_part part(const char *text)
{
	return (struct topic_part){ text, strlen(text) };
}

static void assert_part(struct topic_part got, const char *expected)
{
	assert_int_equal(got.len, strlen(expected));
	assert_memory_equal(got.at, expected, got.len);
}

static void a_head_is_taken_apart(void **state)
{
	static const struct {
		const char *text;
		enum revocation_kind kind;
		const char *epoch;
		int64_t from, to;
	} cases[] = {
		{ "revocation 1 delta a1b2 3 7", REVOCATION_DELTA, "a1b2", 3, 7 },
		{ "revocation 1 begin 0 0 0", REVOCATION_BEGIN, "0", 0, 0 },
		{ "revocation 1 part ff 9 9", REVOCATION_PART, "ff", 9, 9 },
		{ "revocation 1 end 0123456789abcdef0123456789abcdef 0 9223372036854775807", REVOCATION_END,
		  "0123456789abcdef0123456789abcdef", 0, INT64_MAX },
		{ "revocation 1 file e 5 5", REVOCATION_FILE, "e", 5, 5 },
	};
	struct revocation_head head;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_true(revocation_parse_head(part(cases[i].text), &head));
		assert_int_equal(head.kind, cases[i].kind);
		assert_part(head.epoch, cases[i].epoch);
		assert_int_equal(head.from, cases[i].from);
		assert_int_equal(head.to, cases[i].to);
	}
}

static void what_is_no_head_is_refused(void **state)
{
	static const char *const heads[] = {
		"",
		"revocation",
		"revocation 1",
		"revocation 2 delta a 1 2",
		"revocations 1 delta a 1 2",
		" revocation 1 delta a 1 2",
		"revocation  1 delta a 1 2",
		"revocation 1 delta a 1 2 ",
		"revocation 1 delta a 1 2 3",
		"revocation 1 delta a 1",
		"revocation 1 delta  1 2",
		"revocation 1 delta g 1 2",
		"revocation 1 delta A 1 2",
		"revocation 1 delta 0123456789abcdef0123456789abcdef0 1 2",
		"revocation 1 Delta a 1 2",
		"revocation 1 whole a 1 2",
		"revocation 1 delta a 2 1",
		"revocation 1 delta a -1 2",
		"revocation 1 delta a +1 2",
		"revocation 1 delta a 01 2",
		"revocation 1 delta a 1 9223372036854775808",
		"revocation 1 delta a 1 99999999999999999999",
		"revocation 1 delta a 1 0x2",
		"revocation 1 delta a 1 2\r",
		"revocation\t1 delta a 1 2",
	};
	struct revocation_head head;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		assert_false(revocation_parse_head(part(heads[i]), &head));
}

static void the_three_lines_are_taken_apart(void **state)
{
	struct revocation_line line;

	(void)state;
	assert_true(revocation_parse_line(part("+n GK5aVZ2mXq revoked"), &line));
	assert_int_equal(line.kind, REVOCATION_NODE_ADD);
	assert_part(line.node_id, "GK5aVZ2mXq");
	assert_part(line.word, "revoked");
	assert_true(revocation_parse_line(part("-n " ID_64), &line));
	assert_int_equal(line.kind, REVOCATION_NODE_REMOVE);
	assert_part(line.node_id, ID_64);
	assert_true(revocation_parse_line(part("+c " HEX_64 " a"), &line));
	assert_int_equal(line.kind, REVOCATION_CERTIFICATE_ADD);
	assert_memory_equal(line.fingerprint, HEX_64, FINGERPRINT_HEX);
	assert_part(line.node_id, "a");
}

static void what_is_no_line_is_refused(void **state)
{
	static const char *const lines[] = {
		"",
		"+n",
		"+n ",
		"+n a",
		"+n a ",
		"+n a Revoked",
		"+n a revoked now",
		"+n a revoked1",
		"+n a abcdefghijklmnopqrstuvwxyzabcdefg", /* 33 */
		"+n a/b revoked",
		"+n # revoked",
		"+n " ID_64 "x revoked",
		"+n  a revoked",
		" +n a revoked",
		"-n",
		"-n a revoked",
		"-n a+",
		"+c " HEX_64,
		"+c " HEX_64 " ",
		"+c " HEX_64 " a b",
		"+c " HEX_64 "0 a",
		"+c 0123 a",
		"+c 0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef a",
		"-c " HEX_64 " a",
		"n a revoked",
		"+n a revoked\r",
	};
	struct revocation_line line;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		assert_false(revocation_parse_line(part(lines[i]), &line));
}

static void a_nul_is_part_of_no_line(void **state)
{
	static const char bytes[] = "+n a\0b revoked";
	struct revocation_line line;

	(void)state;
	assert_false(revocation_parse_line((struct topic_part){ bytes, sizeof(bytes) - 1 }, &line));
}

static void lines_come_one_after_the_other(void **state)
{
	struct topic_part rest = part("one\n\nthree\nlast");
	struct topic_part line;

	(void)state;
	assert_true(revocation_next_line(&rest, &line));
	assert_part(line, "one");
	assert_true(revocation_next_line(&rest, &line));
	assert_part(line, "");
	assert_true(revocation_next_line(&rest, &line));
	assert_part(line, "three");
	assert_true(revocation_next_line(&rest, &line));
	assert_part(line, "last");
	assert_false(revocation_next_line(&rest, &line));
	rest = part("only\n");
	assert_true(revocation_next_line(&rest, &line));
	assert_false(revocation_next_line(&rest, &line));
}

static void what_is_written_is_spelled_as_the_header_says(void **state)
{
	char out[REVOCATION_LINE_MAX];
	struct revocation_head head = { REVOCATION_DELTA, { "abc", 3 }, 1, 2 };
	struct revocation_line add = { .kind = REVOCATION_NODE_ADD,
				       .node_id = { "n1", 2 },
				       .word = { "suspended", 9 } };
	struct revocation_line gone = { .kind = REVOCATION_NODE_REMOVE, .node_id = { "n1", 2 } };
	struct revocation_line old = { .kind = REVOCATION_CERTIFICATE_ADD,
				       .node_id = { ID_64, 64 },
				       .fingerprint = HEX_64 };

	(void)state;
	assert_int_equal(revocation_write_head(&head, out), strlen("revocation 1 delta abc 1 2\n"));
	assert_string_equal(out, "revocation 1 delta abc 1 2\n");
	assert_int_equal(revocation_write_line(&add, out), strlen("+n n1 suspended\n"));
	assert_string_equal(out, "+n n1 suspended\n");
	assert_int_equal(revocation_write_line(&gone, out), strlen("-n n1\n"));
	assert_string_equal(out, "-n n1\n");
	assert_int_equal(revocation_write_line(&old, out), 2 + 1 + 64 + 1 + 64 + 1);
	assert_string_equal(out, "+c " HEX_64 " " ID_64 "\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_is_taken_apart),
		cmocka_unit_test(what_is_no_head_is_refused),
		cmocka_unit_test(the_three_lines_are_taken_apart),
		cmocka_unit_test(what_is_no_line_is_refused),
		cmocka_unit_test(a_nul_is_part_of_no_line),
		cmocka_unit_test(lines_come_one_after_the_other),
		cmocka_unit_test(what_is_written_is_spelled_as_the_header_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
