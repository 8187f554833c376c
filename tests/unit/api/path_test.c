/* What a path may be, before anything is matched (threats.md section 9, rest.md 1.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/path.h"

static void assert_path(const char *raw, size_t len, enum status expected, const char *path)
{
	path_text read = "untouched";
	struct error err = { .status = STATUS_OK };
	assert_int_equal(path_read(raw, len, read, &err), expected);
	assert_string_equal(read, path);
}

static void a_path_is_decoded_once_and_repeated_slashes_become_one(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{ "/", "/" },
		{ "/v1/user", "/v1/user" },
		{ "//v1///user", "/v1/user" },
		{ "/v1/user/", "/v1/user/" },
		{ "/%76%31/%55ser", "/v1/User" },
		{ "/a.b/..c/d..", "/a.b/..c/d.." },
		{ "/~a_b-c:@!$'()*,=&+", "/~a_b-c:@!$'()*,=&+" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_path(cases[i][0], strlen(cases[i][0]), STATUS_OK, cases[i][1]);
}

static void what_two_readers_could_take_for_two_paths_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *raw;
		size_t len; /* 0: strlen */
	} cases[] = {
		{ "", 0 },           { "v1", 0 },           { "http://x/v1", 0 },  { "*", 0 },
		{ "/.", 0 },         { "/..", 0 },          { "/v1/../user", 0 },  { "/v1/./user", 0 },
		{ "/v1/..", 0 },     { "/%2e%2e/user", 0 }, { "/v1/%2E/user", 0 }, { "/v1/.%2e", 0 },
		{ "/v1%2fuser", 0 }, { "/v1%2Fuser", 0 },   { "/v1%5cuser", 0 },   { "/v1\\user", 0 },
		{ "/v1%00", 0 },     { "/v1\0/user", 8 },   { "/%2576%31", 0 },    { "/%", 0 },
		{ "/%4", 0 },        { "/%4g", 0 },         { "/%-1", 0 },         { "/a b", 0 },
		{ "/a%20b", 0 },     { "/a;b", 0 },         { "/a#b", 0 },         { "/a%3fb", 0 },
		{ "/a%0d%0ab", 0 },  { "/\xc3\xa4", 0 },    { "/%c3%a4", 0 },      { "/a\x7f", 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t len = cases[i].len ? cases[i].len : strlen(cases[i].raw);
		assert_path(cases[i].raw, len, STATUS_INVALID, "untouched");
	}
}

static void a_path_is_256_bytes_at_most(void **state)
{
	(void)state;
	char raw[PATH_BYTES_MAX + 2];
	memset(raw, 'a', sizeof(raw));
	raw[0] = '/';
	path_text read = "";
	struct error err = { .status = STATUS_OK };
	assert_int_equal(path_read(raw, PATH_BYTES_MAX, read, &err), STATUS_OK);
	assert_int_equal(strlen(read), PATH_BYTES_MAX);
	assert_int_equal(path_read(raw, PATH_BYTES_MAX + 1, read, &err), STATUS_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_is_decoded_once_and_repeated_slashes_become_one),
		cmocka_unit_test(what_two_readers_could_take_for_two_paths_is_refused),
		cmocka_unit_test(a_path_is_256_bytes_at_most),
	};
	return cmocka_run_group_tests_name("api/path", tests, NULL, NULL);
}
