/* The TLV form of to-node and from-node, with the bytes of contract/mqtt.md section 9. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cistern-node/tlv.c"

#include <string.h>

static struct tlv_reader reader_of(const void *bytes, size_t len)
{
	return (struct tlv_reader){ .at = bytes, .left = len };
}

static void assert_next(struct tlv_reader *reader, uint8_t type, const char *value, size_t value_len)
{
	CLEANUP(buffer) struct buffer got = { 0 };
	uint8_t got_type;

	assert_true(tlv_next(reader, &got_type, &got));
	assert_int_equal(got_type, type);
	assert_int_equal(got.len, value_len);
	if (value_len > 0)
		assert_memory_equal(got.bytes, value, value_len);
}

static void assert_end(struct tlv_reader *reader, bool truncated)
{
	CLEANUP(buffer) struct buffer got = { 0 };
	uint8_t type;

	assert_false(tlv_next(reader, &type, &got));
	assert_int_equal(reader->truncated, truncated);
}

static void the_contracts_request_is_read(void **state)
{
	static const char bytes[] = "\x01\x16"
				    "AbCdEfGhIjKlMnOpQrStUv"
				    "\x02\x01\x02\x05\x02\x00\x10\x06\x07{\"a\":1}";
	struct tlv_reader reader = reader_of(bytes, sizeof(bytes) - 1);

	(void)state;
	assert_next(&reader, TLV_REQUEST_ID, "AbCdEfGhIjKlMnOpQrStUv", 22);
	assert_next(&reader, TLV_ROLE, "\x02", 1);
	assert_next(&reader, TLV_COMMAND, "\x00\x10", 2);
	assert_next(&reader, TLV_DATA, "{\"a\":1}", 7);
	assert_end(&reader, false);
}

static void the_contracts_poll_is_written(void **state)
{
	static const uint8_t poll[] = { 0x01, 0x00, 0x03, 0x01, 0x00, 0x05, 0x02, 0x00, 0x00 };
	CLEANUP(buffer) struct buffer out = { 0 };

	(void)state;
	tlv_put(&out, TLV_REQUEST_ID, "", 0);
	tlv_put(&out, TLV_STATUS, "\x00", 1);
	tlv_put(&out, TLV_COMMAND, "\x00\x00", 2);
	assert_int_equal(out.len, sizeof(poll));
	assert_memory_equal(out.bytes, poll, sizeof(poll));
}

/* value length, number of TLVs, length of the last one */
static const struct {
	size_t value_len, n_tlvs, last_len;
} splits[] = {
	{ 0, 1, 0 },   { 1, 1, 1 },     { 254, 1, 254 }, { 255, 1, 255 },
	{ 256, 2, 1 }, { 510, 2, 255 }, { 511, 3, 1 },   { 65535, 257, 255 },
};

static void a_long_value_is_split_and_put_together_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(splits) / sizeof(splits[0]); i++) {
		CLEANUP(buffer) struct buffer value = { 0 }, out = { 0 };
		for (size_t k = 0; k < splits[i].value_len; k++)
			buffer_putc(&value, (char)('a' + k % 26));
		tlv_put(&out, TLV_DATA, value.bytes, value.len);
		assert_int_equal(out.len, splits[i].value_len + 2 * splits[i].n_tlvs);
		assert_int_equal((uint8_t)out.bytes[out.len - splits[i].last_len - 1], splits[i].last_len);

		tlv_put(&out, TLV_STATUS, "\x01", 1); /* the next type ends an exact multiple of 255 */
		struct tlv_reader reader = reader_of(out.bytes, out.len);
		assert_next(&reader, TLV_DATA, value.bytes, value.len);
		assert_next(&reader, TLV_STATUS, "\x01", 1);
		assert_end(&reader, false);
	}
}

static void short_values_of_the_same_type_stay_apart(void **state)
{
	static const char bytes[] = "\x06\x01"
				    "a"
				    "\x06\x01"
				    "b";
	struct tlv_reader reader = reader_of(bytes, sizeof(bytes) - 1);

	(void)state;
	assert_next(&reader, TLV_DATA, "a", 1);
	assert_next(&reader, TLV_DATA, "b", 1);
	assert_end(&reader, false);
}

static void a_tlv_that_ends_too_early_is_truncated(void **state)
{
	struct tlv_reader head = reader_of("\x06", 1), value = reader_of("\x06\x05"
									 "abcd",
									 6);
	char piece[2 + 255 + 1] = "\x06\xff";
	struct tlv_reader second = reader_of(piece, sizeof(piece));

	(void)state;
	piece[sizeof(piece) - 1] = TLV_DATA; /* more of the same type is announced, without a length */
	assert_end(&head, true);
	assert_end(&value, true);
	assert_end(&second, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_contracts_request_is_read),
		cmocka_unit_test(the_contracts_poll_is_written),
		cmocka_unit_test(a_long_value_is_split_and_put_together_again),
		cmocka_unit_test(short_values_of_the_same_type_stay_apart),
		cmocka_unit_test(a_tlv_that_ends_too_early_is_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
