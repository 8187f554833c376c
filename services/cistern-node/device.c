#include "device.h"

#include "template.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* DBL_DIG: a number written with up to 15 digits comes out as it went in, so 21.6 is not 21.600000000000001. */
enum { REAL_DIGITS = 15 };

static const struct {
	const char *name;
	enum device_type type;
} data_types[] = {
	{ "bool", DEVICE_BOOL },     { "int", DEVICE_INT },       { "float", DEVICE_FLOAT },
	{ "string", DEVICE_STRING }, { "object", DEVICE_OBJECT }, { "array", DEVICE_ARRAY },
};

/* --- the model --- */

static bool has_property(const json_t *param, const char *property)
{
	const json_t *list = json_object_get(param, "properties");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		if (text && strcmp(text, property) == 0)
			return true;
	}
	return false;
}

static enum device_series series_of(const json_t *param)
{
	if (has_property(param, "time_series"))
		return DEVICE_SERIES_FULL;
	return has_property(param, "simple_ts") ? DEVICE_SERIES_SIMPLE : DEVICE_SERIES_NONE;
}

static bool read_bound(const json_t *bounds, const char *key, double *ret_bound)
{
	const json_t *bound = json_object_get(bounds, key);

	if (!json_is_number(bound))
		return false;
	*ret_bound = json_number_value(bound);
	return true;
}

static enum status find_type(const char *name, enum device_type *ret_type)
{
	for (size_t i = 0; name && i < ARRAY_LEN(data_types); i++) {
		if (strcmp(data_types[i].name, name) == 0) {
			*ret_type = data_types[i].type;
			return STATUS_OK;
		}
	}
	return STATUS_INVALID;
}

static enum status model_add_param(struct device_model *model, const char *device, const json_t *source,
				   struct error *err)
{
	const json_t *bounds = json_object_get(source, "bounds");
	struct device_param param = {
		.device = device,
		.name = json_string_value(json_object_get(source, "name")),
		.esp_type = json_string_value(json_object_get(source, "type")),
		.data_type = json_string_value(json_object_get(source, "data_type")),
		.series = series_of(source),
		.writable = has_property(source, "write"),
		.valid_strs = json_object_get(source, "valid_strs"),
	};

	if (!param.name)
		return error_set(err, STATUS_INVALID, "config: a parameter of '%s' has no name", device);
	if (find_type(param.data_type, &param.type) != STATUS_OK)
		return error_set(err, STATUS_INVALID, "config: '%s.%s' has no known data_type", device, param.name);
	param.has_min = read_bound(bounds, "min", &param.min);
	param.has_max = read_bound(bounds, "max", &param.max);

	struct device_param *params = reallocarray(model->params, model->n_params + 1, sizeof(*params));
	if (!params)
		abort();
	params[model->n_params++] = param;
	model->params = params;
	return STATUS_OK;
}

static enum status model_add_list(struct device_model *model, const char *list_name, struct error *err)
{
	const json_t *list = json_object_get(model->config, list_name);

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *device = json_array_get(list, i);
		const char *name = json_string_value(json_object_get(device, "name"));
		const json_t *params = json_object_get(device, "params");
		if (!name)
			return error_set(err, STATUS_INVALID, "config: one of %s has no name", list_name);
		for (size_t k = 0; k < json_array_size(params); k++) {
			enum status st = model_add_param(model, name, json_array_get(params, k), err);
			if (st != STATUS_OK)
				return st;
		}
	}
	return STATUS_OK;
}

/* Takes over both; values may be NULL. */
static enum status model_build(json_t *config, json_t *values, struct device_model *ret_model, struct error *err)
{
	CLEANUP(device_model) struct device_model model = { .config = config, .values = values };

	model.fw_version = json_string_value(json_object_get(json_object_get(config, "info"), "fw_version"));
	if (!model.fw_version)
		model.fw_version = "";
	enum status st = model_add_list(&model, "devices", err);
	if (st == STATUS_OK)
		st = model_add_list(&model, "services", err);
	if (st != STATUS_OK)
		return st;
	*ret_model = model;
	model = (struct device_model){ 0 };
	return STATUS_OK;
}

enum status device_model_from_template(const char *name, bool connectivity, struct device_model *ret_model,
				       struct error *err)
{
	json_t *values;
	json_t *config = template_config(name, connectivity, &values);

	if (!config)
		return error_set(err, STATUS_INVALID, "--device: no template '%s'; there are lamp, sensor and both",
				 name);
	return model_build(config, values, ret_model, err);
}

enum status device_model_from_file(const char *path, struct device_model *ret_model, struct error *err)
{
	json_error_t why;
	json_t *config = json_load_file(path, JSON_REJECT_DUPLICATES, &why);

	if (!json_is_object(config)) {
		json_decref(config);
		return error_set(err, STATUS_INVALID, "%s: line %d: %s", path, config ? 1 : why.line,
				 config ? "not a JSON object" : why.text);
	}
	return model_build(config, NULL, ret_model, err);
}

void device_model_done(struct device_model *model)
{
	free(model->params);
	json_decref(model->values);
	json_decref(model->config);
	*model = (struct device_model){ 0 };
}

char *device_model_config_text(const struct device_model *model, const char *node_id)
{
	json_t *config = json_object(), *id = json_string(node_id);

	/* First in the object, as firmware writes it; an own configuration's node_id is replaced. */
	if (!config || !id || json_object_set_new(config, "node_id", id) != 0 ||
	    json_object_update_missing(config, model->config) != 0)
		abort();
	char *text = device_json_text(config);
	json_decref(config);
	return text;
}

const struct device_param *device_model_find(const struct device_model *model, const char *device, const char *param)
{
	for (size_t i = 0; i < model->n_params; i++) {
		if (strcmp(model->params[i].device, device) == 0 && strcmp(model->params[i].name, param) == 0)
			return &model->params[i];
	}
	return NULL;
}

/* --- values --- */

static double clamp(const struct device_param *param, double value)
{
	if (param->has_min && value < param->min)
		return param->min;
	return param->has_max && value > param->max ? param->max : value;
}

static json_t *default_value(const struct device_param *param)
{
	switch (param->type) {
	case DEVICE_BOOL: return json_false();
	case DEVICE_INT: return json_integer((json_int_t)clamp(param, 0));
	case DEVICE_FLOAT: return json_real(clamp(param, 0));
	case DEVICE_STRING:
		if (param->esp_type && strcmp(param->esp_type, "esp.param.name") == 0)
			return json_string(param->device);
		return json_string("");
	case DEVICE_OBJECT: return json_object();
	case DEVICE_ARRAY: return json_array();
	}
	return NULL;
}

void device_init(struct device *device, const struct device_model *model)
{
	*device = (struct device){ .model = model, .values = calloc(model->n_params + 1, sizeof(json_t *)) };
	if (!device->values)
		abort();
	for (size_t i = 0; i < model->n_params; i++) {
		const struct device_param *param = &model->params[i];
		const json_t *given = json_object_get(json_object_get(model->values, param->device), param->name);
		device->values[i] = given ? json_deep_copy(given) : default_value(param);
		if (!device->values[i])
			abort();
	}
}

void device_done(struct device *device)
{
	for (size_t i = 0; device->values && i < device->model->n_params; i++)
		json_decref(device->values[i]);
	free(device->values);
	*device = (struct device){ 0 };
}

static json_t **value_slot(const struct device *device, const struct device_param *param)
{
	return &device->values[param - device->model->params];
}

const json_t *device_value(const struct device *device, const struct device_param *param)
{
	return *value_slot(device, param);
}

json_t *device_all(const struct device *device)
{
	json_t *body = json_object();

	for (size_t i = 0; i < device->model->n_params; i++)
		device_json_put(body, device->model->params[i].device, device->model->params[i].name,
				device->values[i]);
	return body;
}

static bool is_in_list(const json_t *list, const char *text)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *item = json_string_value(json_array_get(list, i));
		if (item && strcmp(item, text) == 0)
			return true;
	}
	return false;
}

static bool in_bounds(const struct device_param *param, double value)
{
	return !(param->has_min && value < param->min) && !(param->has_max && value > param->max);
}

/* NULL: accepted. Types as firmware's parser takes them: exact, but an int does for a float. */
static const char *refusal(const struct device_param *param, const json_t *value)
{
	if (!param->writable)
		return "read-only";
	switch (param->type) {
	case DEVICE_BOOL: return json_is_boolean(value) ? NULL : "not a bool";
	case DEVICE_INT:
		if (!json_is_integer(value))
			return "not an int";
		return in_bounds(param, json_number_value(value)) ? NULL : "out of bounds";
	case DEVICE_FLOAT:
		if (!json_is_number(value))
			return "not a float";
		return in_bounds(param, json_number_value(value)) ? NULL : "out of bounds";
	case DEVICE_STRING:
		if (!json_is_string(value))
			return "not a string";
		return !param->valid_strs || is_in_list(param->valid_strs, json_string_value(value))
			       ? NULL
			       : "not one of valid_strs";
	case DEVICE_OBJECT: return json_is_object(value) ? NULL : "not an object";
	case DEVICE_ARRAY:
		if (!json_is_array(value))
			return "not an array";
		return in_bounds(param, (double)json_array_size(value)) ? NULL : "too many elements";
	}
	return "unknown type";
}

static void apply_one(struct device *device, const char *device_name, const char *name, const json_t *value,
		      const struct device_watch *watch, json_t *accepted)
{
	const struct device_param *param = device_model_find(device->model, device_name, name);
	const char *reason = param ? refusal(param, value) : "unknown";

	if (reason) {
		watch->rejected(watch->owner, device_name, name, reason);
		return;
	}
	json_t *taken = param->type == DEVICE_FLOAT ? json_real(json_number_value(value)) : json_deep_copy(value);
	if (!taken)
		abort();
	json_t **slot = value_slot(device, param);
	json_decref(*slot);
	*slot = taken;
	device_json_put(accepted, device_name, name, taken);
	watch->applied(watch->owner, param, taken);
}

json_t *device_apply(struct device *device, json_t *wish, const struct device_watch *watch)
{
	json_t *accepted = json_object();

	for (void *at = json_object_iter(wish); at; at = json_object_iter_next(wish, at)) {
		const char *device_name = json_object_iter_key(at);
		json_t *params = json_object_iter_value(at);
		if (!json_is_object(params))
			watch->rejected(watch->owner, device_name, "-", "not an object");
		for (void *in = json_object_iter(params); in; in = json_object_iter_next(params, in))
			apply_one(device, device_name, json_object_iter_key(in), json_object_iter_value(in), watch,
				  accepted);
	}
	return accepted;
}

/* -1, 0 or 1; not for secrets. */
static int random_step(void)
{
	return (int)(random() % 3) - 1;
}

static json_t *measure_one(const struct device_param *param, const json_t *before)
{
	double value = json_number_value(before);

	if (param->type == DEVICE_INT)
		return json_integer((json_int_t)clamp(param, value + random_step()));
	return json_real(clamp(param, round(value * 10 + random_step()) / 10));
}

json_t *device_measure(struct device *device)
{
	json_t *changed = json_object();

	for (size_t i = 0; i < device->model->n_params; i++) {
		const struct device_param *param = &device->model->params[i];
		if (param->writable || (param->type != DEVICE_INT && param->type != DEVICE_FLOAT))
			continue;
		json_t *measured = measure_one(param, device->values[i]);
		if (!measured)
			abort();
		json_decref(device->values[i]);
		device->values[i] = measured;
		device_json_put(changed, param->device, param->name, measured);
	}
	return changed;
}

/* --- JSON --- */

char *device_json_text(const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(REAL_DIGITS));

	if (!text)
		abort();
	return text;
}

void device_json_put(json_t *body, const char *device, const char *param, const json_t *value)
{
	json_t *params = json_object_get(body, device);

	if (!params) {
		params = json_object();
		if (json_object_set_new(body, device, params) != 0)
			abort();
	}
	if (json_object_set_new(params, param, json_deep_copy(value)) != 0)
		abort();
}
