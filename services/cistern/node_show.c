/* One node: what is known of it, with its certificates and its last connections. */
#include "cistern/command.h"
#include "cistern/database.h"
#include "store/fleet.h"
#include "store/node.h"
#include "store/operator.h"

enum { CERTIFICATES_SHOWN = 10, CONNECTIONS_SHOWN = 10 };

/* Everything about one node, read one after the other. */
struct view {
	struct node node;
	struct operator_certificate certificate; /* all zero: the node has none */
	int64_t config_received_at_us;
	struct buffer pem, devices, users, params, state, address, certificates, connections;
};

static void view_done(struct view *view)
{
	struct buffer *buffers[] = { &view->pem,   &view->devices, &view->users,        &view->params,
				     &view->state, &view->address, &view->certificates, &view->connections };
	for (size_t i = 0; i < ARRAY_LEN(buffers); i++)
		buffer_done(buffers[i]);
}

static void put_standing(void *context, const struct fleet_node *node)
{
	struct view *view = context;
	buffer_puts(&view->state, node->state);
	buffer_puts(&view->address, node->address);
}

static void put_certificate(void *context, const struct fleet_certificate *certificate)
{
	struct buffer *list = &((struct view *)context)->certificates;
	const struct cell cells[] = { CELL_OF_TEXT("serial", certificate->serial),
				      CELL_OF_TEXT("state", certificate->state),
				      CELL_OF_TIME("from", certificate->not_before_us),
				      CELL_OF_TIME("to", certificate->not_after_us),
				      CELL_OF_TIME("issued_at", certificate->issued_at_us),
				      CELL_OF_TIME("activated_at", certificate->activated_at_us),
				      CELL_OF_TIME("superseded_at", certificate->superseded_at_us),
				      CELL_OF_TIME("revoked_at", certificate->revoked_at_us),
				      CELL_OF_TEXT("reason",
						   *certificate->revoked_reason ? certificate->revoked_reason : NULL),
				      CELL_OF_TEXT("fingerprint", certificate->fingerprint) };
	if (list->len > 1)
		buffer_putc(list, ',');
	output_put_object(list, cells, ARRAY_LEN(cells));
}

static void put_connection(void *context, const struct fleet_connection *connection)
{
	struct buffer *list = &((struct view *)context)->connections;
	const struct cell cells[] = { CELL_OF_NUMBER("session_no", connection->session_no),
				      CELL_OF_TIME("from", connection->connected_at_us),
				      CELL_OF_TIME("to", connection->ended_at_us),
				      CELL_OF_TEXT("address", *connection->address ? connection->address : NULL),
				      CELL_OF_TEXT("reason", *connection->reason ? connection->reason : NULL) };
	if (list->len > 1)
		buffer_putc(list, ',');
	output_put_object(list, cells, ARRAY_LEN(cells));
}

/* A node may be registered and have no live certificate. */
static enum status read_certificate(struct store *store, const char *node_id, struct view *view, struct error *err)
{
	enum status st = store_operator_node_certificate(store, node_id, &view->certificate, &view->pem, err);
	return st == STATUS_NOT_FOUND ? STATUS_OK : st;
}

static enum status read_lists(struct store *store, const char *node_id, struct view *view, struct error *err)
{
	buffer_putc(&view->certificates, '[');
	buffer_putc(&view->connections, '[');
	enum status st = store_fleet_certificates(store, node_id, CERTIFICATES_SHOWN, put_certificate, view, err);
	if (st == STATUS_OK)
		st = store_fleet_connections(store, node_id, INT64_MAX, CONNECTIONS_SHOWN, put_connection, view, err);
	buffer_putc(&view->certificates, ']');
	buffer_putc(&view->connections, ']');
	return st;
}

static enum status read_view(struct store *store, const char *node_id, bool params, struct view *view,
			     struct error *err)
{
	const struct fleet_filter one = { .node_id = node_id, .ends_within_days = -1 };
	enum status st = store_node_get(store, node_id, &view->node, err);
	if (st == STATUS_OK)
		st = store_operator_node_detail(store, node_id, &view->config_received_at_us, &view->devices,
						&view->users, err);
	if (st == STATUS_OK)
		st = read_certificate(store, node_id, view, err);
	if (st == STATUS_OK)
		st = store_fleet_list(store, &one, "", 1, put_standing, view, err);
	if (st == STATUS_OK)
		st = read_lists(store, node_id, view, err);
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
		CELL_OF_TEXT("state", buffer_text(&view->state)),
		CELL_OF_BOOLEAN("connected", node->connected),
		CELL_OF_TIME("since", node->presence_at_us),
		CELL_OF_NUMBER("session_no", node->session_no),
		CELL_OF_TEXT("address", view->address.len ? buffer_text(&view->address) : NULL),
		CELL_OF_TEXT("name", node->name),
		CELL_OF_TEXT("type", node->type),
		CELL_OF_TEXT("model", node->model),
		CELL_OF_TEXT("fw_version", node->fw_version),
		CELL_OF_JSON("devices", buffer_text(&view->devices)),
		CELL_OF_TIME("config_received_at", view->config_received_at_us),
		CELL_OF_TEXT("certificate_serial", serial),
		CELL_OF_TIME("certificate_from", view->certificate.not_before_us),
		CELL_OF_TIME("certificate_to", view->certificate.not_after_us),
		CELL_OF_JSON("certificates", buffer_text(&view->certificates)),
		CELL_OF_JSON("connections", buffer_text(&view->connections)),
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
