#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
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

/* Standard error as a pipe whose reading end is given; back to what it was by put_back(). */
static int saved_error, reading_end;

static void into_pipe(void)
{
	int ends[2];
	saved_error = dup(STDERR_FILENO);
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	reading_end = ends[0];
}

static void put_back(void)
{
	dup2(saved_error, STDERR_FILENO);
	close(saved_error);
	close(reading_end);
}

static void read_lines(char *text, size_t size, int n_lines)
{
	size_t len = 0;
	for (int n = 0; n < n_lines; len++) {
		assert_true(len < size - 1);
		assert_int_equal(read(reading_end, text + len, 1), 1);
		n += text[len] == '\n';
	}
	text[len] = '\0';
}

static void held_lines_come_by_themselves_and_in_their_order(void **state)
{
	(void)state;
	into_pipe();
	log_hold();
	for (int i = 0; i < 10; i++)
		log_info("test.held", F_I64("n", i));
	char text[2048];
	read_lines(text, sizeof(text), 10);
	log_release();
	put_back();
	const char *at = text;
	for (int i = 0; i < 10; i++) {
		char field[16];
		(void)snprintf(field, sizeof(field), "n=%d\n", i);
		at = strstr(at, field);
		assert_non_null(at);
	}
}

static void a_warning_is_out_when_the_call_returns_and_what_was_held_is_before_it(void **state)
{
	(void)state;
	into_pipe();
	log_hold();
	log_info("test.held", F_I64("n", 1));
	log_warn("test.warning", F_I64("n", 2));
	int n_bytes = 0;
	assert_int_equal(ioctl(reading_end, FIONREAD, &n_bytes), 0);
	char text[1024];
	read_lines(text, sizeof(text), 2);
	assert_int_equal(n_bytes, strlen(text));
	assert_true(strstr(text, "test.held") < strstr(text, "test.warning"));
	log_release();
	put_back();
}

static void the_end_of_holding_leaves_nothing_behind_and_later_lines_are_written_at_once(void **state)
{
	(void)state;
	into_pipe();
	log_hold();
	log_info("test.held", F_I64("n", 1));
	log_release();
	log_info("test.later", F_I64("n", 2));
	int n_bytes = 0;
	assert_int_equal(ioctl(reading_end, FIONREAD, &n_bytes), 0);
	char text[1024];
	read_lines(text, sizeof(text), 2);
	assert_int_equal(n_bytes, strlen(text));
	put_back();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_from_outside_stays_one_field_of_one_line),
		cmocka_unit_test(a_line_is_cut_and_still_ends),
		cmocka_unit_test(held_lines_come_by_themselves_and_in_their_order),
		cmocka_unit_test(a_warning_is_out_when_the_call_returns_and_what_was_held_is_before_it),
		cmocka_unit_test(the_end_of_holding_leaves_nothing_behind_and_later_lines_are_written_at_once),
		cmocka_unit_test(debug_is_off_in_production),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
