#include "options.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

#include <stdint.h>
#include <string.h>

static bool set_node_ca_dir(struct options *options, const char *value)
{
	options->node_ca_dir = value;
	return value[0] != '\0';
}

static bool set_service_ca_file(struct options *options, const char *value)
{
	options->service_ca_file = value;
	return value[0] != '\0';
}

static bool set_service_socket(struct options *options, const char *value)
{
	options->service_socket = value;
	return value[0] == '/';
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

static bool set_revocation_file(struct options *options, const char *value)
{
	options->revocation_file = value;
	return value[0] != '\0';
}

static bool set_revocation_local_file(struct options *options, const char *value)
{
	options->revocation_local_file = value;
	return value[0] != '\0';
}

/* Digits only, at most RATE_MAX. */
static bool set_rate(int64_t *rate, const char *value)
{
	int64_t number = 0;

	for (const char *at = value; *at; at++) {
		if (*at < '0' || *at > '9' || number > RATE_MAX / 10)
			return false;
		number = number * 10 + (*at - '0');
	}
	*rate = number;
	return value[0] != '\0' && number <= RATE_MAX;
}

static bool set_connects_per_minute(struct options *options, const char *value)
{
	return set_rate(&options->limits.connects_per_minute, value);
}

static bool set_messages_per_second(struct options *options, const char *value)
{
	return set_rate(&options->limits.messages_per_second, value);
}

static bool set_messages_burst(struct options *options, const char *value)
{
	return set_rate(&options->limits.messages_burst, value);
}

static bool set_bytes_per_second(struct options *options, const char *value)
{
	return set_rate(&options->limits.bytes_per_second, value);
}

static bool set_bytes_burst(struct options *options, const char *value)
{
	return set_rate(&options->limits.bytes_burst, value);
}

static const struct option_row {
	const char *name;
	bool required;
	bool (*set)(struct options *options, const char *value);
} option_rows[] = {
	{ "node_ca_dir", true, set_node_ca_dir },
	{ "service_ca_file", true, set_service_ca_file },
	{ "service_socket", false, set_service_socket },
	{ "acl_mode", false, set_acl_mode },
	{ "require_consumer", false, set_require_consumer },
	{ "revocation_file", true, set_revocation_file },
	{ "revocation_local_file", false, set_revocation_local_file },
	{ "connects_per_minute", false, set_connects_per_minute },
	{ "messages_per_second", false, set_messages_per_second },
	{ "messages_burst", false, set_messages_burst },
	{ "bytes_per_second", false, set_bytes_per_second },
	{ "bytes_burst", false, set_bytes_burst },
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
	struct options options = {
		.acl_mode = ACCESS_OPEN,
		.limits = {
			.connects_per_minute = 30,
			.messages_per_second = 100,
			.messages_burst = 1000,
			.bytes_per_second = 131072,
			.bytes_burst = 1048576,
		},
	};
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
