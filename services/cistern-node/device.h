/* device.h - what a node is and the values it holds.
 *
 * The model (configuration, one row a parameter) is shared by all nodes of the process; a device is one node's values.
 * Values live as JSON, so that an int has no fraction, a float always one, and an object is kept whole.
 *
 * Thread:  one.
 * Memory:  a device borrows its model. Texts and json_t results are the caller's to free.
 * Errors:  INVALID the configuration is not such a document.
 */
#ifndef CISTERN_NODE_DEVICE_H
#define CISTERN_NODE_DEVICE_H

#include "base/error.h"
#include "base/macros.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum device_type {
	DEVICE_BOOL,
	DEVICE_INT,
	DEVICE_FLOAT,
	DEVICE_STRING,
	DEVICE_OBJECT,
	DEVICE_ARRAY,
};

enum device_series {
	DEVICE_SERIES_NONE,
	DEVICE_SERIES_FULL,   /* property time_series: topic tsdata */
	DEVICE_SERIES_SIMPLE, /* property simple_ts: topic simple_tsdata */
};

/* Texts and json_t are borrowed from the model's configuration. */
struct device_param {
	const char *device, *name;
	const char *esp_type; /* NULL: none */
	const char *data_type;
	enum device_type type;
	enum device_series series;
	bool writable, has_min, has_max;
	double min, max;
	json_t *valid_strs; /* NULL: any */
};

struct device_model {
	json_t *config, *values;
	const char *fw_version;
	struct device_param *params;
	size_t n_params;
};

struct device {
	const struct device_model *model;
	json_t **values; /* one for each of the model's params */
};

/* Who wants to know what became of each value of a wish. */
struct device_watch {
	void *owner;
	void (*applied)(void *owner, const struct device_param *param, const json_t *value);
	void (*rejected)(void *owner, const char *device, const char *param, const char *reason);
};

MUST_CHECK enum status device_model_from_template(const char *name, bool connectivity, struct device_model *ret_model,
						  struct error *err);
MUST_CHECK enum status device_model_from_file(const char *path, struct device_model *ret_model, struct error *err);
void device_model_done(struct device_model *model);
/* The config message's text. */
MUST_CHECK char *device_model_config_text(const struct device_model *model, const char *node_id);
/* NULL: no such parameter. */
MUST_CHECK const struct device_param *device_model_find(const struct device_model *model, const char *device,
							const char *param);

void device_init(struct device *device, const struct device_model *model);
void device_done(struct device *device);
MUST_CHECK const json_t *device_value(const struct device *device, const struct device_param *param);
/* Every value: the body of params/local/init. */
MUST_CHECK json_t *device_all(const struct device *device);
/* Takes what is allowed of a params/remote body and returns that, empty when nothing was. */
MUST_CHECK json_t *device_apply(struct device *device, json_t *wish, const struct device_watch *watch);
/* Moves every number that nobody may write, as a sensor would, and returns the changed values. */
MUST_CHECK json_t *device_measure(struct device *device);

/* Compact JSON. */
MUST_CHECK char *device_json_text(const json_t *value);
/* { device: { param: value } } and more of the same into one object; value is borrowed. */
void device_json_put(json_t *body, const char *device, const char *param, const json_t *value);

static inline void cleanup_device_model(struct device_model *model)
{
	device_model_done(model);
}

#endif
