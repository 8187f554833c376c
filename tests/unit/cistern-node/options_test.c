/* The command line: what is taken, what is refused and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cistern-node/options.c"

enum { ARGS_MAX = 16 };

#define ONE_NODE "--ca", "a", "--cert", "b", "--key", "c"

/* Copies: getopt may reorder, and its argv is not const. */
static enum status parse(const char *const *args, struct options *ret_options, struct error *err)
{
	static char copies[ARGS_MAX][64];
	char *argv[ARGS_MAX + 1] = { copies[0] };
	int argc = 1;

	for (; args[argc - 1]; argc++) {
		(void)snprintf(copies[argc], sizeof(copies[argc]), "%s", args[argc - 1]);
		argv[argc] = copies[argc];
	}
	return options_parse(argc, argv, ret_options, err);
}

static void the_defaults_are_those_of_the_firmware(void **state)
{
	const char *const args[] = { ONE_NODE, NULL };
	struct options options;

	(void)state;
	assert_int_equal(parse(args, &options, NULL), STATUS_OK);
	assert_null(options.host); /* what claiming told, or localhost */
	assert_string_equal(options.key_type, "p256");
	assert_int_equal(options.port, 8883);
	assert_int_equal(options.keepalive_s, 120);
	assert_int_equal(options.otafetch_delay_s, 5);
	assert_int_equal(options.report_interval_s, 30);
	assert_int_equal(options.max_backoff_s, 30);
	assert_string_equal(options.device, "both");
	assert_false(options.plain);
	assert_true(options.publish_rate < 0);
}

static void values_are_taken_with_and_without_equals_sign(void **state)
{
	const char *const args[] = { ONE_NODE, "--port=18883", "--publish-rate", "0.5", "--plain", NULL };
	struct options options;

	(void)state;
	assert_int_equal(parse(args, &options, NULL), STATUS_OK);
	assert_int_equal(options.port, 18883);
	assert_true(options.publish_rate > 0.49 && options.publish_rate < 0.51);
	assert_true(options.plain);
}

static void help_needs_nothing_else(void **state)
{
	const char *const args[] = { "--help", NULL };
	struct options options;

	(void)state;
	assert_int_equal(parse(args, &options, NULL), STATUS_OK);
	assert_true(options.help);
}

static const struct {
	const char *args[ARGS_MAX];
	const char *reason;
} refused[] = {
	{ { NULL }, "--ca, --cert and --key are needed (or --credentials or --cert-dir)" },
	{ { "--ca", "a", "--cert", "b", NULL }, "--ca, --cert and --key are needed (or --credentials or --cert-dir)" },
	{ { ONE_NODE, "--nope", NULL }, "no option '--nope'" },
	{ { ONE_NODE, "--port", NULL }, "--port: value missing" },
	{ { ONE_NODE, "--port", "0", NULL }, "--port: '0' is not a number of 1..65535" },
	{ { ONE_NODE, "--port", "8883x", NULL }, "--port: '8883x' is not a number of 1..65535" },
	{ { ONE_NODE, "--publish-rate", "nan", NULL }, "--publish-rate: 'nan' is not a number of 0..1000000" },
	{ { ONE_NODE, "--publish-rate", "-1", NULL }, "--publish-rate: '-1' is not a number of 0..1000000" },
	{ { ONE_NODE, "--publish-count", "5", NULL }, "--publish-count needs --publish-rate" },
	{ { ONE_NODE, "--group-id", "", NULL }, "--group-id: empty" },
	{ { ONE_NODE, "--user-id", "u", NULL }, "--user-id and --secret go together" },
	{ { ONE_NODE, "--secret", "s", NULL }, "--user-id and --secret go together" },
	{ { ONE_NODE, "--reset", NULL }, "--reset is part of a mapping: it needs --user-id" },
	{ { ONE_NODE, "--factory-reset", "--user-id", "u", "--secret", "s", NULL },
	  "--factory-reset maps to nobody: not with --user-id" },
	{ { ONE_NODE, "--count", "2", NULL }, "--count needs --cert-dir" },
	{ { "--cert-dir", "d", "--node-id", "n", NULL },
	  "--cert, --key and --node-id are not for the files of a folder" },
	{ { "--credentials", "d", "--cert", "n", NULL },
	  "--cert, --key and --node-id are not for the files of a folder" },
	{ { "--credentials", "d", "--cert-dir", "n", NULL }, "--credentials or --cert-dir, not both" },
	{ { ONE_NODE, "--renew", NULL }, "--renew needs --credentials or --cert-dir to write to" },
	{ { ONE_NODE, "--claim", "https://h", "--mac", "m", "--token-file", "t", NULL },
	  "--claim needs --credentials and --mac" },
	{ { "--credentials", "d", "--claim", "https://h", "--token-file", "t", NULL },
	  "--claim needs --credentials and --mac" },
	{ { "--credentials", "d", "--claim", "https://h", "--mac", "m", NULL },
	  "--claim needs --token-file or --claim-secret-file" },
	{ { "--credentials", "d", "--claim", "https://h", "--mac", "m", "--token-file", "t", "--claim-secret-file", "s",
	    NULL },
	  "--claim needs --token-file or --claim-secret-file" },
	{ { "--credentials", "d", "--token-file", "t", NULL },
	  "--claim-ca, --token-file, --claim-secret-file and --mac need --claim" },
	{ { ONE_NODE, "stray", NULL }, "'stray' is not an option" },
};

static void wrong_arguments_are_refused_with_a_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct options options;
		struct error err = { 0 };
		assert_int_equal(parse(refused[i].args, &options, &err), STATUS_INVALID);
		assert_string_equal(err.text, refused[i].reason);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_defaults_are_those_of_the_firmware),
		cmocka_unit_test(values_are_taken_with_and_without_equals_sign),
		cmocka_unit_test(help_needs_nothing_else),
		cmocka_unit_test(wrong_arguments_are_refused_with_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
