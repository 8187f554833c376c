#include "load.h"

#include <stdlib.h>
#include <string.h>

/* A pace that was missed for longer than this is not made up for. */
enum { CATCH_UP_MAX_US = 1000000 };

/* The first int that the node has; its own lamp's Level. */
static const struct device_param *load_param(const struct device_model *model)
{
	for (size_t i = 0; i < model->n_params; i++) {
		if (model->params[i].type == DEVICE_INT)
			return &model->params[i];
	}
	return NULL;
}

void load_init(struct load *load, const struct options *options, const struct device_model *model)
{
	const struct device_param *param = load_param(model);

	*load = (struct load){
		.wanted = options->publish_rate >= 0,
		.interval_us = options->publish_rate > 0 ? (int64_t)(1e6 / options->publish_rate) : 0,
		.count = (uint64_t)options->publish_count,
		.window = (uint64_t)options->inflight,
	};
	for (int i = 0; load->wanted && i < LOAD_PAYLOADS; i++) {
		json_t *body = json_object(), *value = json_integer(i);
		device_json_put(body, param ? param->device : "Light", param ? param->name : "Level", value);
		load->payloads[i] = device_json_text(body);
		load->payload_len[i] = strlen(load->payloads[i]);
		json_decref(value);
		json_decref(body);
	}
}

void load_done(struct load *load)
{
	for (int i = 0; i < LOAD_PAYLOADS; i++)
		free(load->payloads[i]);
	*load = (struct load){ 0 };
}

void load_start(struct load *load, int64_t now_us)
{
	load->started_us = load->ended_us = now_us;
}

static bool may_publish(const struct load *load, const struct load_node *node)
{
	return load->started_us > 0 && (load->count == 0 || node->n_published < load->count) &&
	       node->n_published - node->n_acked < load->window;
}

static bool publish_one(struct load *load, struct load_node *node, struct connection *connection)
{
	size_t i = node->n_published % LOAD_PAYLOADS;

	if (connection_publish(connection, node->topic.text, load->payloads[i], load->payload_len[i]) < 0)
		return false;
	node->n_published++;
	load->n_published++;
	return true;
}

static void pump_paced(struct load *load, struct load_node *node, struct connection *connection, int64_t now_us)
{
	if (node->due_us == 0) /* each node begins somewhere else in the interval */
		node->due_us = load->started_us + random() % (load->interval_us + 1);
	if (now_us - node->due_us > CATCH_UP_MAX_US)
		node->due_us = now_us;
	while (now_us >= node->due_us && may_publish(load, node) && publish_one(load, node, connection))
		node->due_us += load->interval_us;
}

void load_pump(struct load *load, struct load_node *node, struct connection *connection, int64_t now_us)
{
	if (!may_publish(load, node))
		return;
	if (load->interval_us > 0) {
		pump_paced(load, node, connection, now_us);
		return;
	}
	if (node->n_published - node->n_acked > load->window / 2)
		return;
	while (may_publish(load, node) && publish_one(load, node, connection))
		continue;
}

void load_acked(struct load *load, struct load_node *node, int64_t now_us)
{
	load->n_acked++;
	load->ended_us = now_us;
	if (++node->n_acked == load->count)
		load->n_finished++;
}

int64_t load_due_us(const struct load *load, const struct load_node *node)
{
	return load->interval_us > 0 && may_publish(load, node) ? node->due_us : INT64_MAX;
}
