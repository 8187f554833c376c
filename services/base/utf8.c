#include "base/utf8.h"

#include <stdint.h>

/* Bytes of the character at `at`, 0 when it is none. */
static size_t character_len(const unsigned char *at, size_t left)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 }; /* what needs so many bytes */
	if (at[0] < 0x80)
		return 1;
	size_t len = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
	if (at[0] < 0xc2 || at[0] > 0xf4 || len > left)
		return 0;
	uint32_t code = at[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3fu);
	}
	bool valid = code >= least[len] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
	return valid ? len : 0;
}

bool utf8_valid(const char *bytes, size_t len)
{
	const unsigned char *at = (const unsigned char *)bytes;
	while (len > 0) {
		size_t step = character_len(at, len);
		if (step == 0)
			return false;
		at += step;
		len -= step;
	}
	return true;
}

size_t utf8_cut(const char *bytes, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max > 0 && ((unsigned char)bytes[max] & 0xc0) == 0x80)
		max--;
	return max;
}
