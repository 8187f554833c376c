#include "command/brokers.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/broker.h"

enum { LOOK_MS = 1000 };

/* Since when a broker has not been reached. */
struct absence {
	char name[BROKER_NAME_MAX + 1];
	int64_t since_us; /* monotonic */
};

struct brokers {
	struct store_options options;
	struct pool *pool;
	pthread_t thread;
	int wake; /* eventfd: stop */
	atomic_bool stopping;
	/* below: the thread's alone, and brokers_start()'s before it */
	struct store *store;
	struct absence absences[BROKERS_MAX];
	size_t n_absences;
	enum status told; /* the last failure that was logged */
};

static void member_of(const struct broker_row *row, struct pool_member *ret_member)
{
	*ret_member = (struct pool_member){ .port = row->service_port, .active = row->active };
	memcpy(ret_member->name, row->name, sizeof(ret_member->name));
	memcpy(ret_member->mqtt_host, row->mqtt_host, sizeof(ret_member->mqtt_host));
	memcpy(ret_member->host, row->service_host, sizeof(ret_member->host));
}

static int64_t absent_since(const struct brokers *brokers, const char *name, int64_t now_us)
{
	for (size_t i = 0; i < brokers->n_absences; i++) {
		if (strcmp(brokers->absences[i].name, name) == 0)
			return brokers->absences[i].since_us;
	}
	return now_us;
}

/* Notes who is not reached, and tells the table when that has lasted. */
static enum status note_absences(struct brokers *brokers, const struct broker_row *rows, size_t n_rows,
				 struct error *err)
{
	struct absence now[BROKERS_MAX];
	size_t n_now = 0;
	int64_t now_us = clock_monotonic_us();
	enum status st = STATUS_OK;
	for (size_t i = 0; st == STATUS_OK && i < n_rows; i++) {
		bool reached = pool_is_connected(brokers->pool, rows[i].name);
		bool lost = !reached && rows[i].lost_at_us != 0;
		if (!reached) {
			struct absence *absence = &now[n_now++];
			memcpy(absence->name, rows[i].name, sizeof(absence->name));
			absence->since_us = absent_since(brokers, rows[i].name, now_us);
			lost = lost || now_us - absence->since_us >= (int64_t)BROKER_LOST_MS * 1000;
		}
		if (lost == (rows[i].lost_at_us != 0))
			continue;
		st = store_broker_set_lost(brokers->store, rows[i].name, lost, err);
		if (st == STATUS_OK && lost)
			log_error("broker.lost", F_STR("broker", rows[i].name));
		else if (st == STATUS_OK)
			log_info("broker.found", F_STR("broker", rows[i].name));
	}
	memcpy(brokers->absences, now, n_now * sizeof(*now));
	brokers->n_absences = n_now;
	return st;
}

static enum status look(struct brokers *brokers, struct error *err)
{
	struct broker_row rows[BROKERS_MAX];
	struct pool_member members[BROKERS_MAX];
	size_t n_rows = 0;
	enum status st = store_broker_list(brokers->store, rows, &n_rows, err);
	if (st != STATUS_OK)
		return st;
	for (size_t i = 0; i < n_rows; i++)
		member_of(&rows[i], &members[i]);
	st = pool_set(brokers->pool, members, n_rows, err);
	return st == STATUS_OK ? note_absences(brokers, rows, n_rows, err) : st;
}

/* Once a failure, not once an attempt. The pool stays as it is while the database is away. */
static void tell(struct brokers *brokers, enum status st, const struct error *err)
{
	if (st != brokers->told && st != STATUS_OK)
		log_warn("brokers.interrupted", F_STR("status", status_name(st)), F_STR("reason", err->text));
	else if (st != brokers->told)
		log_info("brokers.goes_on", F_STR("status", "ok"));
	brokers->told = st;
}

static void *run(void *context)
{
	struct brokers *brokers = context;
	while (!atomic_load(&brokers->stopping)) {
		struct error err = { .status = STATUS_OK };
		enum status waited = store_wait_notify(brokers->store, LOOK_MS, brokers->wake, &err);
		enum status st = look(brokers, &err);
		tell(brokers, st == STATUS_OK ? waited : st, &err);
	}
	return NULL;
}

enum status brokers_start(const struct store_options *store, struct pool *pool, struct brokers **ret_brokers,
			  struct error *err)
{
	struct brokers *brokers = calloc(1, sizeof(*brokers));
	if (!brokers)
		abort();
	brokers->options = *store;
	brokers->pool = pool;
	brokers->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	enum status st = brokers->wake < 0
				 ? error_set(err, STATUS_UNAVAILABLE, "brokers: no eventfd: %s", strerror(errno))
				 : store_open(&brokers->options, &brokers->store, err);
	if (st == STATUS_OK)
		st = store_listen(brokers->store, STORE_CHANNEL_BROKER, err);
	if (st == STATUS_OK)
		st = look(brokers, err);
	if (st == STATUS_OK && pthread_create(&brokers->thread, NULL, run, brokers) != 0)
		st = error_set(err, STATUS_UNAVAILABLE, "no thread for the brokers");
	if (st != STATUS_OK) {
		store_close(brokers->store);
		if (brokers->wake >= 0)
			(void)close(brokers->wake);
		free(brokers);
		return st;
	}
	*ret_brokers = brokers;
	return STATUS_OK;
}

void brokers_stop(struct brokers *brokers)
{
	if (!brokers)
		return;
	atomic_store(&brokers->stopping, true);
	(void)eventfd_write(brokers->wake, 1); /* fails only when it is awake 2^64 times already */
	pthread_join(brokers->thread, NULL);
	store_close(brokers->store);
	(void)close(brokers->wake);
	free(brokers);
}

enum status brokers_publish(struct store *store, struct pool *pool, const char *node_id,
			    const struct broker_message *messages, size_t n_messages, int timeout_ms, struct error *err)
{
	char seen_at[BROKER_NAME_MAX + 1] = "";
	enum status st = pool_is_plural(pool) ? store_broker_of_node(store, node_id, seen_at, err) : STATUS_OK;
	return st == STATUS_OK ? pool_publish(pool, node_id, seen_at, messages, n_messages, timeout_ms, err) : st;
}
