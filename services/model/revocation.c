#include "model/revocation.h"

#include "model/node_id.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {
	[REVOCATION_DELTA] = "delta", [REVOCATION_BEGIN] = "begin", [REVOCATION_PART] = "part",
	[REVOCATION_END] = "end",     [REVOCATION_FILE] = "file",
};

bool revocation_next_line(struct topic_part *rest, struct topic_part *ret_line)
{
	if (rest->len == 0)
		return false;

	const char *end = memchr(rest->at, '\n', rest->len);
	size_t len = end ? (size_t)(end - rest->at) : rest->len;
	size_t taken = end ? len + 1 : len;

	*ret_line = (struct topic_part){ rest->at, len };
	rest->at += taken;
	rest->len -= taken;
	return true;
}

/* The text before the next blank, or all of it; the blank goes too. An empty word, as two blanks make it, is none. */
static bool take_word(struct topic_part *rest, struct topic_part *ret_word)
{
	const char *blank = rest->len > 0 ? memchr(rest->at, ' ', rest->len) : NULL;
	size_t len = blank ? (size_t)(blank - rest->at) : rest->len;

	/* A blank at the very end announces a word that does not come. */
	if (len == 0 || (blank && len + 1 == rest->len))
		return false;
	*ret_word = (struct topic_part){ rest->at, len };
	rest->at += blank ? len + 1 : len;
	rest->len -= blank ? len + 1 : len;
	return true;
}

static bool is_lower_hex(struct topic_part word)
{
	for (size_t i = 0; i < word.len; i++) {
		char c = word.at[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	return true;
}

static bool is_reason(struct topic_part word)
{
	for (size_t i = 0; i < word.len; i++) {
		char c = word.at[i];

		if (c != '_' && (c < 'a' || c > 'z'))
			return false;
	}
	return word.len <= REVOCATION_WORD_MAX;
}

/* Digits, without a needless zero at the front: each number has one spelling. */
static bool read_number(struct topic_part word, int64_t *ret_number)
{
	int64_t number = 0;

	if (word.len > 1 && word.at[0] == '0')
		return false;
	for (size_t i = 0; i < word.len; i++) {
		int digit = word.at[i] - '0';

		if (digit < 0 || digit > 9 || number > (INT64_MAX - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*ret_number = number;
	return true;
}

static bool read_kind(struct topic_part word, enum revocation_kind *ret_kind)
{
	for (size_t i = 0; i < ARRAY_LEN(kind_names); i++) {
		if (topic_part_is(word, kind_names[i], strlen(kind_names[i]))) {
			*ret_kind = (enum revocation_kind)i;
			return true;
		}
	}
	return false;
}

static bool take_number(struct topic_part *rest, int64_t *ret_number)
{
	struct topic_part word;

	return take_word(rest, &word) && read_number(word, ret_number);
}

bool revocation_parse_head(struct topic_part line, struct revocation_head *ret_head)
{
	struct revocation_head head;
	struct topic_part rest = line;
	struct topic_part name, format, kind;

	if (!take_word(&rest, &name) || !topic_part_is(name, "revocation", 10))
		return false;
	if (!take_word(&rest, &format) || !topic_part_is(format, "1", 1))
		return false;
	if (!take_word(&rest, &kind) || !read_kind(kind, &head.kind))
		return false;
	if (!take_word(&rest, &head.epoch) || head.epoch.len > REVOCATION_EPOCH_MAX || !is_lower_hex(head.epoch))
		return false;
	if (!take_number(&rest, &head.from) || !take_number(&rest, &head.to) || rest.len > 0)
		return false;
	if (head.from > head.to)
		return false;
	*ret_head = head;
	return true;
}

static bool take_node_id(struct topic_part *rest, struct topic_part *ret_id)
{
	return take_word(rest, ret_id) && node_id_valid(ret_id->at, ret_id->len);
}

static bool parse_node_add(struct topic_part rest, struct revocation_line *line)
{
	line->kind = REVOCATION_NODE_ADD;
	return take_node_id(&rest, &line->node_id) && take_word(&rest, &line->word) && is_reason(line->word) &&
	       rest.len == 0;
}

static bool parse_node_remove(struct topic_part rest, struct revocation_line *line)
{
	line->kind = REVOCATION_NODE_REMOVE;
	return take_node_id(&rest, &line->node_id) && rest.len == 0;
}

static bool parse_certificate_add(struct topic_part rest, struct revocation_line *line)
{
	struct topic_part fingerprint;

	line->kind = REVOCATION_CERTIFICATE_ADD;
	if (!take_word(&rest, &fingerprint) || fingerprint.len != FINGERPRINT_HEX || !is_lower_hex(fingerprint))
		return false;
	line->fingerprint = fingerprint.at;
	return take_node_id(&rest, &line->node_id) && rest.len == 0;
}

static const struct {
	const char *head;
	bool (*parse)(struct topic_part rest, struct revocation_line *line);
} line_forms[] = {
	{ "+n", parse_node_add },
	{ "-n", parse_node_remove },
	{ "+c", parse_certificate_add },
};

bool revocation_parse_line(struct topic_part line, struct revocation_line *ret_line)
{
	struct revocation_line parsed = { .word = { "", 0 } };
	struct topic_part rest = line;
	struct topic_part head;

	if (!take_word(&rest, &head))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(line_forms); i++) {
		if (!topic_part_is(head, line_forms[i].head, strlen(line_forms[i].head)))
			continue;
		if (!line_forms[i].parse(rest, &parsed))
			return false;
		*ret_line = parsed;
		return true;
	}
	return false;
}

/* All that goes in is bounded, and the longest line is "+c", a fingerprint and the longest id: 133 bytes. */
size_t revocation_write_head(const struct revocation_head *head, char out[REVOCATION_LINE_MAX])
{
	return (size_t)snprintf(out, REVOCATION_LINE_MAX, "revocation 1 %s %.*s %" PRId64 " %" PRId64 "\n",
				kind_names[head->kind], (int)head->epoch.len, head->epoch.at, head->from, head->to);
}

size_t revocation_write_line(const struct revocation_line *line, char out[REVOCATION_LINE_MAX])
{
	int id_len = (int)line->node_id.len;
	const char *id = line->node_id.at;
	int n = 0;

	switch (line->kind) {
	case REVOCATION_NODE_ADD:
		n = snprintf(out, REVOCATION_LINE_MAX, "+n %.*s %.*s\n", id_len, id, (int)line->word.len,
			     line->word.at);
		break;
	case REVOCATION_NODE_REMOVE: n = snprintf(out, REVOCATION_LINE_MAX, "-n %.*s\n", id_len, id); break;
	case REVOCATION_CERTIFICATE_ADD:
		n = snprintf(out, REVOCATION_LINE_MAX, "+c %.*s %.*s\n", FINGERPRINT_HEX, line->fingerprint, id_len,
			     id);
		break;
	}
	return (size_t)n;
}
