/* Any two headers: up to the first line end Accept-Encoding, then If-None-Match. Whatever came before, `gzip;q=0` at the end
 * refuses it, `gzip` at the end is not less than without, and a tag put in front is found. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/negotiation.h"
#include "base/buffer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool wants(const char *text, const char *more)
{
	CLEANUP(buffer) struct buffer header = { 0 };
	buffer_puts(&header, text);
	buffer_puts(&header, more);
	return negotiation_wants_gzip(buffer_text(&header));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buffer) struct buffer text = { 0 }, front = { 0 };
	buffer_put(&text, data, size);
	(void)buffer_text(&text); /* only for the NUL */
	char *coding = text.bytes, *tags = coding + strcspn(coding, "\n");
	if (*tags)
		*tags++ = '\0';
	must(!wants(coding, ",gzip;q=0"));
	must(wants(coding, ",gzip,identity;q=0.1"));
	must(!wants(coding, ",gzip;q=0.4,identity;q=0.5"));
	(void)negotiation_is_known(tags, "\"7-gz\""); /* either way */
	buffer_puts(&front, "\"7-gz\", ");
	buffer_puts(&front, tags);
	must(negotiation_is_known(buffer_text(&front), "\"7-gz\""));
	must(!negotiation_is_known(buffer_text(&front), "\"nothing but this one: \t7\""));
	return 0;
}
