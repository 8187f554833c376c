/* The limits of threats.md section 4 and the number rule of mqtt.md 4.2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static struct json_slice slice(const char *text)
{
	return (struct json_slice){ text, strlen(text) };
}

static enum status verdict(const char *text, size_t len)
{
	CLEANUP(json) json_t *document = NULL;
	struct error err = { .status = STATUS_OK };
	return json_read_object((struct json_slice){ text, len }, &json_node_limits, &document, &err);
}

struct refusal {
	const char *text;
	size_t len; /* 0: strlen */
	enum status status;
};

static void what_is_not_one_json_object_is_refused(void **state)
{
	(void)state;
	static const struct refusal cases[] = {
		{ "", 0, STATUS_INVALID },
		{ "{", 0, STATUS_INVALID },
		{ "{} {}", 0, STATUS_INVALID },
		{ "{}x", 0, STATUS_INVALID },
		{ "[]", 0, STATUS_INVALID },
		{ "null", 0, STATUS_INVALID },
		{ "{\"a\":1,}", 0, STATUS_INVALID },
		{ "{'a':1}", 0, STATUS_INVALID },
		{ "{\"a\":01}", 0, STATUS_INVALID },
		{ "{\"a\":NaN}", 0, STATUS_INVALID },
		{ "{\"a\":1,\"a\":2}", 0, STATUS_INVALID },
		{ "{\"a\":1,\"\\u0061\":2}", 0, STATUS_INVALID },
		{ "{\"a\":{\"b\":1,\"b\":1}}", 0, STATUS_INVALID },
		{ "{\"a\":9223372036854775808}", 0, STATUS_INVALID },
		{ "{\"a\":-9223372036854775809}", 0, STATUS_INVALID },
		{ "{\"a\":1e400}", 0, STATUS_INVALID },
		{ "{\"a\":\"\\u0000\"}", 0, STATUS_INVALID },
		{ "{\"a\":\"\0\"}", 9, STATUS_INVALID },
		{ "{\"a\":1}\0", 8, STATUS_INVALID },
		{ "{\"a\":true\0,\"b\":1}", 16, STATUS_INVALID }, /* found by json_fuzz */
		{ "{\"a\":\"\xff\"}", 0, STATUS_INVALID },
		{ "{\"a\":\"\xc0\xaf\"}", 0, STATUS_INVALID },
		{ "{\"a\":\"\\ud800\"}", 0, STATUS_INVALID },
		{ "{\"a\":\"\n\"}", 0, STATUS_INVALID },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t len = cases[i].len ? cases[i].len : strlen(cases[i].text);
		if (verdict(cases[i].text, len) != cases[i].status)
			fail_msg("case %zu: %s", i, cases[i].text);
	}
}

static void edge_values_are_taken(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"{}",
		" {\t\"a\" : 9223372036854775807 }\r\n",
		"{\"a\":-9223372036854775808}",
		"{\"a\":1.7976931348623157e308}",
		"{\"\":1}",
		"{\"a\":\"\\ud83d\\ude00\"}",
		"{\"a\":\"\xf0\x9f\x98\x80\"}",
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (verdict(cases[i], strlen(cases[i])) != STATUS_OK)
			fail_msg("case %zu: %s", i, cases[i]);
	}
}

static enum status verdict_of_depth(int depth)
{
	struct buffer text = { .bytes = NULL };
	buffer_puts(&text, "{\"a\":");
	for (int i = 1; i < depth; i++)
		buffer_putc(&text, '[');
	buffer_putc(&text, '1');
	for (int i = 1; i < depth; i++)
		buffer_putc(&text, ']');
	buffer_putc(&text, '}');
	enum status st = verdict(text.bytes, text.len);
	buffer_done(&text);
	return st;
}

static void nesting_is_at_most_32_deep(void **state)
{
	(void)state;
	assert_int_equal(verdict_of_depth(32), STATUS_OK);
	assert_int_equal(verdict_of_depth(33), STATUS_TOO_LARGE);
}

static enum status verdict_of_keys(int n_keys, int key_len)
{
	struct buffer text = { .bytes = NULL };
	buffer_putc(&text, '{');
	for (int i = 0; i < n_keys; i++)
		buffer_printf(&text, "%s\"%0*d\":1", i ? "," : "", key_len, i);
	buffer_putc(&text, '}');
	enum status st = verdict(text.bytes, text.len);
	buffer_done(&text);
	return st;
}

static void keys_are_at_most_1000_and_64_bytes_long(void **state)
{
	(void)state;
	assert_int_equal(verdict_of_keys(1000, 8), STATUS_OK);
	assert_int_equal(verdict_of_keys(1001, 8), STATUS_TOO_LARGE);
	assert_int_equal(verdict_of_keys(1, 64), STATUS_OK);
	assert_int_equal(verdict_of_keys(1, 65), STATUS_TOO_LARGE);
}

static void a_document_is_at_most_128_kilobytes(void **state)
{
	(void)state;
	char *text = malloc(JSON_BYTES_MAX + 1);
	assert_non_null(text);
	memset(text, ' ', JSON_BYTES_MAX + 1);
	memcpy(text, "{}", 2);
	assert_int_equal(verdict(text, JSON_BYTES_MAX), STATUS_OK);
	assert_int_equal(verdict(text, JSON_BYTES_MAX + 1), STATUS_TOO_LARGE);
	free(text);
}

static void a_walk_gives_every_member_in_the_bytes_that_came(void **state)
{
	(void)state;
	const char *text =
		" { \"a\" : 21.0 , \"b\\u0062\":[1, 2.50,{\"}\":\"]\\\"\"}], \"c\":{ } ,\"d\":\"x\\\\\" ,\"e\":1E2}";
	static const char *const keys[] = { "a", "bb", "c", "d", "e" };
	static const char *const values[] = { "21.0", "[1, 2.50,{\"}\":\"]\\\"\"}]", "{ }", "\"x\\\\\"", "1E2" };
	CLEANUP(json) json_t *document = NULL;
	assert_int_equal(json_read_object(slice(text), &json_node_limits, &document, NULL), STATUS_OK);
	struct json_walk walk = json_walk_start(document, slice(text));
	struct json_member member;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		assert_true(json_walk_next(&walk, &member));
		assert_string_equal(member.key, keys[i]);
		assert_int_equal(member.text.len, strlen(values[i]));
		assert_memory_equal(member.text.at, values[i], member.text.len);
	}
	assert_false(json_walk_next(&walk, &member));
}

static void a_walk_over_an_array_gives_its_elements(void **state)
{
	(void)state;
	const char *text = "[ {\"n\":1} ,[], \"a,]\" ]";
	static const char *const values[] = { "{\"n\":1}", "[]", "\"a,]\"" };
	CLEANUP(json) json_t *document = NULL;
	assert_int_equal(json_read(slice(text), &json_node_limits, &document, NULL), STATUS_OK);
	struct json_walk walk = json_walk_start(document, slice(text));
	struct json_member member;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		assert_true(json_walk_next(&walk, &member));
		assert_null(member.key);
		assert_memory_equal(member.text.at, values[i], strlen(values[i]));
	}
	assert_false(json_walk_next(&walk, &member));
}

static void compact_text_has_raw_utf8_no_blanks_and_numbers_as_they_came(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{ "{ \"a\" : 1.0 ,\n\"b\":[ 1 , 0.1 ] }", "{\"a\":1.0,\"b\":[1,0.1]}" },
		{ "{\"a\":\"x \\/ y\"}", "{\"a\":\"x / y\"}" },
		{ "{\"a\":\"\\u00e9\\u20ac\\ud83d\\ude00\"}", "{\"a\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}" },
		{ "{\"a\":\"\\u0022\\u005c\\u000a\\n\\\"\"}", "{\"a\":\"\\\"\\\\\\u000a\\n\\\"\"}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buffer) struct buffer out = { .bytes = NULL };
		json_put_compact(&out, slice(cases[i][0]));
		assert_string_equal(buffer_text(&out), cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_one_json_object_is_refused),
		cmocka_unit_test(edge_values_are_taken),
		cmocka_unit_test(nesting_is_at_most_32_deep),
		cmocka_unit_test(keys_are_at_most_1000_and_64_bytes_long),
		cmocka_unit_test(a_document_is_at_most_128_kilobytes),
		cmocka_unit_test(a_walk_gives_every_member_in_the_bytes_that_came),
		cmocka_unit_test(a_walk_over_an_array_gives_its_elements),
		cmocka_unit_test(compact_text_has_raw_utf8_no_blanks_and_numbers_as_they_came),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
