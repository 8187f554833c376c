#include "ingest/topics.h"

#include <stdio.h>
#include <string.h>

#include "model/access.h"
#include "model/revocation.h"
#include "model/topic.h"

enum { SMALL = 4096, COUNTERS = 32768, NODE_DOCUMENT = JSON_BYTES_MAX };

static const struct topic_handler topic_handlers[] = {
	/* suffix, grouped, whole, payload limit, handler, secret, lane */
	{ "params/local", false, NULL, NODE_DOCUMENT, handle_params, false, LANE_BULK },
	{ "params/local", true, NULL, NODE_DOCUMENT, handle_params, false, LANE_BULK },
	{ "params/local/init", false, NULL, NODE_DOCUMENT, handle_params_init, false, LANE_BULK },
	{ "config", false, NULL, NODE_DOCUMENT, handle_config, false, LANE_CONTROL },
	{ "user/mapping", false, NULL, SMALL, handle_mapping, true, LANE_CONTROL },
	{ "alert", false, NULL, SMALL, handle_alert, false, LANE_CONTROL },
	{ "otafetch", false, NULL, SMALL, handle_ota_fetch, false, LANE_CONTROL },
	{ "otastatus", false, NULL, SMALL, handle_ota_status, false, LANE_CONTROL },
	{ "status", false, NULL, SMALL, handle_ota_status, false, LANE_CONTROL }, /* the textbook's name for it */
	{ "certificate/request", false, NULL, SMALL, handle_certificate_request, false, LANE_CONTROL },
	{ NULL, false, "cistern/presence/+", SMALL, handle_presence, false, LANE_CONTROL },
	{ NULL, false, "cistern/broker", SMALL, handle_broker, false, LANE_CONTROL },
	{ NULL, false, REVOCATION_STATE_TOPIC, SMALL, handle_broker_revocation, false, LANE_CONTROL },
	{ NULL, false, "cistern/counters", COUNTERS, handle_broker_counters, false, LANE_CONTROL },
};

_Static_assert(ARRAY_LEN(topic_handlers) <= TOPICS_MAX, "who counts by row has no room");

size_t topics_count(void)
{
	return ARRAY_LEN(topic_handlers);
}

size_t topics_index(const struct topic_handler *handler)
{
	return handler ? (size_t)(handler - topic_handlers) : ARRAY_LEN(topic_handlers);
}

const struct topic_handler *topics_at(size_t index)
{
	return index < ARRAY_LEN(topic_handlers) ? &topic_handlers[index] : NULL;
}

static bool is_handler_of(const struct topic_handler *handler, const struct access_row *row)
{
	return handler->suffix && handler->grouped == row->grouped &&
	       topic_part_is(row->suffix, handler->suffix, strlen(handler->suffix));
}

static const struct topic_handler *find_whole(const char *topic, struct message *message)
{
	for (size_t i = 0; i < ARRAY_LEN(topic_handlers); i++) {
		const char *filter = topic_handlers[i].whole;
		if (!filter || !topic_filter_covers(filter, strlen(filter), topic, strlen(topic)))
			continue;
		const char *last = filter[strlen(filter) - 1] == '+' ? strrchr(topic, '/') + 1 : NULL;
		if (last && !node_id_valid(last, strlen(last)))
			return NULL;
		(void)snprintf(message->node_id, sizeof(message->node_id), "%s", last ? last : "");
		return &topic_handlers[i];
	}
	return NULL;
}

const struct topic_handler *topics_find(const char *topic, struct message *message)
{
	struct topic parsed;
	struct topic_part group_id;
	if (!topic_parse(topic, strlen(topic), &parsed) || !node_id_valid(parsed.node_id.at, parsed.node_id.len))
		return find_whole(topic, message);
	const struct access_row *row = access_row_find(&parsed, &group_id);
	if (!row)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(topic_handlers); i++) {
		if (!is_handler_of(&topic_handlers[i], row))
			continue;
		memcpy(message->node_id, parsed.node_id.at, parsed.node_id.len);
		message->node_id[parsed.node_id.len] = '\0';
		return &topic_handlers[i];
	}
	return NULL;
}

/* The basic-ingest rule of a handler's suffix, or NULL. */
static const char *rule_of(const struct topic_handler *handler)
{
	const struct access_row *row;
	for (size_t i = 0; (row = access_row_at(i)); i++) {
		if (is_handler_of(handler, row))
			return row->rule;
	}
	return NULL;
}

/* `node/+/params/local/+` also matches `params/local/init`: subscribing to both would deliver it twice, so a suffix that a
 * grouped row covers has no plain filter of its own. */
static bool is_covered(const struct topic_handler *handler)
{
	for (size_t i = 0; !handler->grouped && i < ARRAY_LEN(topic_handlers); i++) {
		const struct topic_handler *other = &topic_handlers[i];
		if (!other->suffix || !other->grouped)
			continue;
		size_t len = strlen(other->suffix);
		if (strncmp(handler->suffix, other->suffix, len) == 0 && handler->suffix[len] == '/' &&
		    !strchr(handler->suffix + len + 1, '/'))
			return true;
	}
	return false;
}

size_t topics_filters(enum lane lane, char ret_filters[TOPICS_FILTERS_MAX][TOPICS_FILTER_BYTES_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(topic_handlers); i++) {
		const struct topic_handler *handler = &topic_handlers[i];
		if (handler->lane != lane)
			continue;
		if (!handler->suffix) {
			(void)snprintf(ret_filters[n++], TOPICS_FILTER_BYTES_MAX, "%s", handler->whole);
			continue;
		}
		if (!is_covered(handler))
			(void)snprintf(ret_filters[n++], TOPICS_FILTER_BYTES_MAX, "node/+/%s%s", handler->suffix,
				       handler->grouped ? "/+" : "");
		const char *rule = rule_of(handler);
		if (rule)
			(void)snprintf(ret_filters[n++], TOPICS_FILTER_BYTES_MAX, "$aws/rules/%s/node/+/%s", rule,
				       handler->suffix);
	}
	return n;
}
