#include "api/node_entry.h"

#include <string.h>

#include "api/reply.h"

void node_put_connectivity(struct buffer *out, bool connected, int64_t presence_at_us)
{
	buffer_printf(out, "{\"connectivity\":{\"connected\":%s,\"timestamp\":%lld}}", connected ? "true" : "false",
		      (long long)(presence_at_us / 1000));
}

/* What the SDK makes of {} is a failure of its whole list; it reads these members without looking (and drops a node without a config). */
void node_put_config(struct buffer *out, const char *node_id, const char *config_json)
{
	if (config_json) {
		buffer_puts(out, config_json);
		return;
	}
	buffer_putc(out, '{');
	reply_put_member(out, "node_id", node_id);
	buffer_puts(out, ",\"config_version\":\"\",\"info\":{},\"devices\":[],\"services\":[]}");
}

/* `id` for the CLI and the phones, `node_id` for the SDK (rest.md 4.1). */
void node_put_entry(struct buffer *out, const struct node_list_entry *entry, bool with_config, bool with_status)
{
	buffer_putc(out, '{');
	reply_put_member(out, "id", entry->node_id);
	reply_put_member(out, "node_id", entry->node_id);
	reply_put_member(out, "role", entry->role);
	buffer_printf(out, ",\"primary\":%s", strcmp(entry->role, "primary") == 0 ? "true" : "false");
	if (with_status) {
		buffer_puts(out, ",\"status\":");
		node_put_connectivity(out, entry->connected, entry->presence_at_us);
	}
	if (with_config) {
		buffer_puts(out, ",\"config\":");
		node_put_config(out, entry->node_id, entry->config_json);
	}
	if (entry->params_json) {
		buffer_puts(out, ",\"params\":");
		buffer_puts(out, entry->params_json);
	}
	buffer_puts(out, ",\"tags\":");
	buffer_puts(out, entry->tags_json);
	buffer_puts(out, ",\"metadata\":");
	buffer_puts(out, entry->metadata_json);
	buffer_printf(out, ",\"mapping_timestamp\":%lld,\"is_matter\":false}",
		      (long long)(entry->mapped_at_us / 1000000));
}
