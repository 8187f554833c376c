/* base/settings.h - one settings file, read by a table of rows.
 *
 *   # a comment
 *   api_port = 8080
 *
 * Each row may be overridden by CISTERN_<NAME> in the environment. An unknown name, an ill-formed value or a missing
 * required setting is INVALID and stops the start; the error names file, line and setting.
 *
 * Thread:  main, before threads start; the values are read-only afterwards.
 * Memory:  fills the caller's struct; text is copied into fixed fields of it.
 */
#ifndef CISTERN_BASE_SETTINGS_H
#define CISTERN_BASE_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/macros.h"

enum { SETTING_TEXT_MAX = 511 };
typedef char setting_text[SETTING_TEXT_MAX + 1];

enum setting_kind { SETTING_TEXT, SETTING_INTEGER, SETTING_BOOLEAN };

struct setting {
	const char *name;
	enum setting_kind kind;
	int64_t min, max;          /* integers; for text: min 1 means required */
	const char *default_value; /* in the file's form; NULL for required text */
	size_t offset;             /* of a setting_text, int64_t or bool in the caller's struct */
	const char *help;          /* one line for --help and docs/operations */
};

/* Defaults, then the file (path NULL: none), then the environment. */
MUST_CHECK enum status settings_read(const struct setting *rows, size_t n_rows, const char *path, void *ret_values,
				     struct error *err);
/* Every row as text for --help. */
void settings_print(const struct setting *rows, size_t n_rows);

#endif
