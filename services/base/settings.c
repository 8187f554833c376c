#include "base/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

enum { LINE_MAX_BYTES = 1024, NAME_MAX_BYTES = 64 };

static void cleanup_file(FILE **file)
{
	if (*file)
		(void)fclose(*file); /* read only */
}

static enum status set_value(const struct setting *row, const char *value, void *values, const char *where,
			     struct error *err)
{
	char *field = (char *)values + row->offset;
	switch (row->kind) {
	case SETTING_TEXT:
		if (strlen(value) > SETTING_TEXT_MAX)
			return error_set(err, STATUS_INVALID, "%s: %s is longer than %d bytes", where, row->name,
					 SETTING_TEXT_MAX);
		memcpy(field, value, strlen(value) + 1);
		return STATUS_OK;
	case SETTING_INTEGER: {
		int64_t number = 0;
		if (!parse_i64(value, row->min, row->max, &number))
			return error_set(err, STATUS_INVALID, "%s: %s must be a number from %lld to %lld, not '%s'",
					 where, row->name, (long long)row->min, (long long)row->max, value);
		memcpy(field, &number, sizeof(number));
		return STATUS_OK;
	}
	case SETTING_BOOLEAN: {
		bool flag = false;
		if (!parse_bool(value, &flag))
			return error_set(err, STATUS_INVALID, "%s: %s must be true or false, not '%s'", where,
					 row->name, value);
		memcpy(field, &flag, sizeof(flag));
		return STATUS_OK;
	}
	}
	return error_set(err, STATUS_INTERNAL, "setting %s has no kind", row->name);
}

static const struct setting *find(const struct setting *rows, size_t n_rows, const char *name)
{
	for (size_t i = 0; i < n_rows; i++) {
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	}
	return NULL;
}

static char *trim(char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	char *end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return text;
}

static enum status read_line(const struct setting *rows, size_t n_rows, char *line, const char *where, void *values,
			     struct error *err)
{
	char *text = trim(line);
	if (*text == '\0' || *text == '#')
		return STATUS_OK;
	char *equals = strchr(text, '=');
	if (!equals)
		return error_set(err, STATUS_INVALID, "%s: expected 'name = value'", where);
	*equals = '\0';
	const char *name = trim(text);
	const struct setting *row = find(rows, n_rows, name);
	if (!row)
		return error_set(err, STATUS_INVALID, "%s: unknown setting '%.*s'", where, NAME_MAX_BYTES, name);
	return set_value(row, trim(equals + 1), values, where, err);
}

static enum status read_file(const struct setting *rows, size_t n_rows, const char *path, void *values,
			     struct error *err)
{
	CLEANUP(file) FILE *file = fopen(path, "re");
	if (!file)
		return error_set(err, STATUS_INVALID, "cannot read settings '%s': %s", path, strerror(errno));
	char line[LINE_MAX_BYTES];
	for (int number = 1; fgets(line, sizeof(line), file); number++) {
		char where[SETTING_TEXT_MAX + 16];
		(void)snprintf(where, sizeof(where), "%s:%d", path, number);
		if (strlen(line) == sizeof(line) - 1)
			return error_set(err, STATUS_INVALID, "%s: line is too long", where);
		enum status st = read_line(rows, n_rows, line, where, values, err);
		if (st != STATUS_OK)
			return st;
	}
	if (ferror(file))
		return error_set(err, STATUS_INVALID, "cannot read settings '%s': %s", path, strerror(errno));
	return STATUS_OK;
}

static const char *from_environment(const struct setting *row, char *ret_name, size_t size)
{
	int len = snprintf(ret_name, size, "CISTERN_%s", row->name);
	for (int i = 0; i < len; i++)
		ret_name[i] = (char)toupper((unsigned char)ret_name[i]);
	return getenv(ret_name);
}

enum status settings_read(const struct setting *rows, size_t n_rows, const char *path, void *ret_values,
			  struct error *err)
{
	for (size_t i = 0; i < n_rows; i++) {
		enum status st = set_value(&rows[i], rows[i].default_value ? rows[i].default_value : "", ret_values,
					   "default", err);
		if (st != STATUS_OK)
			return st;
	}
	enum status st = path ? read_file(rows, n_rows, path, ret_values, err) : STATUS_OK;
	for (size_t i = 0; st == STATUS_OK && i < n_rows; i++) {
		char name[NAME_MAX_BYTES + 16];
		const char *value = from_environment(&rows[i], name, sizeof(name));
		if (value)
			st = set_value(&rows[i], value, ret_values, name, err);
	}
	for (size_t i = 0; st == STATUS_OK && i < n_rows; i++) {
		const char *field = (const char *)ret_values + rows[i].offset;
		if (rows[i].kind == SETTING_TEXT && rows[i].min > 0 && *field == '\0')
			st = error_set(err, STATUS_INVALID, "setting '%s' is required", rows[i].name);
	}
	return st;
}

void settings_print(const struct setting *rows, size_t n_rows)
{
	for (size_t i = 0; i < n_rows; i++)
		(void)printf("  %-26s %s (default: %s)\n", rows[i].name, rows[i].help,
			     rows[i].default_value && *rows[i].default_value ? rows[i].default_value : "none");
}
