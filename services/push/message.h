/* push/message.h - one mail as the bytes that go to the SMTP server: RFC 5322 headers and a text, lines ending in CR LF.
 *
 * A subject that is not plain ASCII becomes encoded words (RFC 2047), a text that is not becomes quoted-printable (RFC 2045), so
 * that a server without 8BITMIME takes it. The dots at the beginning of lines are libcurl's affair.
 *
 * Thread: any. Memory: appends to the caller's buffer. No errors: addresses and subject are one line each, the caller's promise.
 */
#ifndef CISTERN_PUSH_MESSAGE_H
#define CISTERN_PUSH_MESSAGE_H

#include <stdbool.h>

#include "base/buffer.h"

struct message {
	const char *from, *to; /* addresses without < and > */
	const char *subject;   /* UTF-8 */
	const char *text;      /* UTF-8, lines end in \n */
};

/* With the time of now and a Message-ID of its own: the same bytes are sent at each try. */
void message_put(struct buffer *out, const struct message *message);

/* One line, no blank, none of the signs that would end or double an address in a header or the envelope; ASCII. */
MUST_CHECK bool message_address_valid(const char *address);

#endif
