#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret_value)
{
	const char *digits = text[0] == '-' ? text + 1 : text;
	if (!isdigit((unsigned char)digits[0]))
		return false;
	char *end = NULL;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	if (errno || *end != '\0' || value < min || value > max)
		return false;
	*ret_value = value;
	return true;
}

bool parse_bool(const char *text, bool *ret_value)
{
	if (strcasecmp(text, "true") == 0)
		*ret_value = true;
	else if (strcasecmp(text, "false") == 0)
		*ret_value = false;
	else
		return false;
	return true;
}

bool parse_is_uuid(const char *text)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	if (strlen(text) != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; i < sizeof(shape) - 1; i++) {
		bool fits = shape[i] == '-' ? text[i] == '-' : isxdigit((unsigned char)text[i]);
		if (!fits)
			return false;
	}
	return true;
}
