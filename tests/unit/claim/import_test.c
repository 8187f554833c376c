/* The rule for a row, with certificates, signerd and database in the form of words:
 *
 *   certificate   cert:<node id>:<key>     trusted;  bad:...  not
 *   request       csr:<node id>:<key>
 *   database      a table of nodes, each with state and key; `answers` are what it says to the rows in order */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define given_read              fake_given_read
#define given_fingerprint       fake_given_fingerprint
#define trust_open              fake_trust_open
#define trust_add               fake_trust_add
#define trust_close             fake_trust_close
#define csr_read                fake_csr_read
#define signer_sign             fake_signer_sign
#define signer_cas              fake_signer_cas
#define store_registration_look fake_look
#define store_registration_rows fake_rows

#include "claim/import.c"
#include "claim/import_job.c"

#include <cmocka.h>

#define OURS "0123456789abcdef0123456789abcdef01234567"

struct known {
	const char *node_id, *state, *key;
};

/* What the fakes say, and what they were asked. */
static struct {
	const struct known *nodes;
	size_t n_nodes;
	enum registration_result answers[8]; /* ADDED unless told */
	enum status rows_status, sign_status, look_status;
	struct buffer signed_for, recorded, hooks;
} world;

static void forget(void)
{
	buffer_done(&world.signed_for);
	buffer_done(&world.recorded);
	buffer_done(&world.hooks);
	memset(&world, 0, sizeof(world));
}

/* --- the fakes --- */

static void hash_word(const char *word, unsigned char hash[32])
{
	memset(hash, 0, 32);
	memcpy(hash, word, strlen(word) < 32 ? strlen(word) : 32);
}

/* `<kind>:<node id>:<key>` */
static bool split(const char *text, const char *kind, char node_id[65], char key[33])
{
	size_t len = strlen(kind);
	return strncmp(text, kind, len) == 0 && sscanf(text + len, ":%64[^:]:%32s", node_id, key) == 2;
}

enum status fake_trust_open(const char *folder, struct trust **ret_trust, struct error *err)
{
	(void)folder, (void)err;
	*ret_trust = NULL;
	return STATUS_OK;
}

enum status fake_trust_add(struct trust *trust, const char *pem, struct error *err)
{
	(void)trust, (void)pem, (void)err;
	return STATUS_OK;
}

void fake_trust_close(struct trust *trust)
{
	(void)trust;
}

enum status fake_given_read(struct trust *trust, const char *pem, struct given_certificate *ret_given,
			    struct error *err)
{
	(void)trust;
	char key[33];
	struct given_certificate given = { .node_id = "" };
	if (!split(pem, "cert", given.node_id, key) && !split(pem, "ours", given.node_id, key))
		return error_set(err, STATUS_INVALID, "not accepted");
	hash_word(key, given.certificate.key_hash);
	(void)snprintf(given.certificate.pem, sizeof(given.certificate.pem), "%s", pem);
	(void)snprintf(given.certificate.ca_key_id, sizeof(given.certificate.ca_key_id), "%s",
		       pem[0] == 'o' ? OURS : "");
	*ret_given = given;
	return STATUS_OK;
}

enum status fake_given_fingerprint(const char *pem, char ret_fingerprint[GIVEN_FINGERPRINT_HEX + 1], struct error *err)
{
	(void)pem, (void)err;
	ret_fingerprint[0] = '\0';
	return STATUS_OK;
}

enum status fake_csr_read(const char *pem, size_t pem_len, struct csr *ret_csr, struct error *err)
{
	(void)pem_len;
	char key[33];
	struct csr csr = { .key = NULL };
	if (!split(pem, "csr", csr.node_id, key))
		return error_set(err, STATUS_INVALID, "no request");
	hash_word(key, csr.key_hash);
	*ret_csr = csr;
	return STATUS_OK;
}

enum status fake_signer_cas(const struct signer_options *options, signer_ca_each *each, void *context,
			    struct error *err)
{
	(void)options, (void)err;
	each(context, OURS, "pem", true);
	return STATUS_OK;
}

enum status fake_signer_sign(const struct signer_options *options, const char *node_id, const char *csr_pem,
			     size_t csr_len, struct signed_certificate *ret_certificate, struct error *err)
{
	(void)options, (void)csr_len;
	if (world.sign_status != STATUS_OK)
		return error_set(err, world.sign_status, "signerd says no");
	struct signed_certificate made = { .ca_key_id = OURS };
	(void)snprintf(made.pem, sizeof(made.pem), "made:%s", csr_pem);
	buffer_printf(&world.signed_for, "%s ", node_id);
	*ret_certificate = made;
	return STATUS_OK;
}

enum status fake_look(struct store *store, const char *const *node_ids, size_t n_nodes, registration_node_each *each,
		      void *context, struct error *err)
{
	(void)store;
	if (world.look_status != STATUS_OK)
		return error_set(err, world.look_status, "database is away");
	for (size_t i = 0; i < n_nodes; i++) {
		struct registration_node node = { .state = "", .fingerprint = "", .pem = "" };
		for (size_t k = 0; k < world.n_nodes; k++) {
			if (strcmp(world.nodes[k].node_id, node_ids[i]) != 0)
				continue;
			node = (struct registration_node){ .state = world.nodes[k].state,
							   .has_certificate = world.nodes[k].key != NULL,
							   .fingerprint = "f",
							   .pem = "live" };
			hash_word(world.nodes[k].key ? world.nodes[k].key : "", node.key_hash);
		}
		each(context, i, &node);
	}
	return STATUS_OK;
}

enum status fake_rows(struct store *store, const struct registration_row *rows, size_t n_rows,
		      enum registration_result *ret_results, struct error *err)
{
	(void)store;
	if (world.rows_status != STATUS_OK)
		return error_set(err, world.rows_status, "database is away");
	for (size_t i = 0; i < n_rows; i++) {
		buffer_printf(&world.recorded, "%s%s ", rows[i].node_id, rows[i].ca_key_id ? "+ours" : "");
		ret_results[i] = world.answers[i];
	}
	return STATUS_OK;
}

/* --- hooks that write down what they are asked --- */

static enum status hook_make(void *context, size_t slot, const char *node_id, struct buffer *ret_csr, struct error *err)
{
	(void)context, (void)err;
	buffer_printf(&world.hooks, "make%zu ", slot);
	buffer_printf(ret_csr, "csr:%s:made", node_id);
	return STATUS_OK;
}

static enum status hook_stage(void *context, size_t slot, const char *node_id, const char *pem, struct error *err)
{
	(void)context, (void)node_id, (void)pem, (void)err;
	buffer_printf(&world.hooks, "stage%zu ", slot);
	return STATUS_OK;
}

static enum status hook_publish(void *context, size_t slot, const char *node_id, const char *pem, bool made, bool added,
				struct error *err)
{
	(void)context, (void)node_id;
	buffer_printf(&world.hooks, "publish%zu(%s%s%s) ", slot, pem, made ? ",made" : "", added ? ",added" : "");
	if (context && strcmp(context, "in the way") == 0)
		return error_set(err, STATUS_CONFLICT, "a file is in the way");
	return STATUS_OK;
}

static void hook_end(void *context, size_t slot, bool refused)
{
	(void)context;
	buffer_printf(&world.hooks, "end%zu%s ", slot, refused ? "(refused)" : "");
}

/* --- a run --- */

struct run {
	struct import_counts counts;
	struct buffer failed;
	enum status status;
	struct error err;
	bool end;
	struct importer *importer;
	struct import_job *job;
	struct csv_text rest;
};

static void run_open(struct run *run, const char *text, const struct import_hooks *hooks)
{
	const struct import_options options = { .trust_dir = "", .signer = { .socket_path = "socket" } };
	*run = (struct run){ .rest = { text, strlen(text) } };
	assert_int_equal(import_open(&options, &run->importer, &run->err), STATUS_OK);
	run->status = import_job_open(run->importer, hooks, csv_fill_text, &run->rest, &run->job, &run->err);
}

static void run_next(struct run *run)
{
	run->status = import_job_next(run->job, NULL, &run->counts, &run->failed, &run->end, &run->err);
}

static void run_done(struct run *run)
{
	import_job_close(run->job);
	import_close(run->importer);
	buffer_done(&run->failed);
	forget();
}

static const struct known nodes[] = {
	{ "there", "active", "k1" },
	{ "held", "suspended", "k2" },
	{ "gone", "revoked", NULL },
	{ "empty", "active", NULL },
};

static void each_row_is_decided_by_what_it_brings_and_what_is_there(void **state)
{
	(void)state;
	/* expected: + added, = present, else the reason */
	static const struct {
		const char *row, *expected;
	} cases[] = {
		{ "new,cert:new:k,", "+" },
		{ "new,ours:new:k,", "+" },
		{ " new\t,cert:new:k,", "+" },
		{ "new,cert:other:k,", "the certificate's CN is not node_id" },
		{ "new,bad,", "not accepted" },
		{ "new,cert:new:k,csr:new:k", "both a certificate and a request" },
		{ "new,,csr:new:k", "+" },
		{ "new,,csr:other:k", "the request's CN is not node_id" },
		{ "new,,rubbish", "no request" },
		{ "there,,csr:there:k1", "=" },
		{ "there,,csr:there:k9", "the node is registered with another key" },
		{ "held,,csr:held:k2", "the node is suspended" },
		{ "gone,,csr:gone:k", "the node is revoked" },
		{ "empty,,csr:empty:k", "+" },
		{ "new,,", "neither a certificate nor a request" },
		{ "a b,cert:new:k,", "node_id is not 1 to 64 of A-Z a-z 0-9 _ -" },
		{ ",cert:new:k,", "node_id is not 1 to 64 of A-Z a-z 0-9 _ -" },
		{ "cisternd,cert:cisternd:k,", "node_id is the name of a service" },
		{ "new", "neither a certificate nor a request" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[256];
		const char *reason = "";
		struct run run;
		world.nodes = nodes;
		world.n_nodes = ARRAY_LEN(nodes);
		(void)snprintf(text, sizeof(text), "node_id,certs,csr\n%s\n", cases[i].row);
		run_open(&run, text, NULL);
		run_next(&run);
		assert_int_equal(run.status, STATUS_OK);
		assert_true(run.end);
		(void)import_job_first_failure(run.job, &reason);
		const char *got = run.counts.n_added ? "+" : run.counts.n_present ? "=" : reason;
		assert_string_equal(got, cases[i].expected);
		/* what was decided before the database's verdict has cost no signature */
		assert_int_equal(world.signed_for.len > 0, cases[i].expected[0] == '+' && strstr(cases[i].row, "csr:"));
		run_done(&run);
	}
}

static void the_databases_word_decides_in_the_end(void **state)
{
	(void)state;
	static const struct {
		enum registration_result said;
		const char *expected;
	} cases[] = {
		{ REGISTRATION_PRESENT, "=" },
		{ REGISTRATION_DIFFERS, "the node is registered with another certificate" },
		{ REGISTRATION_REFUSED, "the certificate was revoked" },
		{ REGISTRATION_SERIAL_TAKEN, "another certificate has the same serial" },
		{ REGISTRATION_KEY_TAKEN, "another node has the same key" },
		{ REGISTRATION_REVOKED, "the node is revoked" },
		{ REGISTRATION_SUSPENDED, "the node is suspended" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct run run;
		const char *reason = "";
		world.answers[1] = cases[i].said;
		run_open(&run, "node_id,certificate\na,cert:a:1\nb,cert:b:2\nc,ours:c:3\n", NULL);
		run_next(&run);
		assert_string_equal(buffer_text(&world.recorded), "a b c+ours ");
		assert_int_equal(run.counts.n_added, 2); /* the others do not mind */
		int64_t line = import_job_first_failure(run.job, &reason);
		assert_string_equal(run.counts.n_present ? "=" : reason, cases[i].expected);
		assert_int_equal(line, run.counts.n_present ? 0 : 3);
		run_done(&run);
	}
}

static void failed_rows_keep_their_columns_and_get_a_reason(void **state)
{
	(void)state;
	struct run run;
	run_open(&run, "qr,Node_ID ,reason,certs\n\"a,\"\"b\"\"\",n1,old,bad\nx,n2,,cert:n2:k\ny,n3\n", NULL);
	import_job_failed_header(run.job, &run.failed);
	run_next(&run);
	assert_string_equal(buffer_text(&run.failed), "qr,Node_ID ,certs,reason\n"
						      "\"a,\"\"b\"\"\",n1,bad,not accepted\n"
						      "y,n3,,neither a certificate nor a request\n");
	run_done(&run);
}

static void a_file_needs_a_column_node_id_and_one_for_certificates_at_most(void **state)
{
	(void)state;
	static const char *const refused[] = { "", "id,certs\n", "node_id,certs,certificate\n", "\"node_id\n" };
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct run run;
		run_open(&run, refused[i], NULL);
		assert_int_equal(run.status, STATUS_INVALID);
		run_done(&run);
	}
}

static void what_stands_before_a_broken_line_is_done_first(void **state)
{
	(void)state;
	struct run run;
	run_open(&run, "node_id,certs\na,cert:a:1\nb,\"x\"y\nc,cert:c:1\n", NULL);
	run_next(&run);
	assert_int_equal(run.status, STATUS_INVALID);
	assert_string_equal(run.err.text, "line 3: text behind a closing quote");
	assert_int_equal(run.counts.n_added, 1);
	run_next(&run); /* and stays told */
	assert_int_equal(run.status, STATUS_INVALID);
	assert_int_equal(run.counts.n_rows, 1);
	run_done(&run);
}

static void what_is_away_keeps_the_batch_for_the_next_try(void **state)
{
	(void)state;
	enum status *const away[] = { &world.look_status, &world.sign_status, &world.rows_status };
	for (size_t i = 0; i < ARRAY_LEN(away); i++) {
		struct run run;
		run_open(&run, "node_id,csr\na,csr:a:1\nb,csr:b:2\n", NULL);
		*away[i] = STATUS_UNAVAILABLE;
		run_next(&run);
		assert_int_equal(run.status, STATUS_UNAVAILABLE);
		assert_int_equal(run.counts.n_rows, 0);
		*away[i] = STATUS_OK;
		run_next(&run);
		assert_int_equal(run.status, STATUS_OK);
		assert_true(run.end);
		assert_int_equal(run.counts.n_added, 2);
		run_done(&run);
	}
}

static void rows_that_an_earlier_run_has_done_are_passed_over(void **state)
{
	(void)state;
	struct run run;
	run_open(&run, "node_id,certs\na,cert:a:1\nb,cert:b:2\nc,cert:c:3\n", NULL);
	assert_int_equal(import_job_skip(run.job, 2, &run.err), STATUS_OK);
	run_next(&run);
	assert_string_equal(buffer_text(&world.recorded), "c ");
	run_done(&run);
	run_open(&run, "node_id,certs\na,cert:a:1\n", NULL);
	assert_int_equal(import_job_skip(run.job, 5, &run.err), STATUS_OK);
	run_next(&run);
	assert_true(run.end);
	assert_int_equal(run.counts.n_rows, 0);
	run_done(&run);
}

static void a_file_of_more_than_a_batch_goes_in_batches(void **state)
{
	(void)state;
	CLEANUP(buffer) struct buffer text = { 0 };
	struct run run;
	buffer_puts(&text, "node_id,certs\n");
	for (int i = 0; i < IMPORT_BATCH_MAX + 1; i++)
		buffer_printf(&text, "n%d,bad\n", i);
	run_open(&run, buffer_text(&text), NULL);
	run_next(&run);
	assert_false(run.end);
	assert_int_equal(run.counts.n_failed, IMPORT_BATCH_MAX);
	run_next(&run);
	assert_true(run.end);
	assert_int_equal(run.counts.n_failed, IMPORT_BATCH_MAX + 1);
	run_done(&run);
}

static void one_node_twice_in_a_batch_is_signed_for_once(void **state)
{
	(void)state;
	struct run run;
	run_open(&run, "node_id,csr\na,csr:a:1\na,csr:a:2\n", NULL);
	run_next(&run);
	assert_string_equal(buffer_text(&world.signed_for), "a ");
	assert_int_equal(run.counts.n_failed, 1);
	run_done(&run);
}

static void hooks_are_called_in_the_order_that_loses_no_key(void **state)
{
	(void)state;
	const struct import_hooks hooks = { NULL, hook_make, hook_stage, hook_publish, hook_end };
	struct run run;
	world.nodes = nodes;
	world.n_nodes = ARRAY_LEN(nodes);
	run_open(&run, "node_id,certs,csr\nnew,,\nb,cert:b:1,\nc,,csr:c:2\nthere,,\nheld,,\n", &hooks);
	run_next(&run);
	assert_string_equal(buffer_text(&world.hooks),
			    "make0 stage0 stage2 publish0(made:csr:new:made,made,added) publish2(made:csr:c:2,added) "
			    "publish3(live,made) end0 end2 end3 ");
	assert_int_equal(run.counts.n_failed, 1); /* held */
	run_done(&run);
}

static void a_key_is_given_up_only_when_its_certificate_is_surely_not_recorded(void **state)
{
	(void)state;
	char in_the_way[] = "in the way";
	const struct import_hooks hooks = { NULL, hook_make, hook_stage, hook_publish, hook_end };
	const struct import_hooks blocked = { in_the_way, hook_make, hook_stage, hook_publish, hook_end };
	struct run run;

	run_open(&run, "node_id\na\n", &hooks); /* the database has refused it */
	world.answers[0] = REGISTRATION_DIFFERS;
	run_next(&run);
	assert_string_equal(buffer_text(&world.hooks), "make0 stage0 end0(refused) ");
	run_done(&run);

	run_open(&run, "node_id\na\n", &hooks); /* the commit's answer did not come */
	world.rows_status = STATUS_UNAVAILABLE;
	run_next(&run);
	assert_string_equal(buffer_text(&world.hooks), "make0 stage0 end0 ");
	run_done(&run);

	run_open(&run, "node_id\na\n", &blocked); /* recorded, and then a file was in the way */
	run_next(&run);
	assert_int_equal(run.counts.n_failed, 1);
	assert_string_equal(buffer_text(&world.hooks), "make0 stage0 publish0(made:csr:a:made,made,added) end0 ");
	run_done(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_is_decided_by_what_it_brings_and_what_is_there),
		cmocka_unit_test(the_databases_word_decides_in_the_end),
		cmocka_unit_test(failed_rows_keep_their_columns_and_get_a_reason),
		cmocka_unit_test(a_file_needs_a_column_node_id_and_one_for_certificates_at_most),
		cmocka_unit_test(what_stands_before_a_broken_line_is_done_first),
		cmocka_unit_test(what_is_away_keeps_the_batch_for_the_next_try),
		cmocka_unit_test(rows_that_an_earlier_run_has_done_are_passed_over),
		cmocka_unit_test(a_file_of_more_than_a_batch_goes_in_batches),
		cmocka_unit_test(one_node_twice_in_a_batch_is_signed_for_once),
		cmocka_unit_test(hooks_are_called_in_the_order_that_loses_no_key),
		cmocka_unit_test(a_key_is_given_up_only_when_its_certificate_is_surely_not_recorded),
	};
	return cmocka_run_group_tests_name("claim/import", tests, NULL, NULL);
}
