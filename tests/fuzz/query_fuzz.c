/* Any query. What is let through has no NUL, no name twice, and a bounded number of pairs. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/params_query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check(const struct params_query *query)
{
	struct error err = { .status = STATUS_OK };
	const char *text = NULL;
	bool flag = false;
	int64_t count = 0;
	must(query->n_pairs <= PARAMS_QUERY_PAIRS_MAX);
	for (size_t i = 0; i < query->n_pairs; i++) {
		const char *name = query->pairs[i].name;
		for (size_t other = 0; other < i; other++)
			must(strcmp(name, query->pairs[other].name) != 0);
		text = params_query_text(query, name);
		must(!text || text == query->pairs[i].value);
		if (params_query_count(query, name, 1, 100, 25, &count, &err) == STATUS_OK)
			must(count >= 1 && count <= 100);
		(void)!params_query_bool(query, name, false, &flag, &err); /* either way */
		(void)!params_query_either(query, name, "node_id", &text, &err);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena *arena;
	if (!arena)
		arena = arena_new(65536);
	arena_clear(arena);
	struct params_query query;
	struct error err = { .status = STATUS_OK };
	if (params_query_read((const char *)data, size, arena, &query, &err) == STATUS_OK)
		check(&query);
	else
		must(err.text[0] != '\0');
	return 0;
}
