/* api/routes.h - the route table: one row an endpoint. docs/api.md tells the same to people. */
#ifndef CISTERN_API_ROUTES_H
#define CISTERN_API_ROUTES_H

#include <stdbool.h>
#include <stddef.h>

#include "api/request.h"

extern const struct route routes[];
extern const size_t n_routes;

/* The row of that path and method. Without one, NULL and the methods that the path knows, as bits: 0 for an unknown path. */
const struct route *route_find(const char *path, enum route_method method, unsigned *ret_methods);

/* Whether its handler changes something: any method but GET, and the one GET for which an operator is needed, which opens an address. */
bool route_changes(const struct route *route);

/* "GET, PUT" in the arena; "" when that is full. */
const char *route_methods_text(unsigned methods, struct arena *arena);

#endif
