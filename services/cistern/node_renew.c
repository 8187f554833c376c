/* cistern node renew - the next certificate of a node. The present one stays good until the node has connected with the new one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ca/csr.h"
#include "cistern/command.h"
#include "cistern/database.h"
#include "cistern/node_files.h"
#include "cistern/signing.h"
#include "store/fleet.h"
#include "store/operator.h"

struct renewal {
	const struct call *call;
	const char *node_id;
	struct store *store;
	struct buffer csr;
	struct secret key_pem;
	struct signed_certificate made;
};

static void renewal_done(struct renewal *renewal)
{
	store_close(renewal->store);
	buffer_done(&renewal->csr);
	secret_done(&renewal->key_pem);
}

static enum status read_csr(const char *path, struct buffer *ret_csr, struct error *err)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return error_set(err, STATUS_UNAVAILABLE, "cannot read '%s': %s", path, strerror(errno));
	ret_csr->len = fread(buffer_reserve(ret_csr, CSR_BYTES_MAX + 1), 1, CSR_BYTES_MAX + 1, file);
	(void)fclose(file); /* read only */
	if (ret_csr->len > CSR_BYTES_MAX)
		return error_set(err, STATUS_TOO_LARGE, "'%s' is longer than %d bytes", path, CSR_BYTES_MAX);
	return STATUS_OK;
}

static enum status sign(struct renewal *renewal, struct error *err)
{
	const struct signer_options signer = signing_options(renewal->call->config);
	return signer_sign(&signer, renewal->node_id, renewal->csr.bytes, renewal->csr.len, &renewal->made, err);
}

static enum status record(struct renewal *renewal, struct error *err)
{
	const struct certificate_record made = signer_record_of(&renewal->made);
	return store_fleet_renew(renewal->store, renewal->node_id, &made, err);
}

/* --- with a request that somebody brings: the certificate goes to standard output --- */

static void tell_certificate(const struct renewal *renewal, struct output *output)
{
	const struct cell cells[] = { CELL_OF_TEXT("node_id", renewal->node_id), CELL_OF_TEXT("result", "renewed"),
				      CELL_OF_TEXT("serial", renewal->made.serial_hex),
				      CELL_OF_TIME("to", renewal->made.not_after_us),
				      CELL_OF_TEXT("certificate", renewal->made.pem) };
	if (output->format == OUTPUT_JSON)
		output_record(output, cells, ARRAY_LEN(cells));
	else
		output_puts(output, renewal->made.pem);
}

static enum status renew_request(struct renewal *renewal, const char *path, struct output *output, struct error *err)
{
	enum status st = read_csr(path, &renewal->csr, err);
	if (st == STATUS_OK)
		st = sign(renewal, err);
	if (st == STATUS_OK)
		st = record(renewal, err);
	if (st == STATUS_OK)
		tell_certificate(renewal, output);
	return st;
}

/* --- with a new key, into a folder: the order of node_files.h --- */

static void tell_files(const struct renewal *renewal, const char *folder, const char *result, struct output *output)
{
	char paths[N_NODE_FILES][SETTING_TEXT_MAX + 32];
	for (int i = 0; i < N_NODE_FILES; i++)
		(void)snprintf(paths[i], sizeof(paths[i]), "%s/%s", folder,
			       node_file_name((enum node_file)i)); /* cut: only told */
	const struct cell cells[] = { CELL_OF_TEXT("node_id", renewal->node_id), CELL_OF_TEXT("result", result),
				      CELL_OF_TEXT("certificate", paths[NODE_FILE_CERTIFICATE]),
				      CELL_OF_TEXT("key", paths[NODE_FILE_KEY]),
				      CELL_OF_TEXT("ca", paths[NODE_FILE_CA]) };
	output_record(output, cells, ARRAY_LEN(cells));
}

static enum status stage_new(struct renewal *renewal, struct node_files *files, const char *ca_text, struct error *err)
{
	enum status st = node_files_check_free(files, err);
	if (st == STATUS_OK)
		st = signing_make_key(renewal->node_id, &renewal->key_pem, &renewal->csr, err);
	if (st == STATUS_OK)
		st = sign(renewal, err);
	if (st != STATUS_OK)
		return st;
	const char *const texts[N_NODE_FILES] = { [NODE_FILE_KEY] = renewal->key_pem.bytes,
						  [NODE_FILE_CA] = ca_text,
						  [NODE_FILE_CERTIFICATE] = renewal->made.pem };
	st = node_files_stage(files, texts, err);
	if (st != STATUS_OK)
		node_files_drop_staged(files);
	return st;
}

/* The commit may have happened when its answer did not come: then the staged key stays, and the next run finishes. */
static enum status record_staged(struct renewal *renewal, const struct node_files *files, struct error *err)
{
	enum status st = record(renewal, err);
	if (st == STATUS_NOT_FOUND || st == STATUS_CONFLICT || st == STATUS_INVALID)
		node_files_drop_staged(files);
	return st;
}

static bool is_left_to_publish(struct renewal *renewal, const struct node_files *files)
{
	CLEANUP(buffer) struct buffer live = { 0 };
	struct operator_certificate about;
	struct error ignored = { .text = "" };
	return store_operator_node_certificate(renewal->store, renewal->node_id, &about, &live, &ignored) ==
		       STATUS_OK &&
	       node_files_are_staged(files, buffer_text(&live));
}

static enum status renew_into(struct renewal *renewal, const char *folder, struct output *output, struct error *err)
{
	CLEANUP(node_files) struct node_files files = { .folder = -1 };
	CLEANUP(buffer) struct buffer ca_text = { 0 };
	enum status st = signing_read_ca_file(renewal->call->config, &ca_text, err);
	if (st == STATUS_OK)
		st = node_files_open(&files, folder, renewal->node_id, true, err);
	bool finishes = st == STATUS_OK && is_left_to_publish(renewal, &files);
	if (st == STATUS_OK && !finishes)
		st = stage_new(renewal, &files, buffer_text(&ca_text), err);
	if (st == STATUS_OK && !finishes)
		st = record_staged(renewal, &files, err);
	if (st == STATUS_OK)
		st = node_files_publish(&files, err);
	if (st == STATUS_OK)
		tell_files(renewal, folder, finishes ? "finished" : "renewed", output);
	return st;
}

enum status node_renew_run(const struct call *call, struct output *output, struct error *err)
{
	const char *csr_file = call_option(call, "--csr"), *folder = call_option(call, "--out");
	struct renewal renewal = { .call = call, .node_id = call->operands[0] };
	if (!csr_file == !folder)
		return error_set(err, STATUS_INVALID, "either --csr FILE or --out DIR");
	enum status st = database_open(call->config, &renewal.store, err);
	if (st == STATUS_OK)
		st = store_fleet_check_active(renewal.store, renewal.node_id, err);
	if (st == STATUS_OK)
		st = csr_file ? renew_request(&renewal, csr_file, output, err)
			      : renew_into(&renewal, folder, output, err);
	renewal_done(&renewal);
	return st;
}
