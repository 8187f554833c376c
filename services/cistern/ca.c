/* cistern ca init | show | rollover: works on the files of signerd's folder and of the broker's trust folder, as root or as their owner. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/parse.h"
#include "ca/folder.h"
#include "ca/make.h"
#include "cistern/command.h"
#include "claim/signer.h"

enum { SIGNER_TIMEOUT_MS = 10000 };
#define FIRST_NAME "node-ca"

/* What the steps share. */
struct work {
	const struct config *config;
	int lock; /* -1: not held */
	struct secret passphrase;
	struct ca_listing listing;
};

static void cleanup_work(struct work *work)
{
	secret_done(&work->passphrase);
	if (work->lock >= 0)
		(void)close(work->lock); /* read only; gives the lock back */
}

static enum status need_setting(const char *value, const char *name, struct error *err)
{
	return *value ? STATUS_OK : error_set(err, STATUS_INVALID, "setting '%s' is not set", name);
}

static enum status make_folder(const char *path, mode_t mode, struct error *err)
{
	if (mkdir(path, mode) != 0)
		return errno == EEXIST
			       ? STATUS_OK
			       : error_set(err, STATUS_UNAVAILABLE, "cannot make '%s': %s", path, strerror(errno));
	if (chmod(path, mode) != 0) /* past the umask */
		return error_set(err, STATUS_UNAVAILABLE, "cannot open '%s' to its readers: %s", path, strerror(errno));
	return STATUS_OK;
}

/* One at a time works on the CAs. */
static enum status lock_folder(struct work *work, struct error *err)
{
	const char *path = work->config->signer_ca_dir;
	work->lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (work->lock < 0)
		return error_set(err, STATUS_UNAVAILABLE, "cannot read '%s': %s", path, strerror(errno));
	if (flock(work->lock, LOCK_EX | LOCK_NB) != 0)
		return error_set(err, STATUS_CONFLICT, "another 'cistern ca' works in '%s'", path);
	return STATUS_OK;
}

static enum status begin(struct work *work, struct error *err)
{
	const struct config *config = work->config;
	enum status st = need_setting(config->signer_ca_dir, "signer_ca_dir", err);
	if (st == STATUS_OK)
		st = need_setting(config->signer_passphrase_file, "signer_passphrase_file", err);
	if (st == STATUS_OK)
		st = need_setting(config->node_trust_dir, "node_trust_dir", err);
	if (st == STATUS_OK)
		st = secret_read(&work->passphrase, config->signer_passphrase_file, err);
	return st;
}

static enum status list(struct work *work, struct error *err)
{
	enum status st = lock_folder(work, err);
	return st == STATUS_OK ? ca_folder_list(work->config->signer_ca_dir, &work->listing, err) : st;
}

static const struct ca_listed *issuing(const struct ca_listing *listing)
{
	for (size_t i = 0; i < listing->n_cas; i++) {
		if (listing->cas[i].issues)
			return &listing->cas[i];
	}
	return NULL;
}

static const struct ca_listed *find(const struct ca_listing *listing, const char *name)
{
	for (size_t i = 0; i < listing->n_cas; i++) {
		if (strcmp(listing->cas[i].name, name) == 0)
			return &listing->cas[i];
	}
	return NULL;
}

static void tell(const struct ca_listed *ca, const char *result, struct output *output)
{
	const struct cell cells[] = { CELL_OF_TEXT("name", ca->name),
				      CELL_OF_TEXT("result", result),
				      CELL_OF_TEXT("subject", ca->about.subject),
				      CELL_OF_TEXT("key_id", ca->about.key_id),
				      CELL_OF_TIME("not_before", ca->about.not_before_us),
				      CELL_OF_TIME("not_after", ca->about.not_after_us) };
	output_record(output, cells, ARRAY_LEN(cells));
}

/* --- init --- */

static enum status import(const struct work *work, const char *folder, struct error *err)
{
	char cert_file[PATH_MAX], key_file[PATH_MAX];
	if (snprintf(cert_file, sizeof(cert_file), "%s/node-ca.crt", folder) >= PATH_MAX ||
	    snprintf(key_file, sizeof(key_file), "%s/node-ca.key", folder) >= PATH_MAX)
		return error_set(err, STATUS_INVALID, "'%.60s' is too long a path", folder);
	return ca_import(work->config->signer_ca_dir, FIRST_NAME, cert_file, key_file, &work->passphrase, err);
}

/* A CA is there: all that may be missing is what an interrupted run did not reach. */
static enum status accept_existing(const struct work *work, const struct call *call, struct error *err)
{
	if (!call_option(call, "--if-missing") && issuing(&work->listing))
		return error_set(err, STATUS_CONFLICT, "'%s' has a CA already; 'cistern ca rollover' makes the next",
				 work->config->signer_ca_dir);
	return STATUS_OK;
}

static enum status make_first(struct work *work, const struct call *call, struct error *err)
{
	const char *folder = call_option(call, "--import");
	enum status st = folder ? import(work, folder, err)
				: ca_make(work->config->signer_ca_dir, FIRST_NAME, &work->passphrase, err);
	return st == STATUS_OK ? ca_folder_list(work->config->signer_ca_dir, &work->listing, err) : st;
}

/* Trusted before it issues: no node can have a certificate that the broker does not know. */
static enum status put_to_work(struct work *work, const struct ca_listed *ca, struct error *err)
{
	enum status st = ca_trust(work->config->node_trust_dir, ca->name, &ca->about, err);
	if (st == STATUS_OK && !ca->issues)
		st = ca_make_current(work->config->signer_ca_dir, ca->name, err);
	return st;
}

enum status ca_init_run(const struct call *call, struct output *output, struct error *err)
{
	CLEANUP(work) struct work work = { .config = call->config, .lock = -1 };
	enum status st = begin(&work, err);
	if (st == STATUS_OK)
		st = make_folder(call->config->signer_ca_dir, 0700, err);
	if (st == STATUS_OK)
		st = make_folder(call->config->node_trust_dir, 0755, err);
	if (st == STATUS_OK)
		st = list(&work, err);
	if (st != STATUS_OK)
		return st;
	bool is_new = work.listing.n_cas == 0;
	st = is_new ? make_first(&work, call, err) : accept_existing(&work, call, err);
	if (st != STATUS_OK)
		return st;
	const struct ca_listed *ca = issuing(&work.listing);
	if (!ca)
		ca = find(&work.listing, FIRST_NAME);
	if (!ca)
		return error_set(err, STATUS_CONFLICT,
				 "'%s' has CAs, but none that issues: 'cistern ca rollover --activate'",
				 call->config->signer_ca_dir);
	st = put_to_work(&work, ca, err);
	if (st == STATUS_OK)
		tell(ca, is_new ? "made" : "present", output);
	return st;
}

/* --- show --- */

enum status ca_show_run(const struct call *call, struct output *output, struct error *err)
{
	static const char *const columns[] = { "name",      "subject", "key_id", "not_before",
					       "not_after", "issues",  "trusted" };
	struct ca_listing listing;
	enum status st = need_setting(call->config->signer_ca_dir, "signer_ca_dir", err);
	if (st == STATUS_OK)
		st = need_setting(call->config->node_trust_dir, "node_trust_dir", err);
	if (st == STATUS_OK)
		st = ca_folder_list(call->config->signer_ca_dir, &listing, err);
	if (st != STATUS_OK)
		return st;
	output_list_begin(output, "cas", columns, ARRAY_LEN(columns));
	for (size_t i = 0; i < listing.n_cas; i++) {
		const struct ca_listed *ca = &listing.cas[i];
		bool trusted = false;
		st = ca_is_trusted(call->config->node_trust_dir, &ca->about, &trusted, err);
		if (st != STATUS_OK)
			return st;
		const struct cell cells[] = { CELL_OF_TEXT(NULL, ca->name),
					      CELL_OF_TEXT(NULL, ca->about.subject),
					      CELL_OF_TEXT(NULL, ca->about.key_id),
					      CELL_OF_TIME(NULL, ca->about.not_before_us),
					      CELL_OF_TIME(NULL, ca->about.not_after_us),
					      CELL_OF_BOOLEAN(NULL, ca->issues),
					      CELL_OF_BOOLEAN(NULL, trusted) };
		output_list_row(output, cells);
	}
	output_list_end(output);
	return STATUS_OK;
}

/* --- rollover: made, trusted, told to the broker; then it issues --- */

/* What a former run began, or the operator by hand: `next` names it, whether it is made yet or not. One that issues already is
 * of a run that was interrupted at its very end. */
static enum status read_next(const struct work *work, char ret_name[CA_NAME_MAX + 1], struct error *err)
{
	const struct ca_listed *current = issuing(&work->listing);
	enum status st = ca_folder_next(work->config->signer_ca_dir, ret_name, err);
	if (st == STATUS_OK && current && strcmp(ret_name, current->name) == 0)
		ret_name[0] = '\0';
	return st;
}

/* Its name is written down first, so that the same command goes on with it. */
static enum status choose_next(const struct work *work, char ret_name[CA_NAME_MAX + 1], struct error *err)
{
	if (work->listing.n_cas == CA_FOLDER_MAX)
		return error_set(err, STATUS_LIMIT, "there are %d CAs already; take an old one out of '%s' first",
				 CA_FOLDER_MAX, work->config->signer_ca_dir);
	for (unsigned i = 2;; i++) { /* ends: one of CA_FOLDER_MAX names is free */
		(void)snprintf(ret_name, CA_NAME_MAX + 1, FIRST_NAME "-%u", i);
		if (!find(&work->listing, ret_name))
			break;
	}
	return ca_make_next(work->config->signer_ca_dir, ret_name, err);
}

/* Made, if it is not yet, and trusted. */
static enum status prepare(struct work *work, const char *name, const struct ca_listed **ret_next, struct error *err)
{
	const char *folder = work->config->signer_ca_dir;
	enum status st = STATUS_OK;
	if (!find(&work->listing, name)) {
		st = ca_make(folder, name, &work->passphrase, err);
		if (st == STATUS_OK)
			st = ca_folder_list(folder, &work->listing, err);
	}
	const struct ca_listed *next = find(&work->listing, name);
	if (st != STATUS_OK || !next)
		return st != STATUS_OK ? st : error_set(err, STATUS_CONFLICT, "'%s' is gone again", name);
	*ret_next = next;
	return ca_trust(work->config->node_trust_dir, next->name, &next->about, err);
}

/* The pid file may be an old one, and its number somebody else's by now. */
static bool is_broker(int64_t pid)
{
	char path[64], name[32] = "";
	(void)snprintf(path, sizeof(path), "/proc/%lld/comm", (long long)pid);
	FILE *file = fopen(path, "re");
	bool read = file && fgets(name, sizeof(name), file);
	if (file)
		(void)fclose(file); /* read only */
	return read && strcmp(name, "mosquitto\n") == 0;
}

/* True: the broker on this machine was told to look at its files. */
static bool tell_broker(const struct config *config)
{
	struct secret line = { .len = 0 }; /* no secret; the first line of a file is what that reads */
	int64_t pid = 0;
	return *config->broker_pid_file && secret_read(&line, config->broker_pid_file, NULL) == STATUS_OK &&
	       parse_i64(line.bytes, 2, INT32_MAX, &pid) && is_broker(pid) && kill((pid_t)pid, SIGHUP) == 0;
}

struct wanted_ca {
	const char *key_id;
	bool issues;
};

static void look_for_issuing(void *context, const char *ca_key_id, const char *certificate_pem, bool issues)
{
	(void)certificate_pem;
	struct wanted_ca *wanted = context;
	if (issues && strcmp(ca_key_id, wanted->key_id) == 0)
		wanted->issues = true;
}

/* signerd sees the change by itself with its next request, which this is. Away, it sees it when it starts. */
static enum status check_signer(const struct config *config, const struct ca_listed *ca, struct error *err)
{
	const struct signer_options options = { .socket_path = config->signer_socket, .timeout_ms = SIGNER_TIMEOUT_MS };
	struct wanted_ca wanted = { .key_id = ca->about.key_id };
	enum status st = signer_cas(&options, look_for_issuing, &wanted, err);
	if (st == STATUS_UNAVAILABLE)
		return STATUS_OK;
	if (st == STATUS_OK && !wanted.issues)
		return error_set(err, STATUS_CONFLICT, "signerd did not take the new CA; its log says why");
	return st;
}

static enum status activate(struct work *work, const struct ca_listed *ca, struct output *output, struct error *err)
{
	enum status st = ca_make_current(work->config->signer_ca_dir, ca->name, err);
	if (st == STATUS_OK)
		st = check_signer(work->config, ca, err);
	if (st == STATUS_OK)
		tell(ca, "issues", output);
	return st;
}

static void tell_prepared(const struct ca_listed *ca, struct output *output)
{
	tell(ca, "prepared", output);
	if (output->format == OUTPUT_TEXT)
		output_puts(output, "\nThe broker was not told: no process is named by setting 'broker_pid_file'. Send "
				    "SIGHUP to every broker, or start it\n"
				    "again, and see that each has the new certificate in its trust folder. Then: "
				    "cistern ca rollover --activate\n");
}

enum status ca_rollover_run(const struct call *call, struct output *output, struct error *err)
{
	CLEANUP(work) struct work work = { .config = call->config, .lock = -1 };
	char name[CA_NAME_MAX + 1] = "";
	const struct ca_listed *next = NULL;
	bool activates = call_option(call, "--activate") != NULL;
	enum status st = begin(&work, err);
	if (st == STATUS_OK)
		st = list(&work, err);
	if (st == STATUS_OK)
		st = read_next(&work, name, err);
	if (st == STATUS_OK && !*name)
		st = activates ? error_set(err, STATUS_CONFLICT, "no CA is prepared: run 'cistern ca rollover' first")
			       : choose_next(&work, name, err);
	if (st == STATUS_OK)
		st = prepare(&work, name, &next, err);
	if (st != STATUS_OK || !next)
		return st;
	if (activates || tell_broker(call->config))
		return activate(&work, next, output, err);
	tell_prepared(next, output);
	return STATUS_OK;
}
