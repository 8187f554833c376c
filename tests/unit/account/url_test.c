/* Addresses that we write are read back as they were meant; those that we ask are https. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "account/url.h"

static void all_but_the_unreserved_characters_are_escaped(void **state)
{
	(void)state;
	CLEANUP(buffer) struct buffer out = { 0 };
	url_put_param(&out, "a", "Az09-._~");
	url_put_param(&out, "b", "&=#%+ /?\r\n\xc3\xa4");
	assert_string_equal(buffer_text(&out), "a=Az09-._~&b=%26%3D%23%25%2B%20%2F%3F%0D%0A%C3%A4");
}

static void parameters_follow_those_that_an_address_has(void **state)
{
	(void)state;
	CLEANUP(buffer) struct buffer out = { 0 };
	url_put_base(&out, "https://a.example/b");
	url_put_param(&out, "c", "d");
	url_put_param(&out, "e", "f");
	assert_string_equal(buffer_text(&out), "https://a.example/b?c=d&e=f");
	buffer_clear(&out);
	url_put_base(&out, "https://a.example/b?x=y");
	url_put_param(&out, "c", "d");
	assert_string_equal(buffer_text(&out), "https://a.example/b?x=y&c=d");
}

static void only_https_with_a_host_is_asked(void **state)
{
	(void)state;
	assert_true(url_is_https("https://id.example.org") && url_is_https("https://127.0.0.1:8443/a?b=c"));
	assert_false(url_is_https("http://id.example.org") || url_is_https("file:///etc/passwd") || url_is_https(""));
	assert_false(url_is_https("https://") || url_is_https("https:///a") || url_is_https("https://@b/"));
	assert_false(url_is_https("https://a b") || url_is_https("https://a\r\n") || url_is_https("https://a/#b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_but_the_unreserved_characters_are_escaped),
		cmocka_unit_test(parameters_follow_those_that_an_address_has),
		cmocka_unit_test(only_https_with_a_host_is_asked),
	};
	return cmocka_run_group_tests_name("account/url", tests, NULL, NULL);
}
