#include "api/params_query.h"

#include <string.h>

#include "api/path.h"
#include "base/parse.h"

static enum status decode(const char *text, size_t len, struct arena *arena, const char **ret_text, struct error *err)
{
	char *decoded = arena_alloc(arena, len + 1);
	if (!decoded)
		return error_set(err, STATUS_TOO_LARGE, "request needs too much memory");
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		char byte = text[i];
		if (byte == '%') {
			if (!path_decode_percent(text + i, len - i, &byte))
				return error_set(err, STATUS_INVALID, "query has a bad escape");
			i += 2;
		} else if (byte == '+') {
			byte = ' ';
		}
		if (byte == '\0')
			return error_set(err, STATUS_INVALID, "query has a NUL");
		decoded[n++] = byte;
	}
	decoded[n] = '\0';
	*ret_text = decoded;
	return STATUS_OK;
}

static const char *find(const struct params_query *query, const char *name)
{
	for (size_t i = 0; i < query->n_pairs; i++) {
		if (strcmp(query->pairs[i].name, name) == 0)
			return query->pairs[i].value;
	}
	return NULL;
}

static enum status add_pair(const char *text, size_t len, struct arena *arena, struct params_query *query,
			    struct error *err)
{
	if (query->n_pairs == PARAMS_QUERY_PAIRS_MAX)
		return error_set(err, STATUS_TOO_LARGE, "query has more than %d parameters", PARAMS_QUERY_PAIRS_MAX);
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals ? (size_t)(equals - text) : len;
	const char *name = NULL, *value = "";
	enum status st = decode(text, name_len, arena, &name, err);
	if (st == STATUS_OK && equals)
		st = decode(equals + 1, len - name_len - 1, arena, &value, err);
	if (st != STATUS_OK)
		return st;
	if (find(query, name))
		return error_set(err, STATUS_INVALID, "query names a parameter twice");
	query->pairs[query->n_pairs].name = name;
	query->pairs[query->n_pairs++].value = value;
	return STATUS_OK;
}

enum status params_query_read(const char *text, size_t text_len, struct arena *arena, struct params_query *ret_query,
			      struct error *err)
{
	ret_query->n_pairs = 0;
	if (text_len > PARAMS_QUERY_BYTES_MAX)
		return error_set(err, STATUS_TOO_LARGE, "query is longer than %d bytes", PARAMS_QUERY_BYTES_MAX);
	const char *end = text + text_len;
	while (text < end) {
		const char *ampersand = memchr(text, '&', (size_t)(end - text));
		size_t len = (size_t)((ampersand ? ampersand : end) - text);
		if (len > 0) {
			enum status st = add_pair(text, len, arena, ret_query, err);
			if (st != STATUS_OK)
				return st;
		}
		text += len + 1;
	}
	return STATUS_OK;
}

const char *params_query_text(const struct params_query *query, const char *name)
{
	const char *value = find(query, name);
	if (!value || *value == '\0' || strcmp(value, "undefined") == 0)
		return NULL;
	return value;
}

enum status params_query_user_name(const struct params_query *query, const char *name, struct arena *arena,
				   const char **ret_text, struct error *err)
{
	const char *text = params_query_text(query, name);
	*ret_text = NULL;
	if (!text)
		return STATUS_OK;
	char *restored = arena_copy(arena, text, strlen(text));
	if (!restored)
		return error_set(err, STATUS_TOO_LARGE, "request needs too much memory");
	for (char *at = restored; (at = strchr(at, ' ')) != NULL;)
		*at = '+';
	*ret_text = restored;
	return STATUS_OK;
}

enum status params_query_either(const struct params_query *query, const char *name, const char *other,
				const char **ret_value, struct error *err)
{
	const char *one = params_query_text(query, name), *two = params_query_text(query, other);
	if (one && two && strcmp(one, two) != 0)
		return error_set(err, STATUS_INVALID, "%s and %s differ", name, other);
	*ret_value = one ? one : two;
	return STATUS_OK;
}

enum status params_query_bool(const struct params_query *query, const char *name, bool otherwise, bool *ret_value,
			      struct error *err)
{
	const char *text = params_query_text(query, name);
	*ret_value = otherwise;
	if (text && !parse_bool(text, ret_value))
		return error_set(err, STATUS_INVALID, "%s is neither true nor false", name);
	return STATUS_OK;
}

enum status params_query_count(const struct params_query *query, const char *name, int64_t min, int64_t max,
			       int64_t otherwise, int64_t *ret_value, struct error *err)
{
	const char *text = params_query_text(query, name);
	int64_t value = otherwise;
	if (text && !parse_i64(text, min, INT64_MAX, &value))
		return error_set(err, STATUS_INVALID, "%s is not a number from %lld on", name, (long long)min);
	*ret_value = value > max ? max : value;
	return STATUS_OK;
}
