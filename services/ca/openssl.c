#include "ca/openssl.h"

#include <openssl/err.h>

enum status openssl_failure(struct error *err, enum status status, const char *what)
{
	/* the oldest entry is where it began; those behind it only say who passed it on */
	const char *reason = ERR_reason_error_string(ERR_peek_error());
	ERR_clear_error();
	return error_set(err, status, "%s: %s", what, reason ? reason : "no reason given");
}
