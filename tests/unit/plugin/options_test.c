/* The plugin's options: whatever is not right stops the start. */
#include "../../../plugin/options.c"

#include "broker_stub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define N                                                                                                              \
	{                                                                                                              \
		"node_ca_dir", "n"                                                                                     \
	}
#define S                                                                                                              \
	{                                                                                                              \
		"service_ca_file", "s"                                                                                 \
	}
#define R                                                                                                              \
	{                                                                                                              \
		"revocation_file", "r"                                                                                 \
	}

struct given {
	const char *key, *value;
};

static bool read_given(const struct given *given, int n_given, struct options *ret_options)
{
	char texts[16][2][32];
	struct mosquitto_opt opts[16] = { 0 };

	for (int i = 0; i < n_given; i++) {
		(void)snprintf(texts[i][0], sizeof(texts[i][0]), "%s", given[i].key);
		(void)snprintf(texts[i][1], sizeof(texts[i][1]), "%s", given[i].value);
		opts[i] = (struct mosquitto_opt){ texts[i][0], texts[i][1] };
	}
	return options_read(opts, n_given, ret_options);
}

static void three_paths_are_enough_and_the_limits_have_defaults(void **state)
{
	static const struct given given[] = { { "node_ca_dir", "n" },
					      { "service_ca_file", "s.pem" },
					      { "revocation_file", "r" } };
	struct options options;

	(void)state;
	assert_true(read_given(given, 3, &options));
	assert_int_equal(options.acl_mode, ACCESS_OPEN);
	assert_false(options.require_consumer);
	assert_null(options.revocation_local_file);
	assert_int_equal(options.limits.connects_per_minute, 30);
	assert_int_equal(options.limits.messages_per_second, 100);
	assert_int_equal(options.limits.messages_burst, 1000);
	assert_int_equal(options.limits.bytes_per_second, 131072);
	assert_int_equal(options.limits.bytes_burst, 1048576);
}

static void all_options_are_read(void **state)
{
	static const struct given given[] = {
		{ "require_consumer", "true" }, { "service_ca_file", "s.pem" },
		{ "acl_mode", "strict" },       { "node_ca_dir", "n" },
		{ "revocation_file", "r" },     { "revocation_local_file", "l" },
		{ "connects_per_minute", "1" }, { "messages_per_second", "0" },
		{ "messages_burst", "2" },      { "bytes_per_second", "100000000" },
		{ "bytes_burst", "3" },
	};
	struct options options;

	(void)state;
	assert_true(read_given(given, ARRAY_LEN(given), &options));
	assert_int_equal(options.acl_mode, ACCESS_STRICT);
	assert_true(options.require_consumer);
	assert_non_null(options.revocation_file);
	assert_non_null(options.revocation_local_file);
	assert_int_equal(options.limits.connects_per_minute, 1);
	assert_int_equal(options.limits.messages_per_second, 0);
	assert_int_equal(options.limits.messages_burst, 2);
	assert_int_equal(options.limits.bytes_per_second, 100000000);
	assert_int_equal(options.limits.bytes_burst, 3);
}

static void anything_wrong_is_refused_and_named(void **state)
{
	static const struct {
		struct given given[4];
		const char *named;
	} cases[] = {
		{ { N, S, R, { "acl_mode", "lax" } }, "acl_mode" },
		{ { N, S, R, { "acl_mode", "" } }, "acl_mode" },
		{ { N, S, R, { "acl_mode", "Open" } }, "acl_mode" },
		{ { N, S, R, { "require_consumer", "1" } }, "require_consumer" },
		{ { N, S, R, { "acl_modes", "open" } }, "acl_modes" },
		{ { N, S, R, { "node_ca_file", "n" } }, "node_ca_file" }, /* of an earlier version */
		{ { N, S, R, N }, "node_ca_dir" },
		{ { N, { "service_ca_file", "" }, R, { "acl_mode", "open" } }, "service_ca_file" },
		{ { N, S, { "revocation_file", "" }, { "acl_mode", "open" } }, "revocation_file" },
		{ { N, S, R, { "revocation_local_file", "" } }, "revocation_local_file" },
		{ { N, R, { "acl_mode", "open" }, { "require_consumer", "true" } }, "service_ca_file" },
		{ { S, R, { "acl_mode", "open" }, { "require_consumer", "true" } }, "node_ca_dir" },
		{ { N, S, { "acl_mode", "open" }, { "require_consumer", "true" } }, "revocation_file" },
		{ { N, S, R, { "connects_per_minute", "" } }, "connects_per_minute" },
		{ { N, S, R, { "messages_per_second", "-1" } }, "messages_per_second" },
		{ { N, S, R, { "messages_burst", "1k" } }, "messages_burst" },
		{ { N, S, R, { "bytes_per_second", "100000001" } }, "bytes_per_second" },
		{ { N, S, R, { "bytes_burst", "99999999999999999999" } }, "bytes_burst" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct options options = { .node_ca_dir = "untouched" };

		assert_false(read_given(cases[i].given, 4, &options));
		assert_string_equal(options.node_ca_dir, "untouched");
		assert_non_null(strstr(stub.log, cases[i].named));
	}
	assert_false(read_given(NULL, 0, &(struct options){ 0 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(three_paths_are_enough_and_the_limits_have_defaults, stub_reset),
		cmocka_unit_test_setup(all_options_are_read, stub_reset),
		cmocka_unit_test_setup(anything_wrong_is_refused_and_named, stub_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
