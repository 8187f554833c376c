#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/settings.h"

struct values {
	setting_text host;
	int64_t port;
	bool loud;
};

static const struct setting rows[] = {
	{ "host", SETTING_TEXT, 1, 0, NULL, offsetof(struct values, host), "a required text" },
	{ "port", SETTING_INTEGER, 1, 65535, "8080", offsetof(struct values, port), "a number" },
	{ "loud", SETTING_BOOLEAN, 0, 0, "false", offsetof(struct values, loud), "a flag" },
};

static enum status read_text(const char *text, struct values *values, struct error *err)
{
	char path[] = "/tmp/settings_test.XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	*values = (struct values){ .port = -1 };
	enum status st = settings_read(rows, ARRAY_LEN(rows), path, values, err);
	unlink(path);
	return st;
}

static void lines_comments_and_defaults_are_read(void **state)
{
	(void)state;
	struct values values;
	assert_int_equal(read_text("# comment\n\n  host =  a b  \nloud=True\n", &values, NULL), STATUS_OK);
	assert_string_equal(values.host, "a b");
	assert_int_equal(values.port, 8080);
	assert_true(values.loud);
}

static void a_bad_settings_file_is_refused_with_its_place(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{ "host = a\nprot = 1\n", ":2: unknown setting 'prot'" },
		{ "host = a\nport = 0\n", "port must be a number from 1 to 65535" },
		{ "host = a\nport = 80x\n", "not '80x'" },
		{ "host = a\nloud = maybe\n", "loud must be true or false" },
		{ "host a\n", "expected 'name = value'" },
		{ "port = 1\n", "'host' is required" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct values values;
		struct error err = { .status = STATUS_OK };
		assert_int_equal(read_text(cases[i][0], &values, &err), STATUS_INVALID);
		if (!strstr(err.text, cases[i][1]))
			fail_msg("case %zu says: %s", i, err.text);
	}
}

static void the_environment_overrides_the_file(void **state)
{
	(void)state;
	struct values values;
	setenv("CISTERN_PORT", "99", 1);
	assert_int_equal(read_text("host = a\nport = 5\n", &values, NULL), STATUS_OK);
	assert_int_equal(values.port, 99);
	setenv("CISTERN_PORT", "many", 1);
	assert_int_equal(read_text("host = a\n", &values, NULL), STATUS_INVALID);
	unsetenv("CISTERN_PORT");
}

static void a_missing_file_is_refused(void **state)
{
	(void)state;
	struct values values;
	assert_int_equal(settings_read(rows, ARRAY_LEN(rows), "/nonexistent/settings", &values, NULL), STATUS_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_comments_and_defaults_are_read),
		cmocka_unit_test(a_bad_settings_file_is_refused_with_its_place),
		cmocka_unit_test(the_environment_overrides_the_file),
		cmocka_unit_test(a_missing_file_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
