#include "revocation.h"

#include <sys/random.h>

#include <stdlib.h>
#include <string.h>

static void set_init(struct revocation_set *set, uint64_t seed)
{
	*set = (struct revocation_set){ .version = 0 };
	table_init(&set->nodes, seed);
	table_init(&set->certificates, seed);
}

static void set_done(struct revocation_set *set)
{
	table_done(&set->nodes);
	table_done(&set->certificates);
	set->epoch[0] = '\0';
	set->version = 0;
}

bool revocation_init(struct revocation *revocation)
{
	if (getrandom(&revocation->seed, sizeof(revocation->seed), 0) != (ssize_t)sizeof(revocation->seed))
		return false;
	set_init(&revocation->set, revocation->seed);
	set_init(&revocation->staged, revocation->seed);
	table_init(&revocation->local, revocation->seed);
	return true;
}

void revocation_done(struct revocation *revocation)
{
	set_done(&revocation->set);
	set_done(&revocation->staged);
	table_done(&revocation->local);
}

bool revocation_known(const struct revocation *revocation)
{
	return revocation->set.epoch[0] != '\0';
}

/* The line is "+n <id> <word>\n". */
static enum refusal refusal_of_line(const struct table_entry *entry)
{
	static const char suspended[] = " suspended\n";
	size_t len = sizeof(suspended) - 1;
	const char *end = table_line(entry) + entry->line_len;

	return entry->line_len > len && memcmp(end - len, suspended, len) == 0 ? REFUSAL_SUSPENDED : REFUSAL_REVOKED;
}

enum refusal revocation_check(const struct revocation *revocation, const char *node_id, size_t node_id_len,
			      const struct certificate_digest *certificate)
{
	const struct table_entry *node = table_find(&revocation->set.nodes, node_id, node_id_len);

	if (!revocation_known(revocation))
		return REFUSAL_UNKNOWN;
	if (node)
		return refusal_of_line(node);
	if (table_find(&revocation->local, node_id, node_id_len))
		return REFUSAL_REVOKED;
	if (table_find(&revocation->set.certificates, certificate->bytes, sizeof(certificate->bytes)))
		return REFUSAL_CERTIFICATE;
	return REFUSAL_NONE;
}

static int hex_value(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static void digest_of_hex(const char *hex, struct certificate_digest *ret_digest)
{
	for (size_t i = 0; i < sizeof(ret_digest->bytes); i++)
		ret_digest->bytes[i] = (unsigned char)(hex_value(hex[2 * i]) << 4 | hex_value(hex[2 * i + 1]));
}

static bool apply_line(struct revocation_set *set, const struct revocation_line *line)
{
	char text[REVOCATION_LINE_MAX];
	struct certificate_digest digest;
	size_t len = revocation_write_line(line, text);

	if (line->kind == REVOCATION_NODE_REMOVE) {
		table_remove(&set->nodes, line->node_id.at, line->node_id.len);
		return true;
	}
	if (set->nodes.n_used + set->certificates.n_used >= REVOCATION_ENTRIES_MAX)
		return false;
	if (line->kind == REVOCATION_NODE_ADD)
		return table_put(&set->nodes, line->node_id.at, line->node_id.len, text, len);
	digest_of_hex(line->fingerprint, &digest);
	return table_put(&set->certificates, digest.bytes, sizeof(digest.bytes), text, len);
}

static bool lines_valid(struct topic_part lines)
{
	struct topic_part text;
	struct revocation_line line;

	while (revocation_next_line(&lines, &text)) {
		if (!revocation_parse_line(text, &line))
			return false;
	}
	return true;
}

/* Of lines found valid: false is want of memory. */
static bool apply_lines(struct revocation_set *set, struct topic_part lines)
{
	struct topic_part text;
	struct revocation_line line;

	while (revocation_next_line(&lines, &text)) {
		if (!revocation_parse_line(text, &line) || !apply_line(set, &line))
			return false;
	}
	return true;
}

static void name_set(struct revocation_set *set, const struct revocation_head *head)
{
	memcpy(set->epoch, head->epoch.at, head->epoch.len);
	set->epoch[head->epoch.len] = '\0';
	set->version = head->to;
}

static bool same_epoch(const struct revocation_set *set, const struct revocation_head *head)
{
	return topic_part_is(head->epoch, set->epoch, strlen(set->epoch));
}

static enum revocation_outcome take_delta(struct revocation *revocation, const struct revocation_head *head,
					  struct topic_part lines)
{
	struct revocation_set *set = &revocation->set;

	if (!same_epoch(set, head) || head->from > set->version || set->version > head->to)
		return REVOCATION_MISPLACED;
	if (!apply_lines(set, lines))
		return REVOCATION_NO_MEMORY;
	set->version = head->to;
	return REVOCATION_TAKEN_CHANGES;
}

static void swap_sets(struct revocation *revocation)
{
	set_done(&revocation->set);
	revocation->set = revocation->staged;
	set_init(&revocation->staged, revocation->seed);
}

/* A part that does not follow on what is put aside, or finds no memory, ends the whole attempt: the daemon begins again. */
static enum revocation_outcome take_part(struct revocation *revocation, const struct revocation_head *head,
					 struct topic_part lines)
{
	struct revocation_set *staged = &revocation->staged;

	if (head->kind == REVOCATION_BEGIN) {
		set_done(staged);
		name_set(staged, head);
	}
	if (!same_epoch(staged, head) || staged->version != head->to) {
		set_done(staged);
		return REVOCATION_MISPLACED;
	}
	if (!apply_lines(staged, lines)) {
		set_done(staged);
		return REVOCATION_NO_MEMORY;
	}
	if (head->kind != REVOCATION_END)
		return REVOCATION_PUT_ASIDE;
	swap_sets(revocation);
	return REVOCATION_TAKEN_SET;
}

static bool take_head(struct topic_part *rest, struct revocation_head *ret_head)
{
	struct topic_part line;

	return revocation_next_line(rest, &line) && revocation_parse_head(line, ret_head);
}

enum revocation_outcome revocation_take(struct revocation *revocation, const char *bytes, size_t len)
{
	struct topic_part rest = { bytes, len };
	struct revocation_head head;

	if (len > REVOCATION_MESSAGE_BYTES_MAX || !take_head(&rest, &head) || !lines_valid(rest) ||
	    head.kind == REVOCATION_FILE) {
		/* It may have been a part of the set on its way, which must not end without it. */
		set_done(&revocation->staged);
		return REVOCATION_MALFORMED;
	}
	switch (head.kind) {
	case REVOCATION_DELTA: return take_delta(revocation, &head, rest);
	case REVOCATION_BEGIN:
	case REVOCATION_PART:
	case REVOCATION_END: return take_part(revocation, &head, rest);
	case REVOCATION_FILE: break;
	}
	return REVOCATION_MALFORMED;
}

void revocation_each_node(const char *bytes, size_t len, revocation_node_function *function, void *context)
{
	struct topic_part rest = { bytes, len };
	struct topic_part text;
	struct revocation_line line;

	while (revocation_next_line(&rest, &text)) {
		if (revocation_parse_line(text, &line) && line.kind != REVOCATION_NODE_REMOVE)
			function(context, line.node_id.at, line.node_id.len);
	}
}

char *revocation_copy_text(const struct revocation *revocation, size_t *ret_len)
{
	const struct revocation_set *set = &revocation->set;
	struct revocation_head head = {
		REVOCATION_FILE, { set->epoch, strlen(set->epoch) }, set->version, set->version
	};
	char *text = malloc(REVOCATION_LINE_MAX + set->nodes.line_bytes + set->certificates.line_bytes);

	if (!text)
		return NULL;

	char *end = text + revocation_write_head(&head, text);

	end = table_copy_lines(&set->nodes, end);
	end = table_copy_lines(&set->certificates, end);
	*ret_len = (size_t)(end - text);
	return text;
}

bool revocation_load(struct revocation *revocation, const char *bytes, size_t len)
{
	struct topic_part rest = { bytes, len };
	struct revocation_head head;
	struct revocation_set loaded;

	if (!take_head(&rest, &head) || head.kind != REVOCATION_FILE || !lines_valid(rest))
		return false;
	set_init(&loaded, revocation->seed);
	name_set(&loaded, &head);
	if (!apply_lines(&loaded, rest)) {
		set_done(&loaded);
		return false;
	}
	set_done(&revocation->set);
	revocation->set = loaded;
	return true;
}

void revocation_take_local(struct revocation *revocation, struct table *local)
{
	table_done(&revocation->local);
	revocation->local = *local;
	*local = (struct table){ .seed = local->seed };
}
