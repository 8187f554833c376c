#include "base/json.h"

#include <stdint.h>
#include <string.h>

const struct json_limits json_node_limits = { JSON_BYTES_MAX, JSON_DEPTH_MAX, JSON_KEYS_MAX, JSON_KEY_BYTES_MAX };
const struct json_limits json_request_limits = { SIZE_MAX, JSON_DEPTH_MAX, 4 * JSON_KEYS_MAX, 4 * JSON_KEY_BYTES_MAX };

struct check {
	const struct json_limits *limits;
	unsigned keys;
	struct error *err;
};

/* jansson's own recursion is bounded by JSON_PARSER_MAX_DEPTH (2048); ours by depth_max. */
static enum status check_value(struct check *check, const json_t *value, unsigned depth)
{
	if (!json_is_object(value) && !json_is_array(value))
		return STATUS_OK;
	if (depth >= check->limits->depth_max)
		return error_set(check->err, STATUS_TOO_LARGE, "JSON is nested deeper than %u",
				 check->limits->depth_max);
	if (json_is_array(value)) {
		for (size_t i = 0; i < json_array_size(value); i++) {
			enum status st = check_value(check, json_array_get(value, i), depth + 1);
			if (st != STATUS_OK)
				return st;
		}
		return STATUS_OK;
	}
	check->keys += (unsigned)json_object_size(value);
	if (check->keys > check->limits->keys_max)
		return error_set(check->err, STATUS_TOO_LARGE, "JSON has more than %u keys", check->limits->keys_max);
	json_t *members = (json_t *)(uintptr_t)value; /* jansson's iterator is not const; nothing is changed */
	for (void *it = json_object_iter(members); it; it = json_object_iter_next(members, it)) {
		if (strlen(json_object_iter_key(it)) > check->limits->key_bytes_max)
			return error_set(check->err, STATUS_TOO_LARGE, "a JSON key is longer than %u bytes",
					 check->limits->key_bytes_max);
		enum status st = check_value(check, json_object_iter_value(it), depth + 1);
		if (st != STATUS_OK)
			return st;
	}
	return STATUS_OK;
}

enum status json_read(struct json_slice text, const struct json_limits *limits, json_t **ret_document,
		      struct error *err)
{
	if (text.len > limits->bytes_max)
		return error_set(err, STATUS_TOO_LARGE, "JSON is longer than %zu bytes", limits->bytes_max);
	if (text.len == 0)
		return error_set(err, STATUS_INVALID, "not JSON: empty");
	if (memchr(text.at, '\0', text.len)) /* jansson takes one behind `true` for nothing at all */
		return error_set(err, STATUS_INVALID, "not JSON: NUL");
	json_error_t why;
	CLEANUP(json) json_t *document = json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (!document)
		return error_set(err, STATUS_INVALID, "not JSON at byte %d: %s", why.position, why.text);
	struct check check = { .limits = limits, .err = err };
	enum status st = check_value(&check, document, 0);
	if (st != STATUS_OK)
		return st;
	*ret_document = STEAL(document);
	return STATUS_OK;
}

enum status json_read_object(struct json_slice text, const struct json_limits *limits, json_t **ret_document,
			     struct error *err)
{
	CLEANUP(json) json_t *document = NULL;
	enum status st = json_read(text, limits, &document, err);
	if (st != STATUS_OK)
		return st;
	if (!json_is_object(document))
		return error_set(err, STATUS_INVALID, "JSON is not an object");
	*ret_document = STEAL(document);
	return STATUS_OK;
}

/* From here on the text is known to be valid JSON: a NUL can't be met before its end, and every bracket closes. */

static const char *skip_blanks(const char *at)
{
	while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')
		at++;
	return at;
}

static const char *skip_string(const char *at)
{
	for (at++; *at != '"'; at++) {
		if (*at == '\\')
			at++;
	}
	return at + 1;
}

static const char *skip_value(const char *at)
{
	if (*at == '"')
		return skip_string(at);
	if (*at != '{' && *at != '[')
		return at + strcspn(at, ",]} \t\r\n");
	unsigned depth = 0;
	for (;;) {
		if (*at == '"') {
			at = skip_string(at);
			continue;
		}
		if (*at == '{' || *at == '[')
			depth++;
		if ((*at == '}' || *at == ']') && --depth == 0)
			return at + 1;
		at++;
	}
}

struct json_walk json_walk_start(json_t *container, struct json_slice text)
{
	bool is_object = json_is_object(container);
	return (struct json_walk){ .container = container,
				   .at = skip_blanks(text.at) + 1,
				   .member = is_object ? json_object_iter(container) : NULL };
}

bool json_walk_next(struct json_walk *walk, struct json_member *ret_member)
{
	bool is_object = json_is_object(walk->container);
	if (is_object ? !walk->member : walk->index >= json_array_size(walk->container))
		return false;
	const char *at = skip_blanks(walk->at);
	if (*at == ',')
		at = skip_blanks(at + 1);
	if (is_object) {
		at = skip_blanks(skip_string(at));
		at = skip_blanks(at + 1); /* the colon */
		ret_member->key = json_object_iter_key(walk->member);
		ret_member->value = json_object_iter_value(walk->member);
		walk->member = json_object_iter_next(walk->container, walk->member);
	} else {
		ret_member->key = NULL;
		ret_member->value = json_array_get(walk->container, walk->index++);
	}
	const char *end = skip_value(at);
	ret_member->text = (struct json_slice){ at, (size_t)(end - at) };
	walk->at = end;
	return true;
}

static unsigned hex4(const char *digits)
{
	unsigned value = 0;
	for (int i = 0; i < 4; i++) {
		char c = digits[i];
		unsigned digit = (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
		value = value << 4 | digit;
	}
	return value;
}

static void put_utf8(struct buffer *out, unsigned code)
{
	if (code < 0x80) {
		buffer_putc(out, (char)code);
	} else if (code < 0x800) {
		buffer_putc(out, (char)(0xc0 | code >> 6));
		buffer_putc(out, (char)(0x80 | (code & 0x3f)));
	} else if (code < 0x10000) {
		buffer_putc(out, (char)(0xe0 | code >> 12));
		buffer_putc(out, (char)(0x80 | (code >> 6 & 0x3f)));
		buffer_putc(out, (char)(0x80 | (code & 0x3f)));
	} else {
		buffer_putc(out, (char)(0xf0 | code >> 18));
		buffer_putc(out, (char)(0x80 | (code >> 12 & 0x3f)));
		buffer_putc(out, (char)(0x80 | (code >> 6 & 0x3f)));
		buffer_putc(out, (char)(0x80 | (code & 0x3f)));
	}
}

/* `at` is behind `\u`; returns what is behind the escape (two of them for a surrogate pair). */
static const char *put_unicode_escape(struct buffer *out, const char *at)
{
	unsigned code = hex4(at);
	at += 4;
	if (code >= 0xd800 && code < 0xdc00) {
		code = 0x10000 + ((code - 0xd800) << 10) + (hex4(at + 2) - 0xdc00);
		at += 6;
	}
	if (code < 0x20)
		buffer_printf(out, "\\u%04x", code);
	else if (code == '"' || code == '\\')
		buffer_printf(out, "\\%c", (char)code);
	else
		put_utf8(out, code);
	return at;
}

static const char *put_compact_string(struct buffer *out, const char *at)
{
	buffer_putc(out, '"');
	for (at++; *at != '"';) {
		if (*at != '\\') {
			buffer_putc(out, *at++);
		} else if (at[1] == 'u') {
			at = put_unicode_escape(out, at + 2);
		} else {
			if (at[1] != '/')
				buffer_putc(out, '\\');
			buffer_putc(out, at[1]);
			at += 2;
		}
	}
	buffer_putc(out, '"');
	return at + 1;
}

void json_put_compact(struct buffer *out, struct json_slice text)
{
	const char *end = text.at + text.len;
	for (const char *at = text.at; at < end;) {
		if (*at == '"') {
			at = put_compact_string(out, at);
		} else {
			if (*at != ' ' && *at != '\t' && *at != '\n' && *at != '\r')
				buffer_putc(out, *at);
			at++;
		}
	}
}

const char *json_member_text(const json_t *object, const char *key, const char *otherwise)
{
	const json_t *member = json_object_get(object, key);
	return json_is_string(member) ? json_string_value(member) : otherwise;
}
