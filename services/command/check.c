#include "command/check.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The entry of a list that carries this name, or NULL. */
static const json_t *find_named(const json_t *list, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);
		if (strcmp(json_member_text(entry, "name", ""), name) == 0)
			return entry;
	}
	return NULL;
}

static const json_t *find_device(const json_t *config, const char *name)
{
	const json_t *device = find_named(json_object_get(config, "devices"), name);
	return device ? device : find_named(json_object_get(config, "services"), name);
}

static bool has_text(const json_t *list, const char *text)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);
		if (json_is_string(entry) && strcmp(json_string_value(entry), text) == 0)
			return true;
	}
	return false;
}

struct data_type {
	const char *name;
	json_type type;
};

/* A float may be sent without a fraction; an int never with one (mqtt.md 4.3). */
static bool is_of_type(const json_t *value, const char *data_type)
{
	static const struct data_type types[] = {
		{ "int", JSON_INTEGER },   { "float", JSON_REAL },    { "float", JSON_INTEGER },
		{ "string", JSON_STRING }, { "object", JSON_OBJECT }, { "array", JSON_ARRAY },
		{ "bool", JSON_TRUE },     { "bool", JSON_FALSE },
	};
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (types[i].type == json_typeof(value) && strcmp(types[i].name, data_type) == 0)
			return true;
	}
	return false;
}

static enum status check_bounds(const json_t *param, const json_t *value, const char *where, struct error *err)
{
	const json_t *bounds = json_object_get(param, "bounds");
	const json_t *min = json_object_get(bounds, "min"), *max = json_object_get(bounds, "max");
	if (json_is_array(value) && json_is_integer(max) &&
	    (json_int_t)json_array_size(value) > json_integer_value(max))
		return error_set(err, STATUS_INVALID, "%s: more than %lld elements", where,
				 (long long)json_integer_value(max));
	if (!json_is_number(value))
		return STATUS_OK;
	/* integers are compared as such: a double does not hold 64 bits */
	bool all_integers = json_is_integer(value) && (!min || json_is_integer(min)) && (!max || json_is_integer(max));
	bool below = all_integers ? min && json_integer_value(value) < json_integer_value(min)
				  : json_is_number(min) && json_number_value(value) < json_number_value(min);
	bool above = all_integers ? max && json_integer_value(value) > json_integer_value(max)
				  : json_is_number(max) && json_number_value(value) > json_number_value(max);
	if (below || above)
		return error_set(err, STATUS_INVALID, "%s: value is out of bounds", where);
	return STATUS_OK;
}

static enum status check_param(const json_t *param, const json_t *value, const char *where, struct error *err)
{
	if (!param)
		return error_set(err, STATUS_INVALID, "%s: unknown parameter", where);
	if (!has_text(json_object_get(param, "properties"), "write"))
		return error_set(err, STATUS_INVALID, "%s: parameter is read-only", where);
	const char *data_type = json_member_text(param, "data_type", "");
	if (!is_of_type(value, data_type))
		return error_set(err, STATUS_INVALID, "%s: value is not of type %s", where, data_type);
	const json_t *words = json_object_get(param, "valid_strs");
	if (json_is_string(value) && json_is_array(words) && !has_text(words, json_string_value(value)))
		return error_set(err, STATUS_INVALID, "%s: value is not one of the allowed strings", where);
	return check_bounds(param, value, where, err);
}

static enum status check_device(const json_t *config, const char *name, json_t *wishes, struct error *err)
{
	const json_t *device = find_device(config, name);
	if (!device)
		return error_set(err, STATUS_INVALID, "%s: unknown device", name);
	if (!json_is_object(wishes) || json_object_size(wishes) == 0)
		return error_set(err, STATUS_INVALID, "%s: not an object of parameters", name);
	const char *param_name;
	json_t *value;
	json_object_foreach (wishes, param_name, value) {
		char where[160];
		(void)snprintf(where, sizeof(where), "%s.%s", name, param_name);
		const json_t *param = find_named(json_object_get(device, "params"), param_name);
		enum status st = check_param(param, value, where, err);
		if (st != STATUS_OK)
			return st;
	}
	return STATUS_OK;
}

enum status check_params(const json_t *config, const json_t *payload, struct error *err)
{
	if (!json_is_object(payload) || json_object_size(payload) == 0)
		return error_set(err, STATUS_INVALID, "payload is not an object of devices");
	json_t *devices = (json_t *)(uintptr_t)payload; /* jansson's iteration is not const; nothing is changed */
	const char *name;
	json_t *wishes;
	json_object_foreach (devices, name, wishes) {
		enum status st = check_device(config, name, wishes, err);
		if (st != STATUS_OK)
			return st;
	}
	return STATUS_OK;
}
