#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cistern/call.c"

static enum status nothing(const struct call *call, struct output *output, struct error *err)
{
	(void)call, (void)output, (void)err;
	return STATUS_OK;
}

static const struct command test_rows[] = {
	{ .words = "thing", .synopsis = "", .help = "", .run = nothing },
	{ .words = "thing add",
	  .synopsis = "NAME --out DIR [--now]",
	  .help = "",
	  .operands_min = 1,
	  .operands_max = 1,
	  .options = { { "--out", OPTION_REQUIRED }, { "--now", OPTION_FLAG }, { "--file", OPTION_VALUE } },
	  .run = nothing },
	{ .words = "help", .synopsis = "", .help = "", .operands_max = 2, .run = nothing },
};
static const struct command_table table = { test_rows, ARRAY_LEN(test_rows) };

enum { WORDS_MAX = 12 };

/* A line as the shell would split it: at single blanks. */
static enum status parse(const char *line, struct call *ret_call, struct error *err)
{
	static char copy[256]; /* the call borrows from it */
	char *argv[WORDS_MAX];
	int argc = 0;
	(void)snprintf(copy, sizeof(copy), "%s", line);
	for (char *rest = copy, *word; (word = strsep(&rest, " ")) != NULL;) {
		assert_in_range(argc, 0, WORDS_MAX - 1);
		argv[argc++] = word;
	}
	return call_parse(&table, argc, argv, ret_call, err);
}

static struct call parsed(const char *line)
{
	struct call call = { .command = NULL };
	struct error err = { .text = "" };
	if (parse(line, &call, &err) != STATUS_OK)
		fail_msg("'%s' was refused: %s", line, err.text);
	return call;
}

static void options_and_operands_may_come_in_any_order(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"cistern --config c --output json thing add n --out d --now",
		"cistern thing add --now --out d n --output json --config c",
		"cistern thing add --out=d --output=json n --now --config=c",
		"cistern --output json thing add --now --config c --out d -- n",
	};
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct call call = parsed(lines[i]);
		assert_ptr_equal(call.command, &test_rows[1]);
		assert_string_equal(call.config_path, "c");
		assert_int_equal(call.format, OUTPUT_JSON);
		assert_int_equal(call.n_operands, 1);
		assert_string_equal(call.operands[0], "n");
		assert_string_equal(call_option(&call, "--out"), "d");
		assert_string_equal(call_option(&call, "--now"), "");
		assert_null(call_option(&call, "--file"));
	}
}

static void two_words_go_before_one(void **state)
{
	(void)state;
	assert_ptr_equal(parsed("cistern thing").command, &test_rows[0]);
	assert_ptr_equal(parsed("cistern thing add n --out d").command, &test_rows[1]);
	assert_null(parsed("cistern thing").config_path);
	assert_int_equal(parsed("cistern thing").format, OUTPUT_TEXT);
}

static void behind_two_dashes_everything_is_an_operand(void **state)
{
	(void)state;
	struct call call = parsed("cistern thing add --out d -- --now");
	assert_string_equal(call.operands[0], "--now");
	assert_null(call_option(&call, "--now"));
	/* a value may look like an option */
	call = parsed("cistern thing add n --out --now");
	assert_string_equal(call_option(&call, "--out"), "--now");
}

static void help_goes_before_what_is_missing(void **state)
{
	(void)state;
	struct call call = parsed("cistern thing add --help");
	assert_ptr_equal(call.command, &test_rows[2]);
	assert_int_equal(call.n_operands, 1);
	assert_string_equal(call.operands[0], "thing add");
	call = parsed("cistern --help --output json");
	assert_ptr_equal(call.command, &test_rows[2]);
	assert_int_equal(call.n_operands, 0);
	assert_int_equal(call.format, OUTPUT_JSON);
	assert_ptr_equal(parsed("cistern -h").command, &test_rows[2]);
}

static void a_line_that_is_no_call_is_refused_with_the_reason(void **state)
{
	(void)state;
	static const struct {
		const char *line, *reason;
	} cases[] = {
		{ "cistern", "no command" },
		{ "cistern --output json", "no command" },
		{ "cistern nothing", "unknown command 'nothing'" },
		{ "cistern nothing add", "unknown command 'nothing add'" },
		{ "cistern thin", "unknown command 'thin'" },
		{ "cistern things", "unknown command 'things'" },
		{ "cistern ", "unknown command ''" },
		{ "cistern add thing", "unknown command 'add thing'" },
		{ "cistern thing other", "'other' is too much" },
		{ "cistern thing add --out d", "something is missing" },
		{ "cistern thing add n", "--out is missing" },
		{ "cistern thing add n m --out d", "'m' is too much" },
		{ "cistern thing add n --out", "--out needs a value" },
		{ "cistern thing add n --out d --out e", "--out is given twice" },
		{ "cistern thing add n --out d --now --now", "--now is given twice" },
		{ "cistern thing add n --out d --now=yes", "--now takes no value" },
		{ "cistern thing add n --out d --no", "unknown option '--no'" },
		{ "cistern thing add n --out d --nowhere", "unknown option '--nowhere'" },
		{ "cistern thing add n --out d -", "unknown option '-'" },
		{ "cistern thing --out d", "unknown option '--out'" },
		{ "cistern --out d thing", "unknown option '--out'" },
		{ "cistern --config a --config b thing", "--config is given twice" },
		{ "cistern --config a thing --config b", "--config is given twice" },
		{ "cistern --config", "--config needs a value" },
		{ "cistern --output xml thing", "'xml'" },
		{ "cistern --output= thing", "''" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct call call = { .command = NULL };
		struct error err = { .text = "" };
		if (parse(cases[i].line, &call, &err) != STATUS_INVALID)
			fail_msg("'%s' was taken", cases[i].line);
		if (!strstr(err.text, cases[i].reason))
			fail_msg("'%s' was refused with '%s'", cases[i].line, err.text);
	}
	struct call call;
	char *nothing_given[] = { NULL }; /* not even the program's name: execve() allows it */
	assert_int_equal(call_parse(&table, 0, nothing_given, &call, NULL), STATUS_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_operands_may_come_in_any_order),
		cmocka_unit_test(two_words_go_before_one),
		cmocka_unit_test(behind_two_dashes_everything_is_an_operand),
		cmocka_unit_test(help_goes_before_what_is_missing),
		cmocka_unit_test(a_line_that_is_no_call_is_refused_with_the_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
