/* claim.h - a node without a certificate gets one (contract/claiming.md sections 3 to 5), in the device's and the app's part.
 *
 *   POST claim/initiate   the device's MAC; answered with a node id, or with a challenge when the device claims by itself
 *   POST claim/verify     the certificate request; answered with the certificate and the broker's host
 *
 * A user's access token makes it a claim for that user; a chip's secret, the device's own. Nothing is asked when the folder has a
 * certificate. The rules of the server's side are not shared with it: the virtual node is what tests hold against the server.
 *
 * Thread:  main, before the loop: waits for the answers, 20 s each at most.
 * Memory:  keeps nothing; token and secret are read from their files, and wiped.
 * Errors:  INVALID an option or a file will not do. UNAVAILABLE no answer, or a refusal, with what the server says.
 */
#ifndef CISTERN_NODE_CLAIM_H
#define CISTERN_NODE_CLAIM_H

#include "options.h"

#include "base/error.h"
#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	CLAIM_SECRET_BYTES_MAX = 64,
	CLAIM_RESPONSE_HEX = 128, /* of HMAC-SHA-512 */
};

MUST_CHECK enum status claim_run(const struct options *options, struct error *err);

/* Twelve hexadecimal digits in, upper case out. */
MUST_CHECK bool claim_read_mac(const char *text, char ret_mac[13]);
/* HMAC-SHA-512 of the challenge's text, in upper-case hexadecimal. secret_hex: 2 to 128 digits. INVALID: it is not. */
MUST_CHECK enum status claim_respond(const char *secret_hex, const char *challenge,
				     char ret_response[CLAIM_RESPONSE_HEX + 1], struct error *err);

#endif
