/* The binary form of an array, worked out by hand from array_recv(): dimensions, has-nulls, element oid, length, lower bound, then
 * each element behind its length; all big endian. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/column.h"
#include "store/query.h"

static void expect_bytes(struct column *column, const void *bytes, size_t len)
{
	struct arg arg = arg_column(column);
	assert_int_equal(arg.format, 1);
	assert_int_equal(arg.len, len);
	assert_memory_equal(arg.bytes, bytes, len);
	column_done(column);
}

static void texts_and_nulls_are_elements_of_their_length(void **state)
{
	(void)state;
	struct column column;
	column_init(&column, COLUMN_TEXT);
	column_put_text(&column, "ab", 2);
	column_put_text(&column, NULL, 0);
	column_put_text(&column, "", 0);
	static const char expected[] = "\0\0\0\1\0\0\0\1\0\0\0\x19\0\0\0\3\0\0\0\1"
				       "\0\0\0\2ab"
				       "\xff\xff\xff\xff"
				       "\0\0\0\0";
	expect_bytes(&column, expected, sizeof(expected) - 1);
}

static void numbers_are_eight_bytes(void **state)
{
	(void)state;
	struct column column;
	column_init(&column, COLUMN_BIGINT);
	column_put_i64(&column, -2);
	column_put_i64(&column, INT64_C(0x0102030405060708));
	static const char expected[] = "\0\0\0\1\0\0\0\0\0\0\0\x14\0\0\0\2\0\0\0\1"
				       "\0\0\0\x08\xff\xff\xff\xff\xff\xff\xff\xfe"
				       "\0\0\0\x08\1\2\3\4\5\6\7\x08";
	expect_bytes(&column, expected, sizeof(expected) - 1);
}

static void flags_are_one_byte(void **state)
{
	(void)state;
	struct column column;
	column_init(&column, COLUMN_BOOLEAN);
	column_put_bool(&column, true);
	column_put_bool(&column, false);
	static const char expected[] = "\0\0\0\1\0\0\0\0\0\0\0\x10\0\0\0\2\0\0\0\1\0\0\0\1\1\0\0\0\1\0";
	expect_bytes(&column, expected, sizeof(expected) - 1);
}

static void an_empty_column_has_no_dimensions(void **state)
{
	(void)state;
	struct column column;
	column_init(&column, COLUMN_BYTES);
	column_put_text(&column, "x", 1);
	column_clear(&column);
	static const char expected[] = "\0\0\0\0\0\0\0\0\0\0\0\x11";
	expect_bytes(&column, expected, sizeof(expected) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_and_nulls_are_elements_of_their_length),
		cmocka_unit_test(numbers_are_eight_bytes),
		cmocka_unit_test(flags_are_one_byte),
		cmocka_unit_test(an_empty_column_has_no_dimensions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
