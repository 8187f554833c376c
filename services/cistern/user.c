#include <stdio.h>
#include <string.h>

#include "account/account.h"
#include "account/user_name.h"
#include "base/secret.h"
#include "cistern/command.h"
#include "cistern/database.h"
#include "cistern/password_prompt.h"
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
	char last[USER_NAME_BYTES_MAX + 1];
};

static void list_user(void *context, const struct user *user)
{
	struct listing *listing = context;
	const struct cell cells[] = {
		CELL_OF_TEXT(NULL, user->name),           CELL_OF_TEXT(NULL, user->id),
		CELL_OF_BOOLEAN(NULL, user->super_admin), CELL_OF_BOOLEAN(NULL, user->confirmed),
		CELL_OF_NUMBER(NULL, user->n_nodes),      CELL_OF_TIME(NULL, user->created_at_us)
	};
	output_list_row(listing->output, cells);
	listing->n_rows++;
	(void)snprintf(listing->last, sizeof(listing->last), "%s", user->name); /* of the same size */
}

enum status user_list_run(const struct call *call, struct output *output, struct error *err)
{
	static const char *const columns[] = { "user_name", "user_id", "admin", "confirmed", "nodes", "created_at" };
	CLEANUP(store) struct store *store = NULL;
	enum status st = database_open(call->config, &store, err);
	struct listing listing = { .output = output };
	output_list_begin(output, "users", columns, ARRAY_LEN(columns));
	do {
		listing.n_rows = 0;
		if (st == STATUS_OK)
			st = store_user_list(store, listing.last, PAGE_MAX, list_user, &listing, err);
	} while (st == STATUS_OK && listing.n_rows == PAGE_MAX);
	output_list_end(output);
	return st;
}
