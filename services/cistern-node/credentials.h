/* credentials.h - the folder where a node keeps what makes it a node; its flash.
 *
 *   node.key  node.crt  node.info  endpoint     the key, the certificate, the node id, the broker's host; each 0600
 *   node.key.new  node.crt.new                  the next pair, until it has connected once
 *
 * Every file is written under another name, synced and renamed. Of what belongs together node.crt is the last: where it is, the
 * rest is too. An interrupted change of pairs is finished or taken back by credentials_mend().
 *
 * Thread:  any; one process a folder.
 * Memory:  keeps nothing.
 * Errors:  UNAVAILABLE a file cannot be read or written, with the system's reason. NOT_FOUND it is not there.
 */
#ifndef CISTERN_NODE_CREDENTIALS_H
#define CISTERN_NODE_CREDENTIALS_H

#include "base/error.h"
#include "base/macros.h"

#include <stdbool.h>
#include <stddef.h>

struct credentials {
	const char *key_pem, *certificate_pem, *node_id;
	const char *endpoint; /* NULL: not told */
};

/* Is there a certificate in the folder? */
bool credentials_are_there(const char *folder);
/* Makes the folder if need be. */
MUST_CHECK enum status credentials_store(const char *folder, const struct credentials *credentials, struct error *err);
/* The first line of `endpoint`. */
MUST_CHECK enum status credentials_endpoint(const char *folder, char *ret_host, size_t ret_host_size,
					    struct error *err);

/* Before the folder is used. ret_has_new: the next pair is there and has not connected yet, as far as is known. */
MUST_CHECK enum status credentials_mend(const char *folder, bool *ret_has_new, struct error *err);
MUST_CHECK enum status credentials_store_new(const char *folder, const char *key_pem, const char *certificate_pem,
					     struct error *err);
/* The next pair takes the place of the present one. */
MUST_CHECK enum status credentials_promote_new(const char *folder, struct error *err);
void credentials_drop_new(const char *folder);

#endif
