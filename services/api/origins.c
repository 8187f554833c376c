#include "api/origins.h"

#include <stdint.h>
#include <string.h>

#include "base/parse.h"

static const char between[] = ", \t";

bool origins_have(const char *list, const char *origin)
{
	if (!list || !origin)
		return false;
	size_t len = strlen(origin);
	while (*(list += strspn(list, between))) {
		size_t n = strcspn(list, between);
		if (n == len && memcmp(list, origin, len) == 0)
			return true;
		list += n;
	}
	return false;
}

/* What a browser leaves out, the list must leave out, or it would never match. */
static bool is_port(const char *text, const char *usual)
{
	int64_t port = 0;
	return *text != '0' && strcmp(text, usual) != 0 && parse_i64(text, 1, 65535, &port);
}

static bool is_host(const char *text, size_t len)
{
	static const char name[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
	static const char address[] = "abcdef0123456789:.";
	if (len > 2 && text[0] == '[' && text[len - 1] == ']')
		return strspn(text + 1, address) == len - 2;
	return len > 0 && strspn(text, name) >= len;
}

static bool is_origin(const char *text)
{
	static const struct {
		const char *scheme, *port;
	} schemes[] = { { "https://", "443" }, { "http://", "80" } };
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		size_t len = strlen(schemes[i].scheme);
		if (strncmp(text, schemes[i].scheme, len) != 0)
			continue;
		const char *host = text + len;
		const char *end = *host == '[' ? strchr(host, ']') : NULL;
		const char *colon = strchr(end ? end : host, ':');
		size_t host_len = colon ? (size_t)(colon - host) : strlen(host);
		return is_host(host, host_len) && (!colon || is_port(colon + 1, schemes[i].port));
	}
	return false;
}

enum status origins_check(const char *list, struct error *err)
{
	size_t n_origins = 0;
	while (list && *(list += strspn(list, between))) {
		char origin[ORIGIN_BYTES_MAX + 1];
		size_t len = strcspn(list, between);
		if (len > ORIGIN_BYTES_MAX || ++n_origins > ORIGINS_MAX)
			return error_set(err, STATUS_INVALID,
					 "api_cors_origins: over %d bytes in one or over %d origins", ORIGIN_BYTES_MAX,
					 ORIGINS_MAX);
		memcpy(origin, list, len);
		origin[len] = '\0';
		if (!is_origin(origin))
			return error_set(err, STATUS_INVALID,
					 "api_cors_origins: '%s' is no origin like https://console.example.org",
					 origin);
		list += len;
	}
	return STATUS_OK;
}
