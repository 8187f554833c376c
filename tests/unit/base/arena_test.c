#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

static void memory_is_aligned_and_apart(void **state)
{
	(void)state;
	CLEANUP(arena) struct arena *arena = arena_new(1 << 20);
	unsigned char *first = arena_alloc(arena, 3), *second = arena_alloc(arena, 100000),
		      *third = arena_alloc(arena, 1);
	assert_int_equal((uintptr_t)first % 16, 0);
	assert_int_equal((uintptr_t)second % 16, 0);
	memset(first, 1, 3);
	memset(second, 2, 100000);
	*third = 3;
	assert_int_equal(first[2], 1);
	assert_int_equal(second[99999], 2);
}

static void the_ceiling_holds_and_clearing_gives_it_back(void **state)
{
	(void)state;
	CLEANUP(arena) struct arena *arena = arena_new(1024);
	assert_non_null(arena_alloc(arena, 1000));
	assert_null(arena_alloc(arena, 100));
	assert_null(arena_alloc(arena, SIZE_MAX));
	assert_null(arena_copy(arena, "", SIZE_MAX));
	arena_clear(arena);
	assert_int_equal(arena_used(arena), 0);
	assert_string_equal(arena_copy(arena, "abcd", 3), "abc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_aligned_and_apart),
		cmocka_unit_test(the_ceiling_holds_and_clearing_gives_it_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
