#include "claim/import.h"

#include <stdlib.h>
#include <string.h>

#include "ca/csr.h"
#include "claim/import_internal.h"
#include "model/access.h"
#include "model/node_id.h"

enum { OUR_CAS_MAX = 16 };

struct importer {
	struct import_options options;
	struct trust *trust;
	size_t n_ours;
	char ours[OUR_CAS_MAX][SIGNER_CA_KEY_ID_HEX + 1]; /* key ids of signerd's CAs */
	struct error ca_failure;
};

/* --- which CAs there are --- */

static void take_ca(void *context, const char *ca_key_id, const char *certificate_pem, bool issues)
{
	(void)issues;
	struct importer *importer = context;
	if (importer->n_ours == OUR_CAS_MAX || strlen(ca_key_id) != SIGNER_CA_KEY_ID_HEX) {
		(void)error_set(&importer->ca_failure, STATUS_INTERNAL, "signerd's list of CAs is not one");
		return;
	}
	memcpy(importer->ours[importer->n_ours++], ca_key_id, SIGNER_CA_KEY_ID_HEX + 1);
	if (trust_add(importer->trust, certificate_pem, &importer->ca_failure) != STATUS_OK)
		importer->ca_failure.status = STATUS_INTERNAL;
}

static enum status ask_signer(struct importer *importer, struct error *err)
{
	if (!*importer->options.signer.socket_path)
		return STATUS_OK;
	enum status st = signer_cas(&importer->options.signer, take_ca, importer, err);
	if (st == STATUS_OK && importer->ca_failure.status != STATUS_OK)
		return error_set(err, importer->ca_failure.status, "%s", importer->ca_failure.text);
	return st;
}

enum status import_open(const struct import_options *options, struct importer **ret_importer, struct error *err)
{
	CLEANUP(importer) struct importer *importer = calloc(1, sizeof(*importer));
	if (!importer)
		abort();
	importer->options = *options;
	enum status st = trust_open(options->trust_dir, &importer->trust, err);
	if (st == STATUS_OK)
		st = ask_signer(importer, err);
	if (st != STATUS_OK)
		return st;
	*ret_importer = STEAL(importer);
	return STATUS_OK;
}

void import_close(struct importer *importer)
{
	if (!importer)
		return;
	trust_close(importer->trust);
	free(importer);
}

static bool is_ours(const struct importer *importer, const char *ca_key_id)
{
	for (size_t i = 0; i < importer->n_ours; i++) {
		if (strcmp(importer->ours[i], ca_key_id) == 0)
			return true;
	}
	return false;
}

/* --- deciding --- */

static void decide(struct import_row *row, enum import_result result)
{
	row->result = result;
	row->is_open = false;
}

static void fail(struct import_row *row, const char *why)
{
	(void)error_set(&row->why, STATUS_INVALID, "%s", why); /* the status is not asked for */
	decide(row, IMPORT_FAILED);
}

static void fail_with(struct import_row *row, const struct error *why)
{
	row->why = *why;
	decide(row, IMPORT_FAILED);
}

static bool is_given(const char *text)
{
	return text && *text;
}

/* What the row says by itself. */
static void begin(struct import_row *row)
{
	size_t len = row->node_id ? strlen(row->node_id) : 0;
	row->is_open = true;
	row->is_signed = row->is_recorded = false;
	row->is_made = !is_given(row->certificate) && !is_given(row->csr);
	if (!node_id_valid(row->node_id ? row->node_id : "", len))
		fail(row, "node_id is not 1 to 64 of A-Z a-z 0-9 _ -");
	else if (access_service_find(row->node_id, len))
		fail(row, "node_id is the name of a service");
	else if (is_given(row->certificate) && is_given(row->csr))
		fail(row, "both a certificate and a request");
}

struct look {
	struct import_row *rows[IMPORT_BATCH_MAX];
};

static const char *constant_state(const char *state)
{
	static const char *const states[] = { "active", "suspended", "revoked" };
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		if (strcmp(state, states[i]) == 0)
			return states[i];
	}
	return "";
}

static void note(void *context, size_t index, const struct registration_node *node)
{
	struct import_row *row = ((struct look *)context)->rows[index];
	row->state = constant_state(node->state);
	row->is_there = *node->state != '\0';
	row->has_certificate = node->has_certificate;
	memcpy(row->key_hash, node->key_hash, sizeof(row->key_hash));
	buffer_clear(&row->pem);
	buffer_puts(&row->pem, node->pem);
}

static enum status look_up(struct store *store, struct import_row *rows, size_t n_rows, struct error *err)
{
	struct look look;
	const char *node_ids[IMPORT_BATCH_MAX];
	size_t n = 0;
	for (size_t i = 0; i < n_rows; i++) {
		if (!rows[i].is_open)
			continue;
		look.rows[n] = &rows[i];
		node_ids[n++] = rows[i].node_id;
	}
	return store_registration_look(store, node_ids, n, note, &look, err);
}

/* --- a certificate that is brought along --- */

static void read_certificate(const struct importer *importer, struct import_row *row)
{
	struct error why = { .text = "" };
	if (given_read(importer->trust, row->certificate, &row->given, &why) != STATUS_OK) {
		fail_with(row, &why);
		return;
	}
	if (strcmp(row->given.node_id, row->node_id) != 0) {
		fail(row, "the certificate's CN is not node_id");
		return;
	}
	row->ca_key_id = is_ours(importer, row->given.certificate.ca_key_id) ? row->given.certificate.ca_key_id : NULL;
}

/* --- a certificate of ours --- */

/* Nothing is signed for a node that cannot have it. A node with the same key has it already. */
static void check_request(struct import_row *row, const unsigned char *key_hash)
{
	if (row->is_there && strcmp(row->state, "active") != 0)
		fail(row, strcmp(row->state, "revoked") == 0 ? "the node is revoked" : "the node is suspended");
	else if (row->has_certificate && key_hash && memcmp(row->key_hash, key_hash, REGISTRATION_HASH_BYTES) == 0)
		decide(row, IMPORT_PRESENT);
	else if (row->has_certificate)
		fail(row, "the node is registered with another key");
}

static void read_request(struct import_row *row)
{
	CLEANUP(csr) struct csr csr = { .key = NULL };
	struct error why = { .text = "" };
	if (csr_read(row->csr, strlen(row->csr), &csr, &why) != STATUS_OK)
		fail_with(row, &why);
	else if (strcmp(csr.node_id, row->node_id) != 0)
		fail(row, "the request's CN is not node_id");
	else
		check_request(row, csr.key_hash);
}

/* A row that brings nothing: what is there was made here, or the hook will say that it was not. */
static void make_request(const struct import_hooks *hooks, size_t slot, struct import_row *row)
{
	struct error why = { .text = "" };
	if (!hooks) {
		fail(row, "neither a certificate nor a request");
		return;
	}
	if (row->has_certificate && strcmp(row->state, "active") == 0) {
		decide(row, IMPORT_PRESENT);
		return;
	}
	check_request(row, NULL);
	if (!row->is_open)
		return;
	row->has_hooks = true;
	if (hooks->make(hooks->context, slot, row->node_id, &row->made_csr, &why) != STATUS_OK)
		fail_with(row, &why);
	else
		row->csr = buffer_text(&row->made_csr);
}

static void take_signed(struct import_row *row, const struct signed_certificate *made)
{
	struct ca_certificate *to = &row->given.certificate;
	struct error why = { .text = "" };
	memcpy(to->serial_hex, made->serial_hex, sizeof(to->serial_hex));
	memcpy(to->pem, made->pem, sizeof(to->pem));
	memcpy(to->key_hash, made->key_hash, sizeof(to->key_hash));
	memcpy(to->ca_key_id, made->ca_key_id, sizeof(to->ca_key_id));
	to->not_before_us = made->not_before_us;
	to->not_after_us = made->not_after_us;
	row->ca_key_id = to->ca_key_id;
	row->is_signed = true;
	if (given_fingerprint(made->pem, row->given.fingerprint, &why) != STATUS_OK)
		fail_with(row, &why);
}

static enum status sign(struct importer *importer, const struct import_hooks *hooks, size_t slot,
			struct import_row *row, struct error *err)
{
	struct signed_certificate made;
	struct error why = { .text = "" };
	enum status st = signer_sign(&importer->options.signer, row->node_id, row->csr, strlen(row->csr), &made, &why);
	if (st == STATUS_INVALID || st == STATUS_TOO_LARGE) {
		fail_with(row, &why);
		return STATUS_OK;
	}
	if (st != STATUS_OK)
		return error_set(err, st, "%s", why.text);
	take_signed(row, &made);
	if (!row->is_open || !hooks)
		return STATUS_OK;
	row->has_hooks = true;
	if (hooks->stage(hooks->context, slot, row->node_id, made.pem, &why) != STATUS_OK)
		fail_with(row, &why);
	return STATUS_OK;
}

static bool is_in_hand(const struct import_row *rows, size_t n_rows, const char *node_id)
{
	for (size_t i = 0; i < n_rows; i++) {
		if (rows[i].node_id && rows[i].is_open && strcmp(rows[i].node_id, node_id) == 0)
			return true;
	}
	return false;
}

static enum status prepare(struct importer *importer, const struct import_hooks *hooks, struct import_row *rows,
			   size_t at, struct error *err)
{
	struct import_row *row = &rows[at];
	if (is_given(row->certificate)) {
		read_certificate(importer, row);
		return STATUS_OK;
	}
	if (is_in_hand(rows, at, row->node_id)) {
		fail(row, "the node stands in another row just before");
		return STATUS_OK;
	}
	if (row->is_made)
		make_request(hooks, at, row);
	else
		read_request(row);
	return row->is_open ? sign(importer, hooks, at, row, err) : STATUS_OK;
}

/* --- recording --- */

static void take_result(struct import_row *row, enum registration_result result)
{
	static const char *const reasons[N_REGISTRATION_RESULTS] = {
		[REGISTRATION_DIFFERS] = "the node is registered with another certificate",
		[REGISTRATION_REFUSED] = "the certificate was revoked",
		[REGISTRATION_SERIAL_TAKEN] = "another certificate has the same serial",
		[REGISTRATION_KEY_TAKEN] = "another node has the same key",
		[REGISTRATION_REVOKED] = "the node is revoked",
		[REGISTRATION_SUSPENDED] = "the node is suspended",
		[REGISTRATION_CONFLICT] =
			"the database refuses the row, or somebody else registered it at the same moment",
	};
	if (reasons[result])
		fail(row, reasons[result]);
	else
		decide(row, result == REGISTRATION_ADDED ? IMPORT_ADDED : IMPORT_PRESENT);
	row->is_recorded = result == REGISTRATION_ADDED;
}

static enum status record(struct store *store, struct import_row *rows, size_t n_rows, struct error *err)
{
	struct registration_row columns[IMPORT_BATCH_MAX] = { { .node_id = NULL } };
	struct import_row *open[IMPORT_BATCH_MAX];
	enum registration_result results[IMPORT_BATCH_MAX];
	size_t n = 0;
	for (size_t i = 0; i < n_rows; i++) {
		const struct ca_certificate *certificate = &rows[i].given.certificate;
		if (!rows[i].is_open)
			continue;
		columns[n] = (struct registration_row){ .node_id = rows[i].node_id,
							.serial_hex = certificate->serial_hex,
							.pem = certificate->pem,
							.fingerprint = rows[i].given.fingerprint,
							.ca_key_id = rows[i].ca_key_id,
							.not_before_us = certificate->not_before_us,
							.not_after_us = certificate->not_after_us,
							.key_hash = certificate->key_hash };
		open[n++] = &rows[i];
	}
	enum status st = store_registration_rows(store, columns, n, results, err);
	for (size_t i = 0; st == STATUS_OK && i < n; i++)
		take_result(open[i], results[i]);
	return st;
}

/* Who brought a certificate has it; the others get theirs. */
static void hand_over(const struct import_hooks *hooks, size_t slot, struct import_row *row)
{
	struct error why = { .text = "" };
	bool added = row->result == IMPORT_ADDED;
	if (row->result == IMPORT_FAILED || is_given(row->certificate))
		return;
	const char *pem = row->is_signed ? row->given.certificate.pem : buffer_text(&row->pem);
	row->has_hooks = true;
	if (hooks->publish(hooks->context, slot, row->node_id, pem, row->is_made, added, &why) != STATUS_OK)
		fail_with(row, &why);
}

/* A key whose certificate is recorded, or may be - the commit's answer did not come - must not be lost. */
static void end_hooks(const struct import_hooks *hooks, struct import_row *rows, size_t n_rows)
{
	for (size_t i = 0; i < n_rows; i++) {
		bool is_refused = !rows[i].is_open && rows[i].result == IMPORT_FAILED && !rows[i].is_recorded;
		if (rows[i].has_hooks)
			hooks->end(hooks->context, i, is_refused);
		rows[i].has_hooks = false;
	}
}

static void clear(struct import_row *row)
{
	if (row->is_made)
		row->csr = NULL; /* it stands in made_csr */
	buffer_done(&row->made_csr);
	buffer_done(&row->pem);
}

enum status import_rows(struct importer *importer, const struct import_hooks *hooks, struct store *store,
			struct import_row *rows, size_t n_rows, struct error *err)
{
	for (size_t i = 0; i < n_rows; i++)
		begin(&rows[i]);
	enum status st = look_up(store, rows, n_rows, err);
	for (size_t i = 0; i < n_rows && st == STATUS_OK; i++) {
		if (rows[i].is_open)
			st = prepare(importer, hooks, rows, i, err);
	}
	if (st == STATUS_OK)
		st = record(store, rows, n_rows, err);
	for (size_t i = 0; i < n_rows && st == STATUS_OK && hooks; i++)
		hand_over(hooks, i, &rows[i]);
	if (hooks)
		end_hooks(hooks, rows, n_rows);
	for (size_t i = 0; i < n_rows; i++)
		clear(&rows[i]);
	return st;
}
