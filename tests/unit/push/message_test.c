/* A mail's bytes: RFC 5322 headers, RFC 2047 for a subject that is not ASCII, RFC 2045 for a text that is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "push/message.h"

static const char *put(struct buffer *out, const char *subject, const char *text)
{
	const struct message message = {
		.from = "cistern@example.org", .to = "ann@example.org", .subject = subject, .text = text
	};
	message_put(out, &message);
	return buffer_text(out);
}

static void a_plain_mail_goes_as_it_is_with_lines_that_end_in_crlf(void **state)
{
	(void)state;
	CLEANUP(buffer) struct buffer out = { 0 };
	const char *mail = put(&out, "Hello", "one\n\ntwo = 2\n");
	assert_non_null(strstr(mail, "\r\nFrom: <cistern@example.org>\r\nTo: <ann@example.org>\r\nSubject: Hello\r\n"));
	assert_non_null(strstr(mail, "\r\nContent-Transfer-Encoding: 7bit\r\n\r\none\r\n\r\ntwo = 2\r\n"));
	assert_non_null(strstr(mail, "@example.org>\r\nFrom"));
}

static void two_mails_have_two_message_ids(void **state)
{
	(void)state;
	CLEANUP(buffer) struct buffer one = { 0 };
	CLEANUP(buffer) struct buffer other = { 0 };
	const char *a = strstr(put(&one, "s", "t"), "Message-ID: <"),
		   *b = strstr(put(&other, "s", "t"), "Message-ID: <");
	assert_memory_not_equal(a, b, strlen("Message-ID: <") + 32);
}

static void a_subject_that_is_not_ascii_becomes_encoded_words(void **state)
{
	(void)state;
	CLEANUP(buffer) struct buffer out = { 0 };
	/* base64 of the UTF-8 bytes c3 84 */
	assert_non_null(strstr(put(&out, "\xc3\x84", "t"), "\r\nSubject: =?utf-8?B?w4Q=?=\r\n"));
	buffer_clear(&out);
	/* 24 times two bytes: 22 characters fit 45 bytes, and a word ends with a whole character */
	const char *mail =
		put(&out,
		    "\xc3\x84\xc3\x84\xc3\x84\xc3\x84\xc3\x84\xc3\x84\xc3\x84\xc3\x84\xc3\x84\xc3\x84\xc3\x84\xc3\x84"
		    "\xc3\x84\xc3\x84\xc3\x84\xc3\x84\xc3\x84\xc3\x84\xc3\x84\xc3\x84\xc3\x84\xc3\x84\xc3\x84\xc3\x84",
		    "t");
	assert_non_null(strstr(mail, "?=\r\n =?utf-8?B?w4TDhA==?=\r\n"));
	buffer_clear(&out);
	assert_non_null(
		strstr(put(&out, "=?utf-8?B?YQ==?=", "t"), "Subject: =?utf-8?B?PT91dGYtOD9CP1lRPT0/PQ==?=\r\n"));
}

static void a_text_that_is_not_ascii_becomes_quoted_printable(void **state)
{
	(void)state;
	CLEANUP(buffer) struct buffer out = { 0 };
	const char *mail = put(&out, "s", "\xc3\xa4 = x \n.\n");
	assert_non_null(
		strstr(mail, "\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4 =3D x=20\r\n.\r\n"));
}

static void no_line_of_a_mail_is_longer_than_998_bytes(void **state)
{
	(void)state;
	static char text[5000];
	memset(text, 'x', sizeof(text) - 1);
	CLEANUP(buffer) struct buffer out = { 0 };
	const char *at = put(&out, "s", text);
	for (const char *end = strstr(at, "\r\n"); end; at = end + 2, end = strstr(at, "\r\n"))
		assert_true(end - at <= 998);
	assert_true(strlen(at) <= 998);
}

static void an_address_that_could_be_two_is_none(void **state)
{
	(void)state;
	assert_true(message_address_valid("o'neil!#$%&*+/=?^_`{|}~-.x@example.org"));
	assert_false(message_address_valid(""));
	assert_false(message_address_valid("a@b c@d"));
	assert_false(message_address_valid("a@b>\r\nRCPT TO:<c@d"));
	assert_false(message_address_valid("a@b,c@d"));
	assert_false(message_address_valid("\xc3\xa4@b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_mail_goes_as_it_is_with_lines_that_end_in_crlf),
		cmocka_unit_test(two_mails_have_two_message_ids),
		cmocka_unit_test(a_subject_that_is_not_ascii_becomes_encoded_words),
		cmocka_unit_test(a_text_that_is_not_ascii_becomes_quoted_printable),
		cmocka_unit_test(no_line_of_a_mail_is_longer_than_998_bytes),
		cmocka_unit_test(an_address_that_could_be_two_is_none),
	};
	return cmocka_run_group_tests_name("push/message", tests, NULL, NULL);
}
