#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ca/csr.h"
#include "ca/key.h"
#include "cistern/command.h"
#include "cistern/database.h"
#include "cistern/node_files.h"
#include "claim/signer.h"
#include "model/access.h"
#include "model/node_id.h"
#include "store/node.h"
#include "store/operator.h"

enum { CA_FILE_BYTES_MAX = 16384, SIGNER_TIMEOUT_MS = 10000 };

/* What the steps share. */
struct addition {
	const struct call *call;
	const char *node_id, *folder;
	struct store *store;
	struct node_files files;
	char ca_text[CA_FILE_BYTES_MAX + 1];
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

static enum status need_setting(const char *value, const char *name, struct error *err)
{
	return *value ? STATUS_OK : error_set(err, STATUS_INVALID, "setting '%s' is not set", name);
}

static enum status read_ca_file(const char *path, char ret_text[CA_FILE_BYTES_MAX + 1], struct error *err)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return error_set(err, STATUS_UNAVAILABLE, "cannot read '%s': %s", path, strerror(errno));
	size_t len = fread(ret_text, 1, CA_FILE_BYTES_MAX + 1, file);
	(void)fclose(file); /* read only */
	if (len > CA_FILE_BYTES_MAX)
		return error_set(err, STATUS_TOO_LARGE, "'%s' is longer than %d bytes", path, CA_FILE_BYTES_MAX);
	ret_text[len] = '\0';
	if (!strstr(ret_text, "-----BEGIN CERTIFICATE-----"))
		return error_set(err, STATUS_INVALID, "'%s' holds no PEM certificate", path);
	return STATUS_OK;
}

static enum status check_settings(const struct config *config, struct addition *addition, struct error *err)
{
	enum status st = need_setting(config->signer_socket, "signer_socket", err);
	if (st == STATUS_OK)
		st = need_setting(config->ca_file, "ca_file", err);
	if (st == STATUS_OK)
		st = read_ca_file(config->ca_file, addition->ca_text, err);
	return st;
}

static enum status make_certificate(struct addition *addition, struct error *err)
{
	const struct signer_options signer = { .socket_path = addition->call->config->signer_socket,
					       .timeout_ms = SIGNER_TIMEOUT_MS };
	CLEANUP(evp_pkey) EVP_PKEY *key = NULL;
	CLEANUP(buffer) struct buffer csr = { 0 };
	enum status st = ca_key_new(&key, err);
	if (st == STATUS_OK)
		st = ca_key_private_pem(key, &addition->key_pem, err);
	if (st == STATUS_OK)
		st = csr_write(key, addition->node_id, &csr, err);
	if (st == STATUS_OK)
		st = signer_sign(&signer, addition->node_id, csr.bytes, csr.len, &addition->certificate, err);
	return st;
}

static enum status register_node(struct addition *addition, struct error *err)
{
	const struct signed_certificate *made = &addition->certificate;
	const struct node_certificate certificate = { .serial_hex = made->serial_hex,
						      .certificate = made->pem,
						      .not_before_us = made->not_before_us,
						      .not_after_us = made->not_after_us,
						      .key_hash = made->key_hash,
						      .ca_key_id = made->ca_key_id };
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
						  [NODE_FILE_CA] = addition->ca_text,
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
		st = check_settings(call->config, &addition, err);
	if (st == STATUS_OK)
		st = database_open(call->config, &addition.store, err);
	if (st == STATUS_OK)
		st = add(&addition, output, err);
	addition_done(&addition);
	return st;
}
