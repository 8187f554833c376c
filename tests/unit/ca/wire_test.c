#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ca/wire.h"

#define KEY_ID "0123456789abcdef0123456789abcdef01234567"

/* The object behind its length, which must be right. */
static const char *object_of(struct buffer *message, size_t *ret_len)
{
	*ret_len = wire_length((const unsigned char *)message->bytes);
	assert_int_equal(*ret_len, message->len - WIRE_HEAD_BYTES);
	return buffer_text(message) + WIRE_HEAD_BYTES;
}

static void a_length_is_big_endian(void **state)
{
	(void)state;
	assert_int_equal(wire_length((const unsigned char *)"\x00\x00\x00\x05"), 5);
	assert_int_equal(wire_length((const unsigned char *)"\x01\x02\x03\x04"), 0x01020304);
	assert_int_equal(wire_length((const unsigned char *)"\xff\xff\xff\xff"), 0xffffffff);
	struct buffer message = { 0 };
	wire_put_cas(&message);
	assert_int_equal(message.len, 16);
	assert_memory_equal(message.bytes, "\0\0\0\x0c{\"op\":\"cas\"}", 16);
	buffer_done(&message);
}

static void a_request_to_sign_says_what_was_asked(void **state)
{
	(void)state;
	struct buffer message = { 0 };
	struct wire_request request;
	size_t len;
	wire_put_sign(&message, "lamp-1", "-----BEGIN\n\"\\x", 14);
	const char *object = object_of(&message, &len);
	assert_string_equal(object, "{\"op\":\"sign\",\"node_id\":\"lamp-1\",\"csr\":\"-----BEGIN\\u000a\\\"\\\\x\"}");
	assert_int_equal(wire_read_request(object, len, &request, NULL), STATUS_OK);
	assert_int_equal(request.op, WIRE_SIGN);
	assert_string_equal(request.node_id, "lamp-1");
	assert_int_equal(request.csr_len, 14);
	assert_memory_equal(request.csr, "-----BEGIN\n\"\\x", 15);
	wire_request_done(&request);
	buffer_done(&message);
}

static void a_request_for_a_crl_says_its_entries(void **state)
{
	(void)state;
	const struct wire_crl_entry entries[] = {
		{ .serial_hex = "7A", .at_us = INT64_C(1767225600000000), .superseded = true },
		{ .serial_hex = "0123456789ABCDEF0123456789ABCDEF01234567", .at_us = 1999999 },
	};
	struct buffer message = { 0 };
	struct wire_request request;
	size_t len;
	wire_put_crl(&message, KEY_ID, 7, entries, 2);
	const char *object = object_of(&message, &len);
	assert_string_equal(object,
			    "{\"op\":\"crl\",\"ca_key_id\":\"" KEY_ID "\",\"number\":7,\"entries\":\"7A 1767225600 s\\n"
			    "0123456789ABCDEF0123456789ABCDEF01234567 1 u\\n\"}");
	assert_int_equal(wire_read_request(object, len, &request, NULL), STATUS_OK);
	assert_int_equal(request.op, WIRE_CRL);
	assert_string_equal(request.ca_key_id, KEY_ID);
	assert_int_equal(request.number, 7);
	assert_int_equal(request.n_entries, 2);
	assert_string_equal(request.entries[0].serial_hex, "7A");
	assert_int_equal(request.entries[0].at_us, INT64_C(1767225600000000));
	assert_true(request.entries[0].superseded);
	assert_string_equal(request.entries[1].serial_hex, entries[1].serial_hex);
	assert_int_equal(request.entries[1].at_us, 1000000); /* whole seconds */
	assert_false(request.entries[1].superseded);
	wire_request_done(&request);
	buffer_clear(&message);
	wire_put_crl(&message, KEY_ID, 1, NULL, 0);
	object = object_of(&message, &len);
	assert_int_equal(wire_read_request(object, len, &request, NULL), STATUS_OK);
	assert_int_equal(request.n_entries, 0);
	wire_request_done(&request);
	buffer_done(&message);
}

static void anything_but_a_request_is_refused_with_a_reason(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"",
		"[]",
		"{}",
		"{\"op\":1}",
		"{\"op\":\"key\"}",
		"{\"op\":\"sign\"}",
		"{\"op\":\"sign\",\"node_id\":\"a\"}",
		"{\"op\":\"sign\",\"node_id\":\"\",\"csr\":\"x\"}",
		"{\"op\":\"sign\",\"node_id\":7,\"csr\":\"x\"}",
		"{\"op\":\"sign\",\"node_id\":\"12345678901234567890123456789012345678901234567890123456789012345\","
		"\"csr\":\"x\"}",
		"{\"op\":\"sign\",\"node_id\":\"a\",\"csr\":[]}",
		"{\"op\":\"sign\",\"node_id\":\"a\\u0000b\",\"csr\":\"x\"}",
		"{\"op\":\"sign\",\"op\":\"cas\"}",
		"{\"op\":\"cas\"} ,",
		"{\"op\":\"cas\"",
		"{\"op\":\"crl\",\"number\":1,\"entries\":\"\"}",
		"{\"op\":\"crl\",\"ca_key_id\":\"0123\",\"number\":1,\"entries\":\"\"}",
		"{\"op\":\"crl\",\"ca_key_id\":\"0123456789ABCDEF0123456789abcdef01234567\",\"number\":1,\"entries\":"
		"\"\"}",
		"{\"op\":\"crl\",\"ca_key_id\":\"" KEY_ID "\",\"number\":-1,\"entries\":\"\"}",
		"{\"op\":\"crl\",\"ca_key_id\":\"" KEY_ID "\",\"number\":1.5,\"entries\":\"\"}",
		"{\"op\":\"crl\",\"ca_key_id\":\"" KEY_ID "\",\"number\":1}",
	};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct wire_request request = { .node_id = "untouched" };
		struct error err = { .text = "" };
		if (wire_read_request(wrong[i], strlen(wrong[i]), &request, &err) != STATUS_INVALID || !err.text[0])
			fail_msg("'%s' was taken, or refused without a reason", wrong[i]);
		assert_string_equal(request.node_id, "untouched");
	}
}

static void a_malformed_entry_of_a_crl_is_refused(void **state)
{
	(void)state;
	static const char *const wrong[] = { "7A 1 s",
					     "7A 1 x\\n",
					     "7A 1\\n",
					     "7A  1 s\\n",
					     "7a 1 s\\n",
					     " 1 s\\n",
					     "7A -1 s\\n",
					     "7A 1 s \\n",
					     "7A 1 ss\\n",
					     "\\n",
					     "7A s\\n",
					     "7A 1 s\\n\\n",
					     "7A 253402300800 s\\n",
					     "0123456789ABCDEF0123456789ABCDEF012345678 1 s\\n" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		char text[256];
		struct wire_request request;
		(void)snprintf(text, sizeof(text),
			       "{\"op\":\"crl\",\"ca_key_id\":\"" KEY_ID "\",\"number\":1,\"entries\":\"%s\"}",
			       wrong[i]);
		if (wire_read_request(text, strlen(text), &request, NULL) != STATUS_INVALID)
			fail_msg("'%s' was taken", wrong[i]);
	}
}

static void only_a_crl_may_be_larger_than_16_kib(void **state)
{
	(void)state;
	char *text = malloc(WIRE_REQUEST_BYTES_MAX + 64);
	struct wire_request request;
	memset(text, ' ', WIRE_REQUEST_BYTES_MAX + 64);
	memcpy(text, "{\"op\":\"cas\"}", 12);
	assert_int_equal(wire_read_request(text, WIRE_REQUEST_BYTES_MAX, &request, NULL), STATUS_OK);
	assert_int_equal(wire_read_request(text, WIRE_REQUEST_BYTES_MAX + 1, &request, NULL), STATUS_INVALID);
	free(text);

	struct wire_crl_entry *many = calloc(1000, sizeof(*many));
	for (int i = 0; i < 1000; i++)
		(void)snprintf(many[i].serial_hex, sizeof(many[i].serial_hex), "%040X", (unsigned)i);
	struct buffer message = { 0 };
	size_t len;
	wire_put_crl(&message, KEY_ID, 1, many, 1000);
	assert_true(message.len > WIRE_REQUEST_BYTES_MAX);
	const char *object = object_of(&message, &len);
	assert_int_equal(wire_read_request(object, len, &request, NULL), STATUS_OK);
	assert_int_equal(request.n_entries, 1000);
	wire_request_done(&request);
	buffer_done(&message);
	free(many);
}

static const struct ca_certificate made = { .serial_hex = "7A00",
					    .pem = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
					    .pem_len = 59,
					    .not_before_us = INT64_C(1767225600000000),
					    .not_after_us = INT64_C(253402300799000000),
					    .key_hash = "0123456789abcdef0123456789abcdef",
					    .ca_key_id = KEY_ID };

static void a_signed_certificate_comes_as_it_was_sent(void **state)
{
	(void)state;
	struct buffer message = { 0 };
	struct ca_certificate read = { .pem_len = 0 };
	size_t len;
	wire_put_sign_reply(&message, &made);
	const char *object = object_of(&message, &len);
	assert_int_equal(wire_read_sign_reply(object, len, &read, NULL), STATUS_OK);
	assert_memory_equal(&read, &made, sizeof(made));
	buffer_done(&message);
}

static void keep_ca(void *context, const struct wire_ca *ca)
{
	struct buffer *seen = context;
	buffer_printf(seen, "%s %s %d;", ca->ca_key_id, ca->certificate_pem, ca->issues);
}

static void the_cas_come_as_they_were_sent(void **state)
{
	(void)state;
	const struct wire_ca cas[] = { { KEY_ID, "one\n", false },
				       { "ffffffffffffffffffffffffffffffffffffffff", "two", true } };
	struct buffer message = { 0 }, seen = { 0 };
	size_t len;
	wire_put_cas_reply(&message, cas, 2);
	const char *object = object_of(&message, &len);
	assert_int_equal(wire_read_cas_reply(object, len, keep_ca, &seen, NULL), STATUS_OK);
	assert_string_equal(buffer_text(&seen), KEY_ID " one\n 0;ffffffffffffffffffffffffffffffffffffffff two 1;");
	buffer_done(&message);
	buffer_done(&seen);
}

static void a_crl_comes_as_it_was_sent(void **state)
{
	(void)state;
	struct buffer message = { 0 }, der = { 0 };
	int64_t next_update_us = 0;
	size_t len;
	wire_put_crl_reply(&message, (const unsigned char *)"\x30\x00\xff", 3, INT64_C(1767225600000000));
	const char *object = object_of(&message, &len);
	assert_string_equal(object, "{\"status\":\"ok\",\"der\":\"MAD/\",\"next_update\":1767225600}");
	assert_int_equal(wire_read_crl_reply(object, len, &der, &next_update_us, NULL), STATUS_OK);
	assert_int_equal(der.len, 3);
	assert_memory_equal(der.bytes, "\x30\x00\xff", 3);
	assert_int_equal(next_update_us, INT64_C(1767225600000000));
	buffer_done(&message);
	buffer_done(&der);
}

static void a_refusal_keeps_its_reason_and_tells_the_caller_what_to_do(void **state)
{
	(void)state;
	static const struct {
		enum status said, told;
	} rows[] = {
		{ STATUS_INVALID, STATUS_INVALID },   { STATUS_TOO_LARGE, STATUS_INVALID },
		{ STATUS_NOT_FOUND, STATUS_INVALID }, { STATUS_UNAVAILABLE, STATUS_UNAVAILABLE },
		{ STATUS_LIMIT, STATUS_UNAVAILABLE }, { STATUS_INTERNAL, STATUS_INTERNAL },
		{ STATUS_DENIED, STATUS_INTERNAL },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct error failure = { .status = rows[i].said, .text = "because \"of\" that" };
		struct error err = { .text = "" };
		struct buffer message = { 0 };
		struct ca_certificate read;
		size_t len;
		wire_put_failure(&message, &failure);
		const char *object = object_of(&message, &len);
		assert_int_equal(wire_read_sign_reply(object, len, &read, &err), rows[i].told);
		assert_string_equal(err.text, "because \"of\" that");
		buffer_done(&message);
	}
}

static void a_reply_that_is_none_is_internal(void **state)
{
	(void)state;
	static const char *const wrong[] = { "",
					     "{}",
					     "{\"status\":\"ok\"}",
					     "{\"status\":\"fine\"}",
					     "{\"status\":\"ok\",\"serial\":\"7a\"}",
					     "{\"status\":\"ok\",\"cas\":{}}",
					     "{\"status\":\"ok\",\"cas\":[{}]}",
					     "{\"status\":\"ok\",\"der\":\"\",\"next_update\":1}",
					     "{\"status\":\"ok\",\"der\":\"MA\",\"next_update\":1}",
					     "{\"status\":\"ok\",\"der\":\"MAAA\"}" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct ca_certificate certificate;
		struct buffer der = { 0 };
		int64_t next_update_us;
		size_t len = strlen(wrong[i]);
		assert_int_equal(wire_read_sign_reply(wrong[i], len, &certificate, NULL), STATUS_INTERNAL);
		assert_int_equal(wire_read_cas_reply(wrong[i], len, keep_ca, NULL, NULL), STATUS_INTERNAL);
		assert_int_equal(wire_read_crl_reply(wrong[i], len, &der, &next_update_us, NULL), STATUS_INTERNAL);
		assert_int_equal(der.len, 0);
		buffer_done(&der);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_length_is_big_endian),
		cmocka_unit_test(a_request_to_sign_says_what_was_asked),
		cmocka_unit_test(a_request_for_a_crl_says_its_entries),
		cmocka_unit_test(anything_but_a_request_is_refused_with_a_reason),
		cmocka_unit_test(a_malformed_entry_of_a_crl_is_refused),
		cmocka_unit_test(only_a_crl_may_be_larger_than_16_kib),
		cmocka_unit_test(a_signed_certificate_comes_as_it_was_sent),
		cmocka_unit_test(the_cas_come_as_they_were_sent),
		cmocka_unit_test(a_crl_comes_as_it_was_sent),
		cmocka_unit_test(a_refusal_keeps_its_reason_and_tells_the_caller_what_to_do),
		cmocka_unit_test(a_reply_that_is_none_is_internal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
