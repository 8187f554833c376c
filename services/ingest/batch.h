/* ingest/batch.h - messages that are decoded and committed together.
 *
 * A later value of the same thing replaces an earlier one of the batch before SQL sees it: parameters, configurations and OTA
 * questions are kept here until batch_finish(); everything else goes to the report in order.
 *
 * Thread:  one owner: a session's thread.
 * Memory:  batch_new() makes it; batch_clear() forgets the rows; batch_free() ends it. Rows borrow the messages, which must live
 *          until the batch is cleared.
 */
#ifndef CISTERN_INGEST_BATCH_H
#define CISTERN_INGEST_BATCH_H

#include "ingest/topics.h"
#include "store/report.h"

struct batch;

struct batch *batch_new(void);
void batch_free(struct batch *batch);
void batch_clear(struct batch *batch);
/* Where rows that never replace each other go at once. */
struct report *batch_report(struct batch *batch);

/* A copy that lives until batch_clear(). */
char *batch_copy(struct batch *batch, const char *bytes, size_t len);

/* The last value of (node, device, param) wins. device and param are copied, value is borrowed. */
void batch_param(struct batch *batch, const struct message *message, const char *device, const char *param,
		 struct json_slice value);
/* The last configuration and the last OTA question of a node win. The row's texts must live until batch_clear(). */
void batch_config(struct batch *batch, const struct config_row *row);
void batch_ota_fetch(struct batch *batch, const struct message *message, const char *fw_version,
		     const char *network_id);

/* Hands what was held back to the report. */
void batch_finish(struct batch *batch);

#endif
