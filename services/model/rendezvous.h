/* model/rendezvous.h - which of several brokers is a node's: rendezvous (highest random weight) hashing.
 *
 *   weight(broker, node) = mix(FNV-1a-64(broker name, 0x00, node id))      the broker with the highest weight has the node
 *
 * Each broker's weight depends on nothing but the two names. So a broker that comes takes 1/N of the nodes, evenly from all others, and
 * one that goes gives its nodes away evenly; no other node moves. The function is part of what is kept: another one would move nearly
 * every node.
 *
 * Thread: any; pure. Memory: none. Errors: none.
 */
#ifndef CISTERN_MODEL_RENDEZVOUS_H
#define CISTERN_MODEL_RENDEZVOUS_H

#include <stddef.h>
#include <stdint.h>

uint64_t rendezvous_weight(const char *name, const char *node_id);

/* The place of the node's broker among `names`, in whatever order they stand; at least one. */
size_t rendezvous_pick(const char *const *names, size_t n_names, const char *node_id);

#endif
