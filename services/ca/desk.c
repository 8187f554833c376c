#include "ca/desk.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "ca/folder.h"
#include "ca/issue_log.h"
#include "ca/wire.h"

/* Tells one file `current` from another: it is always replaced, never written to. */
struct stamp {
	dev_t device;
	ino_t file;
	struct timespec changed;
};

struct desk {
	struct desk_options options;
	struct ca_folder *folder;
	struct issue_log *log;
	struct stamp current; /* as it was when the folder was read */
};

static struct stamp stamp_of_current(const struct desk *desk)
{
	char path[PATH_MAX];
	struct stat about;
	int len = snprintf(path, sizeof(path), "%s/current", desk->options.ca_dir);
	if (len >= PATH_MAX || stat(path, &about) != 0)
		return (struct stamp){ 0 };
	return (struct stamp){ about.st_dev, about.st_ino, about.st_ctim };
}

static bool is_same(const struct stamp *a, const struct stamp *b)
{
	return a->device == b->device && a->file == b->file && a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec;
}

static enum status open_folder(const struct desk *desk, struct ca_folder **ret_folder, struct error *err)
{
	const struct desk_options *options = &desk->options;
	CLEANUP(secret) struct secret passphrase = { .len = 0 };
	if (!*options->passphrase_file)
		return ca_folder_open(options->ca_dir, NULL, ret_folder, err);
	enum status st = secret_read(&passphrase, options->passphrase_file, err);
	return st == STATUS_OK ? ca_folder_open(options->ca_dir, &passphrase, ret_folder, err) : st;
}

enum status desk_reload(struct desk *desk, struct error *err)
{
	/* before the folder is read: a change meanwhile is seen the next time; and also when it fails, or every request would try */
	desk->current = stamp_of_current(desk);
	struct ca_folder *folder = NULL;
	enum status st = open_folder(desk, &folder, err);
	if (st != STATUS_OK)
		return st;
	ca_folder_close(desk->folder);
	desk->folder = folder;
	log_info("signer.cas", F_STR("issues", ca_about(ca_folder_issuing(folder))->key_id));
	return STATUS_OK;
}

enum status desk_open(const struct desk_options *options, struct desk **ret_desk, struct error *err)
{
	CLEANUP(desk) struct desk *desk = calloc(1, sizeof(*desk));
	if (!desk)
		abort();
	desk->options = *options;
	enum status st = issue_log_open(options->log_file, &desk->log, err);
	if (st == STATUS_OK)
		st = desk_reload(desk, err);
	if (st != STATUS_OK)
		return st;
	*ret_desk = STEAL(desk);
	return STATUS_OK;
}

void desk_close(struct desk *desk)
{
	if (!desk)
		return;
	ca_folder_close(desk->folder);
	issue_log_close(desk->log);
	free(desk);
}

/* A roll-over: `current` names another CA. */
static void look_for_change(struct desk *desk)
{
	struct stamp now = stamp_of_current(desk);
	struct error err = { .text = "" };
	if (!is_same(&now, &desk->current) && desk_reload(desk, &err) != STATUS_OK)
		log_error("signer.reload_failed", F_STR("reason", err.text));
}

/* --- sign --- */

static enum status check_clock(const struct desk *desk, int64_t now_s, struct error *err)
{
	if (now_s < issue_log_last_s(desk->log))
		return error_set(err, STATUS_UNAVAILABLE,
				 "the clock is before the last issue in the log: nothing is signed until it is right");
	return STATUS_OK;
}

static enum status check_csr(const struct desk *desk, const struct wire_request *request, struct csr *ret_csr,
			     struct error *err)
{
	CLEANUP(csr) struct csr csr = { .key = NULL };
	enum status st = csr_read(request->csr, request->csr_len, &csr, err);
	if (st != STATUS_OK)
		return st;
	if (strcmp(csr.node_id, request->node_id) != 0)
		return error_set(err, STATUS_INVALID, "the CSR's CN is not the node id that was asked for");
	if (ca_folder_refuses(desk->folder, csr.key_hash))
		return error_set(err, STATUS_INVALID, "the key is on the list of refused keys");
	*ret_csr = csr;
	csr.key = NULL;
	return STATUS_OK;
}

static enum status sign(struct desk *desk, const struct wire_request *request, struct buffer *reply, struct error *err)
{
	CLEANUP(csr) struct csr csr = { .key = NULL };
	struct ca_certificate certificate;
	int64_t now_s = clock_now_us() / 1000000;
	enum status st = check_csr(desk, request, &csr, err);
	if (st == STATUS_OK)
		st = check_clock(desk, now_s, err);
	if (st == STATUS_OK)
		st = ca_issue(ca_folder_issuing(desk->folder), csr.node_id, csr.key, &certificate, err);
	if (st == STATUS_OK)
		st = issue_log_append(desk->log, now_s, csr.node_id, &certificate, err);
	if (st != STATUS_OK)
		return st;
	wire_put_sign_reply(reply, &certificate);
	log_info("signer.issued", F_STR("node", csr.node_id), F_STR("serial", certificate.serial_hex));
	return STATUS_OK;
}

/* --- the others --- */

static void tell_cas(const struct desk *desk, struct buffer *reply)
{
	struct wire_ca cas[CA_FOLDER_MAX];
	size_t n = 0;
	for (const struct ca *ca; (ca = ca_folder_at(desk->folder, n)); n++)
		cas[n] = (struct wire_ca){ ca_about(ca)->key_id, ca_about(ca)->pem,
					   ca == ca_folder_issuing(desk->folder) };
	wire_put_cas_reply(reply, cas, n);
}

static enum status sign_crl(const struct desk *desk, const struct wire_request *request, struct buffer *reply,
			    struct error *err)
{
	const struct ca *ca = ca_folder_find(desk->folder, request->ca_key_id);
	if (!ca)
		return error_set(err, STATUS_NOT_FOUND, "no CA of ours has the key id %s", request->ca_key_id);
	CLEANUP(buffer) struct buffer der = { 0 };
	int64_t next_update_us = 0;
	enum status st =
		ca_sign_crl(ca, request->number, request->entries, request->n_entries, &der, &next_update_us, err);
	if (st != STATUS_OK)
		return st;
	wire_put_crl_reply(reply, (const unsigned char *)der.bytes, der.len, next_update_us);
	log_info("signer.crl", F_STR("ca", request->ca_key_id), F_I64("number", request->number),
		 F_U64("entries", request->n_entries));
	return STATUS_OK;
}

static enum status answer(struct desk *desk, const struct wire_request *request, struct buffer *reply,
			  struct error *err)
{
	enum status st = STATUS_OK;
	switch (request->op) {
	case WIRE_SIGN: st = sign(desk, request, reply, err); break;
	case WIRE_CAS: tell_cas(desk, reply); break;
	case WIRE_CRL: st = sign_crl(desk, request, reply, err); break;
	}
	return st;
}

void desk_answer(struct desk *desk, const char *object, size_t len, struct buffer *ret_reply)
{
	struct error err = { .status = STATUS_OK, .text = "" };
	CLEANUP(wire_request) struct wire_request request = { .entries = NULL };
	look_for_change(desk);
	enum status st = wire_read_request(object, len, &request, &err);
	if (st == STATUS_OK)
		st = answer(desk, &request, ret_reply, &err);
	if (st == STATUS_OK)
		return;
	err.status = st;
	log_warn("signer.refused", F_STR("status", status_name(st)), F_STR("node", request.node_id),
		 F_STR("reason", err.text));
	wire_put_failure(ret_reply, &err);
}
