#include "account/url.h"

#include <string.h>

void url_put_escaped(struct buffer *out, const char *text)
{
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	for (; *text; text++) {
		if (strchr(unreserved, *text))
			buffer_putc(out, *text);
		else
			buffer_printf(out, "%%%02X", (unsigned)(unsigned char)*text);
	}
}

void url_put_param(struct buffer *out, const char *name, const char *value)
{
	if (out->len > 0 && !strchr("?&", out->bytes[out->len - 1]))
		buffer_putc(out, '&');
	buffer_puts(out, name);
	buffer_putc(out, '=');
	url_put_escaped(out, value);
}

void url_put_base(struct buffer *out, const char *url)
{
	buffer_puts(out, url);
	buffer_putc(out, strchr(url, '?') ? '&' : '?');
}

bool url_is_https(const char *url)
{
	static const char scheme[] = "https://";
	if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
		return false;
	for (const char *at = url; *at; at++) {
		if (*at <= 0x20 || *at >= 0x7f || strchr("\"<>\\^`{|}#", *at))
			return false;
	}
	return url[sizeof(scheme) - 1] != '\0' && !strchr("/?:@", url[sizeof(scheme) - 1]);
}
