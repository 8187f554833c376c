#include <stdio.h>
#include <string.h>

#include "cistern/command.h"
#include "cistern/database.h"
#include "store/node.h"
#include "store/operator.h"

/* One page after the other, each behind the last row of the one before. */
struct listing {
	struct output *output;
	int64_t n_rows;
	char last[NODE_ID_MAX + 1];
};

static void list_node(void *context, const struct node *node)
{
	struct listing *listing = context;
	const struct cell cells[] = { CELL_OF_TEXT(NULL, node->id),
				      CELL_OF_BOOLEAN(NULL, node->connected),
				      CELL_OF_TIME(NULL, node->presence_at_us),
				      CELL_OF_TEXT(NULL, node->name),
				      CELL_OF_TEXT(NULL, node->type),
				      CELL_OF_TEXT(NULL, node->model),
				      CELL_OF_TEXT(NULL, node->fw_version),
				      CELL_OF_NUMBER(NULL, node->n_users) };
	output_list_row(listing->output, cells);
	listing->n_rows++;
	memcpy(listing->last, node->id, sizeof(listing->last));
}

enum status node_list_run(const struct call *call, struct output *output, struct error *err)
{
	static const char *const columns[] = { "node_id", "connected", "since",      "name",
					       "type",    "model",     "fw_version", "users" };
	CLEANUP(store) struct store *store = NULL;
	enum status st = database_open(call->config, &store, err);
	struct listing listing = { .output = output };
	output_list_begin(output, "nodes", columns, ARRAY_LEN(columns));
	do {
		listing.n_rows = 0;
		if (st == STATUS_OK)
			st = store_node_list(store, listing.last, PAGE_MAX, list_node, &listing, err);
	} while (st == STATUS_OK && listing.n_rows == PAGE_MAX);
	output_list_end(output);
	return st;
}

/* Everything about one node, read one after the other. */
struct view {
	struct node node;
	struct operator_certificate certificate; /* all zero: the node has none */
	int64_t config_received_at_us;
	struct buffer pem, devices, users, params;
};

static void view_done(struct view *view)
{
	buffer_done(&view->pem);
	buffer_done(&view->devices);
	buffer_done(&view->users);
	buffer_done(&view->params);
}

/* A node may be registered and have no live certificate. */
static enum status read_certificate(struct store *store, const char *node_id, struct view *view, struct error *err)
{
	enum status st = store_operator_node_certificate(store, node_id, &view->certificate, &view->pem, err);
	return st == STATUS_NOT_FOUND ? STATUS_OK : st;
}

static enum status read_view(struct store *store, const char *node_id, bool params, struct view *view,
			     struct error *err)
{
	enum status st = store_node_get(store, node_id, &view->node, err);
	if (st == STATUS_OK)
		st = store_operator_node_detail(store, node_id, &view->config_received_at_us, &view->devices,
						&view->users, err);
	if (st == STATUS_OK)
		st = read_certificate(store, node_id, view, err);
	if (st == STATUS_OK && params)
		st = store_operator_node_params(store, node_id, &view->params, err);
	return st;
}

static void tell_view(struct view *view, bool params, struct output *output)
{
	const struct node *node = &view->node;
	const char *serial = *view->certificate.serial_hex ? view->certificate.serial_hex : NULL;
	const struct cell cells[] = {
		CELL_OF_TEXT("node_id", node->id),
		CELL_OF_TIME("registered_at", node->registered_at_us),
		CELL_OF_BOOLEAN("connected", node->connected),
		CELL_OF_TIME("since", node->presence_at_us),
		CELL_OF_NUMBER("session_no", node->session_no),
		CELL_OF_TEXT("name", node->name),
		CELL_OF_TEXT("type", node->type),
		CELL_OF_TEXT("model", node->model),
		CELL_OF_TEXT("fw_version", node->fw_version),
		CELL_OF_JSON("devices", buffer_text(&view->devices)),
		CELL_OF_TIME("config_received_at", view->config_received_at_us),
		CELL_OF_TEXT("certificate_serial", serial),
		CELL_OF_TIME("certificate_from", view->certificate.not_before_us),
		CELL_OF_TIME("certificate_to", view->certificate.not_after_us),
		CELL_OF_JSON("users", buffer_text(&view->users)),
		CELL_OF_JSON("params", buffer_text(&view->params)),
	};
	output_record(output, cells, ARRAY_LEN(cells) - (params ? 0 : 1));
}

enum status node_show_run(const struct call *call, struct output *output, struct error *err)
{
	CLEANUP(store) struct store *store = NULL;
	struct view view = { .node = { .id = "" } };
	bool params = call_option(call, "--params") != NULL;
	enum status st = database_open(call->config, &store, err);
	if (st == STATUS_OK)
		st = read_view(store, call->operands[0], params, &view, err);
	if (st == STATUS_OK)
		tell_view(&view, params, output);
	view_done(&view);
	return st;
}
