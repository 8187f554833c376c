/* Any file as a mail template. What is taken renders, within its limits, to one line of subject and valid UTF-8. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "push/mail_template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mail_value values[] = {
		{ "app", "{name}" }, { "name", "\r\nBcc: x" }, { "code", "123456" }, { "minutes", "\xe2\x82\xac" }
	};
	static struct mail_templates *templates;
	struct error err = { .status = STATUS_OK };
	if (!templates)
		must(mail_templates_open(NULL, &templates, &err) == STATUS_OK);
	if (mail_templates_read(templates, MAIL_SIGN_UP_CODE, "fuzz", (const char *)data, size, &err) != STATUS_OK) {
		must(err.text[0] != '\0');
		return 0;
	}
	CLEANUP(buffer) struct buffer subject = { .bytes = NULL };
	CLEANUP(buffer) struct buffer text = { .bytes = NULL };
	must(mail_templates_render(templates, MAIL_SIGN_UP_CODE, values, ARRAY_LEN(values), &subject, &text, &err) ==
	     STATUS_OK);
	must(subject.len <= MAIL_SUBJECT_BYTES_MAX && text.len <= MAIL_TEXT_BYTES_MAX);
	must(utf8_valid(subject.bytes, subject.len) && utf8_valid(text.bytes, text.len));
	must(!strpbrk(buffer_text(&subject), "\r\n"));
	return 0;
}
