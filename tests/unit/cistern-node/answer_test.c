/* What a device can read of the answers to a claim, and what it cannot: contract/claiming.md sections 1 and 3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cistern-node/answer.c"

#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END   "-----END CERTIFICATE-----"

static char text[ANSWER_BYTES_MAX];
static struct error err;

static enum status read_id(const char *body)
{
	return answer_node_id(body, strlen(body), text, &err);
}

static enum status read_certificate(const char *body)
{
	return answer_certificate(body, strlen(body), text, &err);
}

static enum status read_host(const char *body)
{
	return answer_host(body, strlen(body), text, &err);
}

static void a_node_id_is_found_among_other_members(void **state)
{
	(void)state;
	assert_int_equal(read_id("{\"x\":[1,{\"node_id\":\"no\"}], \"node_id\" : \"GK5aVZ2mXq7pRt\",\"y\":{}}"),
			 STATUS_OK);
	assert_string_equal(text, "GK5aVZ2mXq7pRt");
}

static void a_node_id_of_46_characters_fits_and_one_of_47_does_not(void **state)
{
	(void)state;
	assert_int_equal(read_id("{\"node_id\":\"a123456789b123456789c123456789d123456789e12345\"}"), STATUS_OK);
	assert_int_equal(read_id("{\"node_id\":\"a123456789b123456789c123456789d123456789e123456\"}"), STATUS_INVALID);
}

static void only_the_escape_of_a_line_end_is_read(void **state)
{
	(void)state;
	assert_int_equal(read_certificate("{\"certificate\":\"" BEGIN "\\nMII\\n" END "\\n\"}"), STATUS_OK);
	assert_string_equal(text, BEGIN "\nMII\n" END "\n");
}

static void a_certificate_without_its_last_line_end_is_read(void **state)
{
	(void)state;
	assert_int_equal(read_certificate("{\"certificate\":\"" BEGIN "\\nMII\\n" END "\"}"), STATUS_OK);
}

static const struct {
	enum status (*read)(const char *body);
	const char *body, *reason;
} refused[] = {
	{ read_id, "", "the answer is not a JSON object" },
	{ read_id, "[]", "the answer is not a JSON object" },
	{ read_id, "{\"node_id\":\"a\"", "the answer is not a JSON object" },
	{ read_id, "{}", "the answer has no 'node_id'" },
	{ read_id, "{\"node_id\":7}", "'node_id' is not a text" },
	{ read_id, "{\"node_id\":\"\"}", "the node id '' is not 1..46 letters and digits" },
	{ read_id, "{\"node_id\":\"a,O=b\"}", "the node id 'a,O=b' is not 1..46 letters and digits" },
	{ read_id, "{\"node_id\":\"a/b\"}", "the node id 'a/b' is not 1..46 letters and digits" },
	{ read_id, "{\"node_id\":\"a+b\"}", "the node id 'a+b' is not 1..46 letters and digits" },
	{ read_id, "{\"node_id\":\"\\u0061b\"}", "'node_id' has the escape \\u, which a device does not read" },
	{ read_certificate, "{\"certificate\":\"" BEGIN "\\r\\nMII\\n" END "\\n\"}",
	  "'certificate' has the escape \\r, which a device does not read" },
	{ read_certificate, "{\"certificate\":\"" BEGIN "\\nM\\/I\\n" END "\\n\"}",
	  "'certificate' has the escape \\/, which a device does not read" },
	{ read_certificate, "{\"certificate\":\"" BEGIN "\\nMII\\n" END "\\n" BEGIN "\\nMII\\n" END "\\n\"}",
	  "something follows the certificate's PEM block" },
	{ read_certificate, "{\"certificate\":\"" BEGIN "\\nMII\\n" END "\\n\\n\"}",
	  "something follows the certificate's PEM block" },
	{ read_certificate, "{\"certificate\":\"\\n" BEGIN "\\nMII\\n" END "\\n\"}",
	  "the certificate is not a PEM block with LF line ends" },
	{ read_certificate, "{\"certificate\":\"" BEGIN "\\nMII\\n\"}",
	  "the certificate is not a PEM block with LF line ends" },
	{ read_host, "{\"mqtt_host\":\"\"}", "mqtt_host '' is not a host name" },
	{ read_host, "{\"mqtt_host\":\"h:8883\"}", "mqtt_host 'h:8883' is not a host name" },
	{ read_host, "{\"mqtt_host\":\"mqtts://h\"}", "mqtt_host 'mqtts://h' is not a host name" },
};

static void what_a_device_cannot_read_is_refused_with_the_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		memset(text, 'x', sizeof(text));
		assert_int_not_equal(refused[i].read(refused[i].body), STATUS_OK);
		assert_string_equal(err.text, refused[i].reason);
		assert_int_equal(text[0], 'x'); /* nothing is written then */
	}
}

static void a_text_that_fills_the_buffer_but_for_its_end_fits(void **state)
{
	char four[4];

	(void)state;
	assert_int_equal(answer_text("{\"k\":\"abc\"}", 11, "k", four, sizeof(four), &err), STATUS_OK);
	assert_string_equal(four, "abc");
	assert_int_equal(answer_text("{\"k\":\"abcd\"}", 12, "k", four, sizeof(four), &err), STATUS_INVALID);
	assert_string_equal(err.text, "'k' is longer than the 3 characters that a device takes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_id_is_found_among_other_members),
		cmocka_unit_test(a_node_id_of_46_characters_fits_and_one_of_47_does_not),
		cmocka_unit_test(only_the_escape_of_a_line_end_is_read),
		cmocka_unit_test(a_certificate_without_its_last_line_end_is_read),
		cmocka_unit_test(what_a_device_cannot_read_is_refused_with_the_reason),
		cmocka_unit_test(a_text_that_fills_the_buffer_but_for_its_end_fits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
