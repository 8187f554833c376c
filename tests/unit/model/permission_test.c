/* Who may do what: every cell, written down again from the table in the header and not computed from the code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macros.h"
#include "model/permission.h"

#define YES    PERMISSION_GRANTED
#define NOROLE PERMISSION_NO_ROLE

static enum permission decide(enum who who, enum object object, bool changes, struct permission_caller caller)
{
	const struct permission_rule rule = { who, object, changes };
	return permission_decide(&rule, &caller);
}

static void each_role_reaches_the_rows_of_those_before_it(void **state)
{
	(void)state;
	static const struct {
		enum who who;
		enum permission nobody, of[N_ROLES]; /* user, viewer, operator, admin */
	} cases[] = {
		{ WHO_ANYONE, YES, { YES, YES, YES, YES } },
		{ WHO_ADDRESS, YES, { YES, YES, YES, YES } },
		{ WHO_ANYONE_OR_USER, PERMISSION_NO_CALLER, { YES, YES, YES, YES } },
		{ WHO_SESSION, PERMISSION_NO_CALLER, { YES, YES, YES, YES } },
		{ WHO_USER, PERMISSION_NO_CALLER, { YES, YES, YES, YES } },
		{ WHO_VIEWER, PERMISSION_NO_CALLER, { NOROLE, YES, YES, YES } },
		{ WHO_OPERATOR, PERMISSION_NO_CALLER, { NOROLE, NOROLE, YES, YES } },
		{ WHO_ADMIN, PERMISSION_NO_CALLER, { NOROLE, NOROLE, NOROLE, YES } },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(
			decide(cases[i].who, OBJECT_NONE, false, (struct permission_caller){ .is_known = false }),
			cases[i].nobody);
		for (int role = ROLE_USER; role < N_ROLES; role++) {
			struct permission_caller caller = { .is_known = true, .role = (enum account_role)role };
			assert_int_equal(decide(cases[i].who, OBJECT_NONE, false, caller), cases[i].of[role]);
			assert_int_equal(decide(cases[i].who, OBJECT_NONE, true, caller), cases[i].of[role]);
		}
	}
}

static void who_is_not_known_has_no_role_that_counts(void **state)
{
	(void)state;
	struct permission_caller ghost = { .role = ROLE_ADMIN, .scopes = SCOPE_ALL, .node_role = NODE_ROLE_PRIMARY };
	assert_int_equal(decide(WHO_USER, OBJECT_SELF, false, ghost), PERMISSION_NO_CALLER);
	assert_int_equal(decide(WHO_ADMIN, OBJECT_NODE_OWNED, true, ghost), PERMISSION_NO_CALLER);
}

static void a_key_needs_the_one_scope_of_the_row(void **state)
{
	(void)state;
	static const struct {
		enum who who;
		bool changes;
		unsigned scope; /* 0: no key may */
	} cases[] = {
		{ WHO_SESSION, false, 0 },
		{ WHO_SESSION, true, 0 },
		{ WHO_USER, false, SCOPE_USER_READ },
		{ WHO_USER, true, SCOPE_USER_WRITE },
		{ WHO_ANYONE_OR_USER, true, SCOPE_USER_WRITE },
		{ WHO_VIEWER, false, SCOPE_FLEET_READ },
		{ WHO_OPERATOR, true, SCOPE_FLEET_WRITE },
		{ WHO_ADMIN, false, SCOPE_ADMIN_READ },
		{ WHO_ADMIN, true, SCOPE_ADMIN_WRITE },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (unsigned scopes = 0; scopes <= SCOPE_ALL; scopes++) {
			struct permission_caller key = {
				.is_known = true, .by_key = true, .scopes = scopes, .role = ROLE_ADMIN
			};
			bool may = cases[i].scope != 0 && (scopes & cases[i].scope) != 0;
			assert_int_equal(decide(cases[i].who, OBJECT_NONE, cases[i].changes, key),
					 may ? YES : PERMISSION_NO_SCOPE);
		}
	}
}

static void a_key_can_never_do_more_than_its_account(void **state)
{
	(void)state;
	for (int who = WHO_ANYONE; who <= WHO_ADMIN; who++) {
		for (int role = ROLE_USER; role < N_ROLES; role++) {
			struct permission_caller session = { .is_known = true, .role = (enum account_role)role };
			struct permission_caller key = session;
			key.by_key = true;
			key.scopes = SCOPE_ALL;
			if (decide((enum who)who, OBJECT_NONE, true, session) != YES)
				assert_int_equal(decide((enum who)who, OBJECT_NONE, true, key), NOROLE);
		}
	}
}

static void a_node_is_asked_for_where_the_row_says_so(void **state)
{
	(void)state;
	static const struct {
		enum object object;
		enum permission of[3]; /* none, secondary, primary */
	} cases[] = {
		{ OBJECT_NODE, { PERMISSION_NO_OBJECT, YES, YES } },
		{ OBJECT_NODE_PARAMS, { PERMISSION_NO_OBJECT, YES, YES } },
		{ OBJECT_NODE_OWNED, { PERMISSION_NO_OBJECT, PERMISSION_NOT_OWNED, YES } },
		{ OBJECT_NONE, { YES, YES, YES } },
		{ OBJECT_SELF, { YES, YES, YES } },
		{ OBJECT_NODES, { YES, YES, YES } },
		{ OBJECT_GROUPS, { YES, YES, YES } },
		{ OBJECT_REQUEST, { YES, YES, YES } },
		{ OBJECT_FLEET, { YES, YES, YES } },
		{ OBJECT_ACCOUNTS, { YES, YES, YES } },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (int role = NODE_ROLE_NONE; role <= NODE_ROLE_PRIMARY; role++) {
			/* no role of the account opens somebody's node */
			struct permission_caller caller = { .is_known = true,
							    .role = ROLE_ADMIN,
							    .node_role = (enum node_role)role };
			assert_int_equal(decide(WHO_USER, cases[i].object, false, caller), cases[i].of[role]);
		}
		assert_int_equal(permission_needs_node(cases[i].object), i < 3);
	}
}

static void a_missing_scope_is_told_before_anything_about_the_node(void **state)
{
	(void)state;
	struct permission_caller key = { .is_known = true, .by_key = true, .scopes = SCOPE_FLEET_READ };
	assert_int_equal(decide(WHO_USER, OBJECT_NODE, false, key), PERMISSION_NO_SCOPE);
	key.node_role = NODE_ROLE_PRIMARY;
	assert_int_equal(decide(WHO_USER, OBJECT_NODE, false, key), PERMISSION_NO_SCOPE);
}

static void a_role_allows_the_scopes_of_what_it_may(void **state)
{
	(void)state;
	assert_int_equal(role_scopes(ROLE_USER), 3);
	assert_int_equal(role_scopes(ROLE_VIEWER), 7);
	assert_int_equal(role_scopes(ROLE_OPERATOR), 15);
	assert_int_equal(role_scopes(ROLE_ADMIN), 63);
}

static void words_and_values_go_both_ways_and_other_words_are_none(void **state)
{
	(void)state;
	static const char *const roles[] = { "user", "viewer", "operator", "admin" };
	static const char *const scopes[] = { "user:read",   "user:write", "fleet:read",
					      "fleet:write", "admin:read", "admin:write" };
	static const char *const others[] = {
		"", "User", "super_admin", "admin ", "user:", "user:read,user:write", "*"
	};
	enum account_role role = ROLE_VIEWER;
	for (int i = 0; i < N_ROLES; i++) {
		assert_string_equal(account_role_name((enum account_role)i), roles[i]);
		assert_true(account_role_read(roles[i], &role));
		assert_int_equal(role, i);
	}
	for (unsigned i = 0; i < ARRAY_LEN(scopes); i++) {
		assert_string_equal(scope_name((enum scope)(1U << i)), scopes[i]);
		assert_int_equal(scope_read(scopes[i]), 1U << i);
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		assert_false(account_role_read(others[i], &role));
		assert_int_equal(scope_read(others[i]), 0);
	}
	assert_int_equal(node_role_read("primary"), NODE_ROLE_PRIMARY);
	assert_int_equal(node_role_read("secondary"), NODE_ROLE_SECONDARY);
	assert_int_equal(node_role_read(""), NODE_ROLE_NONE);
	assert_int_equal(node_role_read("Primary"), NODE_ROLE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_role_reaches_the_rows_of_those_before_it),
		cmocka_unit_test(who_is_not_known_has_no_role_that_counts),
		cmocka_unit_test(a_key_needs_the_one_scope_of_the_row),
		cmocka_unit_test(a_key_can_never_do_more_than_its_account),
		cmocka_unit_test(a_node_is_asked_for_where_the_row_says_so),
		cmocka_unit_test(a_missing_scope_is_told_before_anything_about_the_node),
		cmocka_unit_test(a_role_allows_the_scopes_of_what_it_may),
		cmocka_unit_test(words_and_values_go_both_ways_and_other_words_are_none),
	};
	return cmocka_run_group_tests_name("model/permission", tests, NULL, NULL);
}
