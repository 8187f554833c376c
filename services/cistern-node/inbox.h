/* inbox.h - what the cloud sends to a node: parameters, requests, firmware offers (contract/mqtt.md sections 4.3, 8.2, 9).
 *
 * Thread:  the nodes'. Called from within the connection, so it publishes but neither opens nor closes.
 * Errors:  a bad message is an event, never a failure.
 */
#ifndef CISTERN_NODE_INBOX_H
#define CISTERN_NODE_INBOX_H

#include "node.h"

#include <stddef.h>

void inbox_received(struct node *node, const char *topic, const void *payload, size_t payload_len);

#endif
