/* Lines of revocation on any bytes: each line that is understood comes out again exactly as it went in. */
#include "model/revocation.h"

#include "model/node_id.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void must_be(struct topic_part line, const char *written, size_t written_len)
{
	must(written_len == line.len + 1 && memcmp(written, line.at, line.len) == 0 && written[line.len] == '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct topic_part rest = { (const char *)data, size };
	struct topic_part text;
	size_t n_bytes = 0;

	while (revocation_next_line(&rest, &text)) {
		char out[REVOCATION_LINE_MAX];
		struct revocation_head head;
		struct revocation_line line;

		n_bytes += text.len;
		must(!memchr(text.at, '\n', text.len));
		if (revocation_parse_head(text, &head)) {
			must(head.from >= 0 && head.from <= head.to);
			must(head.epoch.len >= 1 && head.epoch.len <= REVOCATION_EPOCH_MAX);
			must_be(text, out, revocation_write_head(&head, out));
		}
		if (revocation_parse_line(text, &line)) {
			must(node_id_valid(line.node_id.at, line.node_id.len));
			must_be(text, out, revocation_write_line(&line, out));
		}
	}
	must(n_bytes <= size && rest.len == 0);
	return 0;
}
