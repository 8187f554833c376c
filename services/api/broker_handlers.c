/* The brokers, for administrators.
 *
 *   GET     admin/broker                      each one: where it is, its state, what it refuses and counts
 *   POST    admin/broker {"broker","mqtt_host","service_host","service_port"}    a new one, or a drained or removed one in use again
 *   PUT     admin/broker {"broker","state":"draining"}    no new nodes
 *   DELETE  admin/broker ?broker=&force=      out of use; 409 while nodes are connected there, unless it is forced */
#include <stdio.h>
#include <string.h>

#include "api/admin.h"
#include "api/body.h"
#include "api/handlers.h"
#include "base/log.h"
#include "store/broker.h"
#include "store/fleet.h"

static void put_document(struct buffer *body, const char *name, const char *json)
{
	buffer_printf(body, ",\"%s\":%s", name, *json ? json : "null");
}

static void add_broker(void *context, const struct fleet_broker *broker)
{
	struct buffer *body = context;
	if (body->bytes[body->len - 1] != '[')
		buffer_putc(body, ',');
	buffer_putc(body, '{');
	reply_put_member(body, "broker", broker->broker);
	reply_put_member(body, "state", broker->state);
	reply_put_member(body, "mqtt_host", broker->mqtt_host);
	reply_put_member(body, "service_host", broker->service_host);
	buffer_printf(body, ",\"service_port\":%d,\"connected\":%lld", broker->service_port,
		      (long long)broker->n_connected);
	admin_put_seconds(body, "lost_at", broker->lost_at_us);
	buffer_printf(body, ",\"in_force\":%s,\"revocation_version\":%lld,\"wanted_version\":%lld",
		      broker->in_force ? "true" : "false", (long long)broker->version,
		      (long long)broker->wanted_version);
	put_document(body, "revocation", broker->revocation_json);
	admin_put_seconds(body, "revocation_at", broker->revocation_at_us);
	put_document(body, "counters", broker->counters_json);
	admin_put_seconds(body, "counters_at", broker->counters_at_us);
	buffer_putc(body, '}');
}

enum status admin_broker(struct request *request, struct error *err)
{
	struct buffer *body = &request->reply.body;
	buffer_puts(body, "{\"brokers\":[");
	enum status st = store_fleet_brokers(request->store, add_broker, body, err);
	buffer_puts(body, "]}");
	return st;
}

static enum status fail(struct request *request, enum status st, struct error *err)
{
	if (st == STATUS_NOT_FOUND)
		return reply_fail(&request->reply, FAILURE_BROKER, err);
	if (st == STATUS_CONFLICT)
		return reply_fail(&request->reply, FAILURE_BROKER_STATE, err);
	if (st == STATUS_INVALID)
		return reply_fail(&request->reply, FAILURE_ADMIN_FIELD, err);
	return st;
}

static void log_broker(const struct request *request, const char *event, const char *name)
{
	log_info(event, F_STR("broker", name), F_STR("user", request->caller.user_id), F_STR("request", request->id));
}

/* False when it is no text, empty or too long; what is in it the table's constraints look at. */
static bool read_text(const json_t *body, const char *name, char *ret_text, size_t size)
{
	const char *text = json_member_text(body, name, "");
	int n = snprintf(ret_text, size, "%s", text);
	return n > 0 && (size_t)n < size;
}

enum status admin_broker_add(struct request *request, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	struct broker_row row = { .active = true };
	enum status st = body_object(request, false, &body, err);
	if (st != STATUS_OK)
		return st;
	json_int_t port = json_integer_value(json_object_get(body, "service_port")); /* 0 of any other kind */
	if (!read_text(body, "broker", row.name, sizeof(row.name)) ||
	    !read_text(body, "mqtt_host", row.mqtt_host, sizeof(row.mqtt_host)) ||
	    !read_text(body, "service_host", row.service_host, sizeof(row.service_host)) || port < 1 || port > 65535)
		return reply_fail(&request->reply, FAILURE_ADMIN_FIELD, err);
	row.service_port = (int)port;
	st = store_broker_add(request->store, &row, err);
	if (st != STATUS_OK)
		return fail(request, st, err);
	log_broker(request, "admin.broker_added", row.name);
	reply_put_success(&request->reply, "Broker added");
	return STATUS_OK;
}

enum status admin_broker_drain(struct request *request, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	char name[BROKER_NAME_MAX + 1];
	enum status st = body_object(request, false, &body, err);
	if (st != STATUS_OK)
		return st;
	if (!read_text(body, "broker", name, sizeof(name)) ||
	    strcmp(json_member_text(body, "state", ""), "draining") != 0)
		return reply_fail(&request->reply, FAILURE_ADMIN_FIELD, err);
	st = store_broker_drain(request->store, name, err);
	if (st != STATUS_OK)
		return fail(request, st, err);
	log_broker(request, "admin.broker_draining", name);
	reply_put_success(&request->reply, "Broker gets no new nodes");
	return STATUS_OK;
}

enum status admin_broker_remove(struct request *request, struct error *err)
{
	const char *name = params_query_text(&request->query, "broker");
	bool force = false;
	enum status st = params_query_bool(&request->query, "force", false, &force, err);
	if (st != STATUS_OK)
		return st;
	if (!name)
		return reply_fail(&request->reply, FAILURE_ADMIN_FIELD, err);
	st = store_broker_remove(request->store, name, force, err);
	if (st != STATUS_OK)
		return fail(request, st, err);
	log_broker(request, "admin.broker_removed", name);
	reply_put_success(&request->reply, "Broker removed");
	return STATUS_OK;
}
