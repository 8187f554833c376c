/* Lists of whom to refuse, as they come over the control topic or out of a file. What is taken is written back to the same bytes. */
#include "model/node_id.h"
#include "model/revocation.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be(struct topic_part line, const char *out, size_t out_len)
{
	if (out_len != line.len + 1 || memcmp(out, line.at, line.len) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct topic_part rest = { (const char *)data, size };
	struct topic_part text;
	char out[REVOCATION_LINE_MAX];

	while (revocation_next_line(&rest, &text)) {
		struct revocation_head head;
		struct revocation_line line;

		if (revocation_parse_line(text, &line)) {
			if (!node_id_valid(line.node_id.at, line.node_id.len))
				abort();
			must_be(text, out, revocation_write_line(&line, out));
		}
		/* a version may have zeros before it, so only that it can be written */
		if (revocation_parse_head(text, &head) && revocation_write_head(&head, out) >= REVOCATION_LINE_MAX)
			abort();
	}
	return 0;
}
