/* store/operator.h - what only the operator's command line asks: of any node, whoever it belongs to.
 *
 * Thread:  any; each thread brings its own struct store.
 * Memory:  fills the caller's structs, writes behind what is in the caller's buffers; keeps no pointer after return.
 * Errors:  NOT_FOUND no such node, or no live certificate. CONFLICT the node is locked. Else as store/store.h.
 * Units:   times are microseconds since 1970 UTC; 0 is never.
 */
#ifndef CISTERN_STORE_OPERATOR_H
#define CISTERN_STORE_OPERATOR_H

#include <stdint.h>

#include "base/buffer.h"
#include "store/store.h"

enum { OPERATOR_SERIAL_HEX_MAX = 40, OPERATOR_WHAT_MAX = 63 };

/* One operator at a time adds a node: held until this store's connection ends. The node need not exist. */
MUST_CHECK enum status store_operator_lock_node(struct store *store, const char *node_id, struct error *err);

struct operator_certificate {
	char serial_hex[OPERATOR_SERIAL_HEX_MAX + 1]; /* upper case */
	int64_t not_before_us, not_after_us, issued_at_us;
};

/* The live certificate and its PEM. */
MUST_CHECK enum status store_operator_node_certificate(struct store *store, const char *node_id,
						       struct operator_certificate *ret_certificate,
						       struct buffer *ret_pem, struct error *err);

/* What store/node.h's struct node does not have. devices: [{"name","type"}] as the node said; users: [{"user_name","role"}]. */
MUST_CHECK enum status store_operator_node_detail(struct store *store, const char *node_id,
						  int64_t *ret_config_received_at_us, struct buffer *ret_devices_json,
						  struct buffer *ret_users_json, struct error *err);
/* {"Light":{"Power":true}}, `{}` when nothing was reported, also for an unknown node. */
MUST_CHECK enum status store_operator_node_params(struct store *store, const char *node_id, struct buffer *ret_json,
						  struct error *err);

struct operator_migration {
	int64_t version;
	char what[OPERATOR_WHAT_MAX + 1];
	int64_t applied_at_us;
};

/* All that were ever applied, in order. */
typedef void operator_migration_each(void *context, const struct operator_migration *migration);
MUST_CHECK enum status store_operator_migrations(struct store *store, operator_migration_each *each, void *context,
						 struct error *err);

#endif
