/* cistern node import - nodes in bulk from a CSV file (claim/import.h has the rule for a row).
 *
 *   DIR/<node id>/    what a row gets from us: node.crt for a request; node.key, ca.crt and node.crt where the key is made here, in the
 *                     order of node_files.h, so that no key is lost whose certificate is recorded
 *   FILE of --failed  written under a temporary name, on disk, then given the name: it may be the file that was read */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cistern/command.h"
#include "cistern/database.h"
#include "cistern/node_files.h"
#include "cistern/signing.h"
#include "claim/import.h"
#include "model/node_id.h"

enum { EXIT_PARTLY = 3, TELL_EVERY_US = 200000, TELL_LINE_EVERY_US = 5000000, BAR_WIDTH = 40 };

typedef char path_text[PATH_MAX];

struct slot {
	path_text path; /* DIR/<node id> */
	struct node_files files;
	struct secret key_pem;
	bool is_open, is_made;
};

struct import {
	const char *out; /* NULL: not given */
	bool makes_keys;
	struct buffer ca_text;
	struct slot *slots; /* IMPORT_BATCH_MAX */

	FILE *in;
	int64_t in_bytes, read_bytes; /* in_bytes 0: not known */

	const char *failed_path; /* NULL: not given */
	path_text failed_name;   /* the temporary one */
	FILE *failed;

	bool on_terminal;
	int64_t told_at_us;
	struct import_counts counts;
};

/* --- the source --- */

static enum status fill(void *context, char *bytes, size_t size, size_t *ret_len, struct error *err)
{
	struct import *import = context;
	*ret_len = fread(bytes, 1, size, import->in);
	import->read_bytes += (int64_t)*ret_len;
	if (*ret_len == 0 && ferror(import->in))
		return error_set(err, STATUS_UNAVAILABLE, "the file cannot be read: %s", strerror(errno));
	return STATUS_OK;
}

static enum status open_source(struct import *import, const char *path, struct error *err)
{
	struct stat about;
	import->in = fopen(path, "re");
	if (!import->in || fstat(fileno(import->in), &about) != 0)
		return error_set(err, STATUS_UNAVAILABLE, "cannot read '%s': %s", path, strerror(errno));
	if (S_ISDIR(about.st_mode))
		return error_set(err, STATUS_INVALID, "'%s' is a folder", path);
	if (S_ISREG(about.st_mode))
		import->in_bytes = about.st_size;
	return STATUS_OK;
}

/* --- the failed rows --- */

static enum status open_failed(struct import *import, struct error *err)
{
	if (!import->failed_path)
		return STATUS_OK;
	int len = snprintf(import->failed_name, sizeof(import->failed_name), "%s.new", import->failed_path);
	if (len < 0 || (size_t)len >= sizeof(import->failed_name))
		return error_set(err, STATUS_INVALID, "'%s' is too long for a file name", import->failed_path);
	if (unlink(import->failed_name) != 0 && errno != ENOENT)
		return error_set(err, STATUS_UNAVAILABLE, "cannot replace '%s': %s", import->failed_name,
				 strerror(errno));
	int fd = open(import->failed_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	import->failed = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (import->failed)
		return STATUS_OK;
	if (fd >= 0)
		(void)close(fd); /* nothing was written */
	return error_set(err, STATUS_UNAVAILABLE, "cannot write '%s': %s", import->failed_name, strerror(errno));
}

static enum status failed_failure(const struct import *import, struct error *err)
{
	return error_set(err, STATUS_UNAVAILABLE, "cannot write '%s': %s", import->failed_path, strerror(errno));
}

static enum status write_failed(struct import *import, const struct import_job *job, struct buffer *csv,
				struct error *err)
{
	CLEANUP(buffer) struct buffer header = { 0 };
	if (!import->failed || csv->len == 0)
		return STATUS_OK;
	if (ftell(import->failed) == 0)
		import_job_failed_header(job, &header);
	if (fwrite(buffer_text(&header), 1, header.len, import->failed) != header.len ||
	    fwrite(csv->bytes, 1, csv->len, import->failed) != csv->len)
		return failed_failure(import, err);
	return STATUS_OK;
}

/* No row failed: the file is empty, and one of an earlier run is gone. */
static enum status finish_failed(struct import *import, struct error *err)
{
	if (!import->failed)
		return STATUS_OK;
	if (fflush(import->failed) != 0 || fsync(fileno(import->failed)) != 0 ||
	    rename(import->failed_name, import->failed_path) != 0)
		return failed_failure(import, err);
	return STATUS_OK;
}

/* --- what rows get from us --- */

static enum status open_folder(struct import *import, size_t at, const char *node_id, struct error *err)
{
	struct slot *slot = &import->slots[at];
	if (slot->is_open)
		return STATUS_OK;
	if (!import->out)
		return error_set(err, STATUS_INVALID, "no folder to put what it gets into: --out");
	int len = snprintf(slot->path, sizeof(slot->path), "%s/%s", import->out, node_id);
	if (len < 0 || (size_t)len >= sizeof(slot->path))
		return error_set(err, STATUS_INVALID, "'%s' is too long for a folder", import->out);
	enum status st = node_files_open(&slot->files, slot->path, node_id, true, err);
	slot->is_open = true; /* also then: it may have been made */
	return st;
}

static enum status make(void *context, size_t at, const char *node_id, struct buffer *ret_csr, struct error *err)
{
	struct import *import = context;
	struct slot *slot = &import->slots[at];
	if (!import->makes_keys)
		return error_set(err, STATUS_INVALID,
				 "neither a certificate nor a request; --make-keys would make a key");
	slot->is_made = true;
	enum status st = open_folder(import, at, node_id, err);
	if (st == STATUS_OK)
		st = node_files_check_free(&slot->files, err);
	return st == STATUS_OK ? signing_make_key(node_id, &slot->key_pem, ret_csr, err) : st;
}

static enum status stage(void *context, size_t at, const char *node_id, const char *pem, struct error *err)
{
	struct import *import = context;
	struct slot *slot = &import->slots[at];
	if (!slot->is_made && !import->out)
		return STATUS_OK;
	enum status st = open_folder(import, at, node_id, err);
	if (st != STATUS_OK || !slot->is_made)
		return st;
	const char *const texts[N_NODE_FILES] = { [NODE_FILE_KEY] = slot->key_pem.bytes,
						  [NODE_FILE_CA] = buffer_text(&import->ca_text),
						  [NODE_FILE_CERTIFICATE] = pem };
	return node_files_stage(&slot->files, texts, err);
}

/* A key that was made: by this run, or by one that was interrupted before it gave the files their names, or by one that ended. */
static enum status publish_made(struct slot *slot, const char *node_id, const char *pem, struct error *err)
{
	/* the hidden certificate is the last to go: where it still is, a killed run has left something to do */
	if (node_files_are_staged(&slot->files, pem))
		return node_files_publish(&slot->files, err);
	if (node_files_are_published(&slot->files, pem))
		return STATUS_OK;
	return error_set(err, STATUS_CONFLICT, "node '%s' is registered, but its key is not in '%s'", node_id,
			 slot->path);
}

static enum status publish(void *context, size_t at, const char *node_id, const char *pem, bool made, bool added,
			   struct error *err)
{
	struct import *import = context;
	struct slot *slot = &import->slots[at];
	(void)added;
	if (made && !import->makes_keys)
		return error_set(err, STATUS_INVALID, "neither a certificate nor a request");
	if (!made && !import->out)
		return STATUS_OK; /* recorded, and to be had from there */
	enum status st = open_folder(import, at, node_id, err);
	if (st != STATUS_OK)
		return st;
	if (made)
		return publish_made(slot, node_id, pem, err);
	return node_files_put_certificate(&slot->files, pem, err);
}

static void end(void *context, size_t at, bool refused)
{
	struct slot *slot = &((struct import *)context)->slots[at];
	if (refused && slot->is_made && slot->is_open && slot->files.folder >= 0)
		node_files_drop_staged(&slot->files);
	if (slot->is_open)
		node_files_close(&slot->files);
	secret_done(&slot->key_pem);
	slot->is_open = slot->is_made = false;
}

/* --- telling --- */

static void put_bar(const struct import *import, int percent)
{
	char bar[BAR_WIDTH + 1];
	memset(bar, ' ', BAR_WIDTH);
	memset(bar, '#', (size_t)(percent * BAR_WIDTH / 100));
	bar[BAR_WIDTH] = '\0';
	(void)fprintf(stderr, "\r[%s] %3d %%  %lld rows, %lld failed", bar, percent, (long long)import->counts.n_rows,
		      (long long)import->counts.n_failed);
}

/* Nobody is harmed when standard error is gone. */
static void tell_progress(struct import *import, bool is_over)
{
	int64_t now_us = clock_monotonic_us();
	bool is_due = now_us - import->told_at_us >= (import->on_terminal ? TELL_EVERY_US : TELL_LINE_EVERY_US);
	if (!is_due && !(is_over && import->on_terminal))
		return;
	import->told_at_us = now_us;
	int64_t percent = import->in_bytes > 0 ? import->read_bytes * 100 / import->in_bytes : 0;
	percent = is_over || percent > 100 ? 100 : percent;
	if (import->on_terminal)
		put_bar(import, (int)percent);
	else
		(void)fprintf(stderr, "import: %lld %%, %lld rows, %lld failed\n", (long long)percent,
			      (long long)import->counts.n_rows, (long long)import->counts.n_failed);
	if (import->on_terminal && is_over)
		(void)fputc('\n', stderr);
}

static void tell_result(const struct import *import, const struct import_job *job, struct output *output)
{
	const struct import_counts *counts = &import->counts;
	CLEANUP(buffer) struct buffer first = { 0 };
	const char *reason = "";
	int64_t line = import_job_first_failure(job, &reason);
	if (line)
		buffer_printf(&first, "line %lld: %s", (long long)line, reason);
	const struct cell cells[] = { CELL_OF_NUMBER("rows", counts->n_rows),
				      CELL_OF_NUMBER("added", counts->n_added),
				      CELL_OF_NUMBER("present", counts->n_present),
				      CELL_OF_NUMBER("failed", counts->n_failed),
				      CELL_OF_TEXT("first_failure", line ? buffer_text(&first) : NULL),
				      CELL_OF_TEXT("failed_file", counts->n_failed ? import->failed_path : NULL) };
	output_record(output, cells, ARRAY_LEN(cells));
	output->exit_status = counts->n_failed > 0 ? EXIT_PARTLY : 0;
}

/* --- the run --- */

static enum status run_batch(struct import *import, struct import_job *job, struct store *store, bool *ret_end,
			     struct error *err)
{
	CLEANUP(buffer) struct buffer failed = { 0 };
	struct error why = { .text = "" };
	enum status st = import_job_next(job, store, &import->counts, &failed, ret_end, err);
	enum status written = write_failed(import, job, &failed, &why);
	if (st == STATUS_OK && written != STATUS_OK)
		return error_set(err, written, "%s", why.text);
	return st;
}

static enum status told_so_far(const struct import *import, enum status st, struct error *err)
{
	char why[ERROR_TEXT_MAX + 1];
	(void)snprintf(why, sizeof(why), "%s", err->text); /* of the same size */
	return error_set(err, st, "stopped after %lld rows, run it again to go on: %s",
			 (long long)import->counts.n_rows, why);
}

static enum status run_all(struct import *import, struct import_job *job, struct store *store, struct output *output,
			   struct error *err)
{
	bool at_end = false;
	enum status st = STATUS_OK;
	while (st == STATUS_OK && !at_end) {
		st = run_batch(import, job, store, &at_end, err);
		tell_progress(import, at_end || st != STATUS_OK);
	}
	enum status kept = finish_failed(import, st == STATUS_OK ? err : NULL);
	if (st != STATUS_OK)
		return told_so_far(import, st, err);
	if (kept == STATUS_OK)
		tell_result(import, job, output);
	return kept;
}

static enum status prepare(struct import *import, const struct call *call, struct error *err)
{
	import->out = call_option(call, "--out");
	import->makes_keys = call_option(call, "--make-keys") != NULL;
	import->failed_path = call_option(call, "--failed");
	import->on_terminal = isatty(STDERR_FILENO) == 1;
	import->told_at_us = clock_monotonic_us();
	if (import->makes_keys && !import->out)
		return error_set(err, STATUS_INVALID, "--make-keys needs --out DIR, where the keys go");
	enum status st = import->makes_keys ? signing_read_ca_file(call->config, &import->ca_text, err) : STATUS_OK;
	if (st == STATUS_OK)
		st = open_source(import, call->operands[0], err);
	if (st == STATUS_OK && import->out && mkdir(import->out, 0700) != 0 && errno != EEXIST)
		st = error_set(err, STATUS_UNAVAILABLE, "cannot make folder '%s': %s", import->out, strerror(errno));
	return st;
}

static void import_done(struct import *import)
{
	if (import->in)
		(void)fclose(import->in); /* read only */
	if (import->failed)
		(void)fclose(import->failed); /* synced by then, or not wanted */
	buffer_done(&import->ca_text);
	free(import->slots);
}

static enum status run_import(struct import *import, const struct call *call, struct output *output, struct error *err)
{
	const struct import_options options = { .trust_dir = call->config->node_trust_dir,
						.signer = signing_options(call->config) };
	const struct import_hooks hooks = { import, make, stage, publish, end };
	CLEANUP(store) struct store *store = NULL;
	CLEANUP(importer) struct importer *importer = NULL;
	CLEANUP(import_job) struct import_job *job = NULL;
	enum status st = prepare(import, call, err);
	if (st == STATUS_OK)
		st = database_open(call->config, &store, err);
	if (st == STATUS_OK)
		st = import_open(&options, &importer, err);
	if (st == STATUS_OK)
		st = import_job_open(importer, &hooks, fill, import, &job, err);
	if (st == STATUS_OK)
		st = open_failed(import, err);
	return st == STATUS_OK ? run_all(import, job, store, output, err) : st;
}

enum status node_import_run(const struct call *call, struct output *output, struct error *err)
{
	struct import import = { .in = NULL };
	import.slots = calloc(IMPORT_BATCH_MAX, sizeof(*import.slots));
	if (!import.slots)
		abort();
	enum status st = run_import(&import, call, output, err);
	import_done(&import);
	return st;
}
