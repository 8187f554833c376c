/* Command-response requests and responses: what is mandatory, what is answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cistern-node/command.c"
#include "cistern-node/tlv.c"

#define BYTES(text) text, sizeof(text) - 1

static void the_contracts_request_is_read(void **state)
{
	static const char bytes[] = "\x01\x16"
				    "AbCdEfGhIjKlMnOpQrStUv"
				    "\x02\x01\x02\x05\x02\x00\x10\x06\x07{\"a\":1}";
	CLEANUP(command_request) struct command_request request;

	(void)state;
	assert_int_equal(command_request_read(BYTES(bytes), &request), COMMAND_OK);
	assert_string_equal(request.request_id, "AbCdEfGhIjKlMnOpQrStUv");
	assert_int_equal(request.role, COMMAND_ROLE_PRIMARY);
	assert_int_equal(request.command, 0x1000);
	assert_string_equal(buffer_text(&request.data), "{\"a\":1}");
}

static const struct {
	const char *what;
	const char *bytes;
	size_t len;
	enum command_status status;
	const char *request_id; /* what the answer can still carry */
} requests[] = {
	{ "no data", BYTES("\x01\x01r\x02\x01\x02\x05\x02\x01\x00"), COMMAND_OK, "r" },
	{ "a timestamp", BYTES("\x01\x01r\x02\x01\x02\x04\x04\x01\x02\x03\x04\x05\x02\x01\x00"), COMMAND_OK, "r" },
	{ "an unknown type", BYTES("\x01\x01r\x02\x01\x02\x63\x01x\x05\x02\x01\x00"), COMMAND_OK, "r" },
	{ "an empty request id", BYTES("\x01\x00\x02\x01\x02\x05\x02\x01\x00"), COMMAND_OK, "" },
	{ "31 bytes of id",
	  BYTES("\x01\x1f"
		"0123456789012345678901234567890"
		"\x02\x01\x02\x05\x02\x01\x00"),
	  COMMAND_OK, "0123456789012345678901234567890" },
	{ "32 bytes of id",
	  BYTES("\x01\x20"
		"01234567890123456789012345678901"
		"\x02\x01\x02\x05\x02\x01\x00"),
	  COMMAND_INVALID, "" },
	{ "NUL in the id", BYTES("\x01\x02r\x00\x02\x01\x02\x05\x02\x01\x00"), COMMAND_INVALID, "" },
	{ "no request id", BYTES("\x02\x01\x02\x05\x02\x01\x00"), COMMAND_INVALID, "" },
	{ "no role", BYTES("\x01\x01r\x05\x02\x01\x00"), COMMAND_INVALID, "r" },
	{ "no command", BYTES("\x01\x01r\x02\x01\x02"), COMMAND_INVALID, "r" },
	{ "a command of one byte", BYTES("\x01\x01r\x02\x01\x02\x05\x01\x01"), COMMAND_INVALID, "r" },
	{ "a role of two bytes", BYTES("\x01\x01r\x02\x02\x02\x02\x05\x02\x01\x00"), COMMAND_INVALID, "r" },
	{ "cut short",
	  BYTES("\x01\x01r\x02\x01\x02\x05\x02\x01\x00\x06\x05"
		"ab"),
	  COMMAND_INVALID, "r" },
	{ "nothing", BYTES(""), COMMAND_INVALID, "" },
};

static void a_request_needs_id_role_and_command(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		CLEANUP(command_request) struct command_request request;
		enum command_status status = command_request_read(requests[i].bytes, requests[i].len, &request);
		if (status != requests[i].status)
			fail_msg("%s: status %d", requests[i].what, (int)status);
		assert_string_equal(request.request_id, requests[i].request_id);
	}
}

static void a_response_carries_the_request_id_and_the_command(void **state)
{
	static const char bytes[] = "\x01\x03"
				    "abc"
				    "\x03\x01\x04\x05\x02\x00\x10";
	CLEANUP(buffer) struct buffer out = { 0 };

	(void)state;
	command_response_put(&out, "abc", COMMAND_NOT_FOUND, 0x1000, NULL, 0);
	assert_int_equal(out.len, sizeof(bytes) - 1);
	assert_memory_equal(out.bytes, bytes, sizeof(bytes) - 1);
}

static void the_empty_poll_is_a_response_to_nothing(void **state)
{
	static const uint8_t poll[] = { 0x01, 0x00, 0x03, 0x01, 0x00, 0x05, 0x02, 0x00, 0x00 };
	CLEANUP(buffer) struct buffer out = { 0 };

	(void)state;
	command_response_put(&out, "", COMMAND_OK, COMMAND_POLL, NULL, 0);
	assert_int_equal(out.len, sizeof(poll));
	assert_memory_equal(out.bytes, poll, sizeof(poll));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_contracts_request_is_read),
		cmocka_unit_test(a_request_needs_id_role_and_command),
		cmocka_unit_test(a_response_carries_the_request_id_and_the_command),
		cmocka_unit_test(the_empty_poll_is_a_response_to_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
