#include "api/path.h"

#include <string.h>

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

bool path_decode_percent(const char *at, size_t len, char *ret_byte)
{
	if (len < 3 || at[0] != '%')
		return false;
	int high = hex_value(at[1]), low = hex_value(at[2]);
	if (high < 0 || low < 0)
		return false;
	*ret_byte = (char)(high * 16 + low);
	return true;
}

static bool byte_allowed(char byte)
{
	return byte > 0x20 && byte < 0x7f && !strchr("%\\;?#", byte);
}

static bool is_dot_segment(const char *segment, size_t len)
{
	return (len == 1 && segment[0] == '.') || (len == 2 && segment[0] == '.' && segment[1] == '.');
}

static bool has_dot_segment(const char *path)
{
	while (*path) {
		size_t len = strcspn(path, "/");
		if (is_dot_segment(path, len))
			return true;
		path += len;
		if (*path == '/')
			path++;
	}
	return false;
}

enum status path_read(const char *raw, size_t raw_len, path_text ret_path, struct error *err)
{
	if (raw_len == 0 || raw[0] != '/')
		return error_set(err, STATUS_INVALID, "path does not begin with a slash");
	path_text path = "";
	size_t len = 0;
	for (size_t i = 0; i < raw_len; i++) {
		char byte = raw[i];
		bool encoded = byte == '%';
		if (encoded && !path_decode_percent(raw + i, raw_len - i, &byte))
			return error_set(err, STATUS_INVALID, "path has a bad escape");
		if (encoded)
			i += 2;
		if (!byte_allowed(byte) || (encoded && byte == '/'))
			return error_set(err, STATUS_INVALID, "path has a byte that is refused");
		if (byte == '/' && len > 0 && path[len - 1] == '/')
			continue;
		if (len == PATH_BYTES_MAX)
			return error_set(err, STATUS_TOO_LARGE, "path is longer than %d bytes", PATH_BYTES_MAX);
		path[len++] = byte;
	}
	path[len] = '\0';
	if (has_dot_segment(path))
		return error_set(err, STATUS_INVALID, "path has a dot segment");
	memcpy(ret_path, path, len + 1);
	return STATUS_OK;
}
