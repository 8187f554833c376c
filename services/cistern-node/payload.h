/* payload.h - the JSON bodies that a node sends, as firmware shapes them (contract/mqtt.md sections 5, 7 and 8).
 *
 * Thread:  any. Memory: the caller frees the text. Out of memory aborts.
 */
#ifndef CISTERN_NODE_PAYLOAD_H
#define CISTERN_NODE_PAYLOAD_H

#include "device.h"

#include <stdint.h>

MUST_CHECK char *payload_mapping(const char *node_id, const char *user_id, const char *secret, bool reset);
MUST_CHECK char *payload_otafetch(const char *node_id, const char *fw_version);
MUST_CHECK char *payload_otastatus(const char *ota_job_id, const char *status, const char *additional_info,
				   int64_t now_s);
/* tsdata or simple_tsdata, by the parameter's series. */
MUST_CHECK char *payload_sample(const struct device_param *param, const json_t *value, int64_t now_s);

#endif
