/* A cookie is found by its whole name, once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/cookie.h"

static bool is_found(const char *header, const char *wanted)
{
	size_t len = 0;
	const char *value = cookie_find(header, "sid", &len);
	return wanted ? value && len == strlen(wanted) && memcmp(value, wanted, len) == 0 : !value;
}

static void a_cookie_is_found_by_its_whole_name(void **state)
{
	(void)state;
	assert_true(is_found("sid=1", "1"));
	assert_true(is_found("a=b; sid=1; c=d", "1"));
	assert_true(is_found("a=b;sid=1=2", "1=2"));
	assert_true(is_found("sid=", ""));
	assert_true(is_found("xsid=1; sidx=2; a=sid=3; Sid=4; sid", NULL));
	assert_true(is_found("", NULL));
	assert_true(is_found(NULL, NULL));
	assert_true(is_found("; ;; ", NULL));
}

static void of_two_cookies_of_one_name_there_is_none(void **state)
{
	(void)state;
	assert_true(is_found("sid=1; a=b; sid=1", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cookie_is_found_by_its_whole_name),
		cmocka_unit_test(of_two_cookies_of_one_name_there_is_none),
	};
	return cmocka_run_group_tests_name("api/cookie", tests, NULL, NULL);
}
