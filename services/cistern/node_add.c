#include <stdio.h>
#include <string.h>

#include "cistern/command.h"
#include "cistern/database.h"
#include "cistern/node_files.h"
#include "cistern/signing.h"
#include "model/access.h"
#include "model/node_id.h"
#include "store/node.h"
#include "store/operator.h"

/* What the steps share. */
struct addition {
	const struct call *call;
	const char *node_id, *folder;
	struct store *store;
	struct node_files files;
	struct buffer ca_text;
	struct secret key_pem;
	struct signed_certificate certificate;
};

static enum status check_node_id(const char *node_id, struct error *err)
{
	size_t len = strlen(node_id);
	if (!node_id_valid(node_id, len))
		return error_set(err, STATUS_INVALID, "'%s' is not a node id: 1 to %d of A-Z a-z 0-9 _ -", node_id,
				 NODE_ID_MAX);
	/* other CAs keep services and nodes apart; two of one name would still mislead every reader of a log */
	if (access_service_find(node_id, len))
		return error_set(err, STATUS_INVALID, "'%s' is the name of a service, not for a node", node_id);
	return STATUS_OK;
}

static enum status make_certificate(struct addition *addition, struct error *err)
{
	const struct signer_options signer = signing_options(addition->call->config);
	CLEANUP(buffer) struct buffer csr = { 0 };
	enum status st = signing_make_key(addition->node_id, &addition->key_pem, &csr, err);
	if (st != STATUS_OK)
		return st;
	return signer_sign(&signer, addition->node_id, csr.bytes, csr.len, &addition->certificate, err);
}

static enum status register_node(struct addition *addition, struct error *err)
{
	const struct certificate_record certificate = signer_record_of(&addition->certificate);
	struct error reason = { .text = "" };
	enum status st = store_node_register(addition->store, addition->node_id, &certificate, &reason);
	if (st == STATUS_OK)
		return STATUS_OK;
	if (st == STATUS_INVALID || st == STATUS_CONFLICT) {
		node_files_drop_staged(&addition->files);
		return error_set(err, st, "node '%s' was not registered: %s", addition->node_id, reason.text);
	}
	/* The commit may have happened. The staged key stays, so that the next run can go on from either. */
	return error_set(err, st, "it is not known whether node '%s' was registered, run this again: %s",
			 addition->node_id, reason.text);
}

static void tell_node(const struct addition *addition, const char *result, struct output *output)
{
	char paths[N_NODE_FILES][SETTING_TEXT_MAX + 32];
	for (int i = 0; i < N_NODE_FILES; i++)
		(void)snprintf(paths[i], sizeof(paths[i]), "%s/%s", addition->folder,
			       node_file_name((enum node_file)i)); /* cut: only told */
	const struct cell cells[] = { CELL_OF_TEXT("node_id", addition->node_id), CELL_OF_TEXT("result", result),
				      CELL_OF_TEXT("certificate", paths[NODE_FILE_CERTIFICATE]),
				      CELL_OF_TEXT("key", paths[NODE_FILE_KEY]),
				      CELL_OF_TEXT("ca", paths[NODE_FILE_CA]) };
	output_record(output, cells, ARRAY_LEN(cells));
}

static enum status add_new(struct addition *addition, struct output *output, struct error *err)
{
	enum status st = make_certificate(addition, err);
	if (st == STATUS_OK)
		st = node_files_open(&addition->files, addition->folder, addition->node_id, true, err);
	if (st == STATUS_OK)
		st = node_files_check_free(&addition->files, err);
	if (st != STATUS_OK)
		return st;
	const char *const texts[N_NODE_FILES] = { [NODE_FILE_KEY] = addition->key_pem.bytes,
						  [NODE_FILE_CA] = buffer_text(&addition->ca_text),
						  [NODE_FILE_CERTIFICATE] = addition->certificate.pem };
	st = node_files_stage(&addition->files, texts, err);
	if (st != STATUS_OK) {
		node_files_drop_staged(&addition->files);
		return st;
	}
	st = register_node(addition, err);
	if (st == STATUS_OK)
		st = node_files_publish(&addition->files, err);
	if (st == STATUS_OK)
		tell_node(addition, "added", output);
	return st;
}

static enum status accept_existing(struct addition *addition, struct output *output, struct error *err)
{
	CLEANUP(buffer) struct buffer live = { 0 };
	struct operator_certificate about;
	bool if_missing = call_option(addition->call, "--if-missing") != NULL;
	enum status st = store_operator_node_certificate(addition->store, addition->node_id, &about, &live, err);
	if (st == STATUS_OK)
		st = node_files_open(&addition->files, addition->folder, addition->node_id, false, err);
	if (st != STATUS_OK && st != STATUS_NOT_FOUND)
		return st;
	bool has_both = st == STATUS_OK;
	if (has_both && node_files_are_staged(&addition->files, buffer_text(&live))) {
		st = node_files_publish(&addition->files, err);
		if (st == STATUS_OK)
			tell_node(addition, "finished", output);
		return st;
	}
	if (!if_missing)
		return error_set(err, STATUS_CONFLICT, "node '%s' is registered already: nothing was changed",
				 addition->node_id);
	if (!has_both || !node_files_are_published(&addition->files, buffer_text(&live)))
		return error_set(
			err, STATUS_CONFLICT,
			"node '%s' is registered already, but its certificate is not in '%s': nothing was changed",
			addition->node_id, addition->folder);
	tell_node(addition, "present", output);
	return STATUS_OK;
}

static enum status add(struct addition *addition, struct output *output, struct error *err)
{
	struct node node;
	enum status st = store_operator_lock_node(addition->store, addition->node_id, err);
	if (st == STATUS_OK)
		st = store_node_get(addition->store, addition->node_id, &node, err);
	if (st == STATUS_OK)
		return accept_existing(addition, output, err);
	return st == STATUS_NOT_FOUND ? add_new(addition, output, err) : st;
}

static void addition_done(struct addition *addition)
{
	node_files_close(&addition->files);
	secret_done(&addition->key_pem);
	buffer_done(&addition->ca_text);
	store_close(addition->store);
}

enum status node_add_run(const struct call *call, struct output *output, struct error *err)
{
	struct addition addition = { .call = call,
				     .node_id = call->operands[0],
				     .folder = call_option(call, "--out"),
				     .files = { .folder = -1 } };
	enum status st = check_node_id(addition.node_id, err);
	if (st == STATUS_OK)
		st = signing_check_settings(call->config, err);
	if (st == STATUS_OK)
		st = signing_read_ca_file(call->config, &addition.ca_text, err);
	if (st == STATUS_OK)
		st = database_open(call->config, &addition.store, err);
	if (st == STATUS_OK)
		st = add(&addition, output, err);
	addition_done(&addition);
	return st;
}
