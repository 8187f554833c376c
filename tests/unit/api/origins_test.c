/* The list of web origins: which lists stop the start, and which origin is in one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/origins.c"

static void an_origin_is_listed_byte_for_byte(void **state)
{
	(void)state;
	static const char list[] = "https://a.example.org,https://b.example.org:8443 \thttp://localhost:3000";
	static const struct {
		const char *origin;
		bool listed;
	} cases[] = {
		{ "https://a.example.org", true },
		{ "https://b.example.org:8443", true },
		{ "http://localhost:3000", true },
		{ "https://a.example.or", false },
		{ "https://a.example.org.evil.org", false },
		{ "https://A.example.org", false },
		{ "http://a.example.org", false },
		{ "https://b.example.org", false },
		{ "https://a.example.org,https://b.example.org:8443", false },
		{ "", false },
		{ "null", false },
		{ "*", false },
		{ NULL, false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(origins_have(list, cases[i].origin), cases[i].listed);
	assert_false(origins_have(NULL, "https://a.example.org"));
	assert_false(origins_have("", ""));
}

static void a_list_holds_what_a_browser_would_say(void **state)
{
	(void)state;
	static const char *const good[] = {
		NULL,
		"",
		" , ",
		"https://a.example.org",
		"http://localhost:3000",
		"https://192.0.2.1:8443",
		"https://[2001:db8::1]:8443,https://[::1]",
		"https://a-b.example.org, https://c.example.org\thttp://d",
	};
	static const char *const bad[] = {
		"*",
		"null",
		"a.example.org",
		"https://",
		"https://*.example.org",
		"https://a.example.org/",
		"https://a.example.org/path",
		"https://A.example.org",
		"HTTPS://a.example.org",
		"https://a.example.org:443",
		"http://a.example.org:80",
		"https://a.example.org:0",
		"https://a.example.org:08443",
		"https://a.example.org:65536",
		"https://a.example.org:",
		"https://a.example.org:84:43",
		"https://[::1",
		"https://[]",
		"https://user@a.example.org",
		"file://",
		"ftp://a.example.org",
		"https://a.example.org;https://b.example.org",
		"https://good.example.org, nonsense",
	};
	struct error err = { .status = STATUS_OK };
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(origins_check(good[i], &err), STATUS_OK);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (origins_check(bad[i], &err) != STATUS_INVALID)
			fail_msg("%s was taken", bad[i]);
	}
}

static void a_list_has_its_limits(void **state)
{
	(void)state;
	char list[ORIGINS_MAX * 12 + 64] = "";
	struct error err = { .status = STATUS_OK };
	for (int i = 0; i < ORIGINS_MAX; i++)
		strcat(list, "http://abc, ");
	assert_int_equal(origins_check(list, &err), STATUS_OK);
	strcat(list, "http://abc");
	assert_int_equal(origins_check(list, &err), STATUS_INVALID);
	char name[ORIGIN_BYTES_MAX + 2] = "http://";
	memset(name + 7, 'a', ORIGIN_BYTES_MAX - 7);
	assert_int_equal(origins_check(name, &err), STATUS_OK);
	name[ORIGIN_BYTES_MAX] = 'a';
	assert_int_equal(origins_check(name, &err), STATUS_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_origin_is_listed_byte_for_byte),
		cmocka_unit_test(a_list_holds_what_a_browser_would_say),
		cmocka_unit_test(a_list_has_its_limits),
	};
	return cmocka_run_group_tests_name("api/origins", tests, NULL, NULL);
}
