/* Tags: 1 to 128 bytes, no control characters of C0, DEL or C1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "model/tag.h"

static void what_people_write_is_a_tag(void **state)
{
	(void)state;
	static const char *const tags[] = { "a",        "room:hall",    "with blank", "a,b",
					    "\xc3\xa4", "\xe6\x97\xa5", "\xc2\xa0",   "~" };
	for (size_t i = 0; i < ARRAY_LEN(tags); i++)
		assert_true(tag_valid(tags[i], strlen(tags[i])));
}

static void control_characters_are_refused_wherever_they_stand(void **state)
{
	(void)state;
	static const char *const tags[] = { "\x01", "a\tb", "a\n", "\x1f", "\x7f", "a\x7f", "\xc2\x80", "a\xc2\x9f" };
	for (size_t i = 0; i < ARRAY_LEN(tags); i++)
		assert_false(tag_valid(tags[i], strlen(tags[i])));
	assert_false(tag_valid("a\0b", 3));
}

static void a_tag_has_one_to_128_bytes(void **state)
{
	(void)state;
	char tag[TAG_BYTES_MAX + 2];
	memset(tag, 'a', sizeof(tag));
	assert_false(tag_valid(tag, 0));
	assert_true(tag_valid(tag, TAG_BYTES_MAX));
	assert_false(tag_valid(tag, TAG_BYTES_MAX + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_people_write_is_a_tag),
		cmocka_unit_test(control_characters_are_refused_wherever_they_stand),
		cmocka_unit_test(a_tag_has_one_to_128_bytes),
	};
	return cmocka_run_group_tests_name("model/tag", tests, NULL, NULL);
}
