#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cistern/output.c"

/* 2001-09-09T01:46:40Z, the second 10^9, and a bit of it more */
static const int64_t billion_us = INT64_C(1000000000654321);

static const char *const columns[] = { "node_id", "connected", "since", "users" };

static void put_two_rows(struct output *output)
{
	const struct cell first[] = { CELL_OF_TEXT(NULL, "a"), CELL_OF_BOOLEAN(NULL, true),
				      CELL_OF_TIME(NULL, billion_us), CELL_OF_NUMBER(NULL, 12) };
	const struct cell second[] = { CELL_OF_TEXT(NULL, "\xc3\xa4\xc3\xb6 long"), CELL_OF_BOOLEAN(NULL, false),
				       CELL_OF_TIME(NULL, 0), CELL_OF_NUMBER(NULL, -1) };
	output_list_begin(output, "nodes", columns, ARRAY_LEN(columns));
	output_list_row(output, first);
	output_list_row(output, second);
	output_list_end(output);
}

static void a_list_is_aligned_columns(void **state)
{
	(void)state;
	CLEANUP(output) struct output output = { .format = OUTPUT_TEXT };
	put_two_rows(&output);
	assert_string_equal(buffer_text(&output.done), "NODE ID  CONNECTED  SINCE                 USERS\n"
						       "a        yes        2001-09-09T01:46:40Z  12\n"
						       "\xc3\xa4\xc3\xb6 long  no         never                 -1\n");
}

static void a_list_is_one_json_document(void **state)
{
	(void)state;
	CLEANUP(output) struct output output = { .format = OUTPUT_JSON };
	put_two_rows(&output);
	assert_string_equal(
		buffer_text(&output.done),
		"{\"nodes\":[{\"node_id\":\"a\",\"connected\":true,\"since\":\"2001-09-09T01:46:40Z\",\"users\":12},"
		"{\"node_id\":\"\xc3\xa4\xc3\xb6 long\",\"connected\":false,\"since\":null,\"users\":-1}]}\n");
}

static void an_empty_list_has_its_headings(void **state)
{
	(void)state;
	CLEANUP(output) struct output text = { .format = OUTPUT_TEXT };
	CLEANUP(output) struct output json = { .format = OUTPUT_JSON };
	output_list_begin(&text, "nodes", columns, 2);
	output_list_end(&text);
	assert_string_equal(buffer_text(&text.done), "NODE ID  CONNECTED\n");
	output_list_begin(&json, "nodes", columns, 2);
	output_list_end(&json);
	assert_string_equal(buffer_text(&json.done), "{\"nodes\":[]}\n");
}

static void a_record_is_lines_or_an_object(void **state)
{
	(void)state;
	const struct cell cells[] = { CELL_OF_TEXT("user_name", "ann"), CELL_OF_TEXT("none", NULL),
				      CELL_OF_TEXT("empty", ""),
				      CELL_OF_JSON("value", " {\"a\" :\n 21.0 , \"b\":[ ]}") };
	CLEANUP(output) struct output text = { .format = OUTPUT_TEXT };
	CLEANUP(output) struct output json = { .format = OUTPUT_JSON };
	output_record(&text, cells, ARRAY_LEN(cells));
	assert_string_equal(buffer_text(&text.done), "user name  ann\n"
						     "none       -\n"
						     "empty      -\n"
						     "value      {\"a\":21.0,\"b\":[]}\n");
	output_record(&json, cells, ARRAY_LEN(cells));
	assert_string_equal(buffer_text(&json.done),
			    "{\"user_name\":\"ann\",\"none\":null,\"empty\":\"\",\"value\":{\"a\":21.0,\"b\":[]}}\n");
}

static void control_characters_do_not_reach_a_terminal(void **state)
{
	(void)state;
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{ "plain", "plain" },
		{ "a\nb\tc\r", "a\\x0ab\\x09c\\x0d" },
		{ "\x1b[31mred\x1b]0;title\x07", "\\x1b[31mred\\x1b]0;title\\x07" },
		{ "\x7f", "\\x7f" },
		{ "\xc2\x9b"
		  "31m",
		  "\\x9b31m" },                             /* CSI as one C1 character */
		{ "\xc2\xa0\xc3\x9b", "\xc2\xa0\xc3\x9b" }, /* not C1 */
		{ "\xc2", "\xc2" },                         /* cut in the middle: nothing behind it is read */
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buffer) struct buffer shown = { 0 };
		output_put_shown(&shown, cases[i].text);
		assert_string_equal(buffer_text(&shown), cases[i].shown);
	}
	const struct cell hostile[] = { CELL_OF_TEXT("name", "x\n\x1b[2J\"\\"),
					CELL_OF_JSON("value", "\"\xc2\x9b\x7f\"") };
	CLEANUP(output) struct output text = { .format = OUTPUT_TEXT };
	output_record(&text, hostile, ARRAY_LEN(hostile));
	assert_string_equal(buffer_text(&text.done), "name   x\\x0a\\x1b[2J\"\\\nvalue  \"\\x9b\\x7f\"\n");
	CLEANUP(output) struct output json = { .format = OUTPUT_JSON };
	output_record(&json, hostile, 1);
	assert_string_equal(buffer_text(&json.done), "{\"name\":\"x\\u000a\\u001b[2J\\\"\\\\\"}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_aligned_columns),
		cmocka_unit_test(a_list_is_one_json_document),
		cmocka_unit_test(an_empty_list_has_its_headings),
		cmocka_unit_test(a_record_is_lines_or_an_object),
		cmocka_unit_test(control_characters_do_not_reach_a_terminal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
