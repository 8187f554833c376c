/* api/node_entry.h - one node as lists show it: in `node_details` of the nodes and of the groups (rest.md 4.1).
 *
 * Thread: as the request. Memory: writes into the caller's buffer. No errors.
 */
#ifndef CISTERN_API_NODE_ENTRY_H
#define CISTERN_API_NODE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "store/node.h"

/* {"connectivity":{"connected":true,"timestamp":<ms>}} */
void node_put_connectivity(struct buffer *out, bool connected, int64_t presence_at_us);

/* The configuration; NULL: the node has reported none. */
void node_put_config(struct buffer *out, const char *node_id, const char *config_json);

void node_put_entry(struct buffer *out, const struct node_list_entry *entry, bool with_config, bool with_status);

#endif
