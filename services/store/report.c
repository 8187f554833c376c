#include "store/report.h"

#include <stdlib.h>
#include <string.h>

#include "store/column.h"
#include "store/query.h"

enum { COLUMNS_MAX = 9 };

/* The statements of a batch, in the order in which they are sent: full reports before the values, the sweep after the values and the
 * configurations, presence after the broker's start, a look for a session elsewhere after the history, a certificate's first use after
 * presence, which has locked the nodes by then. */
enum table {
	TABLE_FULL,
	TABLE_PARAMS,
	TABLE_CONFIG,
	TABLE_SWEEP,
	TABLE_PRESENCE,
	TABLE_CONNECTION,
	TABLE_ELSEWHERE,
	TABLE_CONNECTION_PRUNE,
	TABLE_CERTIFICATE,
	TABLE_OTA_FETCH,
	TABLE_OTA_STATUS,
	TABLE_ALERT,
	TABLE_CERTIFICATE_REQUEST,
	TABLE_DEAD_LETTER,
	N_TABLES
};

struct table_form {
	enum query query;
	int n_columns;
	enum column_type types[COLUMNS_MAX];
	bool after_start; /* three more arguments: number and time of the broker's start in this batch, 0 without one; its name */
};

/* Column order: the unnest() of each statement in sql/queries/report.sql. */
static const struct table_form forms[N_TABLES] = {
	[TABLE_FULL] = { QUERY_REPORT_FULL, 2, { COLUMN_TEXT, COLUMN_BIGINT }, false },
	[TABLE_PARAMS] = { QUERY_REPORT_PARAMS,
			   5,
			   { COLUMN_TEXT, COLUMN_TEXT, COLUMN_TEXT, COLUMN_TEXT, COLUMN_BIGINT },
			   false },
	[TABLE_CONFIG] = { QUERY_REPORT_CONFIG,
			   7,
			   { COLUMN_TEXT, COLUMN_TEXT, COLUMN_TEXT, COLUMN_TEXT, COLUMN_TEXT, COLUMN_TEXT,
			     COLUMN_BIGINT },
			   false },
	[TABLE_SWEEP] = { QUERY_REPORT_PARAMS_SWEEP, 1, { COLUMN_TEXT }, false },
	[TABLE_PRESENCE] = { QUERY_REPORT_PRESENCE,
			     5,
			     { COLUMN_TEXT, COLUMN_BOOLEAN, COLUMN_BIGINT, COLUMN_BIGINT, COLUMN_TEXT },
			     true },
	[TABLE_CONNECTION] = { QUERY_REPORT_CONNECTIONS,
			       6,
			       { COLUMN_TEXT, COLUMN_BOOLEAN, COLUMN_BIGINT, COLUMN_BIGINT, COLUMN_TEXT, COLUMN_TEXT },
			       true },
	[TABLE_ELSEWHERE] = { QUERY_REPORT_PRESENCE_ELSEWHERE, 1, { COLUMN_TEXT }, false },
	[TABLE_CONNECTION_PRUNE] = { QUERY_REPORT_CONNECTIONS_PRUNE, 1, { COLUMN_TEXT }, false },
	[TABLE_CERTIFICATE] = { QUERY_REPORT_CERTIFICATES_CONNECTED, 2, { COLUMN_TEXT, COLUMN_TEXT }, false },
	[TABLE_OTA_FETCH] = { QUERY_REPORT_OTA_FETCH,
			      4,
			      { COLUMN_TEXT, COLUMN_TEXT, COLUMN_TEXT, COLUMN_BIGINT },
			      false },
	[TABLE_OTA_STATUS] = { QUERY_REPORT_OTA_STATUS,
			       9,
			       { COLUMN_TEXT, COLUMN_TEXT, COLUMN_TEXT, COLUMN_TEXT, COLUMN_BIGINT, COLUMN_BIGINT,
				 COLUMN_BIGINT, COLUMN_BYTES, COLUMN_BOOLEAN },
			       false },
	[TABLE_ALERT] = { QUERY_REPORT_ALERT,
			  8,
			  { COLUMN_TEXT, COLUMN_TEXT, COLUMN_TEXT, COLUMN_BOOLEAN, COLUMN_BIGINT, COLUMN_BIGINT,
			    COLUMN_BYTES, COLUMN_BOOLEAN },
			  false },
	[TABLE_CERTIFICATE_REQUEST] = { QUERY_REPORT_CERTIFICATE_REQUEST,
					4,
					{ COLUMN_TEXT, COLUMN_TEXT, COLUMN_BYTES, COLUMN_BIGINT },
					false },
	[TABLE_DEAD_LETTER] = { QUERY_REPORT_DEAD_LETTER,
				8,
				{ COLUMN_TEXT, COLUMN_TEXT, COLUMN_BYTES, COLUMN_BIGINT, COLUMN_BIGINT, COLUMN_BIGINT,
				  COLUMN_BYTES, COLUMN_BOOLEAN },
				false },
};

/* Mapping messages are few and each is a statement of its own: what one does, the next must see. */
struct mapping_entry {
	char *node_id, *user_id;
	unsigned char secret_hash[32];
	bool reset, factory_reset;
	struct delivery_key key;
};

struct report {
	struct column columns[N_TABLES][COLUMNS_MAX];
	struct mapping_entry *mappings;
	size_t n_mappings, mappings_capacity;
	const char *broker; /* whose presence this is; NULL: none in here */
	bool broker_started;
	int64_t broker_session_no, broker_at_us;
	struct broker_said_row revocation, counters; /* broker NULL: nothing was said */
};

struct report *report_new(void)
{
	struct report *report = calloc(1, sizeof(*report));
	if (!report)
		abort();
	for (size_t table = 0; table < N_TABLES; table++) {
		for (int i = 0; i < forms[table].n_columns; i++)
			column_init(&report->columns[table][i], forms[table].types[i]);
	}
	return report;
}

static void clear_mappings(struct report *report)
{
	for (size_t i = 0; i < report->n_mappings; i++) {
		free(report->mappings[i].node_id);
		free(report->mappings[i].user_id);
	}
	report->n_mappings = 0;
}

void report_free(struct report *report)
{
	if (!report)
		return;
	for (size_t table = 0; table < N_TABLES; table++) {
		for (int i = 0; i < forms[table].n_columns; i++)
			column_done(&report->columns[table][i]);
	}
	clear_mappings(report);
	free(report->mappings);
	free(report);
}

void report_clear(struct report *report)
{
	for (size_t table = 0; table < N_TABLES; table++) {
		for (int i = 0; i < forms[table].n_columns; i++)
			column_clear(&report->columns[table][i]);
	}
	clear_mappings(report);
	report->broker = NULL;
	report->broker_started = false;
	report->broker_session_no = report->broker_at_us = 0;
	report->revocation.broker = report->counters.broker = NULL;
}

static void put_text(struct column *column, const char *text)
{
	column_put_text(column, text, text ? strlen(text) : 0);
}

static void put_key(struct column *columns, const struct delivery_key *key)
{
	column_put_i64(&columns[0], key->mid);
	column_put_text(&columns[1], (const char *)key->digest, sizeof(key->digest));
	column_put_bool(&columns[2], key->may_repeat);
}

void report_param(struct report *report, const char *node_id, const char *device, const char *param,
		  struct json_slice value, int64_t at_us)
{
	struct column *columns = report->columns[TABLE_PARAMS];
	put_text(&columns[0], node_id);
	put_text(&columns[1], device);
	put_text(&columns[2], param);
	column_put_text(&columns[3], value.at, value.len);
	column_put_i64(&columns[4], at_us);
}

/* at_us 0: it is the configuration that came. */
static void put_full(struct report *report, const char *node_id, int64_t at_us)
{
	struct column *columns = report->columns[TABLE_FULL];
	put_text(&columns[0], node_id);
	column_put_i64(&columns[1], at_us);
	put_text(&report->columns[TABLE_SWEEP][0], node_id);
}

void report_params_full(struct report *report, const char *node_id, int64_t at_us)
{
	put_full(report, node_id, at_us);
}

void report_config(struct report *report, const struct config_row *row)
{
	struct column *columns = report->columns[TABLE_CONFIG];
	put_text(&columns[0], row->node_id);
	column_put_text(&columns[1], row->config.at, row->config.len);
	put_text(&columns[2], row->name);
	put_text(&columns[3], row->type);
	put_text(&columns[4], row->model);
	put_text(&columns[5], row->fw_version);
	column_put_i64(&columns[6], row->at_us);
	put_full(report, row->node_id, 0);
}

static void put_presence(struct column *columns, const struct presence_row *row)
{
	put_text(&columns[0], row->node_id);
	column_put_bool(&columns[1], row->connected);
	column_put_i64(&columns[2], row->session_no);
	column_put_i64(&columns[3], row->at_us);
	put_text(&columns[4], row->address);
}

void report_presence(struct report *report, const struct presence_row *row)
{
	put_presence(report->columns[TABLE_PRESENCE], row);
	put_presence(report->columns[TABLE_CONNECTION], row);
	put_text(&report->columns[TABLE_CONNECTION][5], row->reason);
	put_text(&report->columns[TABLE_ELSEWHERE][0], row->node_id);
	put_text(&report->columns[TABLE_CONNECTION_PRUNE][0], row->node_id);
	report->broker = row->broker;
	if (!row->connected || !row->certificate)
		return;
	put_text(&report->columns[TABLE_CERTIFICATE][0], row->node_id);
	put_text(&report->columns[TABLE_CERTIFICATE][1], row->certificate);
}

void report_broker_started(struct report *report, const char *broker, int64_t session_no, int64_t at_us)
{
	report->broker = broker;
	if (report->broker_started && report->broker_session_no >= session_no)
		return;
	report->broker_started = true;
	report->broker_session_no = session_no;
	report->broker_at_us = at_us;
}

void report_broker_revocation(struct report *report, const struct broker_said_row *row)
{
	report->revocation = *row;
}

void report_broker_counters(struct report *report, const struct broker_said_row *row)
{
	report->counters = *row;
}

void report_ota_fetch(struct report *report, const char *node_id, const char *fw_version, const char *network_id,
		      int64_t at_us)
{
	struct column *columns = report->columns[TABLE_OTA_FETCH];
	put_text(&columns[0], node_id);
	put_text(&columns[1], fw_version);
	put_text(&columns[2], network_id);
	column_put_i64(&columns[3], at_us);
}

void report_ota_status(struct report *report, const struct ota_status_row *row)
{
	struct column *columns = report->columns[TABLE_OTA_STATUS];
	put_text(&columns[0], row->node_id);
	put_text(&columns[1], row->ota_job_id);
	put_text(&columns[2], row->status);
	put_text(&columns[3], row->additional_info);
	column_put_i64(&columns[4], row->node_ts);
	column_put_i64(&columns[5], row->at_us);
	put_key(&columns[6], &row->key);
}

void report_alert(struct report *report, const struct alert_row *row)
{
	struct column *columns = report->columns[TABLE_ALERT];
	put_text(&columns[0], row->node_id);
	put_text(&columns[1], row->kind);
	column_put_text(&columns[2], row->body.at, row->body.len);
	column_put_bool(&columns[3], row->salvaged);
	column_put_i64(&columns[4], row->at_us);
	put_key(&columns[5], &row->key);
}

void report_certificate_request(struct report *report, const struct certificate_request_row *row)
{
	struct column *columns = report->columns[TABLE_CERTIFICATE_REQUEST];
	put_text(&columns[0], row->node_id);
	put_text(&columns[1], row->csr);
	column_put_text(&columns[2], (const char *)row->csr_hash, row->csr_hash_len);
	column_put_i64(&columns[3], row->at_us);
}

static char *copy_text(const char *text)
{
	char *copy = strdup(text);
	if (!copy)
		abort();
	return copy;
}

void report_mapping(struct report *report, const struct mapping_row *row)
{
	if (report->n_mappings == report->mappings_capacity) {
		size_t capacity = report->mappings_capacity ? 2 * report->mappings_capacity : 16;
		struct mapping_entry *grown = realloc(report->mappings, capacity * sizeof(*grown));
		if (!grown)
			abort();
		report->mappings = grown;
		report->mappings_capacity = capacity;
	}
	struct mapping_entry *entry = &report->mappings[report->n_mappings++];
	*entry = (struct mapping_entry){ .node_id = copy_text(row->node_id),
					 .user_id = copy_text(row->user_id),
					 .reset = row->reset,
					 .factory_reset = row->factory_reset,
					 .key = row->key };
	memcpy(entry->secret_hash, row->secret_hash, sizeof(entry->secret_hash));
}

/* A letter must always be storable: whatever is not plain ASCII in the two texts becomes '?'. */
static void put_ascii(struct column *column, const char *text)
{
	char plain[512];
	size_t len = 0;
	for (; text[len] && len < sizeof(plain); len++)
		plain[len] = (text[len] >= ' ' && text[len] < 0x7f) ? text[len] : '?';
	column_put_text(column, plain, len);
}

void report_dead_letter(struct report *report, const struct dead_letter_row *row)
{
	struct column *columns = report->columns[TABLE_DEAD_LETTER];
	size_t kept = row->payload_len < DEAD_LETTER_BYTES_MAX ? row->payload_len : DEAD_LETTER_BYTES_MAX;
	if (!row->payload)
		kept = 0;
	put_ascii(&columns[0], row->topic);
	put_ascii(&columns[1], row->reason);
	column_put_text(&columns[2], kept ? row->payload : "", kept);
	column_put_i64(&columns[3], (int64_t)row->payload_len);
	column_put_i64(&columns[4], row->at_us);
	put_key(&columns[5], &row->key);
}

enum status store_report_known(struct store *store, const char *const *node_ids, size_t n, report_known_each *each,
			       void *context, struct error *err)
{
	struct column ids;
	column_init(&ids, COLUMN_TEXT);
	for (size_t i = 0; i < n; i++)
		put_text(&ids, node_ids[i]);
	const struct arg args[] = { arg_column(&ids) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_REPORT_KNOWN_NODES, args, ARRAY_LEN(args), &rows, err);
	column_done(&ids);
	if (st != STATUS_OK)
		return st;
	for (int row = 0; row < PQntuples(rows); row++)
		each(context, row_text(rows, row, 0));
	return STATUS_OK;
}

static enum status send_broker_started(struct store *store, const struct report *report, struct error *err)
{
	if (!report->broker_started)
		return STATUS_OK;
	const struct arg args[] = { arg_i64(report->broker_session_no), arg_time_us(report->broker_at_us),
				    arg_text(report->broker) };
	enum status st = store_batch_send(store, QUERY_REPORT_BROKER_STARTED, args, ARRAY_LEN(args), err);
	if (st == STATUS_OK)
		st = store_batch_send(store, QUERY_REPORT_CONNECTIONS_OVER, args, ARRAY_LEN(args), err);
	return st;
}

static enum status send_broker_said(struct store *store, const struct report *report, struct error *err)
{
	enum status st = STATUS_OK;
	if (report->revocation.broker) {
		const struct broker_said_row *row = &report->revocation;
		const struct arg args[] = { arg_text(row->broker), arg_text(row->epoch), arg_i64(row->version),
					    arg_bytes(row->said.at, row->said.len), arg_time_us(row->at_us) };
		st = store_batch_send(store, QUERY_REPORT_BROKER_REVOCATION, args, ARRAY_LEN(args), err);
	}
	if (st == STATUS_OK && report->counters.broker) {
		const struct broker_said_row *row = &report->counters;
		const struct arg args[] = { arg_text(row->broker), arg_bytes(row->said.at, row->said.len),
					    arg_time_us(row->at_us) };
		st = store_batch_send(store, QUERY_REPORT_BROKER_COUNTERS, args, ARRAY_LEN(args), err);
	}
	return st;
}

static enum status send_table(struct store *store, struct report *report, enum table table, struct error *err)
{
	struct column *columns = report->columns[table];
	if (columns[0].n == 0)
		return STATUS_OK;
	struct arg args[COLUMNS_MAX + 3];
	size_t n_args = 0;
	for (int i = 0; i < forms[table].n_columns; i++)
		args[n_args++] = arg_column(&columns[i]);
	if (forms[table].after_start) {
		args[n_args++] = arg_i64(report->broker_session_no);
		args[n_args++] = arg_time_us(report->broker_at_us);
		args[n_args++] = arg_text(report->broker);
	}
	return store_batch_send(store, forms[table].query, args, n_args, err);
}

static enum status send_mapping(struct store *store, const struct mapping_entry *entry, struct error *err)
{
	const struct arg args[] = { arg_text(entry->node_id),
				    arg_text(entry->user_id),
				    arg_bytes(entry->secret_hash, sizeof(entry->secret_hash)),
				    arg_bool(entry->reset),
				    arg_bool(entry->factory_reset),
				    arg_i64(entry->key.mid),
				    arg_bytes(entry->key.digest, sizeof(entry->key.digest)),
				    arg_bool(entry->key.may_repeat) };
	return store_batch_send(store, QUERY_MAPPING_REPORT, args, ARRAY_LEN(args), err);
}

enum status store_report_write(struct store *store, struct report *report, struct error *err)
{
	enum status st = store_batch_begin(store, err);
	if (st == STATUS_OK)
		st = send_broker_started(store, report, err);
	for (int table = 0; st == STATUS_OK && table < N_TABLES; table++)
		st = send_table(store, report, (enum table)table, err);
	if (st == STATUS_OK)
		st = send_broker_said(store, report, err);
	for (size_t i = 0; st == STATUS_OK && i < report->n_mappings; i++)
		st = send_mapping(store, &report->mappings[i], err);
	if (st == STATUS_OK)
		st = store_batch_send(store, QUERY_REPORT_WRITTEN, NULL, 0, err);
	if (st == STATUS_OK)
		st = store_batch_finish(store, err);
	return st;
}
