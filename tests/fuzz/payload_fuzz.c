/* First byte: which topic. The rest: the payload a node sends there. Every handler must come to an end, whatever the bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/batch.h"
#include "ingest/topics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const topics[] = {
	"node/n1/params/local",
	"node/n1/params/local/init",
	"node/n1/params/local/g1",
	"node/n1/config",
	"node/n1/user/mapping",
	"node/n1/alert",
	"node/n1/otafetch",
	"node/n1/otastatus",
	"cistern/presence/n1",
	"cistern/broker",
	"cistern/revocation",
	"cistern/counters",
	"node/n1/certificate/request",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	char *text = malloc(size);
	if (!text)
		abort();
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	struct message message = { .topic = topics[data[0] % ARRAY_LEN(topics)], .payload = { text, size - 1 } };
	const struct topic_handler *handler = topics_find(message.topic, &message);
	if (!handler)
		abort();
	struct batch *batch = batch_new();
	struct error err = { .status = STATUS_OK };
	enum status st = handler->handle(batch, &message, &err);
	if (st != STATUS_OK && err.text[0] == '\0')
		abort(); /* every refusal has a reason */
	batch_finish(batch);
	batch_free(batch);
	free(text);
	return 0;
}
