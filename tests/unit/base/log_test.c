#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

/* Runs the body with standard error going into a pipe and gives what was written. */
static void capture(void (*body)(void), char *text, size_t size)
{
	int ends[2], saved = dup(STDERR_FILENO);
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	body();
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[1]);
	ssize_t len = read(ends[0], text, size - 1);
	close(ends[0]);
	text[len > 0 ? len : 0] = '\0';
}

static void log_hostile(void)
{
	log_info("test.event", F_STR("node", "a\nlevel=error event=\"x\" \x1b[31m\xff"), F_I64("n", -5), F_U64("u", 7),
		 F_STR("none", NULL));
}

static void a_value_from_outside_stays_one_field_of_one_line(void **state)
{
	(void)state;
	char text[4096];
	capture(log_hostile, text, sizeof(text));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_non_null(strstr(text,
			       " level=info event=test.event node=\"a\\x0alevel=error event=\\\"x\\\" \\x1b[31m\\xff\""
			       " n=-5 u=7 none=-\n"));
	assert_memory_equal(text, "ts=20", 5);
}

static void log_long(void)
{
	char value[5000];
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	log_info("test.long", F_STR("v", value));
}

static void a_line_is_cut_and_still_ends(void **state)
{
	(void)state;
	char text[8192];
	capture(log_long, text, sizeof(text));
	assert_int_equal(strlen(text), LOG_LINE_MAX);
	assert_int_equal(text[LOG_LINE_MAX - 1], '\n');
}

static void log_quiet(void)
{
	log_debug("test.debug", F_I64("n", 1));
}

static void debug_is_off_in_production(void **state)
{
	(void)state;
	char text[256];
	capture(log_quiet, text, sizeof(text));
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_from_outside_stays_one_field_of_one_line),
		cmocka_unit_test(a_line_is_cut_and_still_ends),
		cmocka_unit_test(debug_is_off_in_production),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
