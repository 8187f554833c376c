/* Versions, the broker's address, liveness and readiness: no account needed. */
#include <string.h>

#include "api/handlers.h"
#include "broker/pool.h"
#include "model/node_id.h"

enum status root_versions(struct request *request, struct error *err)
{
	(void)err;
	buffer_puts(&request->reply.body, "{\"supported_versions\":[\"v1\"]}");
	return STATUS_OK;
}

/* Clients refuse an empty mqtt_cred_host. With several brokers, `node_id` or `nodeid` asks for the node's own; the public clients do not know
 * of it, and are told the first. No secret: it is worked out from the id alone. */
enum status root_mqtt_host(struct request *request, struct error *err)
{
	const struct api_options *options = request->options;
	const char *node_id = NULL, *host = options->mqtt_host;
	char assigned[BROKER_HOST_MAX + 1];
	enum status st = params_query_either(&request->query, "node_id", "nodeid", &node_id, err);
	if (st != STATUS_OK)
		return st;
	if (node_id && !node_id_valid(node_id, strlen(node_id)))
		return error_set(err, STATUS_INVALID, "not a node id");
	if (options->pool && pool_mqtt_host(options->pool, node_id, assigned))
		host = assigned;
	bool has_cred_host = options->mqtt_cred_host && *options->mqtt_cred_host;
	struct buffer *body = &request->reply.body;
	buffer_putc(body, '{');
	reply_put_member(body, "mqtt_host", host);
	reply_put_member(body, "mqtt_cred_host", has_cred_host ? options->mqtt_cred_host : host);
	buffer_putc(body, '}');
	return STATUS_OK;
}

enum status root_alive(struct request *request, struct error *err)
{
	(void)err;
	buffer_puts(&request->reply.body, "{\"status\":\"ok\"}");
	return STATUS_OK;
}

/* Which part is away, and nothing about why: that is in the log. */
enum status root_ready(struct request *request, struct error *err)
{
	struct error why = { .status = STATUS_OK };
	bool database = request->store && store_ping(request->store, &why) == STATUS_OK;
	bool all = database;
	CLEANUP(buffer) struct buffer parts = { 0 };
	reply_put_member(&parts, "database", database ? "ok" : "away");
	for (size_t i = 0; i < API_PROBES_MAX && request->options->probes[i].name; i++) {
		const struct api_probe *probe = &request->options->probes[i];
		bool ready = probe->is_ready(probe->context);
		all = all && ready;
		reply_put_member(&parts, probe->name, ready ? "ok" : "away");
	}
	(void)err;
	request->reply.http = all ? 200 : 503;
	buffer_puts(&request->reply.body, all ? "{\"status\":\"ready\"," : "{\"status\":\"not ready\",");
	buffer_put(&request->reply.body, parts.bytes, parts.len);
	buffer_putc(&request->reply.body, '}');
	return STATUS_OK;
}
