/* template.h - what the virtual node can be without a configuration of its own: JSON texts, one row a device or service.
 *
 * Thread:  any; constant. Memory: the caller frees (json_decref) what template_config() gives.
 */
#ifndef CISTERN_NODE_TEMPLATE_H
#define CISTERN_NODE_TEMPLATE_H

#include "base/macros.h"

#include <jansson.h>
#include <stdbool.h>

/* The config object without node_id, or NULL: no template of that name. The first values are in *ret_values, in the shape
 * of params/local. */
MUST_CHECK json_t *template_config(const char *name, bool connectivity, json_t **ret_values);

#endif
