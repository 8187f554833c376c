/* mqtt.md 4.1 (what a configuration says) and 4.3 (types exactly as declared). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "command/check.h"

static const char config_text[] =
	"{\"devices\":[{\"name\":\"Light\",\"params\":["
	"{\"name\":\"Power\",\"data_type\":\"bool\",\"properties\":[\"read\",\"write\"]},"
	"{\"name\":\"Level\",\"data_type\":\"int\",\"properties\":[\"read\",\"write\"],\"bounds\":{\"min\":0,\"max\":"
	"100,\"step\":1}},"
	"{\"name\":\"Gain\",\"data_type\":\"float\",\"properties\":[\"read\",\"write\"],\"bounds\":{\"min\":-1.5,"
	"\"max\":1.5}},"
	"{\"name\":\"Mode\",\"data_type\":\"string\",\"properties\":[\"read\",\"write\"],\"valid_strs\":[\"eco\","
	"\"boost\"]},"
	"{\"name\":\"Steps\",\"data_type\":\"array\",\"properties\":[\"write\"],\"bounds\":{\"max\":2}},"
	"{\"name\":\"Plan\",\"data_type\":\"object\",\"properties\":[\"write\"]},"
	"{\"name\":\"Heat\",\"data_type\":\"float\",\"properties\":[\"read\"]}]}],"
	"\"services\":[{\"name\":\"Time\",\"params\":[{\"name\":\"TZ\",\"data_type\":\"string\",\"properties\":["
	"\"read\",\"write\"]}]}]}";

static json_t *parse(const char *text)
{
	json_t *document = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(document);
	return document;
}

static enum status verdict(const char *payload_text, struct error *err)
{
	CLEANUP(json) json_t *config = parse(config_text);
	CLEANUP(json) json_t *payload = parse(payload_text);
	return check_params(config, payload, err);
}

static void what_the_configuration_declares_may_be_set(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"{\"Light\":{\"Power\":false}}",
		"{\"Light\":{\"Power\":true,\"Level\":0}}",
		"{\"Light\":{\"Level\":100}}",
		"{\"Light\":{\"Gain\":-1.5}}",
		"{\"Light\":{\"Gain\":1}}",
		"{\"Light\":{\"Mode\":\"eco\"}}",
		"{\"Light\":{\"Steps\":[1,2]}}",
		"{\"Light\":{\"Plan\":{\"a\":1}}}",
		"{\"Light\":{\"Power\":true},\"Time\":{\"TZ\":\"Europe/Paris\"}}",
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = { .status = STATUS_OK };
		if (verdict(cases[i], &err) != STATUS_OK)
			fail_msg("%s: %s", cases[i], err.text);
	}
}

static void everything_else_is_refused_with_a_reason(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{ "{\"Lamp\":{\"Power\":true}}", "Lamp: unknown device" },
		{ "{\"Light\":{\"Hue\":1}}", "Light.Hue: unknown parameter" },
		{ "{\"Light\":{\"Heat\":1.0}}", "Light.Heat: parameter is read-only" },
		{ "{\"Light\":{\"Power\":1}}", "Light.Power: value is not of type bool" },
		{ "{\"Light\":{\"Power\":null}}", "not of type bool" },
		{ "{\"Light\":{\"Power\":\"true\"}}", "not of type bool" },
		{ "{\"Light\":{\"Level\":1.0}}", "not of type int" },
		{ "{\"Light\":{\"Level\":true}}", "not of type int" },
		{ "{\"Light\":{\"Level\":-1}}", "out of bounds" },
		{ "{\"Light\":{\"Level\":101}}", "out of bounds" },
		{ "{\"Light\":{\"Gain\":1.51}}", "out of bounds" },
		{ "{\"Light\":{\"Gain\":-2}}", "out of bounds" },
		{ "{\"Light\":{\"Mode\":\"turbo\"}}", "not one of the allowed strings" },
		{ "{\"Light\":{\"Steps\":[1,2,3]}}", "more than 2 elements" },
		{ "{\"Light\":{\"Plan\":[]}}", "not of type object" },
		{ "{\"Light\":{\"Power\":true},\"Time\":{\"TZ\":1}}", "Time.TZ" },
		{ "{\"Light\":true}", "not an object of parameters" },
		{ "{\"Light\":{}}", "not an object of parameters" },
		{ "{}", "not an object of devices" },
		{ "[]", "not an object of devices" },
		{ "true", "not an object of devices" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = { .status = STATUS_OK };
		if (verdict(cases[i][0], &err) != STATUS_INVALID || !strstr(err.text, cases[i][1]))
			fail_msg("%s: %s", cases[i][0], err.text);
	}
}

static void a_strange_configuration_allows_nothing(void **state)
{
	(void)state;
	static const char *const configs[] = {
		"{}",
		"{\"devices\":5}",
		"{\"devices\":[5,null,{}]}",
		"{\"devices\":[{\"name\":\"Light\"}]}",
		"{\"devices\":[{\"name\":\"Light\",\"params\":{\"Power\":1}}]}",
		"{\"devices\":[{\"name\":\"Light\",\"params\":[{\"name\":\"Power\"}]}]}"
	};
	for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
		CLEANUP(json) json_t *config = parse(configs[i]);
		CLEANUP(json) json_t *payload = parse("{\"Light\":{\"Power\":true}}");
		assert_int_equal(check_params(config, payload, NULL), STATUS_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_configuration_declares_may_be_set),
		cmocka_unit_test(everything_else_is_refused_with_a_reason),
		cmocka_unit_test(a_strange_configuration_allows_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
