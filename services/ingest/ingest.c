#include "ingest/ingest.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "ingest/batch.h"
#include "ingest/meter.h"
#include "ingest/topics.h"

enum { IDLE_MS = 200, BACKOFF_MIN_MS = 50, BACKOFF_MAX_MS = 500, TURN_MS = 20, LETTERS_LOGGED_PER_S = 10 };
enum { SESSION_CLIENT_ID_MAX = 64, SESSION_SOLE_MAX = 640 };

struct held {
	struct message message;
	const struct topic_handler *handler; /* NULL: nobody's topic */
	bool known;                          /* its node is registered, or it is not about a node */
	bool set_aside;                      /* it became a dead letter */
};

/* One session with the broker, and all that its thread needs. */
struct session {
	struct ingest *ingest;
	enum lane lane;
	char client_id[SESSION_CLIENT_ID_MAX];
	/* broker and client id. A batch comes again as soon as its connection to the database is given up, and what is there of it
	 * already is only seen once that connection's commit is done. */
	char sole[SESSION_SOLE_MAX];
	pthread_t thread;
	bool has_thread;
	atomic_bool consuming, was_consuming;
	/* below: the thread's alone */
	struct store *store; /* NULL until the first connection */
	struct arena *arena; /* the held messages */
	struct held *held;
	size_t n_held, held_capacity;
	struct batch *batch;
	struct meter *meter;
	int64_t letters_second;
	unsigned letters_logged, letters_silent;
};

struct ingest {
	struct ingest_options options;
	atomic_bool stopping;
	struct session sessions[N_LANES];
};

/* The bulk session has the name that the only one had: what an older version left with the broker is taken up by it. */
static const char *const client_id_ends[N_LANES] = { [LANE_CONTROL] = ".control", [LANE_BULK] = "" };

/* --- taking messages in --- */

/* Beyond batch_max only while a session is taken up again: the broker repeats up to its max_inflight_messages before it answers
 * the subscription. */
static void grow_held(struct session *session)
{
	session->held_capacity = session->held_capacity ? 2 * session->held_capacity : 256;
	struct held *grown = realloc(session->held, session->held_capacity * sizeof(*grown));
	if (!grown)
		abort();
	session->held = grown;
}

static bool take(void *context, const struct delivery *delivery)
{
	struct session *session = context;
	if (session->n_held == session->held_capacity)
		grow_held(session);
	struct held *held = &session->held[session->n_held];
	*held = (struct held){ .message.received_at_us = clock_now_us() };
	struct message *message = &held->message;
	char *topic = arena_copy(session->arena, delivery->topic, strlen(delivery->topic));
	char *payload = arena_copy(session->arena, delivery->payload, delivery->payload_len);
	if (!topic || !payload)
		abort(); /* out of memory: nothing is acknowledged, everything comes again */
	message->broker = session->ingest->options.broker_name;
	message->topic = topic;
	message->payload = (struct json_slice){ payload, delivery->payload_len };
	message->key.mid = delivery->mid;
	message->key.may_repeat = delivery->may_repeat;
	(void)crypto_generichash(message->key.digest, DIGEST_BYTES, (const unsigned char *)payload,
				 delivery->payload_len, NULL, 0); /* fails only for sizes that these are not */
	held->handler = topics_find(topic, message);
	if (session->n_held++ == 0)
		meter_batch_began(session->meter);
	return session->n_held < (size_t)session->ingest->options.batch_max &&
	       arena_used(session->arena) < INGEST_BATCH_BYTES_MAX;
}

static void forget_all(struct session *session)
{
	session->n_held = 0;
	arena_clear(session->arena);
}

/* --- decoding and writing --- */

static int compare_ids(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct known_nodes {
	const char **ids; /* sorted */
	bool *known;
	size_t n;
};

static void mark_known(void *context, const char *node_id)
{
	struct known_nodes *nodes = context;
	const char **found = bsearch(&node_id, nodes->ids, nodes->n, sizeof(*nodes->ids), compare_ids);
	if (found)
		nodes->known[found - nodes->ids] = true;
}

/* One question to the database about all nodes of the batch; nothing is cached, so that memory does not grow with the fleet and a
 * deleted node is a stranger at once. */
static enum status find_known(struct session *session, struct error *err)
{
	struct known_nodes nodes = { .ids = calloc(session->n_held, sizeof(*nodes.ids)),
				     .known = calloc(session->n_held, sizeof(*nodes.known)) };
	if (!nodes.ids || !nodes.known)
		abort();
	for (size_t i = 0; i < session->n_held; i++) {
		if (session->held[i].handler && session->held[i].handler->suffix)
			nodes.ids[nodes.n++] = session->held[i].message.node_id;
	}
	qsort(nodes.ids, nodes.n, sizeof(*nodes.ids), compare_ids);
	size_t n_distinct = 0;
	for (size_t i = 0; i < nodes.n; i++) {
		if (i == 0 || strcmp(nodes.ids[i], nodes.ids[n_distinct - 1]) != 0)
			nodes.ids[n_distinct++] = nodes.ids[i];
	}
	nodes.n = n_distinct;
	enum status st =
		nodes.n ? store_report_known(session->store, nodes.ids, nodes.n, mark_known, &nodes, err) : STATUS_OK;
	for (size_t i = 0; st == STATUS_OK && i < session->n_held; i++) {
		struct held *held = &session->held[i];
		const char *id = held->message.node_id;
		held->known = true;
		if (held->handler && held->handler->suffix) {
			const char **found = bsearch(&id, nodes.ids, nodes.n, sizeof(*nodes.ids), compare_ids);
			held->known = found && nodes.known[found - nodes.ids];
		}
	}
	free(nodes.ids);
	free(nodes.known);
	return st;
}

static enum status decode(struct session *session, const struct held *held, struct error *err)
{
	const struct message *message = &held->message;
	if (!held->handler)
		return error_set(err, STATUS_INVALID, "no handler for this topic");
	if (!held->known)
		return error_set(err, STATUS_NOT_FOUND, "node is not registered");
	if (message->payload.len > held->handler->payload_max)
		return error_set(err, STATUS_TOO_LARGE, "payload of %zu bytes, at most %zu are taken here",
				 message->payload.len, held->handler->payload_max);
	return held->handler->handle(session->batch, message, err);
}

/* A node that sends nothing but rubbish must not fill the log: a few lines a second, then one that counts the rest. */
static void log_letter(struct session *session, const struct message *message, const char *reason)
{
	int64_t second = clock_monotonic_us() / 1000000;
	if (second != session->letters_second) {
		if (session->letters_silent)
			log_warn("ingest.dead_letters_not_logged", F_U64("count", session->letters_silent));
		session->letters_second = second;
		session->letters_logged = session->letters_silent = 0;
	}
	if (session->letters_logged++ < LETTERS_LOGGED_PER_S)
		log_warn("ingest.dead_letter", F_STR("topic", message->topic), F_STR("reason", reason),
			 F_U64("bytes", message->payload.len));
	else
		session->letters_silent++;
}

static void put_letter(struct session *session, struct held *held, const char *reason)
{
	held->set_aside = true;
	const struct message *message = &held->message;
	bool is_secret = held->handler && held->handler->secret;
	const struct dead_letter_row row = { .topic = message->topic,
					     .reason = reason,
					     .payload = is_secret ? NULL : message->payload.at,
					     .payload_len = message->payload.len,
					     .at_us = message->received_at_us,
					     .key = message->key };
	report_dead_letter(batch_report(session->batch), &row);
	log_letter(session, message, reason);
}

static bool is_data_failure(enum status st)
{
	return st == STATUS_CONFLICT || st == STATUS_INVALID;
}

/* Writes messages first..first+n in one transaction. When the database refuses the data, halves are tried until the offender is
 * alone; then it is a dead letter. */
static enum status write_range(struct session *session, size_t first, size_t n, struct error *err)
{
	batch_clear(session->batch);
	for (size_t i = first; i < first + n; i++) {
		struct error why = { .status = STATUS_OK };
		if (decode(session, &session->held[i], &why) != STATUS_OK)
			put_letter(session, &session->held[i], why.text);
	}
	batch_finish(session->batch);
	enum status st = store_report_write(session->store, batch_report(session->batch), err);
	if (!is_data_failure(st))
		return st;
	if (n > 1) {
		st = write_range(session, first, n / 2, err);
		return st == STATUS_OK ? write_range(session, first + n / 2, n - n / 2, err) : st;
	}
	batch_clear(session->batch);
	put_letter(session, &session->held[first], err->text);
	return store_report_write(session->store, batch_report(session->batch), err);
}

static void count_held(const struct session *session)
{
	for (size_t i = 0; i < session->n_held; i++)
		meter_put(session->meter, session->held[i].handler, session->held[i].set_aside);
}

static enum status write_batch(struct session *session, struct error *err)
{
	int64_t began_us = clock_monotonic_us();
	count_held(session);
	meter_received(session->meter);
	enum status st = find_known(session, err);
	if (st == STATUS_OK)
		st = write_range(session, 0, session->n_held, err);
	if (st != STATUS_OK)
		return st;
	count_held(session);
	meter_committed(session->meter, began_us);
	return STATUS_OK;
}

/* --- the loop --- */

/* Until the connection or the database fails, or the process stops. */
static enum status consume(struct session *session, struct consumer *consumer, struct error *err)
{
	enum status st = STATUS_OK;
	while (st == STATUS_OK && !atomic_load(&session->ingest->stopping)) {
		if (session->n_held == 0) /* messages may have come with the opening */
			st = consumer_read(consumer, IDLE_MS, session->ingest->options.batch_wait_ms, err);
		if (st == STATUS_OK && session->n_held > 0)
			st = write_batch(session, err);
		if (st == STATUS_OK)
			st = consumer_acknowledge(consumer, err); /* also keep-alive, when there was nothing */
		if (st == STATUS_OK) {
			meter_acknowledged(session->meter);
			forget_all(session);
		}
	}
	return st;
}

struct filters {
	char texts[TOPICS_FILTERS_MAX][TOPICS_FILTER_BYTES_MAX];
	const char *list[TOPICS_FILTERS_MAX];
	size_t n;
};

static void list_filters(enum lane lane, struct filters *ret_filters)
{
	ret_filters->n = topics_filters(lane, ret_filters->texts);
	for (size_t i = 0; i < ret_filters->n; i++)
		ret_filters->list[i] = ret_filters->texts[i];
}

static enum status open_and_consume(struct session *session, struct error *err)
{
	struct filters filters[N_LANES];
	for (int lane = 0; lane < N_LANES; lane++)
		list_filters((enum lane)lane, &filters[lane]);
	const struct filters *wanted = &filters[session->lane], *unwanted = &filters[N_LANES - 1 - session->lane];
	struct consumer_options options = { .broker = session->ingest->options.broker,
					    .filters = wanted->list,
					    .n_filters = wanted->n,
					    .unwanted = unwanted->list,
					    .n_unwanted = unwanted->n,
					    .take = take,
					    .context = session };
	options.broker.client_id = session->client_id;
	CLEANUP(consumer) struct consumer *consumer = NULL;
	enum status st = consumer_open(&options, &consumer, err);
	if (st != STATUS_OK)
		return st;
	log_info("ingest.consuming", F_STR("client", session->client_id), F_U64("filters", options.n_filters));
	atomic_store(&session->consuming, true);
	meter_consuming(session->meter, true);
	atomic_store(&session->was_consuming, true);
	st = consume(session, consumer, err);
	atomic_store(&session->consuming, false);
	meter_consuming(session->meter, false);
	return st;
}

/* An older version's one session gives up the control topics when it becomes the bulk session, so the control session comes first:
 * between the two a message comes twice rather than never. */
static bool is_turn(struct session *session)
{
	return session->lane == LANE_CONTROL || atomic_load(&session->ingest->sessions[LANE_CONTROL].was_consuming);
}

static enum status run_session(struct session *session, struct error *err)
{
	struct store_options options = session->ingest->options.store;
	options.sole = session->sole;
	enum status st = session->store ? store_ping(session->store, err) : store_open(&options, &session->store, err);
	return st == STATUS_OK ? open_and_consume(session, err) : st;
}

static void wait_ms(const struct ingest *ingest, int ms)
{
	for (; ms > 0 && !atomic_load(&ingest->stopping); ms -= 20)
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
}

static void *run(void *context)
{
	struct session *session = context;
	const struct ingest *ingest = session->ingest;
	int backoff_ms = BACKOFF_MIN_MS;
	while (!atomic_load(&ingest->stopping)) {
		if (!is_turn(session)) {
			wait_ms(ingest, TURN_MS);
			continue;
		}
		struct error err = { .status = STATUS_OK };
		int64_t began_us = clock_monotonic_us();
		enum status st = run_session(session, &err);
		forget_all(session); /* the broker has them still */
		if (st == STATUS_OK)
			continue;
		meter_interrupted(session->meter);
		log_warn("ingest.interrupted", F_STR("client", session->client_id), F_STR("status", status_name(st)),
			 F_STR("reason", err.text), F_I64("retry_ms", backoff_ms));
		if (clock_monotonic_us() - began_us > 10000000)
			backoff_ms = BACKOFF_MIN_MS;
		wait_ms(ingest, backoff_ms / 2 + (int)randombytes_uniform((unsigned)backoff_ms));
		backoff_ms = backoff_ms * 2 < BACKOFF_MAX_MS ? backoff_ms * 2 : BACKOFF_MAX_MS;
	}
	return NULL;
}

static enum status start_session(struct ingest *ingest, enum lane lane, struct error *err)
{
	struct session *session = &ingest->sessions[lane];
	session->ingest = ingest;
	session->lane = lane;
	int len = snprintf(session->client_id, sizeof(session->client_id), "%s%s", ingest->options.broker.client_id,
			   client_id_ends[lane]);
	if (len < 0 || (size_t)len >= sizeof(session->client_id))
		return error_set(err, STATUS_INVALID, "client id of ingest is too long");
	len = snprintf(session->sole, sizeof(session->sole), "%s %s", ingest->options.broker_name, session->client_id);
	if (len < 0 || (size_t)len >= sizeof(session->sole))
		return error_set(err, STATUS_INVALID, "name of the broker is too long");
	session->arena = arena_new(SIZE_MAX / 2); /* bounded by take() */
	session->batch = batch_new();
	session->meter = meter_new(ingest->options.metrics, ingest->options.broker_name, lane);
	session->has_thread = pthread_create(&session->thread, NULL, run, session) == 0;
	return session->has_thread ? STATUS_OK : error_set(err, STATUS_INTERNAL, "no thread for ingest");
}

static void stop_session(struct session *session)
{
	if (session->has_thread)
		pthread_join(session->thread, NULL);
	store_close(session->store);
	batch_free(session->batch);
	meter_free(session->meter);
	arena_free(session->arena);
	free(session->held);
}

enum status ingest_start(const struct ingest_options *options, struct ingest **ret_ingest, struct error *err)
{
	struct ingest *ingest = calloc(1, sizeof(*ingest));
	if (!ingest)
		abort();
	ingest->options = *options;
	for (int lane = 0; lane < N_LANES; lane++) {
		enum status st = start_session(ingest, (enum lane)lane, err);
		if (st != STATUS_OK) {
			ingest_stop(ingest);
			return st;
		}
	}
	*ret_ingest = ingest;
	return STATUS_OK;
}

void ingest_stop(struct ingest *ingest)
{
	if (!ingest)
		return;
	atomic_store(&ingest->stopping, true);
	for (int lane = 0; lane < N_LANES; lane++)
		stop_session(&ingest->sessions[lane]);
	free(ingest);
}

bool ingest_is_consuming(struct ingest *ingest)
{
	for (int lane = 0; lane < N_LANES; lane++) {
		if (!atomic_load(&ingest->sessions[lane].consuming))
			return false;
	}
	return true;
}
