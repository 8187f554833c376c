/* command/params.h - an app's wish to set parameters: checked against the node's own configuration, then published to the node.
 *
 * The check (issue of the PUT; mqtt.md 4.1 and 4.3): {device: {param: value}}; unknown device or parameter, no `write`
 * property, another type than data_type, outside bounds or not one of valid_strs, over PARAMS_REMOTE_BYTES_MAX -> INVALID
 * with the reason for a person. A node without a configuration takes nothing: INVALID.
 * Published, QoS 1, not retained, compact, numbers as they came, to node/<id>/params/remote and node/<id>/remote; returns when
 * the broker has acknowledged both, or UNAVAILABLE when it is away or did not within COMMAND_TIMEOUT_MS. The stored state changes
 * only by the node's own report.
 *
 * Thread:  any.
 * Memory:  keeps nothing.
 */
#ifndef CISTERN_COMMAND_PARAMS_H
#define CISTERN_COMMAND_PARAMS_H

#include "base/error.h"
#include "base/json.h"
#include "broker/pool.h"
#include "store/store.h"

enum { COMMAND_TIMEOUT_MS = 2000 };

/* Checks and publishes one node's wish, at the broker where the node is (command/brokers.h). NOT_FOUND: the node is not mapped to the user. `payload` and `payload_text` are the
 * same value, as json_read() and json_walk gave them. */
MUST_CHECK enum status command_set_params(struct store *store, struct pool *pool, const char *user_id,
					  const char *node_id, json_t *payload, struct json_slice payload_text,
					  struct error *err);

#endif
