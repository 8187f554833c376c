/* What is a node id, and what is none. */
#include "model/node_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void ids_of_the_alphabet_are_valid(void **state)
{
	static const char *const ids[] = { "a", "Z", "0", "_", "-", "GK5aVZ2mXq", "112233AABBCC", "node_1-x" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		assert_true(node_id_valid(ids[i], strlen(ids[i])));
}

static void every_byte_outside_the_alphabet_makes_it_invalid(void **state)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	(void)state;
	for (int c = 0; c < 256; c++) {
		char id[] = { 'a', (char)c, 'b' };
		bool expected = c != 0 && strchr(alphabet, c) != NULL;

		assert_int_equal(node_id_valid(id, sizeof(id)), expected);
	}
}

static void an_id_has_1_to_64_bytes(void **state)
{
	char id[66];

	(void)state;
	memset(id, 'x', sizeof(id));
	assert_false(node_id_valid(id, 0));
	assert_true(node_id_valid(id, 1));
	assert_true(node_id_valid(id, 64));
	assert_false(node_id_valid(id, 65));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_of_the_alphabet_are_valid),
		cmocka_unit_test(every_byte_outside_the_alphabet_makes_it_invalid),
		cmocka_unit_test(an_id_has_1_to_64_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
