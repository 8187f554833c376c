/* model/permission.h - who may do what: the one function that decides access to the REST API.
 *
 * Each row of the route table (api/routes.c) names `who` may ask and which `object` is checked; api/dispatch.c asks once, with what
 * one statement told about the caller. Objects that stand in a body or a list are checked by the statement that reads or changes
 * them, in the same transaction; the row names them all the same, for the tests and for the OpenAPI document.
 * Sources: threats.md sections 1 (deny by default; unknown and foreign are one) and 6.
 *
 *   role      may
 *   user      what belongs to the account or is shared with it
 *   viewer    also read the fleet: nodes, certificates, connections; nothing that a user wrote or that names a user
 *   operator  also change the fleet: suspend, revoke, delete, register, order certificates
 *   admin     also what concerns users: accounts, roles, who owns a node, the audit
 *
 * A key (api_key) has the role of its account, and of that only what its scopes name; what is about the account itself - passwords,
 * sessions, keys - needs a session.
 *
 * Thread: any; pure. Memory: none. Errors: none.
 */
#ifndef CISTERN_MODEL_PERMISSION_H
#define CISTERN_MODEL_PERMISSION_H

#include <stdbool.h>

enum who {
	WHO_ANYONE,
	WHO_ANYONE_OR_USER, /* with a token as WHO_USER, whom a bad token refuses; without one as WHO_ANYONE */
	WHO_ADDRESS,        /* whoever knows the secret of an address to upload to; asked before the body is taken */
	WHO_SESSION,        /* a person who is signed in */
	WHO_USER,           /* the same, or a key */
	WHO_VIEWER,         /* from here on by role, each with those behind it */
	WHO_OPERATOR,
	WHO_ADMIN,
};

enum object {
	OBJECT_NONE,        /* nothing of anybody's */
	OBJECT_SELF,        /* the caller's own account and lists */
	OBJECT_NODE_LIST,   /* the same; the list comes with the check, in one round trip, into reply.body */
	OBJECT_NODE,        /* the node in the query is the caller's, in any role */
	OBJECT_NODE_PARAMS, /* the same; its parameters come with the check, in one statement, into reply.body */
	OBJECT_NODE_OWNED,  /* the node in the query is the caller's as a primary user */
	OBJECT_NODES,       /* nodes in body or query, each checked by the statement */
	OBJECT_GROUPS,      /* groups in body or query, each checked by the statement */
	OBJECT_REQUEST,     /* a mapping or sharing request, checked by the statement */
	OBJECT_FLEET,       /* any node */
	OBJECT_ACCOUNTS,    /* any account */
};

enum account_role { ROLE_USER, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN, N_ROLES };
enum node_role { NODE_ROLE_NONE, NODE_ROLE_SECONDARY, NODE_ROLE_PRIMARY };

/* What a key may do; a set of bits, stored as such. */
enum scope {
	SCOPE_USER_READ = 1,
	SCOPE_USER_WRITE = 2,
	SCOPE_FLEET_READ = 4,
	SCOPE_FLEET_WRITE = 8,
	SCOPE_ADMIN_READ = 16,
	SCOPE_ADMIN_WRITE = 32,
	SCOPE_ALL = 63,
};

struct permission_rule {
	enum who who;
	enum object object;
	bool changes; /* any method but GET */
};

struct permission_caller {
	bool is_known; /* by a live session or key */
	bool by_key;
	unsigned scopes; /* of the key */
	enum account_role role;
	enum node_role node_role; /* to the node in the query */
};

enum permission {
	PERMISSION_GRANTED,
	PERMISSION_NO_CALLER, /* no live session or key */
	PERMISSION_NO_ROLE,   /* the account's role is too low */
	PERMISSION_NO_SCOPE,  /* the key may not, or no key may */
	PERMISSION_NO_OBJECT, /* to this caller there is no such node */
	PERMISSION_NOT_OWNED, /* the node is shared with the caller, who may not do this with it */
};

enum permission permission_decide(const struct permission_rule *rule, const struct permission_caller *caller);

/* The scope that a key needs for it; 0: no key may. */
unsigned permission_scope(const struct permission_rule *rule);

/* Whether the row's check needs a node in the query. */
bool permission_needs_node(enum object object);

/* `user`, `viewer` ...; and back: false for any other word. */
const char *account_role_name(enum account_role role);
bool account_role_read(const char *name, enum account_role *ret_role);
enum node_role node_role_read(const char *name);

/* `user:read` ... of one bit; and back: 0 for any other word. */
const char *scope_name(enum scope scope);
unsigned scope_read(const char *name);

#endif
