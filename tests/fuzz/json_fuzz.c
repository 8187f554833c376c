/* Any bytes: what is accepted walks to its end within its own bounds, and its compact form is the same JSON. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk_all(json_t *value, struct json_slice text)
{
	if (!json_is_object(value) && !json_is_array(value))
		return;
	struct json_walk walk = json_walk_start(value, text);
	struct json_member member;
	size_t n = 0;
	while (json_walk_next(&walk, &member)) {
		if (member.text.at < text.at || member.text.at + member.text.len > text.at + text.len)
			abort();
		walk_all(member.value, member.text);
		n++;
	}
	if (n != (json_is_object(value) ? json_object_size(value) : json_array_size(value)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1); /* a payload has a NUL behind its end, see ingest.c */
	if (!text)
		abort();
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	struct json_slice slice = { text, size };
	CLEANUP(json) json_t *document = NULL;
	if (json_read(slice, &json_node_limits, &document, NULL) == STATUS_OK) {
		walk_all(document, slice);
		CLEANUP(buffer) struct buffer compact = { .bytes = NULL };
		json_put_compact(&compact, slice);
		CLEANUP(json) json_t *again = NULL;
		if (json_read((struct json_slice){ compact.bytes, compact.len }, &json_node_limits, &again, NULL) !=
			    STATUS_OK ||
		    !json_equal(document, again))
			abort();
	}
	free(text);
	return 0;
}
