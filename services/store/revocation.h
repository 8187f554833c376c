/* store/revocation.h - whom the broker must refuse: the wanted state, what has changed, and what a broker said last.
 *
 * The wanted state is numbered by versions that become visible in their order (sql/migrations/0003_identity.sql); the epoch tells one
 * database from another.
 *
 * Thread:  any; each thread brings its own struct store.
 * Memory:  fills the caller's structs; a row's texts are valid during the call of `each` only.
 * Errors:  UNAVAILABLE database away. INTERNAL a bug here.
 */
#ifndef CISTERN_STORE_REVOCATION_H
#define CISTERN_STORE_REVOCATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/revocation.h"
#include "store/store.h"

struct revocation_point {
	char epoch[REVOCATION_EPOCH_MAX + 1]; /* "": none */
	int64_t version;
};

struct revocation_look {
	struct revocation_point wanted, said;
	int64_t n_said; /* counts the broker's sayings; 0: never said anything */
};
MUST_CHECK enum status store_revocation_look(struct store *store, const char *broker, struct revocation_look *ret_look,
					     struct error *err);

struct revocation_row {
	bool is_node;        /* otherwise a certificate */
	const char *value;   /* node id or fingerprint */
	const char *node_id; /* of the certificate */
	const char *word;    /* of a node: revoked, suspended */
	bool lifted;
	int64_t version;
};
typedef void revocation_each(void *context, const struct revocation_row *row);

/* At most `limit` rows in the order of versions, beginning after `after`: what has changed up to and with version `up_to`, or all that
 * has to be refused now. */
MUST_CHECK enum status store_revocation_changes(struct store *store, int64_t after, int64_t up_to, size_t limit,
						revocation_each *each, void *context, struct error *err);
MUST_CHECK enum status store_revocation_set(struct store *store, int64_t after, size_t limit, revocation_each *each,
					    void *context, struct error *err);

/* Forgets certificates that have expired; tells how many. */
MUST_CHECK enum status store_revocation_prune(struct store *store, int64_t *ret_n, struct error *err);

#endif
