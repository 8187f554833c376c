/* The lines that tell the broker whom to refuse: what is read, what is refused, and that what is written is read the same. */
#include "model/revocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define EPOCH "0123456789abcdef0123456789abcdef"
#define HEX   "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ID64  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static struct topic_part part(const char *text)
{
	return (struct topic_part){ text, strlen(text) };
}

static void a_head_says_kind_epoch_and_versions(void **state)
{
	static const struct {
		const char *text;
		enum revocation_kind kind;
	} cases[] = {
		{ "revocation 1 delta " EPOCH " 3 7", REVOCATION_DELTA },
		{ "revocation 1 begin " EPOCH " 3 7", REVOCATION_BEGIN },
		{ "revocation 1 part " EPOCH " 3 7", REVOCATION_PART },
		{ "revocation 1 end " EPOCH " 3 7", REVOCATION_END },
		{ "revocation 1 file " EPOCH " 3 7", REVOCATION_FILE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct revocation_head head;

		assert_true(revocation_parse_head(part(cases[i].text), &head));
		assert_int_equal(head.kind, cases[i].kind);
		assert_true(topic_part_is(head.epoch, EPOCH, 32));
		assert_int_equal(head.from, 3);
		assert_int_equal(head.to, 7);
	}
}

static void anything_else_is_no_head(void **state)
{
	static const char *const texts[] = {
		"",
		"revocation",
		"revocation 2 delta " EPOCH " 3 7",
		"revocation 1 delta " EPOCH " 3",
		"revocation 1 delta " EPOCH " 3 7 ",
		"revocation 1 delta " EPOCH " 3 7 8",
		"revocation 1  delta " EPOCH " 3 7",
		"revocation 1 delta  3 7",
		"revocation 1 else " EPOCH " 3 7",
		"revocation 1 delta " EPOCH "0 3 7",
		"revocation 1 delta ABCDEF 3 7",
		"revocation 1 delta " EPOCH " -3 7",
		"revocation 1 delta " EPOCH " 8 7",
		"revocation 1 delta " EPOCH " 3 9999999999999999999",
		"Revocation 1 delta " EPOCH " 3 7",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct revocation_head head;

		if (revocation_parse_head(part(texts[i]), &head))
			fail_msg("taken: '%s'", texts[i]);
	}
}

static void each_line_names_what_it_is_about(void **state)
{
	struct revocation_line line;

	(void)state;
	assert_true(revocation_parse_line(part("+n lamp-1 suspended"), &line));
	assert_int_equal(line.kind, REVOCATION_NODE_ADD);
	assert_true(topic_part_is(line.node_id, "lamp-1", 6) && topic_part_is(line.word, "suspended", 9));
	assert_true(revocation_parse_line(part("-n " ID64), &line));
	assert_int_equal(line.kind, REVOCATION_NODE_REMOVE);
	assert_int_equal(line.node_id.len, 64);
	assert_true(revocation_parse_line(part("+c " HEX " lamp-1"), &line));
	assert_int_equal(line.kind, REVOCATION_CERTIFICATE_ADD);
	assert_memory_equal(line.fingerprint, HEX, FINGERPRINT_HEX);
	assert_true(topic_part_is(line.node_id, "lamp-1", 6));
}

static void anything_else_is_no_line(void **state)
{
	static const char *const texts[] = {
		"",
		"+n",
		"+n lamp-1",
		"+n lamp-1 Revoked",
		"+n lamp-1 revoked twice",
		"+n lamp+1 revoked",
		"+n  revoked",
		"-n",
		"-n lamp-1 revoked",
		"-n lamp/1",
		"-n " ID64 "a",
		"*n lamp-1",
		"+c " HEX,
		"+c " HEX "0 lamp-1",
		"+c AA lamp-1",
		"-c " HEX " lamp-1",
		"+n lamp-1 revoked\r",
		"+n lamp-1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	static const char with_nul[] = "-n la\0mp";
	struct revocation_line line;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (revocation_parse_line(part(texts[i]), &line))
			fail_msg("taken: '%s'", texts[i]);
	}
	assert_false(revocation_parse_line((struct topic_part){ with_nul, sizeof(with_nul) - 1 }, &line));
}

static void lines_end_at_a_line_feed_or_at_the_end(void **state)
{
	struct topic_part rest = part("one\n\nthree"), line;

	(void)state;
	assert_true(revocation_next_line(&rest, &line) && topic_part_is(line, "one", 3));
	assert_true(revocation_next_line(&rest, &line) && line.len == 0);
	assert_true(revocation_next_line(&rest, &line) && topic_part_is(line, "three", 5));
	assert_false(revocation_next_line(&rest, &line));
}

static void what_is_written_is_read_the_same(void **state)
{
	char out[REVOCATION_LINE_MAX];
	struct revocation_head head = { REVOCATION_DELTA, part(EPOCH), INT64_C(999999999999999998),
					INT64_C(999999999999999999) };
	struct revocation_line lines[] = {
		{ .kind = REVOCATION_NODE_ADD,
		  .node_id = part(ID64),
		  .word = part("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") },
		{ .kind = REVOCATION_NODE_REMOVE, .node_id = part(ID64) },
		{ .kind = REVOCATION_CERTIFICATE_ADD, .node_id = part(ID64), .fingerprint = HEX },
	};
	struct revocation_head head_again;

	(void)state;
	size_t n = revocation_write_head(&head, out);
	assert_int_equal(n, strlen(out));
	assert_int_equal(out[n - 1], '\n');
	assert_true(revocation_parse_head((struct topic_part){ out, n - 1 }, &head_again));
	assert_int_equal(head_again.to, head.to);
	assert_int_equal(head_again.from, head.from);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct revocation_line again;

		n = revocation_write_line(&lines[i], out);
		assert_int_equal(n, strlen(out));
		assert_true(n < REVOCATION_LINE_MAX && out[n - 1] == '\n');
		assert_true(revocation_parse_line((struct topic_part){ out, n - 1 }, &again));
		assert_int_equal(again.kind, lines[i].kind);
		assert_true(topic_part_is(again.node_id, ID64, 64));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_says_kind_epoch_and_versions),
		cmocka_unit_test(anything_else_is_no_head),
		cmocka_unit_test(each_line_names_what_it_is_about),
		cmocka_unit_test(anything_else_is_no_line),
		cmocka_unit_test(lines_end_at_a_line_feed_or_at_the_end),
		cmocka_unit_test(what_is_written_is_read_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
