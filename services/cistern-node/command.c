#include "command.h"

#include "tlv.h"

#include <stdbool.h>
#include <string.h>

enum { HAS_REQUEST_ID = 1, HAS_ROLE = 2, HAS_COMMAND = 4, HAS_ALL = 7 };

static bool read_request_id(struct command_request *request, const struct buffer *value)
{
	if (value->len > COMMAND_REQUEST_ID_MAX || (value->len > 0 && memchr(value->bytes, '\0', value->len)))
		return false;
	if (value->len > 0)
		memcpy(request->request_id, value->bytes, value->len);
	request->request_id[value->len] = '\0';
	return true;
}

static bool read_value(struct command_request *request, uint8_t type, const struct buffer *value, unsigned int *has)
{
	switch (type) {
	case TLV_REQUEST_ID: *has |= HAS_REQUEST_ID; return read_request_id(request, value);
	case TLV_ROLE:
		if (value->len != 1)
			return false;
		request->role = (uint8_t)value->bytes[0];
		*has |= HAS_ROLE;
		return true;
	case TLV_COMMAND:
		if (value->len != 2)
			return false;
		request->command = (uint16_t)((uint8_t)value->bytes[0] | (uint8_t)value->bytes[1] << 8);
		*has |= HAS_COMMAND;
		return true;
	case TLV_DATA:
		buffer_clear(&request->data);
		buffer_put(&request->data, value->bytes, value->len);
		return true;
	default: return true; /* timestamp, and what later versions add */
	}
}

enum command_status command_request_read(const void *bytes, size_t bytes_len, struct command_request *ret_request)
{
	struct tlv_reader reader = { .at = bytes, .left = bytes_len };
	CLEANUP(buffer) struct buffer value = { 0 };
	unsigned int has = 0;
	bool good = true;
	uint8_t type;

	*ret_request = (struct command_request){ 0 };
	while (tlv_next(&reader, &type, &value))
		good = read_value(ret_request, type, &value, &has) && good;
	return good && !reader.truncated && has == HAS_ALL ? COMMAND_OK : COMMAND_INVALID;
}

void command_request_done(struct command_request *request)
{
	buffer_done(&request->data);
}

void command_response_put(struct buffer *out, const char *request_id, enum command_status status, uint16_t command,
			  const void *data, size_t data_len)
{
	const uint8_t status_byte = (uint8_t)status;
	const uint8_t command_bytes[] = { (uint8_t)(command & 0xff), (uint8_t)(command >> 8) };

	tlv_put(out, TLV_REQUEST_ID, request_id, strlen(request_id));
	tlv_put(out, TLV_STATUS, &status_byte, 1);
	tlv_put(out, TLV_COMMAND, command_bytes, sizeof(command_bytes));
	if (data_len > 0)
		tlv_put(out, TLV_DATA, data, data_len);
}
