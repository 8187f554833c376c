#include "revocation/crl.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "revocation/crl_file.h"
#include "store/crl.h"

enum { PAGE_ROWS = 5000, REASON_MAX = 16 };

struct ca {
	char key_id[SIGNER_CA_KEY_ID_HEX + 1];
	char certificate[SIGNER_PEM_MAX + 1];
	bool issues;
};

/* What signer_crl() wants points into these. */
struct entry {
	char serial[SIGNER_SERIAL_HEX_MAX + 1];
	char reason[REASON_MAX]; /* cut: only `superseded` means something to the signer */
};

struct crl {
	struct crl_options options;
	pthread_t thread;
	int wake; /* eventfd: stop */
	atomic_bool stopping;
	/* below: the thread's alone */
	struct store *store; /* NULL until the first connection */
	struct ca cas[CRL_CAS_MAX];
	size_t n_cas;
	bool file_is_old; /* also at start: nobody knows what is in it */
	enum status told;
	struct entry *entries;
	struct signer_crl_entry *asked;
	size_t n_entries, capacity;
	int64_t last_version;
};

/* --- one list --- */

static void grow_entries(struct crl *crl)
{
	crl->capacity = crl->capacity ? 2 * crl->capacity : 256;
	struct entry *entries = realloc(crl->entries, crl->capacity * sizeof(*entries));
	struct signer_crl_entry *asked = realloc(crl->asked, crl->capacity * sizeof(*asked));
	if (!entries || !asked)
		abort();
	crl->entries = entries;
	crl->asked = asked;
}

static void put_entry(void *context, const struct crl_row *row)
{
	struct crl *crl = context;
	crl->last_version = row->version;
	if (crl->n_entries == crl->capacity)
		grow_entries(crl);
	struct entry *entry = &crl->entries[crl->n_entries];
	(void)snprintf(entry->serial, sizeof(entry->serial), "%s", row->serial);
	(void)snprintf(entry->reason, sizeof(entry->reason), "%s", row->reason);
	crl->asked[crl->n_entries++].at_us = row->at_us;
}

static enum status read_entries(struct crl *crl, const char *ca_key_id, struct error *err)
{
	crl->n_entries = 0;
	crl->last_version = 0;
	for (size_t n_before = 0;; n_before = crl->n_entries) {
		enum status st =
			store_crl_entries(crl->store, ca_key_id, crl->last_version, PAGE_ROWS, put_entry, crl, err);
		if (st != STATUS_OK)
			return st;
		if (crl->n_entries > CRL_ENTRIES_MAX)
			return error_set(err, STATUS_LIMIT, "more than %d revoked certificates", CRL_ENTRIES_MAX);
		if (crl->n_entries - n_before < PAGE_ROWS)
			break;
	}
	for (size_t i = 0; i < crl->n_entries; i++) { /* only now do they stay where they are */
		crl->asked[i].serial_hex = crl->entries[i].serial;
		crl->asked[i].reason = crl->entries[i].reason;
	}
	return STATUS_OK;
}

/* `counted`: a version stands for the change, so its number is new. */
static enum status make(struct crl *crl, const struct ca *ca, bool counted, struct error *err)
{
	CLEANUP(buffer) struct buffer der = { .bytes = NULL };
	int64_t number = 0, next_update_us = 0;
	enum status st = store_crl_number(crl->store, !counted, &number, err);
	if (st == STATUS_OK)
		st = read_entries(crl, ca->key_id, err);
	if (st == STATUS_OK)
		st = signer_crl(&crl->options.signer, ca->key_id, number, crl->asked, crl->n_entries, &der,
				&next_update_us, err);
	if (st == STATUS_OK)
		st = crl_check(&der, ca->certificate, crl->n_entries, err);
	const struct crl_ca row = { ca->key_id, ca->certificate, ca->issues };
	if (st == STATUS_OK)
		st = store_crl_put(crl->store, &row, number, &der, next_update_us, err);
	if (st != STATUS_OK)
		return st;
	crl->file_is_old = true;
	log_info("crl.made", F_STR("ca", ca->key_id), F_I64("number", number), F_U64("entries", crl->n_entries));
	return STATUS_OK;
}

static enum status make_if_needed(struct crl *crl, const struct ca *ca, struct error *err)
{
	struct crl_look look;
	const struct crl_ca row = { ca->key_id, ca->certificate, ca->issues };
	enum status st = store_crl_look(crl->store, &row, &look, err);
	if (st != STATUS_OK)
		return st;
	bool has_news = look.version == 0 || look.wanted_version > look.version;
	int64_t half_life_us = look.made_at_us + (look.next_update_us - look.made_at_us) / 2;
	if (!has_news && look.same_ca && clock_now_us() < half_life_us)
		return STATUS_OK;
	return make(crl, ca, has_news, err);
}

/* --- all of them --- */

static void put_ca(void *context, const char *ca_key_id, const char *certificate_pem, bool issues)
{
	struct crl *crl = context;
	if (crl->n_cas == CRL_CAS_MAX)
		return; /* the signer has no more (ca/wire.h); if it had, the others would still be served */
	struct ca *ca = &crl->cas[crl->n_cas++];
	(void)snprintf(ca->key_id, sizeof(ca->key_id), "%s", ca_key_id);
	(void)snprintf(ca->certificate, sizeof(ca->certificate), "%s", certificate_pem);
	ca->issues = issues;
}

static enum status forget_others(struct crl *crl, struct error *err)
{
	const char *key_ids[CRL_CAS_MAX];
	for (size_t i = 0; i < crl->n_cas; i++)
		key_ids[i] = crl->cas[i].key_id;
	return store_crl_keep_only(crl->store, key_ids, crl->n_cas, err);
}

static void put_pem(void *context, const void *der, size_t der_len)
{
	crl_put_pem(context, der, der_len);
}

static enum status write_file(struct crl *crl, struct error *err)
{
	if (!crl->file_is_old || crl->options.file[0] == '\0')
		return STATUS_OK;
	CLEANUP(buffer) struct buffer pem = { .bytes = NULL };
	enum status st = store_crl_list(crl->store, put_pem, &pem, err);
	if (st == STATUS_OK)
		st = crl_write_file(crl->options.file, &pem, err);
	if (st == STATUS_OK)
		crl->file_is_old = false;
	return st;
}

/* One CA that cannot have its list now does not keep the others from theirs; the first failure is told. */
static enum status refresh(struct crl *crl, struct error *err)
{
	crl->n_cas = 0;
	enum status st = signer_cas(&crl->options.signer, put_ca, crl, err);
	if (st != STATUS_OK)
		return st;
	for (size_t i = 0; i < crl->n_cas; i++) {
		struct error why = { .status = STATUS_OK };
		enum status made = make_if_needed(crl, &crl->cas[i], &why);
		if (made != STATUS_OK && st == STATUS_OK) {
			st = made;
			*err = why;
		}
	}
	struct error why = { .status = STATUS_OK };
	enum status kept = forget_others(crl, &why);
	if (kept == STATUS_OK)
		kept = write_file(crl, &why);
	if (kept != STATUS_OK && st == STATUS_OK) {
		st = kept;
		*err = why;
	}
	return st;
}

/* --- the loop --- */

static enum status open_store(struct crl *crl, struct error *err)
{
	CLEANUP(store) struct store *store = NULL;
	enum status st = store_open(&crl->options.store, &store, err);
	if (st == STATUS_OK)
		st = store_listen(store, STORE_CHANNEL_REVOCATION, err);
	if (st == STATUS_OK)
		crl->store = STEAL(store);
	return st;
}

/* Once a failure, not once an attempt. */
static void tell(struct crl *crl, enum status st, const struct error *err)
{
	if (st != crl->told && st != STATUS_OK)
		log_warn("crl.stays_old", F_STR("status", status_name(st)), F_STR("reason", err->text));
	else if (st != crl->told)
		log_info("crl.goes_on", F_U64("cas", crl->n_cas));
	crl->told = st;
}

static void wait_awake(const struct crl *crl, int ms)
{
	struct pollfd wake = { .fd = crl->wake, .events = POLLIN };
	(void)poll(&wake, 1, ms);
}

static void *run(void *context)
{
	struct crl *crl = context;
	while (!atomic_load(&crl->stopping)) {
		struct error err = { .status = STATUS_OK };
		enum status st = crl->store ? STATUS_OK : open_store(crl, &err);
		if (st == STATUS_OK)
			st = refresh(crl, &err);
		tell(crl, st, &err);
		wait_awake(crl, st == STATUS_OK ? CRL_EVERY_MS : CRL_RETRY_MS);
		if (st == STATUS_OK && !atomic_load(&crl->stopping))
			IGNORE_RESULT(store_wait_notify(crl->store, CRL_LOOK_MS, crl->wake, NULL));
	}
	return NULL;
}

static void crl_free(struct crl *crl)
{
	if (crl->wake >= 0)
		(void)close(crl->wake);
	store_close(crl->store);
	free(crl->entries);
	free(crl->asked);
	free(crl);
}

enum status crl_start(const struct crl_options *options, struct crl **ret_crl, struct error *err)
{
	*ret_crl = NULL;
	if (options->signer.socket_path[0] == '\0')
		return STATUS_OK;
	struct crl *crl = calloc(1, sizeof(*crl));
	if (!crl)
		abort();
	crl->options = *options;
	crl->file_is_old = true;
	crl->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (crl->wake < 0 || pthread_create(&crl->thread, NULL, run, crl) != 0) {
		enum status st = error_set(err, STATUS_INTERNAL, "no thread for CRLs: %s", strerror(errno));
		crl_free(crl);
		return st;
	}
	*ret_crl = crl;
	return STATUS_OK;
}

void crl_stop(struct crl *crl)
{
	if (!crl)
		return;
	atomic_store(&crl->stopping, true);
	(void)eventfd_write(crl->wake, 1); /* fails only when it is awake already */
	pthread_join(crl->thread, NULL);
	crl_free(crl);
}
