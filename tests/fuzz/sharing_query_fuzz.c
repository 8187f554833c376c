/* Any text as a list of ids and as a cursor. What is let through is bounded and in the alphabet. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/sharing_query.h"

enum { IDS_MAX = 5 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_cursor(const char *text)
{
	int64_t at_us = -1;
	const char *id = NULL;
	if (!sharing_cursor_read(text, &at_us, &id)) {
		must(at_us == -1 && id == NULL);
		return;
	}
	must(at_us >= 0 && sharing_id_valid(id) && strlen(id) == 22);
}

static void check_ids(char *text)
{
	const char *ids[IDS_MAX];
	size_t len = strlen(text), total = 0;
	size_t n = sharing_ids_split(text, ids, IDS_MAX);
	must(n <= IDS_MAX);
	for (size_t i = 0; i < n; i++) {
		must(*ids[i] != '\0' && !strchr(ids[i], ','));
		total += strlen(ids[i]);
	}
	must(n == 0 || total + n - 1 == len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_cursor(text);
	check_ids(text);
	free(text);
	return 0;
}
