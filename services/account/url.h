/* account/url.h - query and form parameters, written. RFC 3986: all but the unreserved characters as %XX.
 *
 * Thread: any. Memory: appends to the caller's buffer. No errors.
 */
#ifndef CISTERN_ACCOUNT_URL_H
#define CISTERN_ACCOUNT_URL_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/macros.h"

void url_put_escaped(struct buffer *out, const char *text);
/* `name=value`, with a & before it unless the buffer is empty or ends in ? or &. */
void url_put_param(struct buffer *out, const char *name, const char *value);
/* What a parameter may follow: the URL with ? behind it, or & when it has a query already. */
void url_put_base(struct buffer *out, const char *url);
/* https, a host, and no blank, control character, quote or fragment. */
MUST_CHECK bool url_is_https(const char *url);

#endif
