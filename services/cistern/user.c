#include <stdio.h>
#include <string.h>

#include "account/account.h"
#include "account/user_name.h"
#include "base/secret.h"
#include "cistern/command.h"
#include "cistern/database.h"
#include "cistern/password_prompt.h"
#include "store/admin_user.h"
#include "store/user.h"

/* An account that nobody confirmed does not count: user add takes its place. */
static enum status find_confirmed(struct store *store, const char *name, struct user *ret_user, bool *ret_found,
				  struct error *err)
{
	struct user_login login = { .id = "" };
	enum status st = store_user_login(store, name, &login, err);
	*ret_found = st == STATUS_OK && login.confirmed;
	explicit_bzero(login.password_hash, sizeof(login.password_hash));
	if (st == STATUS_NOT_FOUND || (st == STATUS_OK && !login.confirmed))
		return STATUS_OK;
	return st == STATUS_OK ? store_user_get(store, login.id, ret_user, err) : st;
}

static void tell_user(struct output *output, const char *result, const char *user_id, const char *name, bool is_admin)
{
	const struct cell cells[] = { CELL_OF_TEXT("user_name", name), CELL_OF_TEXT("user_id", user_id),
				      CELL_OF_BOOLEAN("admin", is_admin), CELL_OF_TEXT("result", result) };
	output_record(output, cells, ARRAY_LEN(cells));
}

static enum status accept_existing(const struct call *call, const struct user *user, struct output *output,
				   struct error *err)
{
	if (!call_option(call, "--if-missing"))
		return error_set(err, STATUS_CONFLICT, "there is a user '%s' already", user->name);
	/* success must mean what was asked for */
	if (call_option(call, "--admin") && !user->super_admin)
		return error_set(err, STATUS_CONFLICT, "there is a user '%s' already, who is no administrator",
				 user->name);
	tell_user(output, "present", user->id, user->name, user->super_admin);
	return STATUS_OK;
}

static enum status get_password(const struct call *call, const char *name, struct secret *ret_password,
				struct error *err)
{
	const char *file = call_option(call, "--password-file");
	return file ? secret_read(ret_password, file, err) : password_prompt(name, ret_password, err);
}

enum status user_add_run(const struct call *call, struct output *output, struct error *err)
{
	user_name_text name;
	CLEANUP(store) struct store *store = NULL;
	CLEANUP(secret) struct secret password = { .len = 0 };
	struct user user = { .id = "" };
	bool found = false;
	enum status st = user_name_canonical(call->operands[0], name, err);
	if (st == STATUS_OK)
		st = database_open(call->config, &store, err);
	if (st == STATUS_OK)
		st = find_confirmed(store, name, &user, &found, err);
	if (st == STATUS_OK && found)
		return accept_existing(call, &user, output, err);
	if (st == STATUS_OK)
		st = get_password(call, name, &password, err);
	bool is_admin = call_option(call, "--admin") != NULL;
	char user_id[UUID_BYTES + 1];
	if (st == STATUS_OK)
		st = account_add(store, name, password.bytes, is_admin, user_id, err);
	if (st == STATUS_OK)
		tell_user(output, "added", user_id, name, is_admin);
	return st;
}

/* One page after the other, each behind the last row of the one before. */
struct listing {
	struct output *output;
	int64_t n_rows;
	char last[USER_NAME_BYTES_MAX + 1]; /* a user name or a node id: the schema holds both to it */
};

static void list_user(void *context, const struct admin_user *user)
{
	struct listing *listing = context;
	const struct cell cells[] = { CELL_OF_TEXT(NULL, user->name),
				      CELL_OF_TEXT(NULL, user->id),
				      CELL_OF_BOOLEAN(NULL, user->role == ROLE_ADMIN),
				      CELL_OF_TEXT(NULL, account_role_name(user->role)),
				      CELL_OF_BOOLEAN(NULL, user->confirmed),
				      CELL_OF_NUMBER(NULL, user->n_nodes),
				      CELL_OF_TIME(NULL, user->created_at_us) };
	output_list_row(listing->output, cells);
	listing->n_rows++;
	(void)snprintf(listing->last, sizeof(listing->last), "%s", user->name);
}

enum status user_list_run(const struct call *call, struct output *output, struct error *err)
{
	static const char *const columns[] = { "user_name", "user_id", "admin",     "role",
					       "confirmed", "nodes",   "created_at" };
	CLEANUP(store) struct store *store = NULL;
	enum status st = database_open(call->config, &store, err);
	struct listing listing = { .output = output };
	output_list_begin(output, "users", columns, ARRAY_LEN(columns));
	do {
		listing.n_rows = 0;
		if (st == STATUS_OK)
			st = store_admin_user_list(store, NULL, listing.last, PAGE_MAX, list_user, &listing, err);
	} while (st == STATUS_OK && listing.n_rows == PAGE_MAX);
	output_list_end(output);
	return st;
}

static void list_node(void *context, const struct admin_user_node *node)
{
	struct listing *listing = context;
	const struct cell cells[] = { CELL_OF_TEXT(NULL, node->node_id), CELL_OF_TEXT(NULL, node->role),
				      CELL_OF_TIME(NULL, node->since_us) };
	output_list_row(listing->output, cells);
	listing->n_rows++;
	(void)snprintf(listing->last, sizeof(listing->last), "%s", node->node_id);
}

/* The name in its one form, and the database. */
static enum status open_for(const struct call *call, user_name_text ret_name, struct store **ret_store,
			    struct error *err)
{
	enum status st = user_name_canonical(call->operands[0], ret_name, err);
	return st == STATUS_OK ? database_open(call->config, ret_store, err) : st;
}

enum status user_nodes_run(const struct call *call, struct output *output, struct error *err)
{
	static const char *const columns[] = { "node_id", "role", "since" };
	CLEANUP(store) struct store *store = NULL;
	user_name_text name;
	enum status st = open_for(call, name, &store, err);
	struct listing listing = { .output = output };
	output_list_begin(output, "nodes", columns, ARRAY_LEN(columns));
	do {
		listing.n_rows = 0;
		if (st == STATUS_OK)
			st = store_admin_user_nodes(store, name, listing.last, PAGE_MAX, list_node, &listing, err);
	} while (st == STATUS_OK && listing.n_rows == PAGE_MAX);
	output_list_end(output);
	return st;
}

enum status user_role_run(const struct call *call, struct output *output, struct error *err)
{
	CLEANUP(store) struct store *store = NULL;
	user_name_text name;
	char user_id[UUID_BYTES + 1];
	enum account_role role = ROLE_USER;
	if (!account_role_read(call->operands[1], &role))
		return error_set(err, STATUS_INVALID, "a role is user, viewer, operator or admin");
	enum status st = open_for(call, name, &store, err);
	if (st == STATUS_OK)
		st = store_admin_user_set_role(store, name, role, user_id, err);
	if (st != STATUS_OK)
		return st;
	const struct cell cells[] = { CELL_OF_TEXT("user_name", name), CELL_OF_TEXT("user_id", user_id),
				      CELL_OF_TEXT("role", account_role_name(role)) };
	output_record(output, cells, ARRAY_LEN(cells));
	return STATUS_OK;
}

enum status user_delete_run(const struct call *call, struct output *output, struct error *err)
{
	CLEANUP(store) struct store *store = NULL;
	user_name_text name;
	char user_id[UUID_BYTES + 1];
	enum status st = open_for(call, name, &store, err);
	if (st == STATUS_OK)
		st = store_admin_user_delete(store, name, user_id, err);
	if (st != STATUS_OK)
		return st;
	const struct cell cells[] = { CELL_OF_TEXT("user_name", name), CELL_OF_TEXT("user_id", user_id),
				      CELL_OF_TEXT("result", "deleted") };
	output_record(output, cells, ARRAY_LEN(cells));
	return STATUS_OK;
}
