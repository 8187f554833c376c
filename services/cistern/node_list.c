/* All nodes, or those that an operator looks for. */
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "cistern/command.h"
#include "cistern/database.h"
#include "model/limits.h"
#include "model/node_id.h"
#include "store/fleet.h"

/* One page after the other, each behind the last row of the one before. */
struct listing {
	struct output *output;
	int64_t n_rows;
	char last[NODE_ID_MAX + 1];
};

static const char *or_null(const char *text)
{
	return *text ? text : NULL;
}

static void list_node(void *context, const struct fleet_node *node)
{
	struct listing *listing = context;
	const struct cell cells[] = { CELL_OF_TEXT(NULL, node->id),
				      CELL_OF_BOOLEAN(NULL, node->connected),
				      CELL_OF_TIME(NULL, node->presence_at_us),
				      CELL_OF_TEXT(NULL, node->name),
				      CELL_OF_TEXT(NULL, node->type),
				      CELL_OF_TEXT(NULL, node->model),
				      CELL_OF_TEXT(NULL, node->fw_version),
				      CELL_OF_NUMBER(NULL, node->n_users),
				      CELL_OF_TEXT(NULL, node->state),
				      CELL_OF_TEXT(NULL, or_null(node->certificate_state)),
				      CELL_OF_TIME(NULL, node->certificate_to_us),
				      CELL_OF_TEXT(NULL, or_null(node->address)) };
	output_list_row(listing->output, cells);
	listing->n_rows++;
	(void)snprintf(listing->last, sizeof(listing->last), "%s", node->id); /* the schema holds it to NODE_ID_MAX */
}

static enum status read_filter(const struct call *call, bool *online, struct fleet_filter *ret_filter,
			       struct error *err)
{
	static const char *const states[] = { "active", "suspended", "revoked" };
	const char *state = call_option(call, "--state"), *days = call_option(call, "--expiring");
	struct fleet_filter filter = { .state = state,
				       .fw_version = call_option(call, "--fw-version"),
				       .model = call_option(call, "--model"),
				       .type = call_option(call, "--type"),
				       .ends_within_days = -1 };
	bool known = !state;
	for (size_t i = 0; state && i < ARRAY_LEN(states); i++)
		known |= strcmp(state, states[i]) == 0;
	if (!known)
		return error_set(err, STATUS_INVALID, "--state is active, suspended or revoked");
	if (days && !parse_i64(days, 0, FLEET_DAYS_MAX, &filter.ends_within_days))
		return error_set(err, STATUS_INVALID, "--expiring is a number of days, 0 to %d", FLEET_DAYS_MAX);
	bool wants_online = call_option(call, "--online") != NULL,
	     wants_offline = call_option(call, "--offline") != NULL;
	if (wants_online && wants_offline)
		return error_set(err, STATUS_INVALID, "--online and --offline together find nothing");
	*online = wants_online;
	filter.online = wants_online || wants_offline ? online : NULL;
	*ret_filter = filter;
	return STATUS_OK;
}

enum status node_list_run(const struct call *call, struct output *output, struct error *err)
{
	static const char *const columns[] = { "node_id", "connected",   "since",          "name",
					       "type",    "model",       "fw_version",     "users",
					       "state",   "certificate", "certificate_to", "address" };
	CLEANUP(store) struct store *store = NULL;
	struct fleet_filter filter;
	bool online = false;
	enum status st = read_filter(call, &online, &filter, err);
	if (st == STATUS_OK)
		st = database_open(call->config, &store, err);
	struct listing listing = { .output = output };
	output_list_begin(output, "nodes", columns, ARRAY_LEN(columns));
	do {
		listing.n_rows = 0;
		if (st == STATUS_OK)
			st = store_fleet_list(store, &filter, listing.last, PAGE_MAX, list_node, &listing, err);
	} while (st == STATUS_OK && listing.n_rows == PAGE_MAX);
	output_list_end(output);
	return st;
}
