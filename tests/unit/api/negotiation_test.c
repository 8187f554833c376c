/* Accept-Encoding and If-None-Match, by RFC 9110 12.5.3 and 13.1.2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/negotiation.c"

struct wish {
	const char *header;
	bool granted;
};

static void check_gzip(const struct wish *wishes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (negotiation_wants_gzip(wishes[i].header) != wishes[i].granted)
			fail_msg("Accept-Encoding: %s", wishes[i].header ? wishes[i].header : "(none)");
	}
}

static void gzip_is_wanted_where_it_is_named_or_the_star_is(void **state)
{
	(void)state;
	static const struct wish wishes[] = {
		{ NULL, false },
		{ "", false }, /* no coding is wanted */
		{ "gzip", true },
		{ "GZip", true },
		{ "x-gzip", true },
		{ "*", true },
		{ "identity", false },
		{ "deflate, br", false },
		{ "deflate, gzip, br", true },
		{ "gzipped", false },
		{ "gzi", false },
		{ " \tgzip \t", true },
		{ ",, gzip ,,", true },
		{ "br;q=1.0, gzip;q=0.8, *;q=0.1", true },
	};
	check_gzip(wishes, ARRAY_LEN(wishes));
}

static void a_weight_of_0_refuses(void **state)
{
	(void)state;
	static const struct wish wishes[] = {
		{ "gzip;q=0", false },       { "gzip;q=0.0", false }, { "gzip;q=0.000", false },
		{ "gzip;q=0.001", true },    { "*;q=0", false },      { "*, gzip;q=0", false },
		{ "gzip;q=0, *", false },    { "gzip, *;q=0", true }, { "gzip ; q=0", false },
		{ "gzip\t;\tQ=0\t", false }, { "gzip;q=1", true },    { "gzip;q=1.000", true },
		{ "gzip;q=0.5", true },
	};
	check_gzip(wishes, ARRAY_LEN(wishes));
}

static void no_coding_is_used_where_it_is_liked_better(void **state)
{
	(void)state;
	static const struct wish wishes[] = {
		{ "gzip;q=0.5, identity", false },
		{ "gzip;q=0.5, identity;q=0.6", false },
		{ "gzip;q=0.5, identity;q=0.500", true },
		{ "gzip, identity;q=0", true },
		{ "identity;q=0", false }, /* nothing else is named: we have nothing better */
	};
	check_gzip(wishes, ARRAY_LEN(wishes));
}

static void a_wish_that_is_not_understood_is_passed_over_and_the_others_count(void **state)
{
	(void)state;
	static const struct wish wishes[] = {
		{ "gzip;q=", false },         { "gzip;q=2", false },     { "gzip;q=1.001", false },
		{ "gzip;q=0.5555", false },   { "gzip;q=.5", false },    { "gzip;q=-1", false },
		{ "gzip;q=0,5", false },      { "gzip;q=0x1", false },   { "gzip;q", false },
		{ "gzip;", false },           { "gzip;level=9", false }, { "gzip q=1", false },
		{ "gzip;q=nan, gzip", true }, { "br;q=zz, gzip", true }, { "\"gzip\"", false },
	};
	check_gzip(wishes, ARRAY_LEN(wishes));
}

struct claim {
	const char *header, *etag;
	bool known;
};

static void check_known(const struct claim *claims, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (negotiation_is_known(claims[i].header, claims[i].etag) != claims[i].known)
			fail_msg("If-None-Match: %s, ETag: %s", claims[i].header ? claims[i].header : "(none)",
				 claims[i].etag);
	}
}

/* RFC 9110 8.8.3.2, the column of weak comparison, and lists. */
static void tags_are_compared_weakly(void **state)
{
	(void)state;
	static const struct claim claims[] = {
		{ "W/\"1\"", "W/\"1\"", true },
		{ "W/\"1\"", "W/\"2\"", false },
		{ "W/\"1\"", "\"1\"", true },
		{ "\"1\"", "\"1\"", true },
		{ "\"1\"", "W/\"1\"", true },
		{ "\"xyzzy\", \"r2d2xxxx\", \"c3piozzzz\"", "\"c3piozzzz\"", true },
		{ "W/\"xyzzy\",W/\"r2d2xxxx\"", "\"r2d2xxxx\"", true },
		{ "\"xyzzy\", \"r2d2xxxx\"", "\"r2d2\"", false },
		{ "\"a,b\"", "\"a,b\"", true },
		{ "\"a,b\"", "\"b\"", false },
		{ "\"\"", "\"\"", true },
		{ ", ,\"1\" ,", "\"1\"", true },
		{ "\"\xc3\xa4\"", "\"\xc3\xa4\"", true }, /* obs-text */
		{ "\"A\"", "\"a\"", false },
		{ "\"1-gz\"", "\"1\"", false },
		{ NULL, "\"1\"", false },
		{ "", "\"1\"", false },
	};
	check_known(claims, ARRAY_LEN(claims));
}

static void a_star_alone_knows_everything(void **state)
{
	(void)state;
	static const struct claim claims[] = {
		{ "*", "\"1\"", true },         { " * ", "\"1\"", true },    { "*, \"2\"", "\"1\"", false },
		{ "\"2\", *", "\"1\"", false }, { "\"*\"", "\"1\"", false }, { "**", "\"1\"", false },
		{ "\"*\"", "\"*\"", true },
	};
	check_known(claims, ARRAY_LEN(claims));
}

static void what_is_no_tag_ends_the_list(void **state)
{
	(void)state;
	static const struct claim claims[] = {
		{ "1", "\"1\"", false },
		{ "\"1", "\"1\"", false },
		{ "1\"", "\"1\"", false },
		{ "w/\"1\"", "\"1\"", false },
		{ "W/1", "\"1\"", false },
		{ "W/", "\"1\"", false },
		{ "\"a b\", \"1\"", "\"1\"", false },
		{ "\"2\"\"1\"", "\"1\"", false },
		{ "\"2\";\"1\"", "\"1\"", false },
		{ "\"1\", bad", "\"1\"", true }, /* it was named before */
	};
	check_known(claims, ARRAY_LEN(claims));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gzip_is_wanted_where_it_is_named_or_the_star_is),
		cmocka_unit_test(a_weight_of_0_refuses),
		cmocka_unit_test(no_coding_is_used_where_it_is_liked_better),
		cmocka_unit_test(a_wish_that_is_not_understood_is_passed_over_and_the_others_count),
		cmocka_unit_test(tags_are_compared_weakly),
		cmocka_unit_test(a_star_alone_knows_everything),
		cmocka_unit_test(what_is_no_tag_ends_the_list),
	};
	return cmocka_run_group_tests_name("api/negotiation", tests, NULL, NULL);
}
