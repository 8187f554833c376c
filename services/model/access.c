#include "model/access.h"

#include "model/node_id.h"
#include "model/revocation.h"

#include <string.h>

#define PART(text)                                                                                                     \
	{                                                                                                              \
		text, sizeof(text) - 1                                                                                 \
	}

/* contract/mqtt.md sections 1 and 2. The topics of MQTT-OTA ("$aws/things/<id>/streams/<sid>/...") are not served; they
 * would be a third form in topic.h and three rows here. */
static const struct access_row rows[] = {
	/* suffix, grouped, direction, rule of the alias, kept */
	{ PART("params/local"), false, ACCESS_TO_CLOUD, "esp_set_params", true },
	{ PART("params/local/init"), false, ACCESS_TO_CLOUD, "esp_init_params", true },
	{ PART("params/local"), true, ACCESS_TO_CLOUD, NULL, true },
	{ PART("config"), false, ACCESS_TO_CLOUD, "esp_node_config", true },
	{ PART("user/mapping"), false, ACCESS_TO_CLOUD, "esp_user_node_mapping", true },
	{ PART("alert"), false, ACCESS_TO_CLOUD, "esp_node_alert", true },
	{ PART("tsdata"), false, ACCESS_TO_CLOUD, "esp_ts_ingest", false },
	{ PART("simple_tsdata"), false, ACCESS_TO_CLOUD, "esp_simple_ts_ingest", false },
	{ PART("otafetch"), false, ACCESS_TO_CLOUD, "esp_node_otafetch", true },
	{ PART("otastatus"), false, ACCESS_TO_CLOUD, "esp_node_otastatus", true },
	{ PART("status"), false, ACCESS_TO_CLOUD, NULL, true }, /* the textbook's name of otastatus */
	{ PART("from-node"), false, ACCESS_TO_CLOUD, "esp_cmd_resp", false },
	{ PART("diagnostics/from-node"), false, ACCESS_TO_CLOUD, "insights_message_delivery", false },
	{ PART("params/remote"), false, ACCESS_TO_NODE, NULL, false },
	{ PART("params/remote"), true, ACCESS_TO_NODE, NULL, false },
	{ PART("remote"), false, ACCESS_TO_NODE, NULL, false }, /* the textbook's name of params/remote */
	{ PART("remote"), true, ACCESS_TO_NODE, NULL, false },
	{ PART("otaurl"), false, ACCESS_TO_NODE, NULL, false },
	{ PART("to-node"), false, ACCESS_TO_NODE, NULL, false },
	/* ours: a node asks for its next certificate over its own link, docs/certificates.md */
	{ PART("certificate/request"), false, ACCESS_TO_CLOUD, NULL, true },
	{ PART("certificate/response"), false, ACCESS_TO_NODE, NULL, false },
};

static const struct access_service services[] = {
	{
		.name = "cisternd",
		.client_id_start = "cistern.",
		.filters = { "node/+/#", "$aws/rules/+/node/+/#", "cistern/#", "$SYS/broker/#" },
		.commands_nodes = true,
		.consumer = true,
	},
	/* Its own start of client ids: a health probe can not take over the daemon's session. */
	{
		.name = "health",
		.client_id_start = "cistern.health",
		.filters = { "$SYS/broker/uptime" },
	},
};

bool access_allows(enum access_result result)
{
	return result == ACCESS_ALLOWED || result == ACCESS_ALLOWED_PRODUCT;
}

const char *access_result_name(enum access_result result)
{
	static const char *const names[ACCESS_RESULT_COUNT] = {
		[ACCESS_ALLOWED] = "allowed",
		[ACCESS_ALLOWED_PRODUCT] = "allowed_product",
		[ACCESS_TOPIC_TOO_LONG] = "topic_too_long",
		[ACCESS_TOPIC_MALFORMED] = "topic_malformed",
		[ACCESS_TREE_FOREIGN] = "tree_foreign",
		[ACCESS_SUFFIX_UNLISTED] = "suffix_unlisted",
		[ACCESS_DIRECTION_WRONG] = "direction_wrong",
		[ACCESS_RULE_WRONG] = "rule_wrong",
		[ACCESS_RETAINED] = "retained",
		[ACCESS_FILTER_OUTSIDE] = "filter_outside",
	};

	return (unsigned int)result < ACCESS_RESULT_COUNT ? names[result] : "unknown";
}

/* True when the suffix is the row's suffix, a slash and more; the more is handed out. */
static bool below_row(const struct access_row *row, struct topic_part suffix, struct topic_part *ret_rest)
{
	size_t len = row->suffix.len;

	if (suffix.len < len + 2 || suffix.at[len] != '/' || memcmp(suffix.at, row->suffix.at, len) != 0)
		return false;
	*ret_rest = (struct topic_part){ suffix.at + len + 1, suffix.len - len - 1 };
	return true;
}

static bool group_id_valid(struct topic_part id)
{
	return id.len >= 1 && id.len <= GROUP_ID_MAX && !memchr(id.at, '/', id.len) && !topic_part_is(id, "init", 4);
}

static const struct access_row *row_of_suffix(struct topic_part suffix, struct topic_part *ret_group_id)
{
	struct topic_part group_id;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct access_row *row = &rows[i];

		if (!row->grouped && topic_part_is(suffix, row->suffix.at, row->suffix.len)) {
			*ret_group_id = (struct topic_part){ NULL, 0 };
			return row;
		}
		if (row->grouped && below_row(row, suffix, &group_id) && group_id_valid(group_id)) {
			*ret_group_id = group_id;
			return row;
		}
	}
	return NULL;
}

static bool rule_is(const struct access_row *row, struct topic_part rule)
{
	return row->rule && topic_part_is(rule, row->rule, strlen(row->rule));
}

const struct access_row *access_row_find(const struct topic *topic, struct topic_part *ret_group_id)
{
	const struct access_row *row = row_of_suffix(topic->suffix, ret_group_id);

	if (row && topic->form == TOPIC_ALIAS && !rule_is(row, topic->rule))
		return NULL;
	return row;
}

const struct access_row *access_row_at(size_t i)
{
	return i < ARRAY_LEN(rows) ? &rows[i] : NULL;
}

const struct access_service *access_service_find(const char *name, size_t name_len)
{
	for (size_t i = 0; i < ARRAY_LEN(services); i++) {
		if (strlen(services[i].name) == name_len && memcmp(services[i].name, name, name_len) == 0)
			return &services[i];
	}
	return NULL;
}

/* A product's own segment: printable, no percent sign, not "." or "..". Nothing here decodes those, but something that
 * a product or an operator puts behind the broker might. */
static bool product_segment_valid(const char *at, size_t len)
{
	if ((len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.'))
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)at[i];

		if (c <= ' ' || c == 0x7f || c == '%')
			return false;
	}
	return true;
}

static bool product_suffix_valid(struct topic_part suffix)
{
	const char *end = suffix.at + suffix.len;
	struct topic_part rest;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (below_row(&rows[i], suffix, &rest))
			return false; /* a listed suffix owns what is below it */
	}
	for (const char *at = suffix.at; at < end;) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		const char *segment_end = slash ? slash : end;

		if (!product_segment_valid(at, (size_t)(segment_end - at)))
			return false;
		at = segment_end + 1;
	}
	return true;
}

static enum access_result publish_unlisted(struct topic_part suffix, enum access_mode mode)
{
	struct topic_part rest;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].direction == ACCESS_TO_NODE && below_row(&rows[i], suffix, &rest))
			return ACCESS_DIRECTION_WRONG;
	}
	if (mode == ACCESS_OPEN && product_suffix_valid(suffix))
		return ACCESS_ALLOWED_PRODUCT;
	return ACCESS_SUFFIX_UNLISTED;
}

static enum access_result parse(const char *text, size_t text_len, struct topic *ret_topic)
{
	if (text_len > TOPIC_MAX)
		return ACCESS_TOPIC_TOO_LONG;
	return topic_parse(text, text_len, ret_topic) ? ACCESS_ALLOWED : ACCESS_TOPIC_MALFORMED;
}

enum access_result access_node_publish(const char *node_id, size_t node_id_len, const char *text, size_t text_len,
				       bool retain, enum access_mode mode)
{
	struct topic topic;
	struct topic_part group_id;
	enum access_result result = parse(text, text_len, &topic);

	if (result != ACCESS_ALLOWED)
		return result;
	if (!topic_part_is(topic.node_id, node_id, node_id_len))
		return ACCESS_TREE_FOREIGN;
	if (retain)
		return ACCESS_RETAINED;

	const struct access_row *row = row_of_suffix(topic.suffix, &group_id);

	if (topic.form == TOPIC_ALIAS && (!row || !rule_is(row, topic.rule)))
		return ACCESS_RULE_WRONG;
	if (!row)
		return publish_unlisted(topic.suffix, mode);
	return row->direction == ACCESS_TO_CLOUD ? ACCESS_ALLOWED : ACCESS_DIRECTION_WRONG;
}

enum access_result access_node_subscribe(const char *node_id, size_t node_id_len, const char *filter, size_t filter_len)
{
	if (filter_len > TOPIC_MAX)
		return ACCESS_TOPIC_TOO_LONG;
	if (!topic_filter_in_node_tree(filter, filter_len, node_id, node_id_len))
		return ACCESS_FILTER_OUTSIDE;
	return ACCESS_ALLOWED;
}

enum access_result access_node_read(const char *node_id, size_t node_id_len, const char *text, size_t text_len)
{
	struct topic topic;
	enum access_result result = parse(text, text_len, &topic);

	if (result != ACCESS_ALLOWED)
		return result;
	if (topic.form != TOPIC_PLAIN || !topic_part_is(topic.node_id, node_id, node_id_len))
		return ACCESS_TREE_FOREIGN;
	return ACCESS_ALLOWED;
}

static bool is_revocation(const char *text, size_t text_len)
{
	return topic_part_is((struct topic_part){ text, text_len }, REVOCATION_CONTROL_TOPIC,
			     sizeof(REVOCATION_CONTROL_TOPIC) - 1);
}

enum access_result access_service_publish(const struct access_service *service, const char *text, size_t text_len,
					  bool retain)
{
	struct topic topic;
	struct topic_part group_id;
	enum access_result result = parse(text, text_len, &topic);

	if (service->consumer && is_revocation(text, text_len))
		return retain ? ACCESS_RETAINED : ACCESS_ALLOWED;
	if (result != ACCESS_ALLOWED)
		return result;
	if (retain)
		return ACCESS_RETAINED;
	if (!service->commands_nodes || topic.form != TOPIC_PLAIN)
		return ACCESS_TREE_FOREIGN;

	const struct access_row *row = row_of_suffix(topic.suffix, &group_id);

	if (!row)
		return ACCESS_SUFFIX_UNLISTED;
	return row->direction == ACCESS_TO_NODE ? ACCESS_ALLOWED : ACCESS_DIRECTION_WRONG;
}

static bool service_covers(const struct access_service *service, const char *filter, size_t filter_len)
{
	for (size_t i = 0; i < ARRAY_LEN(service->filters) && service->filters[i]; i++) {
		if (topic_filter_covers(service->filters[i], strlen(service->filters[i]), filter, filter_len))
			return true;
	}
	return false;
}

enum access_result access_service_subscribe(const struct access_service *service, const char *filter, size_t filter_len)
{
	if (filter_len > TOPIC_MAX)
		return ACCESS_TOPIC_TOO_LONG;
	if (!topic_filter_valid(filter, filter_len) || !service_covers(service, filter, filter_len))
		return ACCESS_FILTER_OUTSIDE;
	return ACCESS_ALLOWED;
}

/* No look at the length: what is delivered was checked when it was published. */
enum access_result access_service_read(const struct access_service *service, const char *topic, size_t topic_len)
{
	return service_covers(service, topic, topic_len) ? ACCESS_ALLOWED : ACCESS_FILTER_OUTSIDE;
}
