/* command/check.h - may these parameters be set on this node? Decided by the node's own last configuration (mqtt.md 4.1).
 *
 * Thread: any. Memory: none kept; pure. Errors: INVALID with the reason for a person.
 */
#ifndef CISTERN_COMMAND_CHECK_H
#define CISTERN_COMMAND_CHECK_H

#include "base/error.h"
#include "base/json.h"

/* `config` is the node's configuration document, `payload` what the app wants set: {device: {param: value}}. */
MUST_CHECK enum status check_params(const json_t *config, const json_t *payload, struct error *err);

#endif
