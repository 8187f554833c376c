#include "revocation/revocation.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/revocation.h"

/* So many lines and their head fit a message, however long they are. */
enum { PAGE_ROWS = REVOCATION_MESSAGE_BYTES_MAX / REVOCATION_LINE_MAX - 1 };
enum { LOOK_MS = 1000, CONFIRM_MS_MIN = 500, CONFIRM_MS_MAX = 8000, PRUNE_EVERY_S = 86400 };

struct revocation {
	struct revocation_options options;
	pthread_t thread;
	int wake; /* eventfd: stop */
	atomic_bool stopping;
	/* below: the thread's alone */
	struct store *store; /* NULL until the first connection */
	struct revocation_point
		has; /* what the plugin has: by its own word, or acknowledged since. epoch "": nothing */
	struct revocation_point said; /* its last word */
	int64_t n_said;               /* -1 before the first look */
	bool in_doubt;                /* its last word is not what it has been told */
	int64_t confirm_at_us;        /* when a doubted word is believed */
	int confirm_ms;
	int64_t prune_at_us;
	enum status told; /* the last failure that was logged */
	struct buffer lines, message;
	size_t n_rows; /* of the page in `lines` */
	int64_t last_version;
};

static bool same_point(const struct revocation_point *a, const struct revocation_point *b)
{
	return a->version == b->version && strcmp(a->epoch, b->epoch) == 0;
}

static struct topic_part part(const char *text)
{
	return (struct topic_part){ text, strlen(text) };
}

/* --- messages --- */

static void put_line(void *context, const struct revocation_row *row)
{
	struct revocation *revocation = context;
	revocation->n_rows++;
	revocation->last_version = row->version;
	struct revocation_line line = { .kind = row->lifted ? REVOCATION_NODE_REMOVE : REVOCATION_NODE_ADD,
					.node_id = part(row->is_node ? row->value : row->node_id),
					.word = part(row->word) };
	if (!row->is_node) {
		line.kind = REVOCATION_CERTIFICATE_ADD;
		line.fingerprint = row->value;
	}
	char text[REVOCATION_LINE_MAX];
	size_t len = revocation_write_line(&line, text);
	buffer_put(&revocation->lines, text, len);
}

static void begin_page(struct revocation *revocation)
{
	buffer_clear(&revocation->lines);
	revocation->n_rows = 0;
}

static enum status publish(struct revocation *revocation, const struct revocation_head *head, struct error *err)
{
	if (!revocation->in_doubt)
		revocation->confirm_at_us = clock_monotonic_us() + (int64_t)revocation->confirm_ms * 1000;
	char text[REVOCATION_LINE_MAX];
	size_t len = revocation_write_head(head, text);
	buffer_clear(&revocation->message);
	buffer_put(&revocation->message, text, len);
	buffer_put(&revocation->message, revocation->lines.bytes, revocation->lines.len);
	const struct broker_message message = { .topic = REVOCATION_CONTROL_TOPIC,
						.payload = revocation->message.bytes,
						.payload_len = revocation->message.len };
	return publisher_publish(revocation->options.publisher, &message, 1, REVOCATION_PUBLISH_MS, err);
}

/* --- what the plugin has to be told --- */

/* What was acknowledged is known to be there, page by page: a failure in between repeats nothing. */
static enum status push_changes(struct revocation *revocation, const struct revocation_point *wanted, struct error *err)
{
	struct revocation_point *has = &revocation->has;
	int64_t began = has->version;
	size_t n_lines = 0;
	while (has->version < wanted->version) {
		begin_page(revocation);
		enum status st = store_revocation_changes(revocation->store, has->version, wanted->version, PAGE_ROWS,
							  put_line, revocation, err);
		if (st != STATUS_OK)
			return st;
		int64_t to = revocation->n_rows < PAGE_ROWS ? wanted->version : revocation->last_version;
		const struct revocation_head head = {
			.kind = REVOCATION_DELTA, .epoch = part(wanted->epoch), .from = has->version, .to = to
		};
		st = publish(revocation, &head, err);
		if (st != STATUS_OK)
			return st;
		has->version = to;
		n_lines += revocation->n_rows;
	}
	log_info("revocation.changes_sent", F_I64("from", began), F_I64("to", wanted->version),
		 F_U64("lines", n_lines));
	return STATUS_OK;
}

static enum status push_set(struct revocation *revocation, const struct revocation_point *wanted, struct error *err)
{
	struct revocation_head head = { .kind = REVOCATION_BEGIN, .epoch = part(wanted->epoch), .to = wanted->version };
	begin_page(revocation);
	enum status st = publish(revocation, &head, err);
	size_t n_lines = 0;
	revocation->last_version = 0;
	while (st == STATUS_OK && head.kind != REVOCATION_END) {
		begin_page(revocation);
		st = store_revocation_set(revocation->store, revocation->last_version, PAGE_ROWS, put_line, revocation,
					  err);
		n_lines += revocation->n_rows;
		head.kind = revocation->n_rows < PAGE_ROWS ? REVOCATION_END : REVOCATION_PART;
		if (st == STATUS_OK)
			st = publish(revocation, &head, err);
	}
	if (st != STATUS_OK)
		return st;
	revocation->has = *wanted;
	log_info("revocation.set_sent", F_I64("to", wanted->version), F_U64("lines", n_lines));
	return STATUS_OK;
}

static bool is_behind(const struct revocation_point *point, const struct revocation_point *other)
{
	return strcmp(point->epoch, other->epoch) == 0 && point->version < other->version;
}

/* Ahead of us or of another epoch: the database is not the one that the plugin followed. A backup has been restored, and revocations
 * made since then are gone from it. */
static void log_foreign(const struct revocation *revocation, const struct revocation_point *wanted)
{
	const struct revocation_point *said = &revocation->said;
	if (said->epoch[0] == '\0' || same_point(said, wanted) || is_behind(said, wanted))
		return;
	log_error("revocation.broker_followed_another_database", F_STR("broker", revocation->options.broker_name),
		  F_STR("its_epoch", said->epoch), F_I64("its_version", said->version), F_STR("epoch", wanted->epoch),
		  F_I64("version", wanted->version));
}

/* The plugin answers every message, also the parts of a set, so its word may be older than what it has been told since. A word that
 * is behind is doubted until confirm_at, which moves on while it catches up. Believed at once: one that has gone back, as after a
 * restart with an older file, or is ahead of all that it was told. */
static void hear(struct revocation *revocation, const struct revocation_look *look)
{
	if (look->n_said == revocation->n_said)
		return;
	const struct revocation_point before = revocation->said;
	bool is_new = revocation->n_said < 0 || !same_point(&before, &look->said);
	bool catches_up = is_behind(&before, &look->said) && is_behind(&look->said, &revocation->has);
	publisher_hurry(revocation->options.publisher); /* whoever says something is there */
	revocation->n_said = look->n_said;
	revocation->said = look->said;
	revocation->in_doubt = !same_point(&revocation->said, &revocation->has);
	if (!revocation->in_doubt)
		revocation->confirm_ms = CONFIRM_MS_MIN;
	if (catches_up)
		revocation->confirm_at_us = clock_monotonic_us() + (int64_t)revocation->confirm_ms * 1000;
	else if (is_new)
		revocation->confirm_at_us = 0;
	if (is_new)
		log_foreign(revocation, &look->wanted);
}

static void settle_doubt(struct revocation *revocation)
{
	if (!revocation->in_doubt || clock_monotonic_us() < revocation->confirm_at_us)
		return;
	if (revocation->has.epoch[0] != '\0') {
		log_warn("revocation.broker_behind", F_STR("broker", revocation->options.broker_name),
			 F_STR("its_epoch", revocation->said.epoch), F_I64("its_version", revocation->said.version),
			 F_I64("told", revocation->has.version));
		/* what it has refused for another reason than a lost message it would refuse again */
		revocation->confirm_ms =
			revocation->confirm_ms < CONFIRM_MS_MAX ? 2 * revocation->confirm_ms : CONFIRM_MS_MAX;
	}
	revocation->has = revocation->said;
	revocation->in_doubt = false;
}

/* Without the expired certificates the plugin's set is smaller too, so it gets the whole of it then. */
static enum status prune(struct revocation *revocation, struct error *err)
{
	if (clock_monotonic_us() < revocation->prune_at_us)
		return STATUS_OK;
	int64_t n = 0;
	enum status st = store_revocation_prune(revocation->store, &n, err);
	if (st != STATUS_OK)
		return st;
	revocation->prune_at_us = clock_monotonic_us() + (int64_t)PRUNE_EVERY_S * 1000000;
	if (n > 0) {
		revocation->has = (struct revocation_point){ .version = 0 };
		log_info("revocation.expired", F_I64("certificates", n));
	}
	return STATUS_OK;
}

/* One look, and what follows from it. Fills in how long nothing more has to be done. */
static enum status step(struct revocation *revocation, int *ret_wait_ms, struct error *err)
{
	struct revocation_look look;
	enum status st = store_revocation_look(revocation->store, revocation->options.broker_name, &look, err);
	if (st != STATUS_OK)
		return st;
	hear(revocation, &look);
	settle_doubt(revocation);
	st = prune(revocation, err);
	if (st == STATUS_OK && !same_point(&revocation->has, &look.wanted))
		st = is_behind(&revocation->has, &look.wanted) ? push_changes(revocation, &look.wanted, err)
							       : push_set(revocation, &look.wanted, err);
	if (st == STATUS_OK)
		*ret_wait_ms = revocation->in_doubt ? CONFIRM_MS_MIN : LOOK_MS;
	return st;
}

/* --- the loop --- */

static enum status open_store(struct revocation *revocation, struct error *err)
{
	CLEANUP(store) struct store *store = NULL;
	enum status st = store_open(&revocation->options.store, &store, err);
	if (st == STATUS_OK)
		st = store_listen(store, STORE_CHANNEL_REVOCATION, err);
	if (st == STATUS_OK)
		revocation->store = STEAL(store);
	return st;
}

/* Once a failure, not once an attempt. */
static void tell(struct revocation *revocation, enum status st, const struct error *err)
{
	if (st != revocation->told && st != STATUS_OK)
		log_warn("revocation.interrupted", F_STR("status", status_name(st)), F_STR("reason", err->text));
	else if (st != revocation->told)
		log_info("revocation.goes_on", F_I64("version", revocation->has.version));
	revocation->told = st;
}

static void wait_awake(const struct revocation *revocation, int ms)
{
	struct pollfd wake = { .fd = revocation->wake, .events = POLLIN };
	(void)poll(&wake, 1, ms);
}

static void *run(void *context)
{
	struct revocation *revocation = context;
	while (!atomic_load(&revocation->stopping)) {
		struct error err = { .status = STATUS_OK };
		int wait_ms = REVOCATION_RETRY_MS;
		enum status st = revocation->store ? STATUS_OK : open_store(revocation, &err);
		if (st == STATUS_OK)
			st = step(revocation, &wait_ms, &err);
		tell(revocation, st, &err);
		if (atomic_load(&revocation->stopping))
			break;
		if (revocation->store)
			IGNORE_RESULT(store_wait_notify(revocation->store, wait_ms, revocation->wake, NULL));
		else
			wait_awake(revocation, wait_ms);
	}
	return NULL;
}

static void revocation_free(struct revocation *revocation)
{
	if (revocation->wake >= 0)
		(void)close(revocation->wake);
	store_close(revocation->store);
	buffer_done(&revocation->lines);
	buffer_done(&revocation->message);
	free(revocation);
}

enum status revocation_start(const struct revocation_options *options, struct revocation **ret_revocation,
			     struct error *err)
{
	struct revocation *revocation = calloc(1, sizeof(*revocation));
	if (!revocation)
		abort();
	revocation->options = *options;
	revocation->n_said = -1;
	revocation->confirm_ms = CONFIRM_MS_MIN;
	revocation->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	enum status st = STATUS_OK;
	if (revocation->wake < 0 || pthread_create(&revocation->thread, NULL, run, revocation) != 0)
		st = error_set(err, STATUS_INTERNAL, "no thread for revocations: %s", strerror(errno));
	if (st != STATUS_OK) {
		revocation_free(revocation);
		return st;
	}
	*ret_revocation = revocation;
	return STATUS_OK;
}

void revocation_stop(struct revocation *revocation)
{
	if (!revocation)
		return;
	atomic_store(&revocation->stopping, true);
	(void)eventfd_write(revocation->wake, 1); /* fails only when it is awake already */
	pthread_join(revocation->thread, NULL);
	revocation_free(revocation);
}
