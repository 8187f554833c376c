#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/csv.h"

/* Gives the text in pieces of so many bytes: records do not end where pieces do. */
struct source {
	struct csv_text rest;
	size_t piece;
};

static enum status fill_in_pieces(void *context, char *bytes, size_t size, size_t *ret_len, struct error *err)
{
	struct source *source = context;
	return csv_fill_text(&source->rest, bytes, source->piece < size ? source->piece : size, ret_len, err);
}

/* Every record as its fields in brackets, a record behind the other; a failure as its status' name. */
static void read_all(const char *text, size_t len, size_t piece, struct buffer *out)
{
	struct source source = { { text, len }, piece };
	struct error err = { .text = "" };
	struct csv_record record = { .n_fields = 0 };
	CLEANUP(csv) struct csv csv;
	csv_init(&csv, fill_in_pieces, &source);
	for (;;) {
		bool end = false;
		enum status st = csv_read(&csv, &record, &end, &err);
		if (st != STATUS_OK) {
			buffer_printf(out, "!%s:%lld", status_name(st), (long long)csv.line);
			assert_true(err.text[0] != '\0');
			return;
		}
		if (end)
			return;
		for (size_t i = 0; i < record.n_fields; i++)
			buffer_printf(out, "[%s]", record.fields[i]);
		buffer_putc(out, ';');
	}
}

static void assert_reads(const char *text, size_t len, const char *expected)
{
	for (size_t piece = 1; piece < 5; piece++) {
		CLEANUP(buffer) struct buffer out = { 0 };
		read_all(text, len, piece, &out);
		assert_string_equal(buffer_text(&out), expected);
	}
}

/* The cases of RFC 4180 section 2, and what tools really write. */
static void records_are_read_as_rfc_4180_has_them(void **state)
{
	(void)state;
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "", "" },
		{ "\n\r\n\n", "" },
		{ "a", "[a];" },
		{ "a,b,c\r\nd,e,f\r\n", "[a][b][c];[d][e][f];" },
		{ "a,b\nc,d", "[a][b];[c][d];" },
		{ "a,,\n", "[a][][];" },
		{ ",\n", "[][];" },
		{ " a , b\n", "[ a ][ b];" },
		{ "\"a\",\"b\"\n", "[a][b];" },
		{ "\"a,b\",c\n", "[a,b][c];" },
		{ "\"a\"\"b\"\n", "[a\"b];" },
		{ "\"\"\"\"\n", "[\"];" },
		{ "\"\",x\n", "[][x];" },
		{ "\"a\nb\r\nc\",d\n", "[a\nb\r\nc][d];" },
		{ "\xef\xbb\xbf"
		  "a,b\n",
		  "[a][b];" },
		{ "\xef\xbb\xbc,b\n", "[\xef\xbb\xbc][b];" }, /* U+FEFC: begins like a mark */
		{ "\xef\xbb\xbf", "" },
		{ "a\n\n\nb\n", "[a];[b];" },
		{ "a\xc3\xa9,b", "[a\xc3\xa9][b];" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_reads(cases[i].text, strlen(cases[i].text), cases[i].expected);
}

static void what_nobody_can_know_the_meaning_of_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t len;
		const char *expected;
	} cases[] = {
		{ "a\"b\n", 4, "!invalid:1" },
		{ "\"a\"b\n", 5, "!invalid:1" },
		{ "\"a\" ,b\n", 7, "!invalid:1" },
		{ "x\n\"a", 4, "[x];!invalid:2" },
		{ "\"a\n\n", 4, "!invalid:3" },
		{ "a\rb\n", 4, "!invalid:1" },
		{ "a\0b\n", 4, "!invalid:1" },
		{ "\"a\0\"\n", 5, "!invalid:1" },
		{ "a\n\"b\nc\"\nd\"\n", 10, "[a];[b\nc];!invalid:4" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_reads(cases[i].text, cases[i].len, cases[i].expected);
}

static void a_record_has_limits(void **state)
{
	(void)state;
	CLEANUP(buffer) struct buffer text = { 0 };
	CLEANUP(buffer) struct buffer out = { 0 };
	for (int i = 0; i < CSV_FIELDS_MAX; i++)
		buffer_puts(&text, i ? "," : "");
	buffer_putc(&text, '\n');
	read_all(text.bytes, text.len, 4096, &out);
	assert_null(strchr(buffer_text(&out), '!'));
	buffer_clear(&out);
	buffer_clear(&text);
	for (int i = 0; i <= CSV_FIELDS_MAX; i++)
		buffer_puts(&text, i ? "," : "");
	read_all(text.bytes, text.len, 4096, &out);
	assert_string_equal(buffer_text(&out), "!too_large:1");

	buffer_clear(&out);
	buffer_clear(&text);
	for (int i = 0; i < CSV_RECORD_BYTES_MAX + 1; i++)
		buffer_putc(&text, 'x');
	read_all(text.bytes, text.len, 4096, &out);
	assert_string_equal(buffer_text(&out), "!too_large:1");
}

static void what_is_written_is_read_as_it_was(void **state)
{
	(void)state;
	static const char *const fields[] = {
		"a", "", "a,b", "a\"b", "\"", "a\r\nb", " a ", "\xef\xbb\xbfz", "-----BEGIN X-----\nM=\n"
	};
	CLEANUP(buffer) struct buffer line = { 0 };
	CLEANUP(buffer) struct buffer out = { 0 };
	CLEANUP(buffer) struct buffer expected = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (i)
			buffer_putc(&line, ',');
		csv_put_field(&line, fields[i]);
		buffer_printf(&expected, "[%s]", fields[i]);
	}
	buffer_putc(&line, '\n');
	buffer_putc(&expected, ';');
	read_all(line.bytes, line.len, 3, &out);
	assert_string_equal(buffer_text(&out), buffer_text(&expected));
}

static enum status fill_fails(void *context, char *bytes, size_t size, size_t *ret_len, struct error *err)
{
	(void)context, (void)bytes, (void)size, (void)ret_len;
	return error_set(err, STATUS_UNAVAILABLE, "disk");
}

static void the_sources_failure_is_told(void **state)
{
	(void)state;
	struct csv_record record;
	struct error err = { .text = "" };
	bool end = false;
	CLEANUP(csv) struct csv csv;
	csv_init(&csv, fill_fails, NULL);
	assert_int_equal(csv_read(&csv, &record, &end, &err), STATUS_UNAVAILABLE);
	assert_string_equal(err.text, "disk");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_read_as_rfc_4180_has_them),
		cmocka_unit_test(what_nobody_can_know_the_meaning_of_is_refused),
		cmocka_unit_test(a_record_has_limits),
		cmocka_unit_test(what_is_written_is_read_as_it_was),
		cmocka_unit_test(the_sources_failure_is_told),
	};
	return cmocka_run_group_tests_name("base/csv", tests, NULL, NULL);
}
