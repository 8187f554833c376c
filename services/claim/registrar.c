#include "claim/registrar.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "store/registration.h"

enum { LOOK_MS = 5000, RETRY_MS = 1000, DESCRIPTION_MAX = 511 };

struct registrar {
	struct registrar_options options;
	pthread_t thread;
	atomic_bool stopping;
	int wake; /* eventfd: readable once it is to stop */
	struct store *store;
	bool listens;
	bool waits; /* the last round had to stop: told once */
};

/* A file in hand. */
struct work {
	char request_id[REGISTRATION_ID_MAX + 1];
	struct buffer content;
	struct csv_text rest;
	int64_t n_done, n_failed;
	struct importer *importer;
	struct import_job *job;
};

static void work_done(struct work *work)
{
	import_job_close(work->job);
	import_close(work->importer);
	buffer_done(&work->content);
}

static bool is_passing(enum status st)
{
	return st == STATUS_UNAVAILABLE || st == STATUS_TIMEOUT;
}

static enum status open_store(struct registrar *registrar, struct error *err)
{
	enum status st = STATUS_OK;
	if (!registrar->store)
		st = store_open(&registrar->options.store, &registrar->store, err);
	if (st == STATUS_OK && !registrar->listens)
		st = store_listen(registrar->store, STORE_CHANNEL_REGISTRATION, err);
	registrar->listens = registrar->listens || st == STATUS_OK;
	return st;
}

static enum status open_job(struct registrar *registrar, struct work *work, struct error *err)
{
	work->rest = (struct csv_text){ buffer_text(&work->content), work->content.len };
	enum status st = import_open(&registrar->options.import, &work->importer, err);
	if (st == STATUS_OK)
		st = import_job_open(work->importer, NULL, csv_fill_text, &work->rest, &work->job, err);
	return st == STATUS_OK ? import_job_skip(work->job, work->n_done, err) : st;
}

static enum status record_progress(struct registrar *registrar, struct work *work, const struct import_counts *counts,
				   struct buffer *failed, struct error *err)
{
	CLEANUP(buffer) struct buffer csv = { 0 };
	if (counts->n_failed > 0 && work->n_failed == 0)
		import_job_failed_header(work->job, &csv);
	buffer_put(&csv, failed->bytes, failed->len);
	work->n_done += counts->n_rows;
	work->n_failed += counts->n_failed;
	return store_registration_progress(registrar->store, work->request_id, work->n_done, work->n_failed,
					   buffer_text(&csv), err);
}

static enum status do_batch(struct registrar *registrar, struct work *work, bool *ret_end, struct error *err)
{
	CLEANUP(buffer) struct buffer failed = { 0 };
	struct import_counts counts = { 0 };
	struct error why = { .status = STATUS_OK };
	enum status st = import_job_next(work->job, registrar->store, &counts, &failed, ret_end, &why);
	enum status recorded = STATUS_OK;
	if (counts.n_rows > 0)
		recorded = record_progress(registrar, work, &counts, &failed, err);
	if (recorded != STATUS_OK || st == STATUS_OK)
		return recorded;
	return error_set(err, st, "%s", why.text);
}

static enum status end_work(struct registrar *registrar, const struct work *work, const char *broken, struct error *err)
{
	char text[DESCRIPTION_MAX + 1];
	bool success = !broken && work->n_failed == 0;
	if (broken)
		(void)snprintf(text, sizeof(text), "%lld rows done, %lld failed; then the file ends: %s",
			       (long long)work->n_done, (long long)work->n_failed, broken); /* cut: only told */
	else
		(void)snprintf(text, sizeof(text), "%lld rows, %lld failed", (long long)work->n_done,
			       (long long)work->n_failed);
	enum status st = store_registration_end(registrar->store, work->request_id, success, text, err);
	if (st == STATUS_OK)
		log_info("registration.done", F_STR("request", work->request_id), F_I64("rows", work->n_done),
			 F_I64("failed", work->n_failed), F_STR("broken", broken));
	return st;
}

static enum status do_all(struct registrar *registrar, struct work *work, struct error *err)
{
	bool end = false;
	enum status st = open_job(registrar, work, err);
	while (st == STATUS_OK && !end && !atomic_load(&registrar->stopping))
		st = do_batch(registrar, work, &end, err);
	return st;
}

/* NOT_FOUND: there is nothing to do, or somebody else does it. */
static enum status work_off_one(struct registrar *registrar, struct error *err)
{
	struct work work = { .n_done = 0 };
	struct error why = { .status = STATUS_OK };
	enum status st = store_registration_next(registrar->store, work.request_id, &work.content, &work.n_done,
						 &work.n_failed, err);
	if (st == STATUS_OK) {
		enum status did = do_all(registrar, &work, &why);
		bool stopped = did == STATUS_OK && atomic_load(&registrar->stopping);
		if (is_passing(did) || did == STATUS_NOT_FOUND)
			st = error_set(err, did, "%s", why.text);
		else if (!stopped)
			st = end_work(registrar, &work, did == STATUS_OK ? NULL : why.text, err);
	}
	work_done(&work);
	return st;
}

static void tell_wait(struct registrar *registrar, enum status st, const char *reason)
{
	bool waits = st != STATUS_OK && st != STATUS_NOT_FOUND;
	if (waits && !registrar->waits)
		log_warn("registration.waiting", F_STR("reason", reason));
	registrar->waits = waits;
}

static void *run(void *context)
{
	struct registrar *registrar = context;
	while (!atomic_load(&registrar->stopping)) {
		struct error err = { .status = STATUS_OK };
		enum status st = open_store(registrar, &err);
		if (st == STATUS_OK)
			st = work_off_one(registrar, &err);
		tell_wait(registrar, st, err.text);
		if (st == STATUS_NOT_FOUND) {
			/* whatever it says, the table is looked at again */
			IGNORE_RESULT(store_wait_notify(registrar->store, LOOK_MS, registrar->wake, &err));
		} else if (st != STATUS_OK) {
			struct pollfd wake = { .fd = registrar->wake, .events = POLLIN };
			(void)poll(&wake, 1, RETRY_MS); /* interrupted: a shorter pause */
		}
	}
	return NULL;
}

static void registrar_free(struct registrar *registrar)
{
	store_close(registrar->store);
	(void)close(registrar->wake); /* holds nothing */
	free(registrar);
}

enum status registrar_start(const struct registrar_options *options, struct registrar **ret_registrar,
			    struct error *err)
{
	struct registrar *registrar = calloc(1, sizeof(*registrar));
	if (!registrar)
		abort();
	registrar->options = *options;
	registrar->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (registrar->wake < 0)
		abort(); /* out of descriptors at the start */
	if (pthread_create(&registrar->thread, NULL, run, registrar) != 0) {
		registrar_free(registrar);
		return error_set(err, STATUS_UNAVAILABLE, "no thread for registrations");
	}
	*ret_registrar = registrar;
	return STATUS_OK;
}

void registrar_stop(struct registrar *registrar)
{
	if (!registrar)
		return;
	atomic_store(&registrar->stopping, true);
	(void)eventfd_write(registrar->wake, 1); /* fails only when it is readable already */
	(void)pthread_join(registrar->thread, NULL);
	registrar_free(registrar);
}
