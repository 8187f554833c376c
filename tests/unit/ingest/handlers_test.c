/* What each topic's handler makes of a payload. The report is replaced by one that writes its rows as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "ingest/batch.h"
#include "ingest/topics.h"

struct report {
	struct buffer rows;
};

struct report *report_new(void)
{
	return calloc(1, sizeof(struct report));
}

void report_free(struct report *report)
{
	buffer_done(&report->rows);
	free(report);
}

void report_clear(struct report *report)
{
	buffer_clear(&report->rows);
}

void report_param(struct report *report, const char *node_id, const char *device, const char *param,
		  struct json_slice value, int64_t at_us)
{
	buffer_printf(&report->rows, "param %s %s.%s=%.*s @%d\n", node_id, device, param, (int)value.len, value.at,
		      (int)at_us);
}

void report_params_full(struct report *report, const char *node_id, int64_t at_us)
{
	buffer_printf(&report->rows, "sweep %s @%d\n", node_id, (int)at_us);
}

void report_config(struct report *report, const struct config_row *row)
{
	buffer_printf(&report->rows, "config %s %s %s %s %s %.*s\n", row->node_id, row->name ? row->name : "-",
		      row->type ? row->type : "-", row->model ? row->model : "-",
		      row->fw_version ? row->fw_version : "-", (int)row->config.len, row->config.at);
}

void report_presence(struct report *report, const struct presence_row *row)
{
	buffer_printf(&report->rows, "presence %s %s %d %d @%lld %s %s %s\n", row->broker, row->node_id, row->connected,
		      (int)row->session_no, (long long)row->at_us, row->address ? row->address : "-",
		      row->certificate ? row->certificate : "-", row->reason ? row->reason : "-");
}

void report_broker_revocation(struct report *report, const struct broker_said_row *row)
{
	buffer_printf(&report->rows, "refuses %s '%s' %d %.*s @%d\n", row->broker, row->epoch, (int)row->version,
		      (int)row->said.len, row->said.at, (int)row->at_us);
}

void report_broker_counters(struct report *report, const struct broker_said_row *row)
{
	buffer_printf(&report->rows, "counters %s %.*s @%d\n", row->broker, (int)row->said.len, row->said.at,
		      (int)row->at_us);
}

void report_broker_started(struct report *report, const char *broker, int64_t session_no, int64_t at_us)
{
	buffer_printf(&report->rows, "broker %s %d @%d\n", broker, (int)session_no, (int)at_us);
}

void report_ota_fetch(struct report *report, const char *node_id, const char *fw_version, const char *network_id,
		      int64_t at_us)
{
	buffer_printf(&report->rows, "fetch %s %s %s @%d\n", node_id, fw_version, network_id ? network_id : "-",
		      (int)at_us);
}

void report_ota_status(struct report *report, const struct ota_status_row *row)
{
	buffer_printf(&report->rows, "ota %s %s %s '%s' %lld\n", row->node_id, row->ota_job_id, row->status,
		      row->additional_info, (long long)row->node_ts);
}

void report_alert(struct report *report, const struct alert_row *row)
{
	buffer_printf(&report->rows, "alert %s %s%s %.*s\n", row->node_id, row->kind, row->salvaged ? " salvaged" : "",
		      (int)row->body.len, row->body.at);
}

void report_certificate_request(struct report *report, const struct certificate_request_row *row)
{
	buffer_printf(&report->rows, "certificate %s %s %02x%02x %d @%d\n", row->node_id, row->csr, row->csr_hash[0],
		      row->csr_hash[1], (int)row->csr_hash_len, (int)row->at_us);
}

void report_mapping(struct report *report, const struct mapping_row *row)
{
	buffer_printf(&report->rows, "mapping %s %s %02x%02x reset=%d factory=%d\n", row->node_id, row->user_id,
		      row->secret_hash[0], row->secret_hash[1], row->reset, row->factory_reset);
}

struct sent {
	const char *topic, *payload;
};

/* Hands the messages to their handlers as one batch; the failures stand among the rows. */
static void expect(const struct sent *sent, size_t n, const char *rows)
{
	struct batch *batch = batch_new();
	struct message messages[8];
	for (size_t i = 0; i < n; i++) {
		messages[i] = (struct message){ .broker = "b",
						.topic = sent[i].topic,
						.payload = { sent[i].payload, strlen(sent[i].payload) },
						.received_at_us = (int64_t)i + 1 };
		struct error err = { .status = STATUS_OK };
		const struct topic_handler *handler = topics_find(sent[i].topic, &messages[i]);
		assert_non_null(handler);
		if (handler->handle(batch, &messages[i], &err) == STATUS_OK)
			continue;
		char *place = strstr(err.text, " at byte"); /* where and why is jansson's business */
		if (place)
			*place = '\0';
		buffer_printf(&batch_report(batch)->rows, "refused: %s\n", err.text);
	}
	batch_finish(batch);
	assert_string_equal(buffer_text(&batch_report(batch)->rows), rows);
	batch_free(batch);
}

static void expect_one(const char *topic, const char *payload, const char *rows)
{
	expect(&(struct sent){ topic, payload }, 1, rows);
}

static void a_report_gives_a_row_for_each_parameter_in_the_bytes_that_came(void **state)
{
	(void)state;
	const char *rows = "param n1 Light.Power=true @1\nparam n1 Light.Level=40 @1\nparam n1 Time.Z=[1, 2.0] @1\n";
	const char *payload = "{\"Light\":{\"Power\":true,\"Level\":40},\"Time\":{\"Z\":[1, 2.0]}}";
	expect_one("node/n1/params/local", payload, rows);
	expect_one("$aws/rules/esp_set_params/node/n1/params/local", payload, rows);
	expect_one("node/n1/params/local/group7", payload, rows);
}

static void the_last_value_in_a_batch_wins(void **state)
{
	(void)state;
	const struct sent sent[] = { { "node/n1/params/local", "{\"L\":{\"P\":1,\"Q\":1}}" },
				     { "node/n2/params/local", "{\"L\":{\"P\":5}}" },
				     { "node/n1/params/local", "{\"L\":{\"P\":2}}" } };
	expect(sent, ARRAY_LEN(sent), "param n1 L.P=2 @3\nparam n1 L.Q=1 @1\nparam n2 L.P=5 @2\n");
}

static void an_init_report_also_sweeps(void **state)
{
	(void)state;
	expect_one("node/n1/params/local/init", "{\"L\":{\"P\":1}}", "sweep n1 @1\nparam n1 L.P=1 @1\n");
	expect_one("$aws/rules/esp_init_params/node/n1/params/local/init", "{}", "sweep n1 @1\n");
}

static void a_bad_report_changes_nothing(void **state)
{
	(void)state;
	expect_one("node/n1/params/local", "{\"L\":{\"P\":1},\"M\":2}",
		   "refused: 'M' is not an object of parameters\n");
	expect_one("node/n1/params/local", "{\"L\":{\"P\":1}", "refused: not JSON\n");
	expect_one("node/n1/params/local/init", "[1]", "refused: JSON is not an object\n");
}

static void a_configuration_is_kept_verbatim(void **state)
{
	(void)state;
	expect_one("node/n1/config",
		   "{ \"info\":{\"name\":\"Lamp\",\"type\":\"T\",\"model\":\"m\",\"fw_version\":\"1\"},\"x\":1.0}",
		   "config n1 Lamp T m 1 { "
		   "\"info\":{\"name\":\"Lamp\",\"type\":\"T\",\"model\":\"m\",\"fw_version\":\"1\"},\"x\":1.0}\n");
	expect_one("$aws/rules/esp_node_config/node/n1/config", "{\"info\":{}}", "config n1 - - - - {\"info\":{}}\n");
}

static void a_configuration_without_info_or_with_bad_json_replaces_nothing(void **state)
{
	(void)state;
	expect_one("node/n1/config", "{\"config_version\":\"2019-09-11\",\"attributes\":[]}",
		   "refused: configuration without info: the former one stays\n");
	expect_one("node/n1/config", "{\"info\":{},}", "refused: not JSON\n");
	expect_one("node/n1/config", "{\"info\":{},\"devices\":{}}", "refused: devices is not an array\n");
	expect_one("node/n1/config", "{\"info\":{},\"services\":[{}]}", "refused: services[0] has no name\n");
}

static void a_payload_that_names_another_node_is_refused(void **state)
{
	(void)state;
	const char *refused = "refused: node_id in the payload is not the topic's\n";
	expect_one("node/n1/config", "{\"node_id\":\"n2\",\"info\":{}}", refused);
	expect_one("node/n1/user/mapping", "{\"node_id\":\"n2\",\"user_id\":\"u\",\"secret_key\":\"s\"}", refused);
	expect_one("node/n1/otafetch", "{\"node_id\":\"n2\",\"fw_version\":\"1\"}", refused);
}

static void a_mapping_carries_only_the_hash_of_its_secret(void **state)
{
	(void)state;
	/* SHA-256("abc") = ba7816bf... (FIPS 180-2 appendix B.1) */
	expect_one("node/n1/user/mapping", "{\"node_id\":\"n1\",\"user_id\":\"u1\",\"secret_key\":\"abc\"}",
		   "mapping n1 u1 ba78 reset=0 factory=0\n");
	expect_one("$aws/rules/esp_user_node_mapping/node/n1/user/mapping",
		   "{\"user_id\":\"u1\",\"secret_key\":\"abc\",\"reset\":true}",
		   "mapping n1 u1 ba78 reset=1 factory=0\n");
	expect_one("node/n1/user/mapping", "{\"user_id\":\"u1\"}", "refused: secret_key is missing or not a string\n");
	expect_one("node/n1/user/mapping", "{\"user_id\":\"u1\",\"secret_key\":\"\"}",
		   "refused: secret_key must have 1 to 128 bytes\n");
	expect_one("node/n1/user/mapping", "{\"user_id\":\"u1\",\"secret_key\":\"a\",\"reset\":1}",
		   "refused: reset is not a boolean\n");
}

static void the_factory_reset_report_is_the_dummy_user_with_reset(void **state)
{
	(void)state;
	expect_one("node/n1/user/mapping",
		   "{\"node_id\":\"n1\",\"user_id\":\"esp-rmaker\",\"secret_key\":\"failed\",\"reset\":true}",
		   "mapping n1 esp-rmaker 5d28 reset=1 factory=1\n");
	expect_one("node/n1/user/mapping", "{\"user_id\":\"esp-rmaker\",\"secret_key\":\"failed\"}",
		   "refused: user_id esp-rmaker without reset\n");
}

static void alerts_are_text_or_parameters(void **state)
{
	(void)state;
	expect_one("node/n1/alert", "{\"esp.alert.str\":\"Water on the floor\"}",
		   "alert n1 text \"Water on the floor\"\n");
	expect_one("$aws/rules/esp_node_alert/node/n1/alert", "{\"Door\":{\"Open\":true}}",
		   "alert n1 params {\"Door\":{\"Open\":true}}\n");
	expect_one("node/n1/alert", "{}", "refused: neither esp.alert.str nor {device: {param: value}}\n");
	expect_one("node/n1/alert", "{\"esp.alert.str\":5}", "refused: esp.alert.str is missing or not a string\n");
}

static void an_alert_with_unescaped_quotes_is_salvaged(void **state)
{
	(void)state;
	expect_one("node/n1/alert", "{\"esp.alert.str\":\"The \"red\" lamp\"}",
		   "alert n1 text salvaged \"The \\\"red\\\" lamp\"\n");
	expect_one("node/n1/alert", "{ \"esp.alert.str\" : \"C:\\dir \"x\"\" }",
		   "alert n1 text salvaged \"C:\\\\dir \\\"x\\\"\"\n");
	expect_one("node/n1/alert", "{\"esp.alert.str\":\"", "refused: not JSON\n");
}

static void ota_messages_are_checked(void **state)
{
	(void)state;
	expect_one("node/n1/otafetch", "{\"node_id\":\"n1\",\"fw_version\":\"1.2.0\"}", "fetch n1 1.2.0 - @1\n");
	expect_one("$aws/rules/esp_node_otafetch/node/n1/otafetch", "{\"fw_version\":\"1\",\"network_id\":\"t\"}",
		   "fetch n1 1 t @1\n");
	expect_one("node/n1/otafetch", "{}", "refused: fw_version is missing or not a string\n");
	const char *payload =
		"{\"ota_job_id\":\"j\",\"status\":\"in-progress\",\"additional_info\":\"40%\",\"ts\":1767225700}";
	const char *row = "ota n1 j in-progress '40%' 1767225700\n";
	expect_one("node/n1/otastatus", payload, row);
	expect_one("node/n1/status", payload, row);
	expect_one("$aws/rules/esp_node_otastatus/node/n1/otastatus", payload, row);
	expect_one("node/n1/status", "{\"ota_job_id\":\"j\",\"status\":\"fail\"}", "ota n1 j failed '' -1\n");
	expect_one("node/n1/otastatus", "{\"ota_job_id\":\"j\",\"status\":\"done\"}",
		   "refused: unknown OTA status 'done'\n");
}

static void presence_comes_from_the_plugin(void **state)
{
	(void)state;
#define CERTIFICATE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	expect_one(
		"cistern/presence/n1",
		"{\"event\":\"connected\",\"session\":7,\"at_ms\":12,\"address\":\"::1\",\"certificate\":\"" CERTIFICATE
		"\"}",
		"presence b n1 1 7 @12000 ::1 " CERTIFICATE " -\n");
	expect_one("cistern/presence/n1",
		   "{\"event\":\"disconnected\",\"session\":7,\"at_ms\":13,\"reason\":\"taken_over\"}",
		   "presence b n1 0 7 @13000 - - taken_over\n");
	expect_one("cistern/presence/n1", "{\"event\":\"left\",\"session\":7,\"at_ms\":13}",
		   "refused: unknown presence event 'left'\n");
	expect_one("cistern/presence/n1", "{\"event\":\"connected\",\"at_ms\":13}",
		   "refused: session is missing or not an integer\n");
	expect_one("cistern/presence/n1", "{\"event\":\"connected\",\"session\":7,\"at_ms\":13,\"node_id\":\"n2\"}",
		   "refused: node_id in the payload is not the topic's\n");
	expect_one("cistern/broker", "{\"event\":\"snapshot\",\"boot_session\":5}", "broker b 5 @1\n");
}

static void presence_holds_whatever_stands_beside_it(void **state)
{
	(void)state;
	static const char *const odd[] = {
		"\"address\":7",
		"\"address\":\"\"",
		"\"address\":\"a host\"",
		"\"certificate\":\"0123\"",
		"\"certificate\":\"" CERTIFICATE "00\"",
		"\"certificate\":\"X123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"",
		"\"certificate\":null",
		"\"reason\":-1", /* what the plugin said before it had words */
		"\"reason\":\"Two Words\"",
		"\"reason\":\"abcdefghijklmnopqrstuvwxyzabcdefg\"",
		"\"unknown\":{\"x\":[]}",
	};
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		char payload[256];
		(void)snprintf(payload, sizeof(payload), "{\"event\":\"connected\",\"session\":7,\"at_ms\":12,%s}",
			       odd[i]);
		expect_one("cistern/presence/n1", payload, "presence b n1 1 7 @12000 - - -\n");
	}
}

static void what_the_broker_refuses_is_kept_as_it_says_it(void **state)
{
	(void)state;
#define SAID "{\"epoch\":\"0af\",\"version\":7,\"nodes\":2,\"certificates\":1,\"local\":0,\"alarm\":\"none\"}"
	expect_one("cistern/revocation", SAID, "refuses b '0af' 7 " SAID " @1\n");
	expect_one("cistern/revocation", "{\"epoch\":\"\",\"version\":0}",
		   "refuses b '' 0 {\"epoch\":\"\",\"version\":0} @1\n");
	expect_one("cistern/revocation", "{\"version\":0}", "refused: epoch is missing or not a string\n");
	expect_one("cistern/revocation", "{\"epoch\":\"0af\",\"version\":\"7\"}",
		   "refused: version is missing or not an integer\n");
	expect_one("cistern/revocation", "[]", "refused: JSON is not an object\n");
	expect_one("cistern/counters", "{\"connects\":7}", "counters b {\"connects\":7} @1\n");
	expect_one("cistern/counters", "7", "refused: JSON is not an object\n");
}

static void a_topic_without_a_handler_is_nobodys(void **state)
{
	(void)state;
	static const char *const topics[] = { "node/n1/params/remote",
					      "node/n1/other",
					      "node/n1",
					      "cistern/presence/a b",
					      "cistern/presence",
					      "cistern/revocation/n1",
					      "cistern/other",
					      "$aws/rules/esp_set_params/node/n1/config",
					      "node/n1/params/local/init/x",
					      "" };
	for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
		struct message message;
		if (topics_find(topics[i], &message))
			fail_msg("'%s' has a handler", topics[i]);
	}
}

static void every_row_is_subscribed_once_in_each_form(void **state)
{
	(void)state;
	static const char *const bulk[] = {
		"node/+/params/local",
		"$aws/rules/esp_set_params/node/+/params/local",
		"node/+/params/local/+",
		"$aws/rules/esp_init_params/node/+/params/local/init",
	};
	static const char *const control[] = {
		"node/+/config",       "$aws/rules/esp_node_config/node/+/config",
		"node/+/user/mapping", "$aws/rules/esp_user_node_mapping/node/+/user/mapping",
		"node/+/alert",        "$aws/rules/esp_node_alert/node/+/alert",
		"node/+/otafetch",     "$aws/rules/esp_node_otafetch/node/+/otafetch",
		"node/+/otastatus",    "$aws/rules/esp_node_otastatus/node/+/otastatus",
		"node/+/status",       "node/+/certificate/request",
		"cistern/presence/+",  "cistern/broker",
		"cistern/revocation",  "cistern/counters",
	};
	char filters[TOPICS_FILTERS_MAX][TOPICS_FILTER_BYTES_MAX];
	assert_int_equal(topics_filters(LANE_BULK, filters), ARRAY_LEN(bulk));
	for (size_t i = 0; i < ARRAY_LEN(bulk); i++)
		assert_string_equal(filters[i], bulk[i]);
	assert_int_equal(topics_filters(LANE_CONTROL, filters), ARRAY_LEN(control));
	for (size_t i = 0; i < ARRAY_LEN(control); i++)
		assert_string_equal(filters[i], control[i]);
}

/* SHA-256("abc") begins ba78 (FIPS 180-2 appendix B.1). */
static void a_request_for_a_certificate_is_kept_with_its_hash(void **state)
{
	(void)state;
	const char *topic = "node/n1/certificate/request";
	expect_one(topic, "{\"csr\":\"abc\"}", "certificate n1 abc ba78 32 @1\n");
	expect_one(topic, "{\"node_id\":\"n1\",\"csr\":\"abc\",\"more\":1}", "certificate n1 abc ba78 32 @1\n");
	expect_one(topic, "{}", "refused: csr is missing or not a string\n");
	expect_one(topic, "{\"csr\":7}", "refused: csr is missing or not a string\n");
	expect_one(topic, "{\"csr\":\"\"}", "refused: csr must have 1 to 4096 bytes\n");
	expect_one(topic, "{\"node_id\":\"n2\",\"csr\":\"abc\"}",
		   "refused: node_id in the payload is not the topic's\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_gives_a_row_for_each_parameter_in_the_bytes_that_came),
		cmocka_unit_test(the_last_value_in_a_batch_wins),
		cmocka_unit_test(an_init_report_also_sweeps),
		cmocka_unit_test(a_bad_report_changes_nothing),
		cmocka_unit_test(a_configuration_is_kept_verbatim),
		cmocka_unit_test(a_configuration_without_info_or_with_bad_json_replaces_nothing),
		cmocka_unit_test(a_payload_that_names_another_node_is_refused),
		cmocka_unit_test(a_mapping_carries_only_the_hash_of_its_secret),
		cmocka_unit_test(the_factory_reset_report_is_the_dummy_user_with_reset),
		cmocka_unit_test(alerts_are_text_or_parameters),
		cmocka_unit_test(an_alert_with_unescaped_quotes_is_salvaged),
		cmocka_unit_test(ota_messages_are_checked),
		cmocka_unit_test(presence_comes_from_the_plugin),
		cmocka_unit_test(presence_holds_whatever_stands_beside_it),
		cmocka_unit_test(what_the_broker_refuses_is_kept_as_it_says_it),
		cmocka_unit_test(a_topic_without_a_handler_is_nobodys),
		cmocka_unit_test(every_row_is_subscribed_once_in_each_form),
		cmocka_unit_test(a_request_for_a_certificate_is_kept_with_its_hash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
