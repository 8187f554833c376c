/* claim/answer.h - what a device gets: its certificate and the broker's name, as its own JSON reader can read it (claiming.md section 1).
 *
 *   {"certificate":"-----BEGIN CERTIFICATE-----\nMIIC...\n-----END CERTIFICATE-----\n","mqtt_host":"...","mqtt_cred_host":"..."}
 *
 * The reader un-escapes \n and nothing else, and its buffer holds CLAIM_ANSWER_BYTES_MAX bytes. So the PEM is written with \n as its
 * only escape, without blanks between members; and a key whose certificate could make the answer longer is refused before
 * anything is signed for it.
 *
 * Thread:  any; no state.
 * Memory:  writes behind what is in the caller's buffer.
 * Errors:  INVALID the text is not printable ASCII and line feeds.
 */
#ifndef CISTERN_CLAIM_ANSWER_H
#define CISTERN_CLAIM_ANSWER_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/macros.h"

enum { CLAIM_ANSWER_BYTES_MAX = 3071 };

/* A PEM block as a quoted JSON string. */
MUST_CHECK enum status answer_put_pem(struct buffer *out, const char *pem, struct error *err);

/* The whole answer; an empty mqtt_cred_host is left out. */
MUST_CHECK enum status answer_put(struct buffer *out, const char *pem, const char *mqtt_host,
				  const char *mqtt_cred_host, struct error *err);

/* {"status":"failure","description":"..."}; what is not printable ASCII becomes `?`. */
void answer_put_failure(struct buffer *out, const char *why);

/* An upper bound of the answer's length for a public key whose SubjectPublicKeyInfo has that many bytes. */
size_t answer_bytes_bound(size_t key_len, const char *mqtt_host, const char *mqtt_cred_host);

#endif
