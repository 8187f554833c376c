/* What a mail says comes from a template whose places are known; nothing that is put into a place becomes more than text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "push/mail_template.h"

static struct mail_templates *open_built_in(void)
{
	struct error err = { .status = STATUS_OK };
	struct mail_templates *templates = NULL;
	assert_int_equal(mail_templates_open(NULL, &templates, &err), STATUS_OK);
	return templates;
}

static enum status read_text(struct mail_templates *templates, const char *text)
{
	struct error err = { .status = STATUS_OK };
	return mail_templates_read(templates, MAIL_SIGN_UP_CODE, "test", text, strlen(text), &err);
}

static void every_template_renders_with_the_values_that_its_sender_gives(void **state)
{
	(void)state;
	static const struct mail_value all[] = { { "app", "Cistern" },          { "name", "ann@example.org" },
						 { "code", "123456" },          { "minutes", "15" },
						 { "from", "bob@example.org" }, { "what", "1 node" } };
	CLEANUP(mail_templates) struct mail_templates *templates = open_built_in();
	for (size_t i = 0; i < N_MAIL_TEMPLATES; i++) {
		struct error err = { .status = STATUS_OK };
		CLEANUP(buffer) struct buffer subject = { 0 };
		CLEANUP(buffer) struct buffer text = { 0 };
		assert_int_equal(mail_templates_render(templates, (enum mail_template)i, all, ARRAY_LEN(all), &subject,
						       &text, &err),
				 STATUS_OK);
		assert_true(subject.len > 0 && text.len > 0);
		assert_null(strpbrk(buffer_text(&subject), "{}\n"));
		assert_null(strpbrk(buffer_text(&text), "{}"));
	}
}

static void a_value_is_one_line_of_text_and_opens_no_place(void **state)
{
	(void)state;
	static const struct mail_value values[] = { { "code", "{app}\r\nBcc: x\x01" }, { "minutes", "15" } };
	CLEANUP(mail_templates) struct mail_templates *templates = open_built_in();
	struct error err = { .status = STATUS_OK };
	CLEANUP(buffer) struct buffer subject = { 0 };
	CLEANUP(buffer) struct buffer text = { 0 };
	assert_int_equal(read_text(templates, "S {code}\n\nT {code} {{minutes} {minutes}}\n"), STATUS_OK);
	assert_int_equal(mail_templates_render(templates, MAIL_SIGN_UP_CODE, values, 2, &subject, &text, &err),
			 STATUS_OK);
	assert_string_equal(buffer_text(&subject), "S {app}  Bcc: x ");
	assert_string_equal(buffer_text(&text), "T {app}  Bcc: x  {minutes} 15}\n");
}

static void a_long_value_is_cut_between_two_characters(void **state)
{
	(void)state;
	char longest[601];
	for (size_t i = 0; i < 600; i += 3)
		memcpy(longest + i, "\xe2\x82\xac", 3); /* the euro sign: 254 is no multiple of 3 */
	longest[600] = '\0';
	const struct mail_value values[] = { { "code", longest }, { "minutes", "15" } };
	CLEANUP(mail_templates) struct mail_templates *templates = open_built_in();
	struct error err = { .status = STATUS_OK };
	CLEANUP(buffer) struct buffer subject = { 0 };
	CLEANUP(buffer) struct buffer text = { 0 };
	assert_int_equal(read_text(templates, "S\n\n{code}"), STATUS_OK);
	assert_int_equal(mail_templates_render(templates, MAIL_SIGN_UP_CODE, values, 2, &subject, &text, &err),
			 STATUS_OK);
	assert_int_equal(text.len, 252);
}

static void a_place_without_a_value_and_a_value_that_is_no_text_fail(void **state)
{
	(void)state;
	static const struct mail_value none[] = { { "minutes", "15" } }, bad[] = { { "code", "\xff" } };
	CLEANUP(mail_templates) struct mail_templates *templates = open_built_in();
	struct error err = { .status = STATUS_OK };
	CLEANUP(buffer) struct buffer subject = { 0 };
	CLEANUP(buffer) struct buffer text = { 0 };
	assert_int_equal(read_text(templates, "S\n\n{code}"), STATUS_OK);
	assert_int_equal(mail_templates_render(templates, MAIL_SIGN_UP_CODE, none, 1, &subject, &text, &err),
			 STATUS_INTERNAL);
	assert_int_equal(mail_templates_render(templates, MAIL_SIGN_UP_CODE, bad, 1, &subject, &text, &err),
			 STATUS_INVALID);
}

static void a_file_that_is_no_template_is_refused_and_changes_nothing(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"only a subject",
		"only a subject\n",
		"subject\nno empty line\n",
		"subject\n\n",
		"\n\ntext\n",
		"s\n\n{unknown}\n",
		"s {from}\n\nanother's place\n",
		"s\n\n{code\n",
		"s\n\n{}\n",
		"s\n\n{Code}",
		"s\n\nnot UTF-8 \xc3",
		"s\x07\n\nbell\n",
		"s\n\nbell \x07\n",
	};
	static char places[MAIL_TEMPLATE_BYTES_MAX], longest[MAIL_TEMPLATE_BYTES_MAX + 2];
	CLEANUP(mail_templates) struct mail_templates *templates = open_built_in();
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(read_text(templates, bad[i]), STATUS_INVALID);
	(void)strcpy(places, "s\n\n");
	for (int i = 0; i <= MAIL_PLACES_MAX; i++)
		(void)strcat(places, "{app}");
	assert_int_equal(read_text(templates, places), STATUS_TOO_LARGE);
	memset(longest, 'x', sizeof(longest) - 1);
	memcpy(longest, "s\n\n", 3);
	assert_int_equal(read_text(templates, longest), STATUS_TOO_LARGE);
	longest[MAIL_TEMPLATE_BYTES_MAX] = '\0';
	assert_int_equal(read_text(templates, longest), STATUS_OK);
	struct error err = { .status = STATUS_OK };
	assert_int_equal(mail_templates_read(templates, MAIL_SIGN_UP_CODE, "test", "s\n\na\0b", 6, &err),
			 STATUS_INVALID);
}

static void line_ends_and_marks_of_other_systems_are_taken(void **state)
{
	(void)state;
	static const struct mail_value values[] = { { "code", "1" } };
	CLEANUP(mail_templates) struct mail_templates *templates = open_built_in();
	struct error err = { .status = STATUS_OK };
	CLEANUP(buffer) struct buffer subject = { 0 };
	CLEANUP(buffer) struct buffer text = { 0 };
	assert_int_equal(read_text(templates, "\xef\xbb\xbfS\r\n\r\nT\r\n"), STATUS_OK);
	assert_int_equal(mail_templates_render(templates, MAIL_SIGN_UP_CODE, values, 1, &subject, &text, &err),
			 STATUS_OK);
	assert_string_equal(buffer_text(&subject), "S");
	assert_string_equal(buffer_text(&text), "T\n");
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static enum status open_dir(const char *dir, struct error *err)
{
	CLEANUP(mail_templates) struct mail_templates *templates = NULL;
	return mail_templates_open(dir, &templates, err);
}

static void a_folder_replaces_texts_and_an_unknown_name_in_it_is_refused(void **state)
{
	(void)state;
	char dir[] = "/tmp/cistern-templates-XXXXXX";
	struct error err = { .status = STATUS_OK };
	assert_non_null(mkdtemp(dir));
	write_file(dir, "README", "not ours");
	write_file(dir, ".hidden.txt", "not ours either");
	write_file(dir, "account_deleted.txt", "Adieu\n\n{name}\n");
	assert_int_equal(open_dir(dir, &err), STATUS_OK);
	write_file(dir, "account_delted.txt", "Adieu\n\n{name}\n");
	assert_int_equal(open_dir(dir, &err), STATUS_INVALID);
	assert_non_null(strstr(err.text, "account_delted.txt"));
	assert_int_equal(open_dir("/nonexistent", &err), STATUS_UNAVAILABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_template_renders_with_the_values_that_its_sender_gives),
		cmocka_unit_test(a_value_is_one_line_of_text_and_opens_no_place),
		cmocka_unit_test(a_long_value_is_cut_between_two_characters),
		cmocka_unit_test(a_place_without_a_value_and_a_value_that_is_no_text_fail),
		cmocka_unit_test(a_file_that_is_no_template_is_refused_and_changes_nothing),
		cmocka_unit_test(line_ends_and_marks_of_other_systems_are_taken),
		cmocka_unit_test(a_folder_replaces_texts_and_an_unknown_name_in_it_is_refused),
	};
	return cmocka_run_group_tests_name("push/mail_template", tests, NULL, NULL);
}
