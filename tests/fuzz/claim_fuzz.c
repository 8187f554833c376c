/* Text that a device or an administrator sends with a claim, and text that goes back to a device: whatever the bytes, an answer is JSON
 * that a device can read, and a MAC or a secret that is taken is one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "claim/answer.h"
#include "claim/claim.h"
#include "claim/self_claim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One JSON object whose only escapes are those of `allowed`. */
static void expect_readable(struct buffer *answer, const char *allowed)
{
	CLEANUP(json) json_t *document = NULL;
	struct error err;
	if (json_read_object((struct json_slice){ buffer_text(answer), answer->len }, &json_node_limits, &document,
			     &err) != STATUS_OK)
		abort();
	for (const char *at = answer->bytes; (at = strchr(at, '\\')); at += 2) {
		if (!strchr(allowed, at[1]))
			abort();
	}
}

static void answer_with(const char *text)
{
	CLEANUP(buffer) struct buffer failure = { 0 };
	CLEANUP(buffer) struct buffer answer = { 0 };
	struct error err;
	answer_put_failure(&failure, text);
	expect_readable(&failure, "\"\\");
	if (answer_put(&answer, text, "mqtt.example.org", "", &err) == STATUS_OK)
		expect_readable(&answer, "n");
}

static void read_names(const char *text)
{
	char mac[CLAIM_MAC_LEN + 1];
	unsigned char secret[SELF_CLAIM_SECRET_MAX];
	size_t len = 0;
	if (claim_mac_canonical(text, mac) &&
	    (strlen(mac) != CLAIM_MAC_LEN || strspn(mac, "0123456789ABCDEF") != CLAIM_MAC_LEN))
		abort();
	if (self_claim_secret_read(text, secret, &len) &&
	    (len < SELF_CLAIM_SECRET_MIN || len > SELF_CLAIM_SECRET_MAX || strlen(text) != 2 * len))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	answer_with(text);
	read_names(text);
	free(text);
	return 0;
}
