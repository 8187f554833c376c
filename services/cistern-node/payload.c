#include "payload.h"

#include <stdio.h>
#include <stdlib.h>

static char *finish(json_t *body)
{
	if (!body)
		abort();
	char *text = device_json_text(body);
	json_decref(body);
	return text;
}

char *payload_mapping(const char *node_id, const char *user_id, const char *secret, bool reset)
{
	json_t *body = json_pack("{ss ss ss}", "node_id", node_id, "user_id", user_id, "secret_key", secret);

	/* Present and true, or absent. */
	if (reset && json_object_set_new(body, "reset", json_true()) != 0)
		abort();
	return finish(body);
}

char *payload_otafetch(const char *node_id, const char *fw_version)
{
	return finish(json_pack("{ss ss}", "node_id", node_id, "fw_version", fw_version));
}

char *payload_otastatus(const char *ota_job_id, const char *status, const char *additional_info, int64_t now_s)
{
	return finish(json_pack("{ss ss ss sI}", "ota_job_id", ota_job_id, "status", status, "additional_info",
				additional_info, "ts", (json_int_t)now_s));
}

/* The part that both forms have: name, type when there is one, dt. */
static json_t *series_head(const struct device_param *param)
{
	char name[256];

	(void)snprintf(name, sizeof(name), "%s.%s", param->device, param->name);
	json_t *head = json_pack("{ss}", "name", name);
	if (param->esp_type && json_object_set_new(head, "type", json_string(param->esp_type)) != 0)
		abort();
	if (json_object_set_new(head, "dt", json_string(param->data_type)) != 0)
		abort();
	return head;
}

char *payload_sample(const struct device_param *param, const json_t *value, int64_t now_s)
{
	json_t *head = series_head(param), *copy = json_deep_copy(value);

	if (param->series == DEVICE_SERIES_SIMPLE) {
		if (json_object_set_new(head, "t", json_integer(now_s)) != 0 ||
		    json_object_set_new(head, "v", copy) != 0)
			abort();
		return finish(head);
	}
	if (json_object_set_new(head, "records", json_pack("[{sI so}]", "t", (json_int_t)now_s, "v", copy)) != 0)
		abort();
	return finish(json_pack("{ss s[o]}", "ts_data_version", "2021-09-13", "ts_data", head));
}
