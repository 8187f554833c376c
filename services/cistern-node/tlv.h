/* tlv.h - the binary form of to-node and from-node messages (contract/mqtt.md section 9).
 *
 *   tlv     = type length value         type and length one byte each
 *   message = *tlv
 *
 * A value above 255 bytes is several TLVs of the same type in a row, all but the last 255 bytes long. When its length is an
 * exact multiple of 255 the next type or the end of the message ends it; no empty TLV is added.
 *
 * Thread:  any.
 * Memory:  a reader points into the caller's bytes; values are copied into the caller's buffer.
 */
#ifndef CISTERN_NODE_TLV_H
#define CISTERN_NODE_TLV_H

#include "base/buffer.h"
#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tlv_type {
	TLV_REQUEST_ID = 1,
	TLV_ROLE = 2,
	TLV_STATUS = 3,
	TLV_TIMESTAMP = 4,
	TLV_COMMAND = 5,
	TLV_DATA = 6,
};

struct tlv_reader {
	const uint8_t *at;
	size_t left;
	bool truncated; /* the bytes ended inside a TLV */
};

/* The next value, put together, in place of what the buffer held. False at the end or when the rest is truncated. */
MUST_CHECK bool tlv_next(struct tlv_reader *reader, uint8_t *ret_type, struct buffer *ret_value);

/* Appends the value; an empty one is one TLV of length 0. */
void tlv_put(struct buffer *out, enum tlv_type type, const void *value, size_t value_len);

#endif
