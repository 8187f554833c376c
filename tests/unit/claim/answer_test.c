/* What a device can read: \n and no other escape, and 3071 bytes at most (claiming.md section 1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "claim/answer.h"

static void a_pem_has_line_feed_as_its_only_escape(void **state)
{
	(void)state;
	CLEANUP(buffer) struct buffer out = { 0 };
	struct error err;
	assert_int_equal(answer_put_pem(&out, "-----BEGIN X-----\nab/+=\n-----END X-----\n", &err), STATUS_OK);
	assert_string_equal(buffer_text(&out), "\"-----BEGIN X-----\\nab/+=\\n-----END X-----\\n\"");
}

static void what_would_need_another_escape_is_refused(void **state)
{
	(void)state;
	static const char *const texts[] = { "a\r\n", "a\"b", "a\\b", "a\tb", "a\x7f", "\xc3\xa4", "\x1b[0m" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP(buffer) struct buffer out = { 0 };
		struct error err;
		assert_int_equal(answer_put_pem(&out, texts[i], &err), STATUS_INVALID);
	}
}

static void an_answer_is_compact_and_leaves_out_a_host_that_is_not_set(void **state)
{
	(void)state;
	static const struct {
		const char *host, *cred_host, *text;
	} cases[] = {
		{ "m.example.org", "c.example.org",
		  "{\"certificate\":\"A\\n\",\"mqtt_host\":\"m.example.org\",\"mqtt_cred_host\":\"c.example.org\"}" },
		{ "m.example.org", "", "{\"certificate\":\"A\\n\",\"mqtt_host\":\"m.example.org\"}" },
		{ "m.example.org", NULL, "{\"certificate\":\"A\\n\",\"mqtt_host\":\"m.example.org\"}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buffer) struct buffer out = { 0 };
		struct error err;
		assert_int_equal(answer_put(&out, "A\n", cases[i].host, cases[i].cred_host, &err), STATUS_OK);
		assert_string_equal(buffer_text(&out), cases[i].text);
	}
}

/* SubjectPublicKeyInfo: P-256 91 bytes, P-384 120, RSA-2048 294, RSA-4096 550. A host name has 253 characters at most (RFC 1035). */
static void every_allowed_key_fits_with_the_longest_host_names(void **state)
{
	(void)state;
	static const size_t key_lens[] = { 91, 120, 294, 550 };
	char host[254];
	memset(host, 'h', 253);
	host[253] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(key_lens); i++)
		assert_true(answer_bytes_bound(key_lens[i], host, host) <= CLAIM_ANSWER_BYTES_MAX);
	assert_true(answer_bytes_bound(1100, host, host) > CLAIM_ANSWER_BYTES_MAX);
	assert_int_equal(answer_bytes_bound(91, host, host) - answer_bytes_bound(91, "", ""), 2 * 253);
}

/* A certificate that uses up all that the bound counts on: 1024 bytes of DER beside the key. */
static void no_answer_is_longer_than_its_bound(void **state)
{
	(void)state;
	for (size_t key_len = 80; key_len < 600; key_len++) {
		CLEANUP(buffer) struct buffer pem = { 0 };
		CLEANUP(buffer) struct buffer out = { 0 };
		size_t base64 = (key_len + 1024 + 2) / 3 * 4;
		struct error err;
		buffer_puts(&pem, "-----BEGIN CERTIFICATE-----\n");
		for (size_t i = 0; i < base64; i++) {
			buffer_putc(&pem, 'A');
			if (i % 64 == 63 || i == base64 - 1)
				buffer_putc(&pem, '\n');
		}
		buffer_puts(&pem, "-----END CERTIFICATE-----\n");
		assert_int_equal(answer_put(&out, buffer_text(&pem), "host", "cred", &err), STATUS_OK);
		assert_int_equal(out.len, answer_bytes_bound(key_len, "host", "cred"));
	}
}

static void a_failure_is_plain_text_whatever_the_reason_holds(void **state)
{
	(void)state;
	CLEANUP(buffer) struct buffer out = { 0 };
	answer_put_failure(&out, "no \"good\" \\ \n\x1b key \xff");
	assert_string_equal(buffer_text(&out),
			    "{\"status\":\"failure\",\"description\":\"no \\\"good\\\" \\\\ ?? key ?\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pem_has_line_feed_as_its_only_escape),
		cmocka_unit_test(what_would_need_another_escape_is_refused),
		cmocka_unit_test(an_answer_is_compact_and_leaves_out_a_host_that_is_not_set),
		cmocka_unit_test(every_allowed_key_fits_with_the_longest_host_names),
		cmocka_unit_test(no_answer_is_longer_than_its_bound),
		cmocka_unit_test(a_failure_is_plain_text_whatever_the_reason_holds),
	};
	return cmocka_run_group_tests_name("claim/answer", tests, NULL, NULL);
}
