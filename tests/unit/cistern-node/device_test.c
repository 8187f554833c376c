/* A node's parameters: first values, what a params/remote body may change, how numbers are written. And the bodies made of
 * them (contract/mqtt.md sections 4, 5, 7, 8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cistern-node/device.c"
#include "cistern-node/payload.c"
#include "cistern-node/template.c"

#include <unistd.h>

static const char own_config[] =
	"{\"config_version\":\"2020-03-20\",\"node_id\":\"other\",\"info\":{\"name\":\"x\",\"fw_version\":\"2.1\"},"
	"\"zzz\":{\"kept\":[0.1,1.0,1e3]},\"devices\":[{\"name\":\"D\",\"params\":["
	"{\"name\":\"Name\",\"type\":\"esp.param.name\",\"data_type\":\"string\",\"properties\":[\"read\",\"write\"]},"
	"{\"name\":\"B\",\"data_type\":\"bool\",\"properties\":[\"write\"]},"
	"{\"name\":\"I\",\"data_type\":\"int\",\"properties\":[\"write\"],\"bounds\":{\"min\":5,\"max\":10}},"
	"{\"name\":\"F\",\"data_type\":\"float\",\"properties\":[\"write\"],\"bounds\":{\"min\":-1,\"max\":1.5}},"
	"{\"name\":\"S\",\"data_type\":\"string\",\"properties\":[\"write\"],\"valid_strs\":[\"eco\",\"boost\"]},"
	"{\"name\":\"O\",\"data_type\":\"object\",\"properties\":[\"write\"]},"
	"{\"name\":\"A\",\"data_type\":\"array\",\"properties\":[\"write\"],\"bounds\":{\"max\":2}},"
	"{\"name\":\"R\",\"data_type\":\"int\",\"properties\":[\"read\",\"simple_ts\"]}]}]}";

struct fixture {
	struct device_model model;
	struct device device;
	char last_reason[64];
};

static void write_model_file(const char *text, char *path)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
}

static int setup(void **state)
{
	static struct fixture fixture;
	char path[] = "/tmp/device_test.XXXXXX";
	struct error err = { 0 };

	write_model_file(own_config, path);
	assert_int_equal(device_model_from_file(path, &fixture.model, &err), STATUS_OK);
	assert_int_equal(unlink(path), 0);
	device_init(&fixture.device, &fixture.model);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	device_done(&fixture->device);
	device_model_done(&fixture->model);
	return 0;
}

static void applied(void *owner, const struct device_param *param, const json_t *value)
{
	(void)owner;
	(void)param;
	(void)value;
}

static void rejected(void *owner, const char *device, const char *param, const char *reason)
{
	struct fixture *fixture = owner;

	(void)device;
	(void)param;
	(void)snprintf(fixture->last_reason, sizeof(fixture->last_reason), "%s", reason);
}

/* What the node would report, as text. */
static void assert_reported(struct fixture *fixture, const char *wish_text, const char *expected)
{
	const struct device_watch watch = { .owner = fixture, .applied = applied, .rejected = rejected };
	json_t *wish = json_loads(wish_text, 0, NULL);
	assert_non_null(wish);
	json_t *accepted = device_apply(&fixture->device, wish, &watch);
	char *text = device_json_text(accepted);

	assert_string_equal(text, expected);
	free(text);
	json_decref(accepted);
	json_decref(wish);
}

static void assert_all(const struct device *device, const char *expected)
{
	json_t *all = device_all(device);
	char *text = device_json_text(all);

	assert_string_equal(text, expected);
	free(text);
	json_decref(all);
}

static void first_values_follow_data_type_and_bounds(void **state)
{
	struct fixture *fixture = *state;

	assert_all(&fixture->device,
		   "{\"D\":{\"Name\":\"D\",\"B\":false,\"I\":5,\"F\":0.0,\"S\":\"\",\"O\":{},\"A\":[],\"R\":0}}");
}

static void an_own_config_is_sent_whole_with_the_nodes_id(void **state)
{
	struct fixture *fixture = *state;
	char *text = device_model_config_text(&fixture->model, "n1");

	assert_ptr_equal(strstr(text, "{\"node_id\":\"n1\",\"config_version\":\"2020-03-20\",\"info\":"), text);
	assert_null(strstr(text, "other"));
	assert_non_null(strstr(text, "\"zzz\":{\"kept\":[0.1,1.0,1000.0]}"));
	free(text);
}

static const struct {
	const char *wish, *reported;
} accepted_wishes[] = {
	{ "{\"D\":{\"B\":true}}", "{\"D\":{\"B\":true}}" },
	{ "{\"D\":{\"I\":5}}", "{\"D\":{\"I\":5}}" },
	{ "{\"D\":{\"I\":10}}", "{\"D\":{\"I\":10}}" },
	{ "{\"D\":{\"F\":-0.3}}", "{\"D\":{\"F\":-0.3}}" },
	{ "{\"D\":{\"F\":1}}", "{\"D\":{\"F\":1.0}}" }, /* a float keeps its fraction */
	{ "{\"D\":{\"S\":\"eco\"}}", "{\"D\":{\"S\":\"eco\"}}" },
	{ "{\"D\":{\"O\":{\"a\":[1,2.0]}}}", "{\"D\":{\"O\":{\"a\":[1,2.0]}}}" },
	{ "{\"D\":{\"A\":[1,2]}}", "{\"D\":{\"A\":[1,2]}}" },
	{ "{\"D\":{\"B\":true,\"I\":99,\"Nope\":1},\"Other\":{\"B\":true}}", "{\"D\":{\"B\":true}}" },
};

static void a_wish_of_the_declared_type_is_reported_back(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(accepted_wishes); i++)
		assert_reported(*state, accepted_wishes[i].wish, accepted_wishes[i].reported);
}

static const struct {
	const char *wish, *reason;
} rejected_wishes[] = {
	{ "{\"D\":{\"B\":1}}", "not a bool" },
	{ "{\"D\":{\"B\":\"true\"}}", "not a bool" },
	{ "{\"D\":{\"I\":7.0}}", "not an int" },
	{ "{\"D\":{\"I\":true}}", "not an int" },
	{ "{\"D\":{\"I\":4}}", "out of bounds" },
	{ "{\"D\":{\"I\":11}}", "out of bounds" },
	{ "{\"D\":{\"F\":\"1.0\"}}", "not a float" },
	{ "{\"D\":{\"F\":1.6}}", "out of bounds" },
	{ "{\"D\":{\"S\":1}}", "not a string" },
	{ "{\"D\":{\"S\":\"max\"}}", "not one of valid_strs" },
	{ "{\"D\":{\"O\":[]}}", "not an object" },
	{ "{\"D\":{\"A\":{}}}", "not an array" },
	{ "{\"D\":{\"A\":[1,2,3]}}", "too many elements" },
	{ "{\"D\":{\"R\":1}}", "read-only" },
	{ "{\"D\":{\"X\":1}}", "unknown" },
	{ "{\"X\":{\"B\":true}}", "unknown" },
	{ "{\"D\":true}", "not an object" },
};

static void any_other_wish_changes_and_reports_nothing(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_LEN(rejected_wishes); i++) {
		fixture->last_reason[0] = '\0';
		assert_reported(fixture, rejected_wishes[i].wish, "{}");
		assert_string_equal(fixture->last_reason, rejected_wishes[i].reason);
	}
	first_values_follow_data_type_and_bounds(state);
}

static void only_what_nobody_may_write_is_measured(void **state)
{
	struct fixture *fixture = *state;
	json_t *measured = device_measure(&fixture->device);

	assert_int_equal(json_object_size(measured), 1);
	assert_int_equal(json_object_size(json_object_get(measured, "D")), 1);
	assert_true(json_is_integer(json_object_get(json_object_get(measured, "D"), "R")));
	json_decref(measured);
}

static const struct {
	const char *text, *reason;
} bad_files[] = {
	{ "[]", "line 1: not a JSON object" },
	{ "{\"a\":1,}", "line 1: string or '}' expected near '}'" },
	{ "{\"devices\":[{}]}", "config: one of devices has no name" },
	{ "{\"devices\":[{\"name\":\"D\",\"params\":[{}]}]}", "config: a parameter of 'D' has no name" },
	{ "{\"services\":[{\"name\":\"D\",\"params\":[{\"name\":\"P\",\"data_type\":\"real\"}]}]}",
	  "config: 'D.P' has no known data_type" },
};

static void a_config_that_is_none_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_files); i++) {
		char path[] = "/tmp/device_test.XXXXXX";
		struct device_model model;
		struct error err = { 0 };
		write_model_file(bad_files[i].text, path);
		assert_int_equal(device_model_from_file(path, &model, &err), STATUS_INVALID);
		assert_int_equal(unlink(path), 0);
		assert_non_null(strstr(err.text, bad_files[i].reason));
	}
}

static void every_template_is_well_formed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(templates); i++) {
		struct device_model model;
		struct device device;
		struct error err = { 0 };
		assert_int_equal(device_model_from_template(templates[i].name, true, &model, &err), STATUS_OK);
		device_init(&device, &model);
		assert_true(model.n_params > 0);
		assert_string_equal(model.fw_version, "1.0.0");
		assert_true(
			json_is_true(device_value(&device, device_model_find(&model, "Connectivity", "Connected"))));
		device_done(&device);
		device_model_done(&model);
	}
}

static void the_default_is_a_lamp_with_a_sensor(void **state)
{
	struct device_model model;
	struct device device;

	(void)state;
	assert_int_equal(device_model_from_template("both", false, &model, NULL), STATUS_OK);
	device_init(&device, &model);
	assert_all(&device, "{\"Light\":{\"Name\":\"Light\",\"Power\":true,\"Level\":40},"
			    "\"Sensor\":{\"Name\":\"Sensor\",\"Temperature\":21.5},"
			    "\"Time\":{\"TZ\":\"Europe/Paris\",\"TZ-POSIX\":\"CET-1CEST,M3.5.0,M10.5.0/3\"},"
			    "\"Schedule\":{\"Schedules\":[]},\"Scenes\":{\"Scenes\":[]}}");
	assert_int_equal(device_model_find(&model, "Sensor", "Temperature")->series, DEVICE_SERIES_FULL);
	assert_null(device_model_find(&model, "Connectivity", "Connected"));
	device_done(&device);
	device_model_done(&model);
}

static void assert_text(char *text, const char *expected)
{
	assert_string_equal(text, expected);
	free(text);
}

static void bodies_have_the_firmwares_shape(void **state)
{
	const struct device_param full = { .device = "Sensor",
					   .name = "Temperature",
					   .esp_type = "esp.param.temperature",
					   .data_type = "float",
					   .series = DEVICE_SERIES_FULL };
	const struct device_param simple = {
		.device = "Sensor", .name = "Humidity", .data_type = "int", .series = DEVICE_SERIES_SIMPLE
	};
	json_t *real = json_real(21.6), *integer = json_integer(48);

	(void)state;
	assert_text(
		payload_sample(&full, real, 1767225600),
		"{\"ts_data_version\":\"2021-09-13\",\"ts_data\":[{\"name\":\"Sensor.Temperature\","
		"\"type\":\"esp.param.temperature\",\"dt\":\"float\",\"records\":[{\"t\":1767225600,\"v\":21.6}]}]}");
	assert_text(payload_sample(&simple, integer, 1767225600),
		    "{\"name\":\"Sensor.Humidity\",\"dt\":\"int\",\"t\":1767225600,\"v\":48}");
	assert_text(payload_mapping("n1", "u", "s", false),
		    "{\"node_id\":\"n1\",\"user_id\":\"u\",\"secret_key\":\"s\"}");
	assert_text(payload_mapping("n1", "esp-rmaker", "failed", true),
		    "{\"node_id\":\"n1\",\"user_id\":\"esp-rmaker\",\"secret_key\":\"failed\",\"reset\":true}");
	assert_text(payload_otafetch("n1", "1.2.0"), "{\"node_id\":\"n1\",\"fw_version\":\"1.2.0\"}");
	assert_text(payload_otastatus("u7Wq3", "rejected", "why", 1767225700),
		    "{\"ota_job_id\":\"u7Wq3\",\"status\":\"rejected\",\"additional_info\":\"why\",\"ts\":1767225700}");
	json_decref(real);
	json_decref(integer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(first_values_follow_data_type_and_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(an_own_config_is_sent_whole_with_the_nodes_id, setup, teardown),
		cmocka_unit_test_setup_teardown(a_wish_of_the_declared_type_is_reported_back, setup, teardown),
		cmocka_unit_test_setup_teardown(any_other_wish_changes_and_reports_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(only_what_nobody_may_write_is_measured, setup, teardown),
		cmocka_unit_test(a_config_that_is_none_is_refused),
		cmocka_unit_test(every_template_is_well_formed),
		cmocka_unit_test(the_default_is_a_lamp_with_a_sensor),
		cmocka_unit_test(bodies_have_the_firmwares_shape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
