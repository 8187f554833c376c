#include "model/revocation.h"

#include "model/node_id.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define VERSION_DIGITS_MAX 18 /* fits an int64_t */

static const struct {
	const char *name;
	enum revocation_kind kind;
} kinds[] = {
	{ "delta", REVOCATION_DELTA }, { "begin", REVOCATION_BEGIN }, { "part", REVOCATION_PART },
	{ "end", REVOCATION_END },     { "file", REVOCATION_FILE },
};

bool revocation_next_line(struct topic_part *rest, struct topic_part *ret_line)
{
	if (rest->len == 0)
		return false;

	const char *end = memchr(rest->at, '\n', rest->len);
	size_t len = end ? (size_t)(end - rest->at) : rest->len;

	*ret_line = (struct topic_part){ rest->at, len };
	rest->at += len + (end != NULL);
	rest->len -= len + (end != NULL);
	return true;
}

/* Exactly n words with one blank between two. */
static bool split(struct topic_part line, struct topic_part *ret_words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *blank = memchr(line.at, ' ', line.len);
		bool last = i + 1 == n;

		if (last != (blank == NULL))
			return false;
		ret_words[i] = (struct topic_part){ line.at, last ? line.len : (size_t)(blank - line.at) };
		if (ret_words[i].len == 0)
			return false;
		line.at += ret_words[i].len + !last;
		line.len -= ret_words[i].len + !last;
	}
	return true;
}

static bool is(struct topic_part part, const char *text)
{
	return topic_part_is(part, text, strlen(text));
}

static bool only_of(struct topic_part part, const char *alphabet)
{
	for (size_t i = 0; i < part.len; i++) {
		if (part.at[i] == '\0' || !strchr(alphabet, part.at[i]))
			return false;
	}
	return true;
}

static bool read_version(struct topic_part part, int64_t *ret_version)
{
	int64_t version = 0;

	if (part.len > VERSION_DIGITS_MAX || !only_of(part, "0123456789"))
		return false;
	for (size_t i = 0; i < part.len; i++)
		version = version * 10 + (part.at[i] - '0');
	*ret_version = version;
	return true;
}

static bool read_kind(struct topic_part part, enum revocation_kind *ret_kind)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (is(part, kinds[i].name)) {
			*ret_kind = kinds[i].kind;
			return true;
		}
	}
	return false;
}

bool revocation_parse_head(struct topic_part line, struct revocation_head *ret_head)
{
	struct topic_part words[6];
	struct revocation_head head;

	if (!split(line, words, ARRAY_LEN(words)) || !is(words[0], "revocation") || !is(words[1], "1"))
		return false;
	if (!read_kind(words[2], &head.kind) || words[3].len > REVOCATION_EPOCH_MAX ||
	    !only_of(words[3], "0123456789abcdef"))
		return false;
	if (!read_version(words[4], &head.from) || !read_version(words[5], &head.to) || head.from > head.to)
		return false;
	head.epoch = words[3];
	*ret_head = head;
	return true;
}

static bool is_node_id(struct topic_part part)
{
	return node_id_valid(part.at, part.len);
}

static bool is_word(struct topic_part part)
{
	return part.len <= REVOCATION_WORD_MAX && only_of(part, "abcdefghijklmnopqrstuvwxyz_");
}

static bool is_fingerprint(struct topic_part part)
{
	return part.len == FINGERPRINT_HEX && only_of(part, "0123456789abcdef");
}

bool revocation_parse_line(struct topic_part line, struct revocation_line *ret_line)
{
	struct topic_part words[3];

	if (split(line, words, 3) && is(words[0], "+n") && is_node_id(words[1]) && is_word(words[2])) {
		*ret_line =
			(struct revocation_line){ .kind = REVOCATION_NODE_ADD, .node_id = words[1], .word = words[2] };
		return true;
	}
	if (split(line, words, 2) && is(words[0], "-n") && is_node_id(words[1])) {
		*ret_line = (struct revocation_line){ .kind = REVOCATION_NODE_REMOVE, .node_id = words[1] };
		return true;
	}
	if (split(line, words, 3) && is(words[0], "+c") && is_fingerprint(words[1]) && is_node_id(words[2])) {
		*ret_line = (struct revocation_line){ .kind = REVOCATION_CERTIFICATE_ADD,
						      .node_id = words[2],
						      .fingerprint = words[1].at };
		return true;
	}
	return false;
}

static const char *name_of(enum revocation_kind kind)
{
	size_t i = 0;

	while (kinds[i].kind != kind)
		i++;
	return kinds[i].name;
}

size_t revocation_write_head(const struct revocation_head *head, char out[REVOCATION_LINE_MAX])
{
	return (size_t)snprintf(out, REVOCATION_LINE_MAX, "revocation 1 %s %.*s %" PRId64 " %" PRId64 "\n",
				name_of(head->kind), (int)head->epoch.len, head->epoch.at, head->from, head->to);
}

size_t revocation_write_line(const struct revocation_line *line, char out[REVOCATION_LINE_MAX])
{
	int id_len = (int)line->node_id.len;
	int n = 0;

	switch (line->kind) {
	case REVOCATION_NODE_ADD:
		n = snprintf(out, REVOCATION_LINE_MAX, "+n %.*s %.*s\n", id_len, line->node_id.at, (int)line->word.len,
			     line->word.at);
		break;
	case REVOCATION_NODE_REMOVE:
		n = snprintf(out, REVOCATION_LINE_MAX, "-n %.*s\n", id_len, line->node_id.at);
		break;
	case REVOCATION_CERTIFICATE_ADD:
		n = snprintf(out, REVOCATION_LINE_MAX, "+c %.*s %.*s\n", FINGERPRINT_HEX, line->fingerprint, id_len,
			     line->node_id.at);
		break;
	}
	return (size_t)n;
}
