/* The table of live sessions, against a plain list that does the same. */
#include <stdlib.h>

static int callocs_until_failure = -1; /* below 0: never */

static void *calloc_or_fail(size_t n, size_t size)
{
	if (callocs_until_failure == 0)
		return NULL;
	if (callocs_until_failure > 0)
		callocs_until_failure--;
	return calloc(n, size);
}

#define calloc calloc_or_fail
#include "../../../plugin/sessions.c"
#undef calloc

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Any distinct addresses will do for clients: they are compared only. */
static char clients[4096];

static const struct mosquitto *client(size_t i)
{
	return (const struct mosquitto *)(const void *)&clients[i];
}

static struct session *add(struct sessions *sessions, const char *id, size_t i, int64_t number)
{
	return sessions_add(sessions, id, strlen(id), client(i), "192.0.2.1", number, number);
}

static void end(struct sessions *sessions, struct session *session)
{
	sessions_unlink(sessions, session);
	free(session);
}

static void a_session_is_found_by_id_and_by_client(void **state)
{
	struct sessions sessions;

	(void)state;
	assert_true(sessions_init(&sessions));
	struct session *a = add(&sessions, "A", 1, 1);
	struct session *a2 = add(&sessions, "A2", 2, 2);

	assert_ptr_equal(sessions_newest(&sessions, "A", 1), a);
	assert_ptr_equal(sessions_newest(&sessions, "A2", 2), a2);
	assert_ptr_equal(sessions_newest(&sessions, "A2", 1), a); /* the length counts, not the NUL */
	assert_null(sessions_newest(&sessions, "a", 1));
	assert_ptr_equal(sessions_by_client(&sessions, client(2)), a2);
	assert_null(sessions_by_client(&sessions, client(3)));
	assert_string_equal(a->address, "192.0.2.1");
	end(&sessions, a);
	assert_null(sessions_newest(&sessions, "A", 1));
	assert_null(sessions_by_client(&sessions, client(1)));
	assert_ptr_equal(sessions_newest(&sessions, "A2", 2), a2);
	sessions_done(&sessions);
}

static void a_take_over_hides_the_older_one_until_it_is_gone(void **state)
{
	struct sessions sessions;

	(void)state;
	assert_true(sessions_init(&sessions));
	struct session *one = add(&sessions, "A", 1, 1);
	struct session *two = add(&sessions, "A", 2, 2);
	struct session *three = add(&sessions, "A", 3, 3);

	assert_ptr_equal(sessions_newest(&sessions, "A", 1), three);
	assert_int_equal(sessions_count(&sessions), 3);
	end(&sessions, two); /* from the middle */
	assert_ptr_equal(sessions_newest(&sessions, "A", 1), three);
	end(&sessions, three); /* the newest fails: the older one is back in its place */
	assert_ptr_equal(sessions_newest(&sessions, "A", 1), one);
	struct session *four = add(&sessions, "A", 4, 4);

	end(&sessions, one);
	assert_ptr_equal(sessions_newest(&sessions, "A", 1), four);
	end(&sessions, four);
	assert_null(sessions_newest(&sessions, "A", 1));
	assert_int_equal(sessions_count(&sessions), 0);
	assert_null(sessions.first);
	assert_null(sessions.last);
	sessions_done(&sessions);
}

static void a_long_address_is_cut_and_none_is_empty(void **state)
{
	struct sessions sessions;
	char address[200];

	(void)state;
	memset(address, '1', sizeof(address) - 1);
	address[sizeof(address) - 1] = '\0';
	assert_true(sessions_init(&sessions));
	struct session *a = sessions_add(&sessions, "A", 1, client(1), address, 1, 1);
	struct session *b = sessions_add(&sessions, "B", 1, client(2), NULL, 2, 2);

	assert_int_equal(strlen(a->address), sizeof(a->address) - 1);
	assert_string_equal(b->address, "");
	sessions_done(&sessions);
}

/* 200 000 random steps over 300 ids and 1500 clients; the model is an array by client. */
static void the_table_agrees_with_a_plain_list(void **state)
{
	enum { N_CLIENTS = 1500, N_IDS = 300, STEPS = 200000 };
	static struct session *model[N_CLIENTS];
	struct sessions sessions;
	unsigned int random = 1;
	int64_t number = 0;

	(void)state;
	assert_true(sessions_init(&sessions));
	sessions.seed = 7; /* the same run each time */
	for (int step = 0; step < STEPS; step++) {
		random = random * 1103515245 + 12345;
		size_t c = (random >> 8) % N_CLIENTS;
		char id[16];

		(void)snprintf(id, sizeof(id), "id%u", (random >> 4) % N_IDS);
		if (model[c]) {
			end(&sessions, model[c]);
			model[c] = NULL;
		} else {
			model[c] = add(&sessions, id, c, ++number);
			assert_non_null(model[c]);
			assert_ptr_equal(sessions_newest(&sessions, id, strlen(id)), model[c]);
		}
		if (step % 500)
			continue;

		size_t n = 0;
		int64_t last = 0;

		for (const struct session *s = sessions.first; s; s = s->next, n++) {
			assert_true(s->number > last);
			last = s->number;
		}
		for (size_t i = 0; i < N_CLIENTS; i++) {
			const struct session *newest = NULL;

			assert_ptr_equal(sessions_by_client(&sessions, client(i)), model[i]);
			n -= model[i] != NULL;
			for (size_t k = 0; model[i] && k < N_CLIENTS; k++) {
				if (model[k] && strcmp(model[k]->id, model[i]->id) == 0 &&
				    (!newest || model[k]->number > newest->number))
					newest = model[k];
			}
			if (model[i])
				assert_ptr_equal(sessions_newest(&sessions, model[i]->id, strlen(model[i]->id)),
						 newest);
		}
		assert_int_equal(n, 0);
	}
	sessions_done(&sessions);
}

static void without_memory_nothing_changes(void **state)
{
	struct sessions sessions;

	(void)state;
	for (int fail_at = 0; fail_at < 2; fail_at++) {
		callocs_until_failure = fail_at;
		assert_false(sessions_init(&sessions));
	}
	callocs_until_failure = -1;
	assert_true(sessions_init(&sessions));
	for (size_t i = 0; i < SLOTS_AT_START / 2; i++) {
		char id[16];

		(void)snprintf(id, sizeof(id), "n%zu", i);
		assert_non_null(add(&sessions, id, i, (int64_t)i + 1));
	}
	/* The next one needs both tables larger and a session; a table that has grown stays so. */
	static const int callocs_before_failure[] = { 0, 1, 1 };

	for (int i = 0; i < 3; i++) {
		callocs_until_failure = callocs_before_failure[i];
		assert_null(add(&sessions, "more", 2000, 5000));
		assert_int_equal(sessions_count(&sessions), SLOTS_AT_START / 2);
		assert_null(sessions_newest(&sessions, "more", 4));
		assert_non_null(sessions_newest(&sessions, "n511", 4));
	}
	callocs_until_failure = -1;
	assert_non_null(add(&sessions, "more", 2000, 5000));
	for (size_t i = 0; i < SLOTS_AT_START / 2; i++)
		assert_non_null(sessions_by_client(&sessions, client(i)));
	sessions_done(&sessions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_is_found_by_id_and_by_client),
		cmocka_unit_test(a_take_over_hides_the_older_one_until_it_is_gone),
		cmocka_unit_test(a_long_address_is_cut_and_none_is_empty),
		cmocka_unit_test(the_table_agrees_with_a_plain_list),
		cmocka_unit_test(without_memory_nothing_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
