/* command.h - command-response requests and responses, over the TLV codec (contract/mqtt.md section 9). No I/O.
 *
 *   request   to-node    request id, role, [timestamp], command, [data]
 *   response  from-node  request id, status, command, [data]
 *
 * Thread:  any.
 * Memory:  a request holds a copy of the data; command_request_done() frees it.
 */
#ifndef CISTERN_NODE_COMMAND_H
#define CISTERN_NODE_COMMAND_H

#include "base/buffer.h"
#include "base/macros.h"

#include <stddef.h>
#include <stdint.h>

enum { COMMAND_REQUEST_ID_MAX = 31 };

/* The numbers on the wire. */
enum command_status {
	COMMAND_OK = 0,
	COMMAND_FAILED = 1,
	COMMAND_INVALID = 2,
	COMMAND_DENIED = 3,
	COMMAND_NOT_FOUND = 4,
};

enum command_number {
	COMMAND_POLL = 0,
	COMMAND_SET_PARAMS = 1,
};

enum command_role {
	COMMAND_ROLE_SUPER_ADMIN = 1,
	COMMAND_ROLE_PRIMARY = 2,
	COMMAND_ROLE_SECONDARY = 4,
	COMMAND_ROLE_NODE = 8,
	COMMAND_ROLE_MASK = 0x0f, /* the upper half is a sub-role */
};

struct command_request {
	char request_id[COMMAND_REQUEST_ID_MAX + 1];
	uint8_t role;
	uint16_t command;
	struct buffer data;
};

/* COMMAND_OK, or COMMAND_INVALID when a mandatory part is missing or ill-formed: the request then holds the parts that
 * could be read, for the answer. The caller frees it either way. */
MUST_CHECK enum command_status command_request_read(const void *bytes, size_t bytes_len,
						    struct command_request *ret_request);
void command_request_done(struct command_request *request);

void command_response_put(struct buffer *out, const char *request_id, enum command_status status, uint16_t command,
			  const void *data, size_t data_len);

static inline void cleanup_command_request(struct command_request *request)
{
	command_request_done(request);
}

#endif
