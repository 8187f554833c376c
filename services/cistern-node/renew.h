/* renew.h - a node changes its certificate for a new one, over the link that it has (docs/certificates.md).
 *
 *   node/<id>/certificate/request    {"csr":"..."}
 *   node/<id>/certificate/response   {"status":"success","certificate":"..."} or {"status":"failure","description":"..."}
 *
 *   NONE -> renew_start() -> ASKING (asks again every 10 s, and after a reconnect, with the same request)
 *     -> the new pair is stored beside the old one, the node disconnects -> TRYING (connects with the new one)
 *     -> connected: the new pair takes the old one's place -> NONE
 *     -> not connected in three attempts: the new pair is dropped, the old one used again -> NONE
 *
 * Thread:  the nodes'. renew_received() and the other handlers' calls only note; what closes the connection is done in renew_tick().
 * Memory:  struct renewal is part of struct node.
 */
#ifndef CISTERN_NODE_RENEW_H
#define CISTERN_NODE_RENEW_H

#include "csr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node;

enum renewal_state { RENEWAL_NONE, RENEWAL_ASKING, RENEWAL_SWITCHING, RENEWAL_TRYING };

struct renewal {
	enum renewal_state state;
	struct csr csr;    /* while ASKING */
	int64_t ask_at_us; /* while ASKING */
	unsigned int n_tries;
	bool wanted; /* by --renew, once ready */
};

/* Nothing when one is under way, or when the node has no folder to keep a new certificate in. */
void renew_start(struct node *node);
/* Goes on with a new pair that an earlier run left. */
void renew_resume(struct node *node);
void renew_connected(struct node *node);
void renew_received(struct node *node, const void *payload, size_t payload_len);
/* An attempt to connect failed or a connection was lost. True: it was for the change, so connect again at once. */
bool renew_lost(struct node *node, bool was_up);
/* Does what is due and says when it wants to be called again. */
int64_t renew_tick(struct node *node, int64_t now_us);
void renew_done(struct node *node);

#endif
