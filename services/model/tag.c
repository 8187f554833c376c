#include "model/tag.h"

/* C1 is U+0080 to U+009F: C2 80 to C2 9F. */
bool tag_valid(const char *text, size_t len)
{
	if (len == 0 || len > TAG_BYTES_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)text[i];
		if (byte < 0x20 || byte == 0x7f)
			return false;
		if (byte == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0)
			return false;
	}
	return true;
}
