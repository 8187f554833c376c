#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

const char *status_name(enum status status)
{
	switch (status) {
	case STATUS_OK: return "ok";
	case STATUS_INVALID: return "invalid";
	case STATUS_TOO_LARGE: return "too_large";
	case STATUS_UNAUTHENTICATED: return "unauthenticated";
	case STATUS_DENIED: return "denied";
	case STATUS_NOT_FOUND: return "not_found";
	case STATUS_CONFLICT: return "conflict";
	case STATUS_LIMIT: return "limit";
	case STATUS_UNAVAILABLE: return "unavailable";
	case STATUS_TIMEOUT: return "timeout";
	case STATUS_INTERNAL: return "internal";
	}
	return "unknown";
}

enum status error_set(struct error *err, enum status status, const char *format, ...)
{
	if (!err)
		return status;
	err->status = status;
	va_list args;
	va_start(args, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, args); /* cut at the end of the text on purpose */
	va_end(args);
	return status;
}
