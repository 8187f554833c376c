#include "push/message.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/utf8.h"

enum {
	ID_BYTES = 16,
	LINE_BYTES_MAX = 76,        /* of quoted-printable, RFC 2045 6.7 */
	PLAIN_LINE_BYTES_MAX = 900, /* RFC 5322 2.1.1 ends at 998 */
	ENCODED_WORD_BYTES_MAX =
		45, /* 60 characters of base64; with =?utf-8?B? and ?= within the 75 of RFC 2047 section 2 */
	ENCODED_WORD_TEXT_BYTES = 61, /* with its NUL */
};

bool message_address_valid(const char *address)
{
	if (!*address)
		return false;
	for (; *address; address++) {
		if (*address <= 0x20 || *address >= 0x7f || strchr("<>,;\"()\\", *address))
			return false;
	}
	return true;
}

static bool is_ascii(const char *text)
{
	while (*text && (unsigned char)*text < 0x80)
		text++;
	return *text == '\0';
}

static void put_date(struct buffer *out)
{
	time_t now_s = (time_t)(clock_now_us() / 1000000);
	struct tm now;
	char date[64];
	gmtime_r(&now_s, &now);
	if (strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &now) == 0)
		abort();
	buffer_printf(out, "Date: %s\r\n", date);
}

/* Unique at the sender's domain (RFC 5322 3.6.4): a server that got the mail twice can tell. */
static void put_id(struct buffer *out, const char *from)
{
	unsigned char id[ID_BYTES];
	char text[ID_BYTES * 2 + 1];
	if (getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id))
		abort();
	const char *at = strrchr(from, '@');
	buffer_printf(out, "Message-ID: <%s@%s>\r\n", sodium_bin2hex(text, sizeof(text), id, sizeof(id)),
		      at && at[1] ? at + 1 : "localhost");
}

/* Each word ends with a whole character, as RFC 2047 section 5 wants it. */
static void put_encoded_words(struct buffer *out, const char *text)
{
	size_t len = strlen(text);
	for (const char *separator = ""; len > 0; separator = "\r\n ") {
		size_t n = utf8_cut(text, len, ENCODED_WORD_BYTES_MAX);
		char word[ENCODED_WORD_TEXT_BYTES];
		(void)sodium_bin2base64(word, sizeof(word), (const unsigned char *)text, n,
					sodium_base64_VARIANT_ORIGINAL); /* the size is enough */
		buffer_printf(out, "%s=?utf-8?B?%s?=", separator, word);
		text += n;
		len -= n;
	}
}

/* Text that looks like an encoded word is encoded too: a reader would decode it. */
static void put_subject(struct buffer *out, const char *subject)
{
	buffer_puts(out, "Subject: ");
	if (is_ascii(subject) && !strstr(subject, "=?"))
		buffer_puts(out, subject);
	else
		put_encoded_words(out, subject);
	buffer_puts(out, "\r\n");
}

static bool is_plain(const char *text)
{
	if (!is_ascii(text))
		return false;
	for (;;) {
		size_t len = strcspn(text, "\n");
		if (len > PLAIN_LINE_BYTES_MAX)
			return false;
		if (text[len] == '\0')
			return true;
		text += len + 1;
	}
}

static void put_lines_crlf(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			buffer_putc(out, '\r');
		buffer_putc(out, *text);
	}
}

/* A blank at the end of a line might be lost on the way, so it is written in numbers. */
static bool goes_as_it_is(const char *at)
{
	if (*at == ' ' || *at == '\t')
		return at[1] != '\n' && at[1] != '\0';
	return *at > 0x20 && *at < 0x7f && *at != '=';
}

static void put_quoted_printable(struct buffer *out, const char *text)
{
	size_t column = 0;
	for (; *text; text++) {
		if (*text == '\n') {
			buffer_puts(out, "\r\n");
			column = 0;
			continue;
		}
		size_t width = goes_as_it_is(text) ? 1 : 3;
		if (column + width > LINE_BYTES_MAX - 1) { /* the = that says that the line goes on */
			buffer_puts(out, "=\r\n");
			column = 0;
		}
		if (width == 1)
			buffer_putc(out, *text);
		else
			buffer_printf(out, "=%02X", (unsigned)(unsigned char)*text);
		column += width;
	}
}

void message_put(struct buffer *out, const struct message *message)
{
	bool plain = is_plain(message->text);
	put_date(out);
	put_id(out, message->from);
	buffer_printf(out, "From: <%s>\r\nTo: <%s>\r\n", message->from, message->to);
	put_subject(out, message->subject);
	buffer_puts(
		out,
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nAuto-Submitted: auto-generated\r\n");
	buffer_printf(out, "Content-Transfer-Encoding: %s\r\n\r\n", plain ? "7bit" : "quoted-printable");
	if (plain)
		put_lines_crlf(out, message->text);
	else
		put_quoted_printable(out, message->text);
}
