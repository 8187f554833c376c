/* write_paths - ways to write a batch of parameter values, one against the other, on the table that the daemon writes.
 *
 *   write_paths URL NODES ROWS BATCHES
 *
 * Makes a schema `write_paths` (and drops it again) with a copy of node_param: NODES nodes of 10 parameters. Every batch writes ROWS
 * different parameters of nodes chosen by a fixed sequence, in one transaction, and waits for its commit. Prints one JSON line for each way:
 *
 *   unnest     one prepared INSERT .. SELECT FROM unnest(..) ON CONFLICT DO UPDATE, arrays in binary: what the daemon does
 *   copy       COPY .. FROM STDIN (FORMAT binary) into a temporary table, then one INSERT .. SELECT .. ON CONFLICT
 *   pipeline   one prepared INSERT .. ON CONFLICT a row, all sent before the first answer is read
 *   single     the same, a round trip and a commit each: the baseline
 */
#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/column.h"
#include "store/query.h"

enum { PARAMS = 10, VALUE_MAX = 64, SINGLE_ROWS = 500 };

struct row {
	char node_id[24], param[8], value[VALUE_MAX];
	int64_t at_us;
};

struct bench {
	PGconn *connection;
	long n_nodes, n_rows, n_batches;
	struct row *rows;
	uint64_t state;
};

static _Noreturn void fail(const struct bench *bench, const char *what)
{
	(void)fprintf(stderr, "write_paths: %s: %s", what, PQerrorMessage(bench->connection));
	exit(EXIT_FAILURE);
}

static void check(const struct bench *bench, PGresult *result, const char *what)
{
	ExecStatusType status = PQresultStatus(result);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN &&
	    status != PGRES_PIPELINE_SYNC)
		fail(bench, what);
	PQclear(result);
}

static void run(const struct bench *bench, const char *sql)
{
	check(bench, PQexec(bench->connection, sql), sql);
}

/* xorshift64: the same rows for each way. */
static uint64_t next(struct bench *bench)
{
	bench->state ^= bench->state << 13;
	bench->state ^= bench->state >> 7;
	bench->state ^= bench->state << 17;
	return bench->state;
}

/* No key twice in a batch, as after the batch's own "last value wins": consecutive nodes from a random one. */
static void make_rows(struct bench *bench)
{
	uint64_t first = next(bench);
	for (long i = 0; i < bench->n_rows; i++) {
		struct row *row = &bench->rows[i];
		uint64_t node = (first + (uint64_t)(i / PARAMS)) % (uint64_t)bench->n_nodes;
		(void)snprintf(row->node_id, sizeof(row->node_id), "n%llu", (unsigned long long)node);
		(void)snprintf(row->param, sizeof(row->param), "p%ld", i % PARAMS);
		(void)snprintf(row->value, sizeof(row->value), "%llu", (unsigned long long)(next(bench) % 1000));
		row->at_us = 1700000000000000 + (int64_t)(next(bench) % 1000000);
	}
}

static void make_tables(const struct bench *bench)
{
	char sql[512];
	run(bench, "DROP SCHEMA IF EXISTS write_paths CASCADE");
	run(bench, "CREATE SCHEMA write_paths");
	run(bench, "CREATE TABLE write_paths.node_param (LIKE node_param INCLUDING ALL) WITH (fillfactor = 70)");
	(void)snprintf(sql, sizeof(sql),
		       "INSERT INTO write_paths.node_param (node_id, device, param, value, received_at)"
		       " SELECT 'n' || i, 'Light', 'p' || p, '0', now() FROM generate_series(0, %ld) i, "
		       "generate_series(0, %d) p",
		       bench->n_nodes - 1, PARAMS - 1);
	run(bench, sql);
	run(bench, "VACUUM ANALYZE write_paths.node_param");
	run(bench, "SET search_path = write_paths, public");
	run(bench, "CREATE TEMP TABLE staging (node_id text, device text, param text, value text, at bigint) ON COMMIT "
		   "DELETE ROWS");
}

#define UPSERT_END                                                                                                     \
	" ON CONFLICT (node_id, device, param) DO UPDATE SET value = excluded.value, received_at = "                   \
	"excluded.received_at,"                                                                                        \
	" version = p.version + (p.value::text IS DISTINCT FROM excluded.value::text)::integer"
#define INSERT_HEAD "INSERT INTO node_param AS p (node_id, device, param, value, received_at) "

static void prepare(const struct bench *bench, const char *name, const char *sql)
{
	check(bench, PQprepare(bench->connection, name, sql, 0, NULL), name);
}

static void by_unnest(struct bench *bench)
{
	struct column columns[5];
	const enum column_type types[5] = { COLUMN_TEXT, COLUMN_TEXT, COLUMN_TEXT, COLUMN_TEXT, COLUMN_BIGINT };
	const char *values[5];
	int lengths[5], formats[5];
	for (int i = 0; i < 5; i++)
		column_init(&columns[i], types[i]);
	for (long i = 0; i < bench->n_rows; i++) {
		const struct row *row = &bench->rows[i];
		column_put_text(&columns[0], row->node_id, strlen(row->node_id));
		column_put_text(&columns[1], "Light", 5);
		column_put_text(&columns[2], row->param, strlen(row->param));
		column_put_text(&columns[3], row->value, strlen(row->value));
		column_put_i64(&columns[4], row->at_us);
	}
	for (int i = 0; i < 5; i++) {
		struct arg arg = arg_column(&columns[i]);
		values[i] = arg.bytes;
		lengths[i] = arg.len;
		formats[i] = arg.format;
	}
	check(bench, PQexecPrepared(bench->connection, "by_unnest", 5, values, lengths, formats, 0), "unnest");
	for (int i = 0; i < 5; i++)
		column_done(&columns[i]);
}

static void put_be(char **at, uint64_t value, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		*(*at)++ = (char)(value >> (8 * i));
}

static void put_field(char **at, const char *text)
{
	size_t len = strlen(text);
	put_be(at, len, 4);
	memcpy(*at, text, len);
	*at += len;
}

static void by_copy(struct bench *bench)
{
	static const char signature[19] =
		"PGCOPY\n\377\r\n"; /* and flags and extension, 0 each (PostgreSQL, COPY, binary format) */
	char *bytes = malloc((size_t)bench->n_rows * 256 + 64), *at = bytes;
	if (!bytes)
		abort();
	memcpy(at, signature, sizeof(signature));
	at += sizeof(signature);
	for (long i = 0; i < bench->n_rows; i++) {
		const struct row *row = &bench->rows[i];
		put_be(&at, 5, 2);
		put_field(&at, row->node_id);
		put_field(&at, "Light");
		put_field(&at, row->param);
		put_field(&at, row->value);
		put_be(&at, 8, 4);
		put_be(&at, (uint64_t)row->at_us, 8);
	}
	put_be(&at, 0xffff, 2);
	run(bench, "BEGIN");
	run(bench, "COPY staging FROM STDIN (FORMAT binary)");
	if (PQputCopyData(bench->connection, bytes, (int)(at - bytes)) != 1 ||
	    PQputCopyEnd(bench->connection, NULL) != 1)
		fail(bench, "copy");
	for (PGresult *result; (result = PQgetResult(bench->connection));)
		check(bench, result, "copy");
	check(bench, PQexecPrepared(bench->connection, "merge", 0, NULL, NULL, NULL, 0), "merge");
	run(bench, "COMMIT");
	free(bytes);
}

static void send_row(struct bench *bench, const struct row *row)
{
	char at[24];
	(void)snprintf(at, sizeof(at), "%lld", (long long)row->at_us);
	const char *values[] = { row->node_id, "Light", row->param, row->value, at };
	if (!PQsendQueryPrepared(bench->connection, "by_row", 5, values, NULL, NULL, 0))
		fail(bench, "row");
}

static void by_pipeline(struct bench *bench)
{
	if (!PQenterPipelineMode(bench->connection))
		fail(bench, "pipeline");
	for (long i = 0; i < bench->n_rows; i++)
		send_row(bench, &bench->rows[i]);
	if (!PQpipelineSync(bench->connection))
		fail(bench, "sync");
	for (bool synced = false; !synced;) {
		PGresult *result = PQgetResult(bench->connection);
		if (!result)
			continue; /* between two statements */
		synced = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
		check(bench, result, "pipeline");
	}
	if (!PQexitPipelineMode(bench->connection))
		fail(bench, "pipeline");
}

static void by_single(struct bench *bench)
{
	for (long i = 0; i < bench->n_rows && i < SINGLE_ROWS; i++) {
		send_row(bench, &bench->rows[i]);
		for (PGresult *result; (result = PQgetResult(bench->connection));)
			check(bench, result, "single");
	}
}

static double now_s(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

struct way {
	const char *name;
	void (*write)(struct bench *bench);
	long batch_divisor; /* a slow way writes fewer */
};

static const struct way ways[] = {
	{ "unnest", by_unnest, 1 },
	{ "copy", by_copy, 1 },
	{ "pipeline", by_pipeline, 1 },
	{ "single", by_single, 50 },
};

static void measure(struct bench *bench, const struct way *way)
{
	bench->state = 88172645463325252U;
	long n_batches = bench->n_batches / way->batch_divisor + 1, n_rows = 0;
	double took_s = 0;
	for (long i = 0; i < n_batches; i++) {
		make_rows(bench);
		double began = now_s();
		way->write(bench);
		took_s += now_s() - began;
		n_rows += way->write == by_single && bench->n_rows > SINGLE_ROWS ? SINGLE_ROWS : bench->n_rows;
	}
	(void)printf("{\"way\":\"%s\",\"nodes\":%ld,\"rows_a_batch\":%ld,\"rows_per_s\":%.0f,\"batch_ms\":%.2f}\n",
		     way->name, bench->n_nodes, bench->n_rows, (double)n_rows / took_s,
		     took_s * 1e3 / (double)n_batches);
	(void)fflush(stdout);
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		(void)fprintf(stderr, "usage: write_paths URL NODES ROWS BATCHES\n");
		return 2;
	}
	struct bench bench = { .connection = PQconnectdb(argv[1]),
			       .n_nodes = strtol(argv[2], NULL, 10),
			       .n_rows = strtol(argv[3], NULL, 10),
			       .n_batches = strtol(argv[4], NULL, 10) };
	if (PQstatus(bench.connection) != CONNECTION_OK)
		fail(&bench, "connect");
	if (bench.n_nodes < 1 || bench.n_rows < 1 || bench.n_rows > bench.n_nodes * PARAMS || bench.n_batches < 1)
		return 2;
	bench.rows = calloc((size_t)bench.n_rows, sizeof(*bench.rows));
	if (!bench.rows)
		abort();
	make_tables(&bench);
	prepare(&bench, "by_unnest",
		INSERT_HEAD "SELECT r.node_id, r.device, r.param, r.value::json, time_us(r.at)"
			    " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[]) AS r (node_id, "
			    "device, param, value, at)"
			    " ORDER BY r.node_id, r.device, r.param" UPSERT_END);
	prepare(&bench, "merge",
		INSERT_HEAD "SELECT r.node_id, r.device, r.param, r.value::json, time_us(r.at) FROM staging r"
			    " ORDER BY r.node_id, r.device, r.param" UPSERT_END);
	prepare(&bench, "by_row", INSERT_HEAD "VALUES ($1, $2, $3, $4::json, time_us($5::bigint))" UPSERT_END);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		measure(&bench, &ways[i]);
	run(&bench, "DROP SCHEMA write_paths CASCADE");
	free(bench.rows);
	PQfinish(bench.connection);
	return EXIT_SUCCESS;
}
