#include "api/sharing_query.h"

#include <string.h>

#include "base/parse.h"
#include "store/sharing.h"

enum { CURSOR_DIGITS_MAX = 19 /* of an int64_t */ };

bool sharing_id_valid(const char *text)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	return strspn(text, alphabet) == SHARING_REQUEST_ID_LEN && text[SHARING_REQUEST_ID_LEN] == '\0';
}

size_t sharing_ids_split(char *text, const char **ret_ids, size_t max)
{
	size_t n = 0;
	for (char *next = text; next;) {
		const char *id = strsep(&next, ",");
		if (*id == '\0' || n == max)
			return 0;
		ret_ids[n++] = id;
	}
	return n;
}

bool sharing_cursor_read(const char *text, int64_t *ret_at_us, const char **ret_id)
{
	char digits[CURSOR_DIGITS_MAX + 1];
	size_t n_digits = strspn(text, "0123456789");
	if (n_digits > CURSOR_DIGITS_MAX || text[n_digits] != '.' || !sharing_id_valid(text + n_digits + 1))
		return false;
	memcpy(digits, text, n_digits);
	digits[n_digits] = '\0';
	if (!parse_i64(digits, 0, INT64_MAX, ret_at_us))
		return false;
	*ret_id = text + n_digits + 1;
	return true;
}
