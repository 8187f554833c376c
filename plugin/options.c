#include "options.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

#include <stdint.h>
#include <string.h>

static bool set_node_ca_file(struct options *options, const char *value)
{
	options->node_ca_file = value;
	return value[0] != '\0';
}

static bool set_service_ca_file(struct options *options, const char *value)
{
	options->service_ca_file = value;
	return value[0] != '\0';
}

static bool set_acl_mode(struct options *options, const char *value)
{
	options->acl_mode = strcmp(value, "strict") == 0 ? ACCESS_STRICT : ACCESS_OPEN;
	return strcmp(value, "strict") == 0 || strcmp(value, "open") == 0;
}

static bool set_require_consumer(struct options *options, const char *value)
{
	options->require_consumer = strcmp(value, "true") == 0;
	return options->require_consumer || strcmp(value, "false") == 0;
}

static const struct option_row {
	const char *name;
	bool required;
	bool (*set)(struct options *options, const char *value);
} option_rows[] = {
	{ "node_ca_file", true, set_node_ca_file },
	{ "service_ca_file", true, set_service_ca_file },
	{ "acl_mode", false, set_acl_mode },
	{ "require_consumer", false, set_require_consumer },
};

#define N_OPTIONS ARRAY_LEN(option_rows)

static size_t row_number(const char *name)
{
	size_t i = 0;

	while (i < N_OPTIONS && strcmp(option_rows[i].name, name) != 0)
		i++;
	return i;
}

bool options_read(const struct mosquitto_opt *given, int n_given, struct options *ret_options)
{
	struct options options = { .acl_mode = ACCESS_OPEN };
	bool seen[N_OPTIONS] = { false };

	for (int i = 0; i < n_given; i++) {
		size_t row = row_number(given[i].key);

		if (row == N_OPTIONS) {
			mosquitto_log_printf(MOSQ_LOG_ERR, "cistern: unknown option '%s'", given[i].key);
			return false;
		}
		if (seen[row] || !option_rows[row].set(&options, given[i].value)) {
			mosquitto_log_printf(MOSQ_LOG_ERR, "cistern: option '%s' is %s", given[i].key,
					     seen[row] ? "given twice" : "ill-formed");
			return false;
		}
		seen[row] = true;
	}
	for (size_t row = 0; row < N_OPTIONS; row++) {
		if (option_rows[row].required && !seen[row]) {
			mosquitto_log_printf(MOSQ_LOG_ERR, "cistern: option '%s' is missing", option_rows[row].name);
			return false;
		}
	}
	*ret_options = options;
	return true;
}
