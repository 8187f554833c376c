/* Rendezvous hashing: even, the same everywhere and always, and moving no node that need not move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"
#include "model/rendezvous.h"

enum { N_NODES = 30000, NAME_BYTES = 32 };

static const char *const brokers[] = { "main", "b2", "b3", "b4", "b5" };

static void node_name(char name[NAME_BYTES], int i)
{
	(void)snprintf(name, NAME_BYTES, "node-%d", i);
}

/* Worked out from the published definitions of FNV-1a and splitmix64 with another language's integers. */
static void the_weight_is_what_the_header_says(void **state)
{
	(void)state;
	assert_int_equal(rendezvous_weight("main", "node-1"), UINT64_C(0x227c84776b894d89));
	assert_int_equal(rendezvous_weight("b2", "node-1"), UINT64_C(0x70950b764471d421));
	assert_int_equal(rendezvous_weight("", ""), UINT64_C(0x25fc6dd36ce04b20));
	/* the names do not run into each other */
	assert_true(rendezvous_weight("ab", "c") != rendezvous_weight("a", "bc"));
}

static void one_broker_has_every_node(void **state)
{
	(void)state;
	assert_int_equal(rendezvous_pick(brokers, 1, "node-1"), 0);
	assert_int_equal(rendezvous_pick(brokers, 1, ""), 0);
}

static void nodes_are_spread_evenly(void **state)
{
	(void)state;
	for (size_t n = 2; n <= ARRAY_LEN(brokers); n++) {
		int counts[ARRAY_LEN(brokers)] = { 0 };
		char name[NAME_BYTES];
		for (int i = 0; i < N_NODES; i++) {
			node_name(name, i);
			counts[rendezvous_pick(brokers, n, name)]++;
		}
		for (size_t i = 0; i < n; i++) /* five per cent off would be seven standard deviations and more */
			assert_in_range(counts[i] * (int)n, N_NODES * 95 / 100, N_NODES * 105 / 100);
	}
}

static void a_broker_that_comes_takes_its_part_and_moves_no_other_node(void **state)
{
	(void)state;
	char name[NAME_BYTES];
	int moved = 0;
	for (int i = 0; i < N_NODES; i++) {
		node_name(name, i);
		size_t before = rendezvous_pick(brokers, 4, name), after = rendezvous_pick(brokers, 5, name);
		if (before == after)
			continue;
		assert_int_equal(after, 4);
		moved++;
	}
	assert_in_range(moved * 5, N_NODES * 95 / 100, N_NODES * 105 / 100);
}

static void the_order_of_the_brokers_decides_nothing(void **state)
{
	(void)state;
	static const char *const reversed[] = { "b5", "b4", "b3", "b2", "main" };
	char name[NAME_BYTES];
	for (int i = 0; i < 1000; i++) {
		node_name(name, i);
		assert_string_equal(brokers[rendezvous_pick(brokers, 5, name)],
				    reversed[rendezvous_pick(reversed, 5, name)]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_weight_is_what_the_header_says),
		cmocka_unit_test(one_broker_has_every_node),
		cmocka_unit_test(nodes_are_spread_evenly),
		cmocka_unit_test(a_broker_that_comes_takes_its_part_and_moves_no_other_node),
		cmocka_unit_test(the_order_of_the_brokers_decides_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
