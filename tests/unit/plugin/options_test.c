/* The plugin's options: whatever is not right stops the start. */
#include "../../../plugin/options.c"

#include "broker_stub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct given {
	const char *key, *value;
};

static bool read_given(const struct given *given, int n_given, struct options *ret_options)
{
	char texts[8][2][32];
	struct mosquitto_opt opts[8];

	for (int i = 0; i < n_given; i++) {
		(void)snprintf(texts[i][0], sizeof(texts[i][0]), "%s", given[i].key);
		(void)snprintf(texts[i][1], sizeof(texts[i][1]), "%s", given[i].value);
		opts[i] = (struct mosquitto_opt){ texts[i][0], texts[i][1] };
	}
	return options_read(opts, n_given, ret_options);
}

static void the_two_files_are_enough(void **state)
{
	static const struct given given[] = { { "node_ca_file", "n.pem" }, { "service_ca_file", "s.pem" } };
	struct options options;

	(void)state;
	assert_true(read_given(given, 2, &options));
	assert_int_equal(options.acl_mode, ACCESS_OPEN);
	assert_false(options.require_consumer);
}

static void all_options_are_read(void **state)
{
	static const struct given given[] = {
		{ "require_consumer", "true" },
		{ "service_ca_file", "s.pem" },
		{ "acl_mode", "strict" },
		{ "node_ca_file", "n.pem" },
	};
	struct options options;

	(void)state;
	assert_true(read_given(given, 4, &options));
	assert_int_equal(options.acl_mode, ACCESS_STRICT);
	assert_true(options.require_consumer);
}

static void anything_wrong_is_refused_and_named(void **state)
{
	static const struct {
		struct given given[3];
		const char *named;
	} cases[] = {
		{ { { "node_ca_file", "n" }, { "service_ca_file", "s" }, { "acl_mode", "lax" } }, "acl_mode" },
		{ { { "node_ca_file", "n" }, { "service_ca_file", "s" }, { "acl_mode", "" } }, "acl_mode" },
		{ { { "node_ca_file", "n" }, { "service_ca_file", "s" }, { "acl_mode", "Open" } }, "acl_mode" },
		{ { { "node_ca_file", "n" }, { "service_ca_file", "s" }, { "require_consumer", "1" } },
		  "require_consumer" },
		{ { { "node_ca_file", "n" }, { "service_ca_file", "s" }, { "acl_modes", "open" } }, "acl_modes" },
		{ { { "node_ca_file", "n" }, { "service_ca_file", "s" }, { "node_ca_file", "n" } }, "node_ca_file" },
		{ { { "node_ca_file", "n" }, { "service_ca_file", "" }, { "acl_mode", "open" } }, "service_ca_file" },
		{ { { "node_ca_file", "n" }, { "acl_mode", "open" }, { "require_consumer", "true" } },
		  "service_ca_file" },
		{ { { "service_ca_file", "s" }, { "acl_mode", "open" }, { "require_consumer", "true" } },
		  "node_ca_file" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct options options = { .node_ca_file = "untouched" };

		assert_false(read_given(cases[i].given, 3, &options));
		assert_string_equal(options.node_ca_file, "untouched");
		assert_non_null(strstr(stub.log, cases[i].named));
	}
	assert_false(read_given(NULL, 0, &(struct options){ 0 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_two_files_are_enough, stub_reset),
		cmocka_unit_test_setup(all_options_are_read, stub_reset),
		cmocka_unit_test_setup(anything_wrong_is_refused_and_named, stub_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
