/* revocation.h - whom the broker refuses although the certificate is good: the set in memory.
 *
 * It has two sources, kept apart: what the daemon says (by model/revocation.h) and the operator's own list of node ids. Who is
 * in either is refused.
 *
 * Until there is a set, from the file or from the daemon, it is *unknown*: then every node is refused, because any of them
 * may be a revoked one. It does not become unknown again.
 *
 * A message is taken whole or not at all: its lines are all read before the first one is applied. Only want of memory can
 * stop in between; then the version stays, and the daemon sends the same again, which does no harm.
 *
 * Memory:  grows with what the daemon sends, up to REVOCATION_ENTRIES_MAX entries; a look-up allocates nothing.
 * Thread:  the broker's; the keeper gets copies.
 */
#ifndef CISTERN_PLUGIN_REVOCATION_H
#define CISTERN_PLUGIN_REVOCATION_H

#include "base/macros.h"
#include "identity.h"
#include "table.h"

#include "model/revocation.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REVOCATION_ENTRIES_MAX = 1000000 };

struct revocation_set {
	char epoch[REVOCATION_EPOCH_MAX + 1]; /* "": unknown */
	int64_t version;
	struct table nodes;        /* node id -> "+n <id> <word>\n" */
	struct table certificates; /* SHA-256 -> "+c <hex> <id>\n" */
};

struct revocation {
	struct revocation_set set;
	struct revocation_set staged; /* a whole set on its way; epoch "": none */
	struct table local;           /* node id -> "local <id>\n", as keeper.h has it */
	uint64_t seed;
};

/* What became of a message. */
enum revocation_outcome {
	REVOCATION_TAKEN_CHANGES, /* live sessions of its nodes may have to end */
	REVOCATION_TAKEN_SET,     /* any live session may have to end */
	REVOCATION_PUT_ASIDE,     /* a part of a set */
	REVOCATION_MISPLACED, /* not of this epoch, or not the next version, or a part of no set: send a whole set */
	REVOCATION_MALFORMED,
	REVOCATION_NO_MEMORY, /* or above REVOCATION_ENTRIES_MAX */
};

/* Why a node may not be here, and the word for it; REFUSAL_NONE: it may. */
enum refusal { REFUSAL_NONE, REFUSAL_UNKNOWN, REFUSAL_REVOKED, REFUSAL_SUSPENDED, REFUSAL_CERTIFICATE };

/* False: no randomness. */
MUST_CHECK bool revocation_init(struct revocation *revocation);
void revocation_done(struct revocation *revocation);

bool revocation_known(const struct revocation *revocation);

enum refusal revocation_check(const struct revocation *revocation, const char *node_id, size_t node_id_len,
			      const struct certificate_digest *certificate);

/* One message of the daemon. */
enum revocation_outcome revocation_take(struct revocation *revocation, const char *bytes, size_t len);

/* Calls back for each node that the lines of a message that was taken are about. */
typedef void revocation_node_function(void *context, const char *node_id, size_t node_id_len);
void revocation_each_node(const char *bytes, size_t len, revocation_node_function *function, void *context);

/* The set as it stands in the file, without what only the keeper knows: the head and the lines. NULL: no memory. The caller
 * frees. */
MUST_CHECK char *revocation_copy_text(const struct revocation *revocation, size_t *ret_len);

/* The head and the lines of a file, already found to be whole. False: not such lines, or no memory; nothing changed. */
MUST_CHECK bool revocation_load(struct revocation *revocation, const char *bytes, size_t len);

/* Takes the table over in the place of the former local list. */
void revocation_take_local(struct revocation *revocation, struct table *local);

#endif
