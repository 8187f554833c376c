#include "broker/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "model/rendezvous.h"

struct entry {
	struct pool_member member; /* its texts are the publisher's too, so an entry stays where it is */
	struct publisher *publisher;
	void *attached;
	unsigned n_users; /* publishes in hand; guarded by the pool's mutex */
};

struct pool {
	struct pool_options options;
	pthread_mutex_t mutex;                  /* guards everything below; written by the one who sets alone */
	pthread_cond_t unused;                  /* some n_users has come down to 0 */
	struct entry *entries[BROKERS_MAX + 1]; /* NULL ends it */
	size_t n_entries;
};

struct pool *pool_new(const struct pool_options *options)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	if (!pool)
		abort();
	pool->options = *options;
	pthread_mutex_init(&pool->mutex, NULL);
	pthread_cond_init(&pool->unused, NULL);
	return pool;
}

/* --- coming and going --- */

static enum status entry_start(struct pool *pool, const struct pool_member *member, struct entry **ret_entry,
			       struct error *err)
{
	struct entry *entry = calloc(1, sizeof(*entry));
	if (!entry)
		abort();
	entry->member = *member;
	struct broker_options options = pool->options.broker;
	options.host = entry->member.host;
	options.name = entry->member.name;
	options.port = member->port;
	enum status st = publisher_start(&options, &entry->publisher, err);
	if (st != STATUS_OK) {
		free(entry);
		return st;
	}
	if (pool->options.attach)
		entry->attached = pool->options.attach(pool->options.context, entry->member.name, entry->publisher);
	*ret_entry = entry;
	return STATUS_OK;
}

/* It is in no list any more, so it gets no new user, and those that it has end within their timeout. */
static void entry_stop(struct pool *pool, struct entry *entry)
{
	pthread_mutex_lock(&pool->mutex);
	while (entry->n_users > 0)
		pthread_cond_wait(&pool->unused, &pool->mutex);
	pthread_mutex_unlock(&pool->mutex);
	if (entry->attached)
		pool->options.detach(pool->options.context, entry->attached);
	publisher_stop(entry->publisher);
	free(entry);
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	for (size_t i = 0; pool->entries[i]; i++)
		entry_stop(pool, pool->entries[i]);
	pthread_cond_destroy(&pool->unused);
	pthread_mutex_destroy(&pool->mutex);
	free(pool);
}

static bool is_same_way(const struct entry *entry, const struct pool_member *member)
{
	return strcmp(entry->member.name, member->name) == 0 && strcmp(entry->member.host, member->host) == 0 &&
	       entry->member.port == member->port;
}

/* Takes out what is not wanted any more; keeps the others, with what else is said of them. */
static size_t split(struct pool *pool, const struct pool_member *members, size_t n_members, bool *is_there,
		    struct entry **unwanted)
{
	size_t n_unwanted = 0, n_kept = 0;
	pthread_mutex_lock(&pool->mutex);
	for (size_t i = 0; pool->entries[i]; i++) {
		struct entry *entry = pool->entries[i];
		size_t at = 0;
		while (at < n_members && !is_same_way(entry, &members[at]))
			at++;
		if (at == n_members) {
			unwanted[n_unwanted++] = entry;
			continue;
		}
		is_there[at] = true;
		memcpy(entry->member.mqtt_host, members[at].mqtt_host, sizeof(entry->member.mqtt_host));
		entry->member.active = members[at].active;
		pool->entries[n_kept++] = entry;
	}
	for (size_t i = n_kept; i < pool->n_entries; i++)
		pool->entries[i] = NULL;
	pool->n_entries = n_kept;
	pthread_mutex_unlock(&pool->mutex);
	return n_unwanted;
}

/* What leaves ends before what comes begins: two publishers of one client id would cut each other. */
enum status pool_set(struct pool *pool, const struct pool_member *members, size_t n_members, struct error *err)
{
	struct entry *unwanted[BROKERS_MAX];
	bool is_there[BROKERS_MAX] = { false };
	if (n_members > BROKERS_MAX)
		return error_set(err, STATUS_INTERNAL, "more than %d brokers", BROKERS_MAX);
	size_t n_unwanted = split(pool, members, n_members, is_there, unwanted);
	for (size_t i = 0; i < n_unwanted; i++)
		entry_stop(pool, unwanted[i]);
	enum status result = STATUS_OK;
	for (size_t i = 0; i < n_members; i++) {
		struct entry *entry = NULL;
		if (is_there[i])
			continue;
		enum status st = entry_start(pool, &members[i], &entry, err);
		if (st != STATUS_OK) {
			result = st;
			continue;
		}
		pthread_mutex_lock(&pool->mutex);
		pool->entries[pool->n_entries++] = entry;
		pthread_mutex_unlock(&pool->mutex);
	}
	return result;
}

/* --- asking --- */

static struct entry *find(const struct pool *pool, const char *name)
{
	for (size_t i = 0; pool->entries[i]; i++) {
		if (strcmp(pool->entries[i]->member.name, name) == 0)
			return pool->entries[i];
	}
	return NULL;
}

/* Among the active ones; NULL when there is none. */
static struct entry *assigned(const struct pool *pool, const char *node_id)
{
	struct entry *active[BROKERS_MAX];
	const char *names[BROKERS_MAX];
	size_t n = 0, first = 0;
	for (size_t i = 0; pool->entries[i]; i++) {
		if (!pool->entries[i]->member.active)
			continue;
		active[n] = pool->entries[i];
		names[n] = active[n]->member.name;
		if (strcmp(names[n], names[first]) < 0)
			first = n;
		n++;
	}
	if (n == 0)
		return NULL;
	return active[node_id && *node_id ? rendezvous_pick(names, n, node_id) : first];
}

bool pool_is_plural(struct pool *pool)
{
	pthread_mutex_lock(&pool->mutex);
	bool plural = pool->n_entries > 1;
	pthread_mutex_unlock(&pool->mutex);
	return plural;
}

bool pool_is_connected(struct pool *pool, const char *name)
{
	pthread_mutex_lock(&pool->mutex);
	const struct entry *entry = find(pool, name);
	bool connected = entry && publisher_is_connected(entry->publisher);
	pthread_mutex_unlock(&pool->mutex);
	return connected;
}

bool pool_is_any_connected(struct pool *pool)
{
	bool connected = false;
	pthread_mutex_lock(&pool->mutex);
	for (size_t i = 0; pool->entries[i] && !connected; i++)
		connected = publisher_is_connected(pool->entries[i]->publisher);
	pthread_mutex_unlock(&pool->mutex);
	return connected;
}

bool pool_mqtt_host(struct pool *pool, const char *node_id, char ret_host[BROKER_HOST_MAX + 1])
{
	pthread_mutex_lock(&pool->mutex);
	const struct entry *entry = assigned(pool, node_id);
	if (entry)
		memcpy(ret_host, entry->member.mqtt_host, sizeof(entry->member.mqtt_host));
	pthread_mutex_unlock(&pool->mutex);
	return entry != NULL;
}

static struct entry *take(struct pool *pool, const char *node_id, const char *seen_at)
{
	pthread_mutex_lock(&pool->mutex);
	struct entry *entry = seen_at && *seen_at ? find(pool, seen_at) : NULL;
	if (!entry && pool->n_entries == 1)
		entry = pool->entries[0];
	if (!entry)
		entry = assigned(pool, node_id);
	if (entry)
		entry->n_users++;
	pthread_mutex_unlock(&pool->mutex);
	return entry;
}

static void give_back(struct pool *pool, struct entry *entry)
{
	pthread_mutex_lock(&pool->mutex);
	if (--entry->n_users == 0)
		pthread_cond_broadcast(&pool->unused);
	pthread_mutex_unlock(&pool->mutex);
}

enum status pool_publish(struct pool *pool, const char *node_id, const char *seen_at,
			 const struct broker_message *messages, size_t n_messages, int timeout_ms, struct error *err)
{
	struct entry *entry = take(pool, node_id, seen_at);
	if (!entry)
		return error_set(err, STATUS_UNAVAILABLE, "no broker is known");
	enum status st = publisher_publish(entry->publisher, messages, n_messages, timeout_ms, err);
	give_back(pool, entry);
	return st;
}
