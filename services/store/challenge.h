/* store/challenge.h - challenges that a node signs to be mapped (mqtt.md section 5.1): new, the user's, good once.
 *
 * Thread:  any; each thread brings its own struct store.
 * Memory:  fills the caller's structs and buffers; keeps no pointer.
 * Errors:  NOT_FOUND no such challenge of this user, or the node has no certificate to answer with: never made, another user's, used, run out,
 *          an unknown node, one that is suspended or revoked - all the same. Else as store/store.h.
 */
#ifndef CISTERN_STORE_CHALLENGE_H
#define CISTERN_STORE_CHALLENGE_H

#include <stdint.h>

#include "base/buffer.h"
#include "model/tag.h"
#include "store/store.h"

enum { CHALLENGE_TEXT_LEN = 43, CHALLENGE_REQUEST_ID_LEN = 22, CHALLENGE_SERIAL_MAX = 40 };

/* Both texts are random, made by the caller. A user has ten at most; the oldest make room. */
MUST_CHECK enum status store_challenge_new(struct store *store, const char *user_id, const char *request_id,
					   const char *challenge, int64_t life_s, struct error *err);

struct challenge_material {
	char challenge[CHALLENGE_TEXT_LEN + 1];
	char serial[CHALLENGE_SERIAL_MAX + 1]; /* of the certificate */
};

/* What the answer is to be checked with. Changes nothing. */
MUST_CHECK enum status store_challenge_get(struct store *store, const char *user_id, const char *request_id,
					   const char *node_id, struct challenge_material *ret_material,
					   struct buffer *ret_certificate_pem, struct error *err);

struct challenge_answer {
	const char *request_id, *user_id, *node_id;
	const char *proven_serial; /* of the certificate whose key has signed; NULL: the answer was wrong */
	struct tag_list tags;
	const char *metadata_json; /* NULL: none */
};

/* Uses the challenge up, and maps the node when the answer was right and everything still holds, in one transaction. */
MUST_CHECK enum status store_challenge_settle(struct store *store, const struct challenge_answer *answer,
					      struct error *err);

#endif
