#include "table.h"

#include "hash.h"

#include <stdlib.h>
#include <string.h>

#define TABLE_SLOTS_AT_START 64

static size_t slot_after(const struct table *table, size_t at)
{
	return (at + 1) & (table->n_slots - 1);
}

static size_t slot_at_home(const struct table *table, uint64_t hash)
{
	return (size_t)hash & (table->n_slots - 1);
}

void table_init(struct table *table, uint64_t seed)
{
	*table = (struct table){ .seed = seed };
}

void table_done(struct table *table)
{
	for (size_t at = 0; at < table->n_slots; at++)
		free(table->slots[at]);
	free(table->slots);
	*table = (struct table){ .seed = table->seed };
}

/* The slot of this key, or the empty one where it would go. The table has slots. */
static size_t slot_of_key(const struct table *table, uint64_t hash, const void *key, size_t key_len)
{
	size_t at = slot_at_home(table, hash);

	while (table->slots[at]) {
		const struct table_entry *entry = table->slots[at];

		if (entry->hash == hash && entry->key_len == key_len && memcmp(entry->bytes, key, key_len) == 0)
			return at;
		at = slot_after(table, at);
	}
	return at;
}

const struct table_entry *table_find(const struct table *table, const void *key, size_t key_len)
{
	if (table->n_used == 0)
		return NULL;
	return table->slots[slot_of_key(table, hash_bytes(table->seed, key, key_len), key, key_len)];
}

const char *table_line(const struct table_entry *entry)
{
	return entry->bytes + entry->key_len;
}

static bool make_room(struct table *table)
{
	size_t n_slots = table->n_slots ? table->n_slots * 2 : TABLE_SLOTS_AT_START;
	struct table_entry **old = table->slots;
	size_t n_old = table->n_slots;

	if ((table->n_used + 1) * 2 <= table->n_slots)
		return true;

	struct table_entry **slots = calloc(n_slots, sizeof(slots[0]));

	if (!slots)
		return false;
	table->slots = slots;
	table->n_slots = n_slots;
	for (size_t i = 0; i < n_old; i++) {
		if (old[i])
			slots[slot_of_key(table, old[i]->hash, old[i]->bytes, old[i]->key_len)] = old[i];
	}
	free(old);
	return true;
}

static struct table_entry *make_entry(uint64_t hash, const void *key, size_t key_len, const char *line, size_t line_len)
{
	struct table_entry *entry = malloc(sizeof(*entry) + key_len + line_len);

	if (!entry)
		return NULL;
	entry->hash = hash;
	entry->key_len = (uint16_t)key_len;
	entry->line_len = (uint16_t)line_len;
	memcpy(entry->bytes, key, key_len);
	memcpy(entry->bytes + key_len, line, line_len);
	return entry;
}

bool table_put(struct table *table, const void *key, size_t key_len, const char *line, size_t line_len)
{
	if (key_len > TABLE_KEY_MAX || line_len > TABLE_LINE_MAX || !make_room(table))
		return false;

	uint64_t hash = hash_bytes(table->seed, key, key_len);
	struct table_entry *entry = make_entry(hash, key, key_len, line, line_len);

	if (!entry)
		return false;

	struct table_entry **slot = &table->slots[slot_of_key(table, hash, key, key_len)];

	if (*slot)
		table->line_bytes -= (*slot)->line_len;
	else
		table->n_used++;
	table->line_bytes += line_len;
	free(*slot);
	*slot = entry;
	return true;
}

/* Closes the gap by moving back what would no longer be found across it, as in sessions.c. */
void table_remove(struct table *table, const void *key, size_t key_len)
{
	size_t mask = table->n_slots - 1;

	if (table->n_used == 0)
		return;

	size_t gap = slot_of_key(table, hash_bytes(table->seed, key, key_len), key, key_len);

	if (!table->slots[gap])
		return;
	table->line_bytes -= table->slots[gap]->line_len;
	table->n_used--;
	free(table->slots[gap]);
	for (size_t at = slot_after(table, gap); table->slots[at]; at = slot_after(table, at)) {
		size_t home = slot_at_home(table, table->slots[at]->hash);

		if (((at - home) & mask) < ((at - gap) & mask))
			continue; /* its home lies behind the gap */
		table->slots[gap] = table->slots[at];
		gap = at;
	}
	table->slots[gap] = NULL;
}

char *table_copy_lines(const struct table *table, char *out)
{
	for (size_t at = 0; at < table->n_slots; at++) {
		const struct table_entry *entry = table->slots[at];

		if (!entry)
			continue;
		memcpy(out, table_line(entry), entry->line_len);
		out += entry->line_len;
	}
	return out;
}
