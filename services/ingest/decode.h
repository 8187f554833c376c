/* ingest/decode.h - what the handlers share: reading a payload and its members.
 *
 * Thread: a session's thread. Memory: results are borrowed from the document. Errors: INVALID or TOO_LARGE, with a reason.
 */
#ifndef CISTERN_INGEST_DECODE_H
#define CISTERN_INGEST_DECODE_H

#include "ingest/topics.h"

/* A `node_id` member that disagrees with the topic is INVALID (threats.md section 3: the daemon never trusts the broker alone). */
MUST_CHECK enum status decode_node_id(const json_t *document, const struct message *message, struct error *err);
/* The payload as one JSON object within the limits of threats.md section 4 and with no other node's id. */
MUST_CHECK enum status decode_object(const struct message *message, json_t **ret_document, struct error *err);

/* A member that must be a string of min..max bytes. */
MUST_CHECK enum status decode_text(const json_t *object, const char *key, size_t min, size_t max, const char **ret_text,
				   struct error *err);
/* The same for a member that may be absent or null: `otherwise` then. */
MUST_CHECK enum status decode_optional_text(const json_t *object, const char *key, size_t max, const char *otherwise,
					    const char **ret_text, struct error *err);
MUST_CHECK enum status decode_integer(const json_t *object, const char *key, int64_t *ret_number, struct error *err);

#endif
