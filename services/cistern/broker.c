/* cistern broker add | list | drain | remove - more than one broker (docs/operations.md). The daemon takes a change up by itself. */
#include <stdio.h>

#include "base/parse.h"
#include "cistern/command.h"
#include "cistern/database.h"
#include "store/broker.h"
#include "store/fleet.h"

static enum status put_text(const char *value, const char *what, char *ret_text, size_t size, struct error *err)
{
	int n = snprintf(ret_text, size, "%s", value);
	if (n < 1 || (size_t)n >= size)
		return error_set(err, STATUS_INVALID, "%s has 1 to %zu characters", what, size - 1);
	return STATUS_OK;
}

static void tell(const char *name, const char *result, struct output *output)
{
	const struct cell cells[] = { CELL_OF_TEXT("broker", name), CELL_OF_TEXT("result", result) };
	output_record(output, cells, ARRAY_LEN(cells));
}

static enum status read_row(const struct call *call, struct broker_row *row, struct error *err)
{
	int64_t port = 0;
	enum status st = put_text(call->operands[0], "NAME", row->name, sizeof(row->name), err);
	if (st == STATUS_OK)
		st = put_text(call_option(call, "--mqtt-host"), "--mqtt-host", row->mqtt_host, sizeof(row->mqtt_host),
			      err);
	if (st == STATUS_OK)
		st = put_text(call_option(call, "--service-host"), "--service-host", row->service_host,
			      sizeof(row->service_host), err);
	if (st == STATUS_OK && !parse_i64(call_option(call, "--service-port"), 1, 65535, &port))
		st = error_set(err, STATUS_INVALID, "--service-port is 1 to 65535");
	row->service_port = (int)port;
	return st;
}

enum status broker_add_run(const struct call *call, struct output *output, struct error *err)
{
	CLEANUP(store) struct store *store = NULL;
	struct broker_row row = { .active = true };
	enum status st = read_row(call, &row, err);
	if (st == STATUS_OK)
		st = database_open(call->config, &store, err);
	if (st == STATUS_OK)
		st = store_broker_add(store, &row, err);
	if (st == STATUS_OK)
		tell(row.name, "added", output);
	return st;
}

static void list_broker(void *context, const struct fleet_broker *broker)
{
	const struct cell cells[] = {
		CELL_OF_TEXT(NULL, broker->broker),         CELL_OF_TEXT(NULL, broker->state),
		CELL_OF_TEXT(NULL, broker->mqtt_host),      CELL_OF_TEXT(NULL, broker->service_host),
		CELL_OF_NUMBER(NULL, broker->service_port), CELL_OF_NUMBER(NULL, broker->n_connected),
		CELL_OF_BOOLEAN(NULL, broker->in_force),    CELL_OF_TIME(NULL, broker->lost_at_us)
	};
	output_list_row(context, cells);
}

enum status broker_list_run(const struct call *call, struct output *output, struct error *err)
{
	static const char *const columns[] = { "broker",       "state",     "mqtt_host", "service_host",
					       "service_port", "connected", "in_force",  "lost_at" };
	CLEANUP(store) struct store *store = NULL;
	enum status st = database_open(call->config, &store, err);
	output_list_begin(output, "brokers", columns, ARRAY_LEN(columns));
	if (st == STATUS_OK)
		st = store_fleet_brokers(store, list_broker, output, err);
	output_list_end(output);
	return st;
}

enum status broker_drain_run(const struct call *call, struct output *output, struct error *err)
{
	CLEANUP(store) struct store *store = NULL;
	enum status st = database_open(call->config, &store, err);
	if (st == STATUS_OK)
		st = store_broker_drain(store, call->operands[0], err);
	if (st == STATUS_OK)
		tell(call->operands[0], "draining", output);
	return st;
}

enum status broker_remove_run(const struct call *call, struct output *output, struct error *err)
{
	CLEANUP(store) struct store *store = NULL;
	enum status st = database_open(call->config, &store, err);
	if (st == STATUS_OK)
		st = store_broker_remove(store, call->operands[0], call_option(call, "--force") != NULL, err);
	if (st == STATUS_OK)
		tell(call->operands[0], "removed", output);
	return st;
}
