/* A node changes its certificate: what it asks and how often, when the new one takes over, and when it goes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cistern-node/answer.c"
#include "cistern-node/credentials.c"
#include "cistern-node/csr.c"
#include "cistern-node/renew.c"

#include "base/clock.h"

#include <stdlib.h>

enum { TEN_SECONDS_US = 10 * 1000000 };

/* --- the rest of the node, played --- */

static struct {
	size_t n_requests, n_subscriptions, n_closed;
	char request[2048], previous[2048];
	char last_event[64], last_reason[ERROR_TEXT_MAX + 1];
	char used_cert[PATH_MAX];
	bool tls_fails;
} played;

void event_write_fields(const char *event, const char *node_id, const struct log_field *fields, size_t n_fields)
{
	(void)node_id;
	(void)snprintf(played.last_event, sizeof(played.last_event), "%s", event);
	for (size_t i = 0; i < n_fields; i++) {
		if (strcmp(fields[i].name, "reason") == 0)
			(void)snprintf(played.last_reason, sizeof(played.last_reason), "%s", fields[i].text);
	}
}

void node_publish(struct node *node, const char *suffix, const void *payload, size_t payload_len)
{
	(void)node;
	assert_string_equal(suffix, "certificate/request");
	assert_true(payload_len < sizeof(played.request));
	memcpy(played.previous, played.request, sizeof(played.previous));
	memcpy(played.request, payload, payload_len);
	played.request[payload_len] = '\0';
	played.n_requests++;
}

void node_subscribe(struct node *node, const char *suffix)
{
	(void)node;
	assert_string_equal(suffix, "certificate/response");
	assert_int_equal(played.n_requests, played.n_subscriptions); /* before each first request of a connection */
	played.n_subscriptions++;
}

void connection_close(struct connection *connection)
{
	connection->state = CONNECTION_CLOSING;
	played.n_closed++;
}

enum status tls_context_use(SSL_CTX *context, const char *cert_file, const char *key_file, struct error *err)
{
	(void)context;
	(void)key_file;
	(void)snprintf(played.used_cert, sizeof(played.used_cert), "%s", cert_file);
	return played.tls_fails && strstr(cert_file, ".new") ? error_set(err, STATUS_INVALID, "unusable") : STATUS_OK;
}

/* --- a node --- */

static char folder[64], cert_file[96], key_file[96];
static struct identity identity = { .cert = cert_file, .key = key_file, .folder = folder };
static struct node node;
static char first_certificate[] = "the first certificate";

static int set_up(void **state)
{
	CLEANUP(csr) struct csr first = { 0 };

	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/cistern-renew-XXXXXX");
	if (!mkdtemp(folder) || csr_make(CSR_KEY_P256, "n1", &first, NULL) != STATUS_OK)
		return -1;
	(void)snprintf(cert_file, sizeof(cert_file), "%s/node.crt", folder);
	(void)snprintf(key_file, sizeof(key_file), "%s/node.key", folder);
	memset(&played, 0, sizeof(played));
	clock_test_shift_us = 0;
	node = (struct node){ .id = "n1", .identity = &identity, .up = true, .connection.state = CONNECTION_UP };
	return credentials_store(folder, &(struct credentials){ first.key_pem, first_certificate, "n1", NULL }, NULL) ==
			       STATUS_OK
		       ? 0
		       : -1;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "node.key", "node.crt", "node.info", "node.key.new", "node.crt.new" };
	char path[128];

	(void)state;
	renew_done(&node);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path); /* not each test makes each */
	}
	return rmdir(folder);
}

static bool file_is(const char *name, const char *text)
{
	char path[128], bytes[4096];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "r");
	if (!file)
		return !text;
	bytes[fread(bytes, 1, sizeof(bytes) - 1, file)] = '\0';
	(void)fclose(file);
	return text && strcmp(bytes, text) == 0;
}

/* For the key of the node's request; self-signed, which nobody here looks at. */
static char *certificate_of_request(void)
{
	CLEANUP(bio) BIO *key_bio = BIO_new_mem_buf(node.renewal.csr.key_pem, -1);
	CLEANUP(pkey) EVP_PKEY *key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);
	CLEANUP(certificate) X509 *made = X509_new();
	CLEANUP(bio) BIO *out = BIO_new(BIO_s_mem());

	assert_int_equal(X509_NAME_add_entry_by_NID(X509_get_subject_name(made), NID_commonName, MBSTRING_UTF8,
						    (const unsigned char *)node.id, -1, -1, 0),
			 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(made), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(made), 60));
	assert_int_equal(X509_set_pubkey(made, key), 1);
	assert_true(X509_sign(made, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(out, made), 1);
	return bio_text(out);
}

static void receive(const char *payload)
{
	renew_received(&node, payload, strlen(payload));
}

/* The certificate; the caller frees it. */
static char *receive_certificate(void)
{
	CLEANUP(buffer) struct buffer answer = { 0 };
	char *certificate = certificate_of_request();

	buffer_puts(&answer, "{\"status\":\"success\",\"certificate\":");
	csr_put_json(&answer, certificate);
	buffer_puts(&answer, "}");
	receive(buffer_text(&answer));
	return certificate;
}

/* As loop and connection do it. */
static bool lose(bool was_up)
{
	node.up = false;
	node.connection.state = CONNECTION_DOWN;
	return renew_lost(&node, was_up);
}

static void come_up(void)
{
	node.up = true;
	node.connection.state = CONNECTION_UP;
	renew_connected(&node);
}

static void tick(int64_t later_us)
{
	clock_test_shift_us += later_us;
	(void)renew_tick(&node, clock_monotonic_us());
}

/* --- rules --- */

static void it_asks_with_a_request_for_its_own_name(void **state)
{
	(void)state;
	renew_start(&node);
	assert_int_equal(played.n_subscriptions, 1);
	assert_memory_equal(played.request, "{\"csr\":\"-----BEGIN CERTIFICATE REQUEST-----\\n", 45);
	assert_string_equal(played.request + strlen(played.request) - 2, "\"}");
}

static void an_answer_that_does_not_come_is_asked_for_again_with_the_same_request(void **state)
{
	(void)state;
	renew_start(&node);
	tick(TEN_SECONDS_US - 1000000);
	assert_int_equal(played.n_requests, 1);
	tick(1000000);
	assert_int_equal(played.n_requests, 2);
	assert_string_equal(played.request, played.previous);
}

static void after_six_requests_it_gives_up(void **state)
{
	(void)state;
	renew_start(&node);
	for (int i = 0; i < 6; i++)
		tick(TEN_SECONDS_US);
	assert_int_equal(played.n_requests, 6);
	assert_string_equal(played.last_event, "renewal_failed");
	assert_string_equal(played.last_reason, "no answer");
	assert_int_equal(node.renewal.state, RENEWAL_NONE);
}

static void a_lost_connection_is_no_reason_for_another_request_text(void **state)
{
	(void)state;
	renew_start(&node);
	assert_false(lose(true));
	come_up();
	assert_int_equal(played.n_requests, 2);
	assert_string_equal(played.request, played.previous);
}

static void a_second_wish_while_one_is_under_way_changes_nothing(void **state)
{
	(void)state;
	renew_start(&node);
	renew_start(&node);
	assert_int_equal(played.n_requests, 1);
}

static void a_node_without_a_folder_does_not_renew(void **state)
{
	static const struct identity by_name = { .cert = cert_file, .key = key_file };

	(void)state;
	node.identity = &by_name;
	renew_start(&node);
	assert_int_equal(node.renewal.state, RENEWAL_NONE);
	assert_int_equal(played.n_requests, 0);
}

static void the_old_pair_stays_until_the_new_one_has_connected(void **state)
{
	(void)state;
	renew_start(&node);
	char *certificate = receive_certificate();
	assert_true(file_is("node.crt", first_certificate));
	assert_true(file_is("node.crt.new", certificate));
	tick(0);
	assert_int_equal(played.n_closed, 1);
	assert_true(lose(true)); /* to be connected at once */
	assert_non_null(strstr(played.used_cert, "/node.crt.new"));
	assert_true(file_is("node.crt", first_certificate));
	come_up();
	assert_true(file_is("node.crt", certificate));
	assert_true(file_is("node.crt.new", NULL));
	assert_true(file_is("node.key.new", NULL));
	assert_string_equal(played.last_event, "renewed");
	assert_int_equal(node.renewal.state, RENEWAL_NONE);
	free(certificate);
}

static void the_same_answer_once_more_changes_nothing(void **state)
{
	(void)state;
	renew_start(&node);
	free(receive_certificate());
	receive("{\"status\":\"failure\"}");
	assert_int_equal(node.renewal.state, RENEWAL_SWITCHING);
}

static void three_attempts_without_a_connection_bring_the_old_pair_back(void **state)
{
	(void)state;
	renew_start(&node);
	free(receive_certificate());
	tick(0);
	assert_true(lose(true));
	assert_false(lose(false));
	assert_false(lose(false));
	assert_int_equal(node.renewal.state, RENEWAL_TRYING);
	assert_false(lose(false));
	assert_int_equal(node.renewal.state, RENEWAL_NONE);
	assert_string_equal(played.used_cert, cert_file);
	assert_true(file_is("node.crt", first_certificate));
	assert_true(file_is("node.crt.new", NULL));
}

static void a_new_pair_that_cannot_be_loaded_is_dropped(void **state)
{
	(void)state;
	renew_start(&node);
	free(receive_certificate());
	played.tls_fails = true;
	tick(0);
	assert_true(lose(true));
	assert_string_equal(played.used_cert, cert_file);
	assert_string_equal(played.last_reason, "unusable");
	assert_true(file_is("node.crt.new", NULL));
}

static const struct {
	const char *answer, *reason;
} refusals[] = {
	{ "{\"status\":\"failure\",\"description\":\"too soon\"}", "refused: too soon" },
	{ "{\"status\":\"failure\"}", "refused" },
	{ "{\"certificate\":\"x\"}", "the answer has no 'status'" },
	{ "{\"status\":\"success\"}", "the answer has no 'certificate'" },
	{ "", "the answer is not a JSON object" },
};

static void a_refusal_ends_it_and_the_old_pair_stays(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		renew_start(&node);
		receive(refusals[i].answer);
		assert_string_equal(played.last_event, "renewal_failed");
		assert_string_equal(played.last_reason, refusals[i].reason);
		assert_int_equal(node.renewal.state, RENEWAL_NONE);
		assert_true(file_is("node.crt", first_certificate));
		assert_true(file_is("node.crt.new", NULL));
		played.n_subscriptions = played.n_requests;
	}
}

static void a_certificate_for_another_key_is_not_taken(void **state)
{
	CLEANUP(csr) struct csr mine = { 0 };

	(void)state;
	renew_start(&node);
	mine = node.renewal.csr;
	assert_int_equal(csr_make(CSR_KEY_P256, "n1", &node.renewal.csr, NULL), STATUS_OK);
	char *other = certificate_of_request();
	csr_done(&node.renewal.csr);
	node.renewal.csr = mine;
	mine = (struct csr){ 0 };
	CLEANUP(buffer) struct buffer answer = { 0 };
	buffer_puts(&answer, "{\"status\":\"success\",\"certificate\":");
	csr_put_json(&answer, other);
	buffer_puts(&answer, "}");
	free(other);
	receive(buffer_text(&answer));
	assert_string_equal(played.last_reason, "the certificate is for another key");
	assert_true(file_is("node.crt.new", NULL));
}

int main(void)
{
#define OF_A_NODE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		OF_A_NODE(it_asks_with_a_request_for_its_own_name),
		OF_A_NODE(an_answer_that_does_not_come_is_asked_for_again_with_the_same_request),
		OF_A_NODE(after_six_requests_it_gives_up),
		OF_A_NODE(a_lost_connection_is_no_reason_for_another_request_text),
		OF_A_NODE(a_second_wish_while_one_is_under_way_changes_nothing),
		OF_A_NODE(a_node_without_a_folder_does_not_renew),
		OF_A_NODE(the_old_pair_stays_until_the_new_one_has_connected),
		OF_A_NODE(the_same_answer_once_more_changes_nothing),
		OF_A_NODE(three_attempts_without_a_connection_bring_the_old_pair_back),
		OF_A_NODE(a_new_pair_that_cannot_be_loaded_is_dropped),
		OF_A_NODE(a_refusal_ends_it_and_the_old_pair_stays),
		OF_A_NODE(a_certificate_for_another_key_is_not_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
