#include "claim/renewal.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "ca/csr.h"
#include "claim/answer.h"
#include "command/brokers.h"
#include "store/renewal.h"

enum {
	BATCH = 16,
	ARENA_BYTES_MAX = 1048576,
	LOOK_MS = 30000, /* without a word from ingest */
	RETRY_MIN_MS = 500,
	RETRY_MAX_MS = 30000, /* a signerd that is slow signs again at each try */
	PUBLISH_MS = 2000,
};

struct renewal {
	struct renewal_options options;
	pthread_t thread;
	int wake; /* eventfd: stop */
	atomic_bool stopping;
	/* below: the thread's alone */
	struct store *store; /* NULL until the first connection */
	bool listens;
	struct arena *arena; /* the requests of one round */
	struct renewal_request requests[BATCH];
	size_t n_requests;
	bool waits; /* the last round had to stop: told once */
};

/* --- one request --- */

struct outcome {
	struct buffer answer;
	bool keeps; /* it is a certificate, and recorded */
};

static void put_failure(struct outcome *outcome, const struct renewal_request *request, const char *why)
{
	buffer_clear(&outcome->answer);
	answer_put_failure(&outcome->answer, why);
	log_warn("certificate.renewal_refused", F_STR("node", request->node_id), F_STR("reason", why));
}

/* Everything that needs no signature. */
static enum status check(struct renewal *renewal, const struct renewal_request *request, struct csr *ret_csr,
			 struct error *err)
{
	if (strcmp(request->node_state, "active") != 0)
		return error_set(err, STATUS_DENIED, "the node is %s", request->node_state);
	if (request->too_soon)
		return error_set(err, STATUS_LIMIT, "one certificate in %d minutes, try again later",
				 RENEWAL_INTERVAL_S / 60);
	enum status st = csr_read(request->csr, strlen(request->csr), ret_csr, err);
	if (st != STATUS_OK)
		return st;
	if (strcmp(ret_csr->node_id, request->node_id) != 0)
		return error_set(err, STATUS_DENIED, "the CN is not the id of the node that asks");
	return store_renewal_check_key(renewal->store, request->node_id, ret_csr->key_hash, err);
}

static enum status sign_and_record(struct renewal *renewal, const struct renewal_request *request,
				   const struct csr *csr, struct buffer *ret_answer, struct error *err)
{
	struct signed_certificate certificate;
	enum status st = signer_sign(&renewal->options.signer, request->node_id, request->csr, strlen(request->csr),
				     &certificate, err);
	if (st != STATUS_OK)
		return st;
	if (memcmp(certificate.key_hash, csr->key_hash, CSR_KEY_HASH_BYTES) != 0)
		return error_set(err, STATUS_INTERNAL, "signerd signed for another key");
	buffer_puts(ret_answer, "{\"status\":\"success\",\"certificate\":");
	if (answer_put_pem(ret_answer, certificate.pem, err) != STATUS_OK)
		return error_set(err, STATUS_INTERNAL, "signerd's certificate is not such a text");
	buffer_putc(ret_answer, '}');
	const struct certificate_record record = signer_record_of(&certificate);
	st = store_renewal_record(renewal->store, request->node_id, request->digest_hex, buffer_text(ret_answer),
				  &record, err);
	if (st == STATUS_OK)
		log_info("certificate.renewed", F_STR("node", request->node_id),
			 F_STR("serial", certificate.serial_hex));
	return st;
}

static bool is_too_old(const struct renewal_request *request)
{
	return clock_now_us() - request->received_at_us > (int64_t)RENEWAL_WAIT_MAX_S * 1000000;
}

/* A new request's answer. NOT_FOUND: nobody waits for one any more. UNAVAILABLE: later. */
static enum status decide(struct renewal *renewal, const struct renewal_request *request, struct outcome *outcome,
			  struct error *err)
{
	CLEANUP(csr) struct csr csr = { .key = NULL };
	enum status st = check(renewal, request, &csr, err);
	if (st == STATUS_OK)
		st = sign_and_record(renewal, request, &csr, &outcome->answer, err);
	switch (st) {
	case STATUS_OK: outcome->keeps = true; return STATUS_OK;
	case STATUS_CONFLICT: put_failure(outcome, request, "the key serves another node"); return STATUS_OK;
	case STATUS_INVALID:
	case STATUS_TOO_LARGE:
	case STATUS_DENIED:
	case STATUS_LIMIT:
	case STATUS_UNAUTHENTICATED: put_failure(outcome, request, err->text); return STATUS_OK;
	case STATUS_NOT_FOUND: return STATUS_NOT_FOUND;
	case STATUS_UNAVAILABLE:
	case STATUS_TIMEOUT:
		if (!is_too_old(request))
			return STATUS_UNAVAILABLE;
		put_failure(outcome, request, "no certificate can be issued now, try again later");
		return STATUS_OK;
	case STATUS_INTERNAL: break;
	}
	log_error("certificate.renewal_failed", F_STR("node", request->node_id), F_STR("reason", err->text));
	put_failure(outcome, request, "internal error, try again later");
	return STATUS_OK;
}

static enum status publish(struct renewal *renewal, const char *node_id, struct buffer *answer, struct error *err)
{
	char topic[sizeof("node//certificate/response") + NODE_ID_MAX];
	(void)snprintf(topic, sizeof(topic), "node/%s/certificate/response", node_id); /* ids are not longer */
	const struct broker_message message = { topic, answer->bytes, answer->len };
	return brokers_publish(renewal->store, renewal->options.pool, node_id, &message, 1, PUBLISH_MS, err);
}

static enum status answer(struct renewal *renewal, const struct renewal_request *request, struct error *err)
{
	struct outcome outcome = { .keeps = request->answer != NULL };
	enum status st = STATUS_OK;
	if (request->answer)
		buffer_puts(&outcome.answer, request->answer);
	else
		st = decide(renewal, request, &outcome, err);
	if (st == STATUS_OK)
		st = publish(renewal, request->node_id, &outcome.answer, err);
	if (st == STATUS_OK)
		st = store_renewal_answered(renewal->store, request, outcome.keeps, err);
	buffer_done(&outcome.answer);
	return st == STATUS_NOT_FOUND ? STATUS_OK : st;
}

/* --- one round --- */

static const char *keep(struct renewal *renewal, const char *text)
{
	const char *copy = text ? arena_copy(renewal->arena, text, strlen(text)) : NULL;
	if (text && !copy)
		abort(); /* BATCH rows of limited columns fit the arena */
	return copy;
}

static void take(void *context, const struct renewal_request *row)
{
	struct renewal *renewal = context;
	struct renewal_request *request = &renewal->requests[renewal->n_requests++];
	*request = *row;
	request->node_id = keep(renewal, row->node_id);
	request->csr = keep(renewal, row->csr);
	request->digest_hex = keep(renewal, row->digest_hex);
	request->answer = keep(renewal, row->answer);
	request->node_state = keep(renewal, row->node_state);
}

static enum status open_store(struct renewal *renewal, struct error *err)
{
	enum status st = STATUS_OK;
	if (!renewal->store)
		st = store_open(&renewal->options.store, &renewal->store, err);
	if (st == STATUS_OK && !renewal->listens)
		st = store_listen(renewal->store, STORE_CHANNEL_CERTIFICATE_REQUEST, err);
	renewal->listens = renewal->listens || st == STATUS_OK;
	return st;
}

/* ret_more: there may be further requests. */
static enum status answer_open(struct renewal *renewal, bool *ret_more, struct error *err)
{
	renewal->n_requests = 0;
	arena_clear(renewal->arena);
	enum status st = store_renewal_open(renewal->store, BATCH, RENEWAL_INTERVAL_S, take, renewal, err);
	for (size_t i = 0; st == STATUS_OK && i < renewal->n_requests && !atomic_load(&renewal->stopping); i++)
		st = answer(renewal, &renewal->requests[i], err);
	*ret_more = renewal->n_requests == BATCH;
	return st;
}

/* Returns early only to stop. */
static void pause_for(const struct renewal *renewal, int wait_ms)
{
	struct pollfd wake = { .fd = renewal->wake, .events = POLLIN };
	(void)poll(&wake, 1, wait_ms); /* interrupted: a shorter pause */
}

static void tell_wait(struct renewal *renewal, enum status st, const char *reason)
{
	if (st != STATUS_OK && !renewal->waits)
		log_warn("renewal.waiting", F_STR("reason", reason));
	if (st == STATUS_OK && renewal->waits)
		log_info("renewal.goes_on", F_STR("status", "ok"));
	renewal->waits = st != STATUS_OK;
}

static void *run(void *context)
{
	struct renewal *renewal = context;
	int retry_ms = RETRY_MIN_MS;
	while (!atomic_load(&renewal->stopping)) {
		struct error err = { .status = STATUS_OK };
		bool more = false;
		enum status st = open_store(renewal, &err);
		if (st == STATUS_OK)
			st = answer_open(renewal, &more, &err);
		tell_wait(renewal, st, err.text);
		if (st != STATUS_OK) {
			pause_for(renewal, retry_ms);
			retry_ms = 2 * retry_ms < RETRY_MAX_MS ? 2 * retry_ms : RETRY_MAX_MS;
			continue;
		}
		retry_ms = RETRY_MIN_MS;
		/* whatever it says, the table is looked at again */
		if (!more)
			IGNORE_RESULT(store_wait_notify(renewal->store, LOOK_MS, renewal->wake, &err));
	}
	return NULL;
}

/* --- start and stop --- */

static void renewal_free(struct renewal *renewal)
{
	store_close(renewal->store);
	arena_free(renewal->arena);
	(void)close(renewal->wake); /* holds nothing */
	free(renewal);
}

enum status renewal_start(const struct renewal_options *options, struct renewal **ret_renewal, struct error *err)
{
	struct renewal *renewal = calloc(1, sizeof(*renewal));
	if (!renewal)
		abort();
	renewal->options = *options;
	renewal->arena = arena_new(ARENA_BYTES_MAX);
	renewal->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (renewal->wake < 0 || pthread_create(&renewal->thread, NULL, run, renewal) != 0) {
		renewal_free(renewal);
		return error_set(err, STATUS_UNAVAILABLE, "no thread for renewals");
	}
	*ret_renewal = renewal;
	return STATUS_OK;
}

void renewal_stop(struct renewal *renewal)
{
	if (!renewal)
		return;
	atomic_store(&renewal->stopping, true);
	(void)eventfd_write(renewal->wake, 1);     /* fails only when it was written 2^64 times */
	(void)pthread_join(renewal->thread, NULL); /* fails only for a thread that is not ours */
	renewal_free(renewal);
}
