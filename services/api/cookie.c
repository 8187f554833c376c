#include "api/cookie.h"

#include <string.h>

const char *cookie_find(const char *header, const char *name, size_t *ret_len)
{
	const char *found = NULL;
	size_t name_len = strlen(name), found_len = 0;
	for (const char *at = header ? header : ""; *at;) {
		at += strspn(at, "; ");
		size_t len = strcspn(at, ";");
		if (len > name_len && memcmp(at, name, name_len) == 0 && at[name_len] == '=') {
			if (found)
				return NULL;
			found = at + name_len + 1;
			found_len = len - name_len - 1;
		}
		at += len;
	}
	if (found)
		*ret_len = found_len;
	return found;
}
