/* What changes a node's standing: suspend, resume, revoke, delete, transfer.
 *
 * suspend and revoke are in force when they return. The usual way is through the database, from where the daemon tells the broker
 * within a moment; when the broker does not confirm it in time, or the database is away, the id goes on the local list, which the
 * broker on this machine reads by itself. */
#include <stdio.h>
#include <string.h>

#include "account/user_name.h"
#include "cistern/command.h"
#include "cistern/database.h"
#include "cistern/local_list.h"
#include "model/node_id.h"
#include "store/fleet.h"

enum {
	CONFIRM_MS = 700,
	STATEMENT_MS = 2000, /* a database that is slow counts as away: there is the local list */
};

#define DEFAULT_REASON "revoked by an operator"

struct change {
	const struct config *config;
	const char *node_id, *reason;
	struct store *store;
};

typedef enum status change_run(const struct change *change, struct error *err);

static enum status check_node_id(const char *node_id, struct error *err)
{
	if (node_id_valid(node_id, strlen(node_id)))
		return STATUS_OK;
	return error_set(err, STATUS_NOT_FOUND, "no node '%s'", node_id);
}

static enum status suspend(const struct change *change, struct error *err)
{
	return store_fleet_suspend(change->store, change->node_id, true, err);
}

static enum status resume(const struct change *change, struct error *err)
{
	return store_fleet_suspend(change->store, change->node_id, false, err);
}

static enum status revoke(const struct change *change, struct error *err)
{
	return store_fleet_revoke(change->store, change->node_id, change->reason, err);
}

static enum status delete_node(const struct change *change, struct error *err)
{
	return store_fleet_delete(change->store, change->node_id, err);
}

static void tell(const struct change *change, const char *result, bool recorded, const char *in_force,
		 struct output *output)
{
	const struct cell cells[] = { CELL_OF_TEXT("node_id", change->node_id), CELL_OF_TEXT("result", result),
				      CELL_OF_BOOLEAN("recorded", recorded), CELL_OF_TEXT("in_force", in_force) };
	output_record(output, cells, ARRAY_LEN(cells));
}

/* Recorded; has the broker said so? A database that goes away meanwhile leaves that unknown, which is a no. */
static bool is_confirmed(const struct change *change)
{
	bool in_force = false;
	struct error ignored = { .text = "" };
	return store_fleet_wait_in_force(change->store, CONFIRM_MS, &in_force, &ignored) == STATUS_OK && in_force;
}

static enum status forget_locally(const struct change *change, struct error *err)
{
	const char *path = change->config->revocation_local_file;
	return *path ? local_list_set(path, change->node_id, false, err) : STATUS_OK;
}

static enum status list_locally(const struct change *change, const char *why, struct error *err)
{
	struct error reason = { .text = "" };
	enum status st = local_list_set(change->config->revocation_local_file, change->node_id, true, &reason);
	if (st == STATUS_OK)
		return st;
	/* this order: a database's reason is long, and a text has an end */
	return error_set(err, st, "not in force: the local list cannot take it: %s; %s", reason.text, why);
}

/* The way that goes always. */
static enum status refuse_without_database(const struct change *change, const char *result, struct output *output,
					   struct error *err)
{
	char why[ERROR_TEXT_MAX + 1];
	(void)snprintf(why, sizeof(why), "%s", err->text); /* of the same size */
	enum status st = list_locally(change, why, err);
	if (st == STATUS_OK)
		tell(change, result, false, "local list (database away: run this again later to record it)", output);
	return st;
}

/* By now the broker has it from the database, so the emergency's line is not needed any more; or it has not, and the line is. */
static enum status confirm_refusal(const struct change *change, const char *result, struct output *output,
				   struct error *err)
{
	bool confirmed = is_confirmed(change);
	enum status st = confirmed ? forget_locally(change, err)
				   : list_locally(change, "recorded, but the broker has not confirmed it", err);
	if (st == STATUS_OK)
		tell(change, result, true, confirmed ? "broker" : "local list", output);
	return st;
}

static enum status open_store(struct change *change, struct error *err)
{
	enum status st = check_node_id(change->node_id, err);
	return st == STATUS_OK ? database_open_within(change->config, STATEMENT_MS, &change->store, err) : st;
}

static enum status refuse(const struct call *call, change_run *run, const char *result, const char *reason,
			  struct output *output, struct error *err)
{
	struct change change = { .config = call->config, .node_id = call->operands[0], .reason = reason };
	enum status st = open_store(&change, err);
	if (st == STATUS_OK)
		st = run(&change, err);
	if (st == STATUS_OK)
		st = confirm_refusal(&change, result, output, err);
	else if (st == STATUS_UNAVAILABLE)
		st = refuse_without_database(&change, result, output, err);
	store_close(change.store);
	return st;
}

enum status node_suspend_run(const struct call *call, struct output *output, struct error *err)
{
	return refuse(call, suspend, "suspended", NULL, output, err);
}

enum status node_revoke_run(const struct call *call, struct output *output, struct error *err)
{
	const char *reason = call_option(call, "--reason");
	if (reason && (!*reason || strlen(reason) > FLEET_REASON_MAX))
		return error_set(err, STATUS_INVALID, "--reason is 1 to %d bytes", FLEET_REASON_MAX);
	return refuse(call, revoke, "revoked", reason ? reason : DEFAULT_REASON, output, err);
}

/* The list has nothing more to say about the node. Of a deleted one only once the broker refuses its certificates: the list may be
 * all that keeps it out. */
static enum status release(const struct call *call, change_run *run, const char *result, bool must_confirm,
			   struct output *output, struct error *err)
{
	struct change change = { .config = call->config, .node_id = call->operands[0] };
	bool confirmed = false;
	enum status st = open_store(&change, err);
	if (st == STATUS_OK)
		st = run(&change, err);
	if (st == STATUS_OK)
		confirmed = is_confirmed(&change);
	if (st == STATUS_OK && (confirmed || !must_confirm))
		st = forget_locally(&change, err);
	if (st == STATUS_OK)
		tell(&change, result, true, confirmed ? "broker" : "as soon as the daemon tells the broker", output);
	store_close(change.store);
	return st;
}

enum status node_resume_run(const struct call *call, struct output *output, struct error *err)
{
	return release(call, resume, "resumed", false, output, err);
}

enum status node_delete_run(const struct call *call, struct output *output, struct error *err)
{
	return release(call, delete_node, "deleted", true, output, err);
}

enum status node_transfer_run(const struct call *call, struct output *output, struct error *err)
{
	const char *node_id = call->operands[0];
	user_name_text user_name;
	CLEANUP(store) struct store *store = NULL;
	enum status st = check_node_id(node_id, err);
	if (st == STATUS_OK)
		st = user_name_canonical(call_option(call, "--to"), user_name, err);
	if (st == STATUS_OK)
		st = database_open(call->config, &store, err);
	if (st == STATUS_OK)
		st = store_fleet_transfer(store, node_id, user_name, err);
	if (st != STATUS_OK)
		return st;
	const struct cell cells[] = { CELL_OF_TEXT("node_id", node_id), CELL_OF_TEXT("result", "transferred"),
				      CELL_OF_TEXT("user_name", user_name) };
	output_record(output, cells, ARRAY_LEN(cells));
	return st;
}
