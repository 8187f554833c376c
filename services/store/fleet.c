#include "store/fleet.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "store/query.h"

enum { ASK_EVERY_MS = 20 };

/* --- to see --- */

static struct arg arg_days(int64_t days)
{
	return days < 0 ? arg_text(NULL) : arg_i64(days);
}

static struct arg arg_maybe(const bool *value)
{
	return value ? arg_bool(*value) : arg_text(NULL);
}

/* Column order: fleet_list in sql/queries/fleet.sql. */
static struct fleet_node node_from_row(const PGresult *rows, int row)
{
	return (struct fleet_node){
		.id = row_text(rows, row, 0),
		.registered_at_us = row_i64(rows, row, 1),
		.connected = row_bool(rows, row, 2),
		.presence_at_us = row_i64(rows, row, 3),
		.session_no = row_i64(rows, row, 4),
		.address = row_text(rows, row, 5),
		.state = row_text(rows, row, 6),
		.name = row_text(rows, row, 7),
		.type = row_text(rows, row, 8),
		.model = row_text(rows, row, 9),
		.fw_version = row_text(rows, row, 10),
		.n_users = row_i64(rows, row, 11),
		.certificate_state = row_text(rows, row, 12),
		.certificate_serial = row_text(rows, row, 13),
		.certificate_to_us = row_i64(rows, row, 14),
	};
}

enum status store_fleet_list(struct store *store, const struct fleet_filter *filter, const char *after, int64_t limit,
			     fleet_node_each *each, void *context, struct error *err)
{
	const struct arg args[] = { arg_text(after),
				    arg_i64(limit),
				    arg_text(filter->state),
				    arg_maybe(filter->online),
				    arg_text(filter->fw_version),
				    arg_text(filter->model),
				    arg_text(filter->type),
				    arg_days(filter->ends_within_days),
				    arg_text(filter->node_id) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query_filtered(store, QUERY_FLEET_LIST, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	for (int row = 0; row < PQntuples(rows); row++) {
		struct fleet_node node = node_from_row(rows, row);
		each(context, &node);
	}
	return STATUS_OK;
}

enum status store_fleet_count(struct store *store, const struct fleet_filter *filter, int64_t *ret_total,
			      struct error *err)
{
	const struct arg args[] = { arg_text(filter->state),      arg_maybe(filter->online),
				    arg_text(filter->fw_version), arg_text(filter->model),
				    arg_text(filter->type),       arg_days(filter->ends_within_days),
				    arg_text(filter->node_id) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query_filtered(store, QUERY_FLEET_COUNT, args, ARRAY_LEN(args), &rows, err);
	if (st == STATUS_OK)
		*ret_total = row_i64(rows, 0, 0);
	return st;
}

/* Column order: fleet_certificates in sql/queries/fleet.sql. */
static struct fleet_certificate certificate_from_row(const PGresult *rows, int row)
{
	return (struct fleet_certificate){
		.node_id = row_text(rows, row, 0),
		.serial = row_text(rows, row, 1),
		.state = row_text(rows, row, 2),
		.fingerprint = row_text(rows, row, 3),
		.ca_key_id = row_text(rows, row, 4),
		.not_before_us = row_i64(rows, row, 5),
		.not_after_us = row_i64(rows, row, 6),
		.issued_at_us = row_i64(rows, row, 7),
		.activated_at_us = row_i64(rows, row, 8),
		.superseded_at_us = row_i64(rows, row, 9),
		.revoked_at_us = row_i64(rows, row, 10),
		.revoked_reason = row_text(rows, row, 11),
		.pem = row_text(rows, row, 12),
	};
}

static enum status no_such_node(const char *node_id, struct error *err)
{
	return error_set(err, STATUS_NOT_FOUND, "no node '%s'", node_id);
}

enum status store_fleet_certificates(struct store *store, const char *node_id, int64_t limit,
				     fleet_certificate_each *each, void *context, struct error *err)
{
	const struct arg args[] = { arg_text(node_id), arg_i64(limit) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_FLEET_CERTIFICATES, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return no_such_node(node_id, err);
	for (int row = 0; row < PQntuples(rows); row++) {
		struct fleet_certificate certificate = certificate_from_row(rows, row);
		if (*certificate.serial) /* else the node is there and has none */
			each(context, &certificate);
	}
	return STATUS_OK;
}

enum status store_fleet_certificates_ending(struct store *store, bool expired, int64_t days,
					    const struct fleet_ending_cursor *after, int64_t limit,
					    fleet_certificate_each *each, void *context, struct error *err)
{
	const struct arg args[] = { arg_time_us(after->not_after_us), arg_text(after->serial), arg_bool(expired),
				    arg_i64(days), arg_i64(limit) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_FLEET_CERTIFICATES_ENDING, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	for (int row = 0; row < PQntuples(rows); row++) {
		struct fleet_certificate certificate = certificate_from_row(rows, row);
		each(context, &certificate);
	}
	return STATUS_OK;
}

enum status store_fleet_connections(struct store *store, const char *node_id, int64_t before, int64_t limit,
				    fleet_connection_each *each, void *context, struct error *err)
{
	const struct arg args[] = { arg_text(node_id), arg_i64(before), arg_i64(limit) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_FLEET_CONNECTIONS, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return no_such_node(node_id, err);
	for (int row = 0; row < PQntuples(rows); row++) {
		if (PQgetisnull(rows, row, 0))
			continue; /* the node is there, its history is empty */
		const struct fleet_connection connection = { .session_no = row_i64(rows, row, 0),
							     .connected_at_us = row_i64(rows, row, 1),
							     .address = row_text(rows, row, 2),
							     .ended_at_us = row_i64(rows, row, 3),
							     .reason = row_text(rows, row, 4) };
		each(context, &connection);
	}
	return STATUS_OK;
}

/* --- to do --- */

/* What the functions of 0003_identity.sql return. */
static enum status status_of_word(const char *word, const char *node_id, struct error *err)
{
	if (strcmp(word, "ok") == 0)
		return STATUS_OK;
	if (strcmp(word, "no_node") == 0)
		return no_such_node(node_id, err);
	if (strcmp(word, "revoked") == 0)
		return error_set(err, STATUS_CONFLICT, "node '%s' is revoked, which is for good", node_id);
	if (strcmp(word, "suspended") == 0)
		return error_set(err, STATUS_CONFLICT, "node '%s' is suspended", node_id);
	if (strcmp(word, "key_taken") == 0)
		return error_set(err, STATUS_CONFLICT, "the key is another node's");
	return error_set(err, STATUS_INTERNAL, "the database said '%s'", word);
}

static enum status call_function(struct store *store, enum query query, const struct arg *args, size_t n_args,
				 char ret_word[16], struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, query, args, n_args, &rows, err);
	if (st == STATUS_OK && !row_copy(rows, 0, 0, ret_word, 16))
		return error_set(err, STATUS_INTERNAL, "the database said something longer than a word");
	return st;
}

enum status store_fleet_suspend(struct store *store, const char *node_id, bool suspended, struct error *err)
{
	const struct arg args[] = { arg_text(node_id), arg_bool(suspended) };
	char word[16];
	enum status st = call_function(store, QUERY_FLEET_SUSPEND, args, ARRAY_LEN(args), word, err);
	return st == STATUS_OK ? status_of_word(word, node_id, err) : st;
}

enum status store_fleet_revoke(struct store *store, const char *node_id, const char *reason, struct error *err)
{
	const struct arg args[] = { arg_text(node_id), arg_text(reason) };
	char word[16];
	enum status st = call_function(store, QUERY_FLEET_REVOKE, args, ARRAY_LEN(args), word, err);
	if (st != STATUS_OK || strcmp(word, "revoked") == 0)
		return st; /* it was already */
	return status_of_word(word, node_id, err);
}

enum status store_fleet_delete(struct store *store, const char *node_id, struct error *err)
{
	const struct arg args[] = { arg_text(node_id) };
	char word[16];
	enum status st = call_function(store, QUERY_FLEET_DELETE, args, ARRAY_LEN(args), word, err);
	if (st != STATUS_OK)
		return st;
	return word[0] == 't' ? STATUS_OK : no_such_node(node_id, err);
}

enum status store_fleet_transfer(struct store *store, const char *node_id, const char *user_name, struct error *err)
{
	const struct arg args[] = { arg_text(node_id), arg_text(user_name) };
	char word[16];
	enum status st = call_function(store, QUERY_FLEET_TRANSFER, args, ARRAY_LEN(args), word, err);
	if (st != STATUS_OK)
		return st;
	if (strcmp(word, "no_user") == 0)
		return error_set(err, STATUS_INVALID, "no user '%s'", user_name);
	return status_of_word(word, node_id, err);
}

enum status store_fleet_renew(struct store *store, const char *node_id, const struct certificate_record *certificate,
			      struct error *err)
{
	struct arg args[1 + CERTIFICATE_ARGS] = { arg_text(node_id) };
	arg_certificate(args + 1, certificate);
	char word[16];
	enum status st = call_function(store, QUERY_FLEET_RENEW, args, ARRAY_LEN(args), word, err);
	return st == STATUS_OK ? status_of_word(word, node_id, err) : st;
}

enum status store_fleet_check_active(struct store *store, const char *node_id, struct error *err)
{
	const struct arg args[] = { arg_text(node_id) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_FLEET_STATE, args, ARRAY_LEN(args), &rows, err);
	if (st != STATUS_OK)
		return st;
	if (PQntuples(rows) == 0)
		return no_such_node(node_id, err);
	const char *state = row_text(rows, 0, 0);
	return strcmp(state, "active") == 0 ? STATUS_OK : status_of_word(state, node_id, err);
}

/* --- is it in force? --- */

enum status store_fleet_mark(struct store *store, struct fleet_mark *ret_mark, struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_FLEET_MARK, NULL, 0, &rows, err);
	if (st != STATUS_OK)
		return st;
	struct fleet_mark mark = { .version = row_i64(rows, 0, 1) };
	if (!row_copy(rows, 0, 0, mark.epoch, sizeof(mark.epoch)))
		return error_set(err, STATUS_INTERNAL, "the epoch is longer than its limit");
	*ret_mark = mark;
	return STATUS_OK;
}

enum status store_fleet_in_force(struct store *store, const struct fleet_mark *mark, bool *ret_in_force,
				 struct error *err)
{
	const struct arg args[] = { arg_text(mark->epoch), arg_i64(mark->version) };
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_FLEET_IN_FORCE, args, ARRAY_LEN(args), &rows, err);
	if (st == STATUS_OK)
		*ret_in_force = row_bool(rows, 0, 0);
	return st;
}

enum status store_fleet_wait_in_force(struct store *store, int64_t wait_ms, bool *ret_in_force, struct error *err)
{
	const struct timespec pause = { .tv_nsec = ASK_EVERY_MS * 1000000 };
	int64_t until_us = clock_monotonic_us() + wait_ms * 1000;
	struct fleet_mark mark = { .epoch = "" };
	bool in_force = false;
	enum status st = store_fleet_mark(store, &mark, err);
	while (st == STATUS_OK) {
		st = store_fleet_in_force(store, &mark, &in_force, err);
		if (st != STATUS_OK || in_force || clock_monotonic_us() >= until_us)
			break;
		(void)nanosleep(&pause, NULL); /* a short sleep only asks earlier */
	}
	if (st == STATUS_OK)
		*ret_in_force = in_force;
	return st;
}

enum status store_fleet_brokers(struct store *store, fleet_broker_each *each, void *context, struct error *err)
{
	CLEANUP(pg_result) PGresult *rows = NULL;
	enum status st = store_query(store, QUERY_FLEET_BROKERS, NULL, 0, &rows, err);
	if (st != STATUS_OK)
		return st;
	for (int row = 0; row < PQntuples(rows); row++) {
		const struct fleet_broker broker = { .broker = row_text(rows, row, 0),
						     .in_force = row_bool(rows, row, 1),
						     .version = row_i64(rows, row, 2),
						     .wanted_version = row_i64(rows, row, 3),
						     .revocation_json = row_text(rows, row, 4),
						     .revocation_at_us = row_i64(rows, row, 5),
						     .counters_json = row_text(rows, row, 6),
						     .counters_at_us = row_i64(rows, row, 7),
						     .mqtt_host = row_text(rows, row, 8),
						     .service_host = row_text(rows, row, 9),
						     .service_port = (int)row_i64(rows, row, 10),
						     .state = row_text(rows, row, 11),
						     .lost_at_us = row_i64(rows, row, 12),
						     .n_connected = row_i64(rows, row, 13) };
		each(context, &broker);
	}
	return STATUS_OK;
}
