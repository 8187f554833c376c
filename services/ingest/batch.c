#include "ingest/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum kind { KIND_PARAM, KIND_CONFIG, KIND_OTA_FETCH };

/* One thing that only has a last value. `device` and `param` are "" where the kind has none. */
struct last {
	enum kind kind;
	uint64_t hash;
	const char *node_id, *device, *param;
	int64_t at_us;
	union {
		struct json_slice value;
		struct config_row config;
		struct {
			const char *fw_version, *network_id;
		} ota_fetch;
	};
};

/* Open addressing over `lasts`, never more than half full. Slots hold index + 1; 0 is free. */
struct batch {
	struct report *report;
	struct arena *arena; /* names; the messages themselves are limited by INGEST_BATCH_BYTES_MAX */
	struct last *lasts;
	size_t n_lasts, lasts_capacity;
	uint32_t *slots;
	size_t n_slots; /* a power of two */
};

struct batch *batch_new(void)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	if (!batch)
		abort();
	batch->report = report_new();
	batch->arena = arena_new(SIZE_MAX / 2);
	batch->n_slots = 1024;
	batch->slots = calloc(batch->n_slots, sizeof(*batch->slots));
	if (!batch->slots)
		abort();
	return batch;
}

void batch_free(struct batch *batch)
{
	if (!batch)
		return;
	report_free(batch->report);
	arena_free(batch->arena);
	free(batch->lasts);
	free(batch->slots);
	free(batch);
}

void batch_clear(struct batch *batch)
{
	report_clear(batch->report);
	arena_clear(batch->arena);
	memset(batch->slots, 0, batch->n_slots * sizeof(*batch->slots));
	batch->n_lasts = 0;
}

struct report *batch_report(struct batch *batch)
{
	return batch->report;
}

char *batch_copy(struct batch *batch, const char *bytes, size_t len)
{
	char *copy = arena_copy(batch->arena, bytes, len);
	if (!copy)
		abort(); /* out of memory: nothing is acknowledged, everything comes again */
	return copy;
}

/* FNV-1a. A node that chooses colliding names slows only its own batch down, bounded by JSON_KEYS_MAX a message. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
	do {
		hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
	} while (*text++);
	return hash;
}

static uint64_t hash_key(enum kind kind, const char *node_id, const char *device, const char *param)
{
	uint64_t hash = UINT64_C(14695981039346656037) ^ (uint64_t)kind;
	return hash_text(hash_text(hash_text(hash, node_id), device), param);
}

static bool is_same(const struct last *last, uint64_t hash, enum kind kind, const char *node_id, const char *device,
		    const char *param)
{
	return last->hash == hash && last->kind == kind && strcmp(last->node_id, node_id) == 0 &&
	       strcmp(last->device, device) == 0 && strcmp(last->param, param) == 0;
}

static void grow_slots(struct batch *batch)
{
	free(batch->slots);
	batch->n_slots *= 2;
	batch->slots = calloc(batch->n_slots, sizeof(*batch->slots));
	if (!batch->slots)
		abort();
	for (size_t i = 0; i < batch->n_lasts; i++) {
		size_t slot = batch->lasts[i].hash & (batch->n_slots - 1);
		while (batch->slots[slot])
			slot = (slot + 1) & (batch->n_slots - 1);
		batch->slots[slot] = (uint32_t)i + 1;
	}
}

static struct last *add_last(struct batch *batch, size_t slot)
{
	if (batch->n_lasts == batch->lasts_capacity) {
		batch->lasts_capacity = batch->lasts_capacity ? 2 * batch->lasts_capacity : 512;
		struct last *grown = realloc(batch->lasts, batch->lasts_capacity * sizeof(*grown));
		if (!grown)
			abort();
		batch->lasts = grown;
	}
	batch->slots[slot] = (uint32_t)batch->n_lasts + 1;
	return &batch->lasts[batch->n_lasts++];
}

/* The entry of this key, new or to be replaced. */
static struct last *find_or_add(struct batch *batch, enum kind kind, const char *node_id, const char *device,
				const char *param)
{
	if (2 * (batch->n_lasts + 1) > batch->n_slots)
		grow_slots(batch);
	uint64_t hash = hash_key(kind, node_id, device, param);
	size_t slot = hash & (batch->n_slots - 1);
	while (batch->slots[slot]) {
		struct last *found = &batch->lasts[batch->slots[slot] - 1];
		if (is_same(found, hash, kind, node_id, device, param))
			return found;
		slot = (slot + 1) & (batch->n_slots - 1);
	}
	struct last *added = add_last(batch, slot);
	*added = (struct last){ .kind = kind,
				.hash = hash,
				.node_id = node_id,
				.device = *device ? batch_copy(batch, device, strlen(device)) : "",
				.param = *param ? batch_copy(batch, param, strlen(param)) : "" };
	return added;
}

void batch_param(struct batch *batch, const struct message *message, const char *device, const char *param,
		 struct json_slice value)
{
	struct last *last = find_or_add(batch, KIND_PARAM, message->node_id, device, param);
	last->value = value;
	last->at_us = message->received_at_us;
}

void batch_config(struct batch *batch, const struct config_row *row)
{
	struct last *last = find_or_add(batch, KIND_CONFIG, row->node_id, "", "");
	last->config = *row;
}

void batch_ota_fetch(struct batch *batch, const struct message *message, const char *fw_version, const char *network_id)
{
	struct last *last = find_or_add(batch, KIND_OTA_FETCH, message->node_id, "", "");
	last->at_us = message->received_at_us;
	last->ota_fetch.fw_version = fw_version;
	last->ota_fetch.network_id = network_id;
}

void batch_finish(struct batch *batch)
{
	for (size_t i = 0; i < batch->n_lasts; i++) {
		const struct last *last = &batch->lasts[i];
		switch (last->kind) {
		case KIND_PARAM:
			report_param(batch->report, last->node_id, last->device, last->param, last->value, last->at_us);
			break;
		case KIND_CONFIG: report_config(batch->report, &last->config); break;
		case KIND_OTA_FETCH:
			report_ota_fetch(batch->report, last->node_id, last->ota_fetch.fw_version,
					 last->ota_fetch.network_id, last->at_us);
			break;
		}
	}
}
