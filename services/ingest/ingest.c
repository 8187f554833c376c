#include "ingest/ingest.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "ingest/batch.h"
#include "ingest/topics.h"

enum { IDLE_MS = 200, BACKOFF_MIN_MS = 50, BACKOFF_MAX_MS = 500, LETTERS_LOGGED_PER_S = 10 };

struct held {
	struct message message;
	const struct topic_handler *handler; /* NULL: nobody's topic */
	bool known;                          /* its node is registered, or it is not about a node */
};

struct ingest {
	struct ingest_options options;
	pthread_t thread;
	atomic_bool stopping, consuming;
	/* below: the ingest thread's alone */
	struct store *store; /* NULL until the first connection */
	struct arena *arena; /* the held messages */
	struct held *held;
	size_t n_held, held_capacity;
	struct batch *batch;
	int64_t letters_second;
	unsigned letters_logged, letters_silent;
	char filters[TOPICS_FILTERS_MAX][TOPICS_FILTER_BYTES_MAX];
	const char *filter_list[TOPICS_FILTERS_MAX];
};

/* --- taking messages in --- */

/* Beyond batch_max only while a session is taken up again: the broker repeats up to its max_inflight_messages before it answers
 * the subscription. */
static void grow_held(struct ingest *ingest)
{
	ingest->held_capacity = ingest->held_capacity ? 2 * ingest->held_capacity : 256;
	struct held *grown = realloc(ingest->held, ingest->held_capacity * sizeof(*grown));
	if (!grown)
		abort();
	ingest->held = grown;
}

static bool take(void *context, const struct delivery *delivery)
{
	struct ingest *ingest = context;
	if (ingest->n_held == ingest->held_capacity)
		grow_held(ingest);
	struct held *held = &ingest->held[ingest->n_held];
	*held = (struct held){ .message.received_at_us = clock_now_us() };
	struct message *message = &held->message;
	char *topic = arena_copy(ingest->arena, delivery->topic, strlen(delivery->topic));
	char *payload = arena_copy(ingest->arena, delivery->payload, delivery->payload_len);
	if (!topic || !payload)
		abort(); /* out of memory: nothing is acknowledged, everything comes again */
	message->broker = ingest->options.broker_name;
	message->topic = topic;
	message->payload = (struct json_slice){ payload, delivery->payload_len };
	message->key.mid = delivery->mid;
	message->key.may_repeat = delivery->may_repeat;
	(void)crypto_generichash(message->key.digest, DIGEST_BYTES, (const unsigned char *)payload,
				 delivery->payload_len, NULL, 0); /* fails only for sizes that these are not */
	held->handler = topics_find(topic, message);
	ingest->n_held++;
	return ingest->n_held < (size_t)ingest->options.batch_max && arena_used(ingest->arena) < INGEST_BATCH_BYTES_MAX;
}

static void forget_all(struct ingest *ingest)
{
	ingest->n_held = 0;
	arena_clear(ingest->arena);
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
static enum status find_known(struct ingest *ingest, struct error *err)
{
	struct known_nodes nodes = { .ids = calloc(ingest->n_held, sizeof(*nodes.ids)),
				     .known = calloc(ingest->n_held, sizeof(*nodes.known)) };
	if (!nodes.ids || !nodes.known)
		abort();
	for (size_t i = 0; i < ingest->n_held; i++) {
		if (ingest->held[i].handler && ingest->held[i].handler->suffix)
			nodes.ids[nodes.n++] = ingest->held[i].message.node_id;
	}
	qsort(nodes.ids, nodes.n, sizeof(*nodes.ids), compare_ids);
	size_t n_distinct = 0;
	for (size_t i = 0; i < nodes.n; i++) {
		if (i == 0 || strcmp(nodes.ids[i], nodes.ids[n_distinct - 1]) != 0)
			nodes.ids[n_distinct++] = nodes.ids[i];
	}
	nodes.n = n_distinct;
	enum status st =
		nodes.n ? store_report_known(ingest->store, nodes.ids, nodes.n, mark_known, &nodes, err) : STATUS_OK;
	for (size_t i = 0; st == STATUS_OK && i < ingest->n_held; i++) {
		struct held *held = &ingest->held[i];
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

static enum status decode(struct ingest *ingest, const struct held *held, struct error *err)
{
	const struct message *message = &held->message;
	if (!held->handler)
		return error_set(err, STATUS_INVALID, "no handler for this topic");
	if (!held->known)
		return error_set(err, STATUS_NOT_FOUND, "node is not registered");
	if (message->payload.len > held->handler->payload_max)
		return error_set(err, STATUS_TOO_LARGE, "payload of %zu bytes, at most %zu are taken here",
				 message->payload.len, held->handler->payload_max);
	return held->handler->handle(ingest->batch, message, err);
}

/* A node that sends nothing but rubbish must not fill the log: a few lines a second, then one that counts the rest. */
static void log_letter(struct ingest *ingest, const struct message *message, const char *reason)
{
	int64_t second = clock_monotonic_us() / 1000000;
	if (second != ingest->letters_second) {
		if (ingest->letters_silent)
			log_warn("ingest.dead_letters_not_logged", F_U64("count", ingest->letters_silent));
		ingest->letters_second = second;
		ingest->letters_logged = ingest->letters_silent = 0;
	}
	if (ingest->letters_logged++ < LETTERS_LOGGED_PER_S)
		log_warn("ingest.dead_letter", F_STR("topic", message->topic), F_STR("reason", reason),
			 F_U64("bytes", message->payload.len));
	else
		ingest->letters_silent++;
}

static void put_letter(struct ingest *ingest, const struct held *held, const char *reason)
{
	const struct message *message = &held->message;
	bool is_secret = held->handler && held->handler->secret;
	const struct dead_letter_row row = { .topic = message->topic,
					     .reason = reason,
					     .payload = is_secret ? NULL : message->payload.at,
					     .payload_len = message->payload.len,
					     .at_us = message->received_at_us,
					     .key = message->key };
	report_dead_letter(batch_report(ingest->batch), &row);
	log_letter(ingest, message, reason);
}

static bool is_data_failure(enum status st)
{
	return st == STATUS_CONFLICT || st == STATUS_INVALID;
}

/* Writes messages first..first+n in one transaction. When the database refuses the data, halves are tried until the offender is
 * alone; then it is a dead letter. */
static enum status write_range(struct ingest *ingest, size_t first, size_t n, struct error *err)
{
	batch_clear(ingest->batch);
	for (size_t i = first; i < first + n; i++) {
		struct error why = { .status = STATUS_OK };
		if (decode(ingest, &ingest->held[i], &why) != STATUS_OK)
			put_letter(ingest, &ingest->held[i], why.text);
	}
	batch_finish(ingest->batch);
	enum status st = store_report_write(ingest->store, batch_report(ingest->batch), err);
	if (!is_data_failure(st))
		return st;
	if (n > 1) {
		st = write_range(ingest, first, n / 2, err);
		return st == STATUS_OK ? write_range(ingest, first + n / 2, n - n / 2, err) : st;
	}
	batch_clear(ingest->batch);
	put_letter(ingest, &ingest->held[first], err->text);
	return store_report_write(ingest->store, batch_report(ingest->batch), err);
}

static enum status write_batch(struct ingest *ingest, struct error *err)
{
	enum status st = find_known(ingest, err);
	if (st == STATUS_OK)
		st = write_range(ingest, 0, ingest->n_held, err);
	return st;
}

/* --- the loop --- */

/* Until the connection or the database fails, or the process stops. */
static enum status consume(struct ingest *ingest, struct consumer *consumer, struct error *err)
{
	enum status st = STATUS_OK;
	while (st == STATUS_OK && !atomic_load(&ingest->stopping)) {
		if (ingest->n_held == 0) /* messages may have come with the opening */
			st = consumer_read(consumer, IDLE_MS, ingest->options.batch_wait_ms, err);
		if (st == STATUS_OK && ingest->n_held > 0)
			st = write_batch(ingest, err);
		if (st == STATUS_OK)
			st = consumer_acknowledge(consumer, err); /* also keep-alive, when there was nothing */
		if (st == STATUS_OK)
			forget_all(ingest);
	}
	return st;
}

static enum status session(struct ingest *ingest, struct error *err)
{
	enum status st = ingest->store ? store_ping(ingest->store, err)
				       : store_open(&ingest->options.store, &ingest->store, err);
	if (st != STATUS_OK)
		return st;
	const struct consumer_options options = { .broker = ingest->options.broker,
						  .filters = ingest->filter_list,
						  .n_filters = topics_filters(ingest->filters),
						  .take = take,
						  .context = ingest };
	CLEANUP(consumer) struct consumer *consumer = NULL;
	st = consumer_open(&options, &consumer, err);
	if (st != STATUS_OK)
		return st;
	log_info("ingest.consuming", F_STR("client", options.broker.client_id), F_U64("filters", options.n_filters));
	atomic_store(&ingest->consuming, true);
	st = consume(ingest, consumer, err);
	atomic_store(&ingest->consuming, false);
	return st;
}

static void wait_ms(const struct ingest *ingest, int ms)
{
	for (; ms > 0 && !atomic_load(&ingest->stopping); ms -= 20)
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
}

static void *run(void *context)
{
	struct ingest *ingest = context;
	int backoff_ms = BACKOFF_MIN_MS;
	while (!atomic_load(&ingest->stopping)) {
		struct error err = { .status = STATUS_OK };
		int64_t began_us = clock_monotonic_us();
		enum status st = session(ingest, &err);
		forget_all(ingest); /* the broker has them still */
		if (st == STATUS_OK)
			continue;
		log_warn("ingest.interrupted", F_STR("status", status_name(st)), F_STR("reason", err.text),
			 F_I64("retry_ms", backoff_ms));
		if (clock_monotonic_us() - began_us > 10000000)
			backoff_ms = BACKOFF_MIN_MS;
		wait_ms(ingest, backoff_ms / 2 + (int)randombytes_uniform((unsigned)backoff_ms));
		backoff_ms = backoff_ms * 2 < BACKOFF_MAX_MS ? backoff_ms * 2 : BACKOFF_MAX_MS;
	}
	return NULL;
}

enum status ingest_start(const struct ingest_options *options, struct ingest **ret_ingest, struct error *err)
{
	struct ingest *ingest = calloc(1, sizeof(*ingest));
	if (!ingest)
		abort();
	ingest->options = *options;
	ingest->arena = arena_new(SIZE_MAX / 2); /* bounded by take() */
	ingest->batch = batch_new();
	for (size_t i = 0; i < TOPICS_FILTERS_MAX; i++)
		ingest->filter_list[i] = ingest->filters[i];
	if (pthread_create(&ingest->thread, NULL, run, ingest) != 0)
		return error_set(err, STATUS_INTERNAL, "no thread for ingest");
	*ret_ingest = ingest;
	return STATUS_OK;
}

void ingest_stop(struct ingest *ingest)
{
	if (!ingest)
		return;
	atomic_store(&ingest->stopping, true);
	pthread_join(ingest->thread, NULL);
	store_close(ingest->store);
	batch_free(ingest->batch);
	arena_free(ingest->arena);
	free(ingest->held);
	free(ingest);
}

bool ingest_is_consuming(struct ingest *ingest)
{
	return atomic_load(&ingest->consuming);
}
