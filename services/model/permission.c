#include "model/permission.h"

#include <stddef.h>
#include <string.h>

#include "base/macros.h"

static const char *const role_names[N_ROLES] = {
	[ROLE_USER] = "user", [ROLE_VIEWER] = "viewer", [ROLE_OPERATOR] = "operator", [ROLE_ADMIN] = "admin"
};

static const struct {
	enum scope scope;
	const char *name;
} scope_names[] = {
	{ SCOPE_USER_READ, "user:read" },     { SCOPE_USER_WRITE, "user:write" }, { SCOPE_FLEET_READ, "fleet:read" },
	{ SCOPE_FLEET_WRITE, "fleet:write" }, { SCOPE_ADMIN_READ, "admin:read" }, { SCOPE_ADMIN_WRITE, "admin:write" },
};

unsigned permission_scope(const struct permission_rule *rule)
{
	switch (rule->who) {
	case WHO_ANYONE_OR_USER:
	case WHO_USER: return rule->changes ? SCOPE_USER_WRITE : SCOPE_USER_READ;
	case WHO_VIEWER:
	case WHO_OPERATOR: return rule->changes ? SCOPE_FLEET_WRITE : SCOPE_FLEET_READ;
	case WHO_ADMIN: return rule->changes ? SCOPE_ADMIN_WRITE : SCOPE_ADMIN_READ;
	case WHO_ANYONE:
	case WHO_ADDRESS:
	case WHO_SESSION: break;
	}
	return 0;
}

unsigned role_scopes(enum account_role role)
{
	unsigned scopes = SCOPE_USER_READ | SCOPE_USER_WRITE;
	if (role >= ROLE_VIEWER)
		scopes |= SCOPE_FLEET_READ;
	if (role >= ROLE_OPERATOR)
		scopes |= SCOPE_FLEET_WRITE;
	if (role >= ROLE_ADMIN)
		scopes |= SCOPE_ADMIN_READ | SCOPE_ADMIN_WRITE;
	return scopes;
}

static bool has_role(enum who who, enum account_role role)
{
	switch (who) {
	case WHO_ANYONE:
	case WHO_ANYONE_OR_USER:
	case WHO_ADDRESS:
	case WHO_SESSION:
	case WHO_USER: return true;
	case WHO_VIEWER: return role >= ROLE_VIEWER;
	case WHO_OPERATOR: return role >= ROLE_OPERATOR;
	case WHO_ADMIN: return role >= ROLE_ADMIN;
	}
	return false;
}

bool permission_needs_node(enum object object)
{
	return object == OBJECT_NODE || object == OBJECT_NODE_PARAMS || object == OBJECT_NODE_OWNED;
}

enum permission permission_decide(const struct permission_rule *rule, const struct permission_caller *caller)
{
	if (rule->who == WHO_ANYONE || rule->who == WHO_ADDRESS)
		return PERMISSION_GRANTED;
	if (!caller->is_known)
		return PERMISSION_NO_CALLER;
	if (!has_role(rule->who, caller->role))
		return PERMISSION_NO_ROLE;
	unsigned scope = permission_scope(rule);
	if (caller->by_key && (scope == 0 || (caller->scopes & scope) != scope))
		return PERMISSION_NO_SCOPE;
	if (permission_needs_node(rule->object) && caller->node_role == NODE_ROLE_NONE)
		return PERMISSION_NO_OBJECT;
	if (rule->object == OBJECT_NODE_OWNED && caller->node_role != NODE_ROLE_PRIMARY)
		return PERMISSION_NOT_OWNED;
	return PERMISSION_GRANTED;
}

const char *account_role_name(enum account_role role)
{
	return role < N_ROLES ? role_names[role] : role_names[ROLE_USER];
}

bool account_role_read(const char *name, enum account_role *ret_role)
{
	for (enum account_role role = ROLE_USER; role < N_ROLES; role++) {
		if (strcmp(role_names[role], name) == 0) {
			*ret_role = role;
			return true;
		}
	}
	return false;
}

enum node_role node_role_read(const char *name)
{
	if (strcmp(name, "primary") == 0)
		return NODE_ROLE_PRIMARY;
	return strcmp(name, "secondary") == 0 ? NODE_ROLE_SECONDARY : NODE_ROLE_NONE;
}

const char *scope_name(enum scope scope)
{
	for (size_t i = 0; i < ARRAY_LEN(scope_names); i++) {
		if (scope_names[i].scope == scope)
			return scope_names[i].name;
	}
	return "";
}

unsigned scope_read(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(scope_names); i++) {
		if (strcmp(scope_names[i].name, name) == 0)
			return scope_names[i].scope;
	}
	return 0;
}
