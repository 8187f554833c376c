/* answer.h - the answers to a claim and to a renewal, read as firmware reads them (contract/claiming.md sections 1 and 3). No I/O.
 *
 * The device's reader is minimal: of all escapes it knows `\n`, its buffers are fixed, a certificate is one PEM block. What it could
 * not read is refused here too, so that a server that an ordinary JSON library understands does not pass for good.
 *
 * Thread:  any.
 * Memory:  fills the caller's arrays.
 * Errors:  INVALID not such an answer, and why. NOT_FOUND it has no such member.
 */
#ifndef CISTERN_NODE_ANSWER_H
#define CISTERN_NODE_ANSWER_H

#include "base/error.h"
#include "base/macros.h"

#include <stddef.h>

/* All with their NUL. */
enum {
	ANSWER_BYTES_MAX = 3072, /* the device's buffer: a body must be shorter */
	ANSWER_NODE_ID_MAX = 64,
	ANSWER_AUTH_ID_MAX = 64,
	ANSWER_CHALLENGE_MAX = 129,
	ANSWER_HOST_MAX = 254, /* RFC 1035 section 2.3.4 */
};

/* One text member, `\n` un-escaped. */
MUST_CHECK enum status answer_text(const char *body, size_t body_len, const char *key, char *ret_text,
				   size_t ret_text_size, struct error *err);
/* A text of the characters that may stand in a distinguished name and in a topic: at most 46. */
MUST_CHECK enum status answer_node_id(const char *body, size_t body_len, char ret_id[ANSWER_NODE_ID_MAX],
				      struct error *err);
/* One PEM block with LF line ends. */
MUST_CHECK enum status answer_certificate(const char *body, size_t body_len, char ret_pem[ANSWER_BYTES_MAX],
					  struct error *err);
/* A host name or address, without port and scheme. */
MUST_CHECK enum status answer_host(const char *body, size_t body_len, char ret_host[ANSWER_HOST_MAX],
				   struct error *err);

#endif
