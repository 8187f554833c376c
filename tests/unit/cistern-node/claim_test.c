/* The device's and the app's part of a claim, against a server that is played here: contract/claiming.md sections 1, 3 and 5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cistern-node/answer.c"
#include "cistern-node/claim.c"
#include "cistern-node/credentials.c"
#include "cistern-node/csr.c"

/* --- the server that is played --- */

static struct {
	const char *initiate, *verify; /* the answers' bodies; verify NULL: a good certificate */
	long initiate_code, verify_code;
	const char *common_name; /* of a good certificate */
	size_t n_calls;
	char initiate_json[256], verify_json[2048], token[64];
} server;

void event_write_fields(const char *event, const char *node_id, const struct log_field *fields, size_t n_fields)
{
	(void)event;
	(void)node_id;
	(void)fields;
	(void)n_fields;
}

/* Self-signed over the request's key. */
static void put_certificate(const char *json, struct http_reply *reply)
{
	CLEANUP(json) json_t *body = json_loads(json, 0, NULL);
	const char *pem = json_string_value(json_object_get(body, "csr"));
	CLEANUP(bio) BIO *in = BIO_new_mem_buf(pem, -1);
	CLEANUP(bio) BIO *out = BIO_new(BIO_s_mem());
	CLEANUP(request) X509_REQ *request = PEM_read_bio_X509_REQ(in, NULL, NULL, NULL);
	CLEANUP(certificate) X509 *made = X509_new();
	CLEANUP(pkey) EVP_PKEY *ca = EVP_EC_gen("P-256");
	CLEANUP(buffer) struct buffer text = { 0 };
	char *certificate;

	assert_int_equal(X509_NAME_add_entry_by_NID(X509_get_subject_name(made), NID_commonName, MBSTRING_UTF8,
						    (const unsigned char *)server.common_name, -1, -1, 0),
			 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(made), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(made), 60));
	assert_int_equal(X509_set_pubkey(made, X509_REQ_get0_pubkey(request)), 1);
	assert_true(X509_sign(made, ca, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(out, made), 1);
	certificate = bio_text(out);
	buffer_puts(&text, "{\"mqtt_host\":\"mqtt.example.org\",\"certificate\":");
	csr_put_json(&text, certificate);
	buffer_puts(&text, "}");
	free(certificate);
	memcpy(reply->body, text.bytes, text.len);
	reply->body_len = text.len;
}

enum status http_start(struct error *err)
{
	(void)err;
	return STATUS_OK;
}

void http_stop(void)
{
}

enum status http_post(const char *base, const char *path, const char *ca_file, const char *token, const char *json,
		      struct http_reply *ret_reply, struct error *err)
{
	bool initiates = strcmp(path, "/claim/initiate") == 0;
	const char *body = initiates ? server.initiate : server.verify;
	char *kept = initiates ? server.initiate_json : server.verify_json;

	(void)ca_file;
	(void)err;
	assert_string_equal(base, "https://claim.example.org");
	server.n_calls++;
	(void)snprintf(kept, initiates ? sizeof(server.initiate_json) : sizeof(server.verify_json), "%s", json);
	(void)snprintf(server.token, sizeof(server.token), "%s", token ? token : "");
	*ret_reply = (struct http_reply){ .code = initiates ? server.initiate_code : server.verify_code };
	if (body)
		ret_reply->body_len = (size_t)snprintf(ret_reply->body, sizeof(ret_reply->body), "%s", body);
	else
		put_certificate(json, ret_reply);
	return STATUS_OK;
}

/* --- the device --- */

static char folder[64], credentials_folder[96], token_file[96], secret_file[96];
static struct options options;
static struct error err;

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/cistern-claim-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(credentials_folder, sizeof(credentials_folder), "%s/node", folder);
	(void)snprintf(token_file, sizeof(token_file), "%s/token", folder);
	(void)snprintf(secret_file, sizeof(secret_file), "%s/secret", folder);
	write_text(token_file, "the.access.token\n");
	write_text(secret_file, "4a656665\n"); /* RFC 4231 section 4.3: "Jefe" */
	memset(&server, 0, sizeof(server));
	server.initiate = "{\"node_id\":\"GK5aVZ2mXq7pRt\"}";
	server.initiate_code = server.verify_code = 200;
	server.common_name = "GK5aVZ2mXq7pRt";
	options = (struct options){ .claim = "https://claim.example.org",
				    .credentials = credentials_folder,
				    .token_file = token_file,
				    .mac = "aabbcc112233",
				    .key_type = "p256" };
	err = (struct error){ 0 };
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "token",         "secret",         "node/node.key",
					     "node/node.crt", "node/node.info", "node/endpoint" };
	char path[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path); /* not each test makes each */
	}
	(void)rmdir(credentials_folder);
	return rmdir(folder);
}

static void a_users_claim_sends_what_device_and_app_send(void **state)
{
	char host[ANSWER_HOST_MAX];

	(void)state;
	assert_int_equal(claim_run(&options, &err), STATUS_OK);
	assert_string_equal(server.initiate_json, "{\"mac_addr\":\"AABBCC112233\",\"platform\":\"host\"}");
	assert_memory_equal(server.verify_json, "{\"csr\":\"-----BEGIN CERTIFICATE REQUEST-----\\n", 45);
	assert_non_null(strstr(server.verify_json, "-----END CERTIFICATE REQUEST-----\\n\",\"send_mqtt_host\":true}"));
	assert_string_equal(server.token, "the.access.token");
	assert_true(credentials_are_there(credentials_folder));
	assert_int_equal(credentials_endpoint(credentials_folder, host, sizeof(host), &err), STATUS_OK);
	assert_string_equal(host, "mqtt.example.org");
}

static void a_device_that_claims_by_itself_answers_the_challenge_and_has_no_token(void **state)
{
	(void)state;
	options.token_file = NULL;
	options.claim_secret_file = secret_file;
	server.initiate = "{\"auth_id\":\"q1w2e3r4\",\"challenge\":\"what do ya want for nothing?\"}";
	server.common_name = "AABBCC112233";
	assert_int_equal(claim_run(&options, &err), STATUS_OK);
	assert_string_equal(server.token, "");
	/* RFC 4231 section 4.3, in upper case */
	assert_non_null(strstr(server.verify_json,
			       "{\"auth_id\":\"q1w2e3r4\",\"challenge_response\":"
			       "\"164B7A7BFCF819E2E395FBE73B56E0A387BD64222E831FD610270CD7EA250554"
			       "9758BF75C05A994A6D034F65F8F0E6FDCAEAB1A34D4A6B4B636E070A38BCE737\",\"csr\":"));
}

static const struct {
	const char *initiate, *verify, *common_name;
	long initiate_code, verify_code;
	size_t n_calls;
	const char *reason;
} failures[] = {
	{ "{\"status\":\"failure\",\"error_code\":7,\"description\":\"quota\"}", NULL, NULL, 403, 200, 1,
	  "initiate is refused with 403: quota" },
	{ "gateway", NULL, NULL, 502, 200, 1, "initiate is refused with 502" },
	{ "{\"node_id\":\"GK5aVZ2mXq7pRt\"}", NULL, NULL, 201, 200, 1, "initiate is refused with 201" },
	{ "{}", NULL, NULL, 200, 200, 1, "the answer has no 'node_id'" },
	{ NULL, "{\"description\":\"no such claim\"}", NULL, 200, 400, 2, "verify is refused with 400: no such claim" },
	{ NULL, "{\"mqtt_host\":\"h\"}", NULL, 200, 200, 2, "the answer has no 'certificate'" },
	{ NULL, NULL, "another", 200, 200, 2, "the certificate is not for 'GK5aVZ2mXq7pRt'" },
};

static void a_claim_that_fails_leaves_no_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
		server.n_calls = 0;
		server.initiate = failures[i].initiate ? failures[i].initiate : "{\"node_id\":\"GK5aVZ2mXq7pRt\"}";
		server.verify = failures[i].verify;
		server.initiate_code = failures[i].initiate_code;
		server.verify_code = failures[i].verify_code;
		server.common_name = failures[i].common_name ? failures[i].common_name : "GK5aVZ2mXq7pRt";
		assert_int_equal(claim_run(&options, &err), STATUS_UNAVAILABLE);
		assert_string_equal(err.text, failures[i].reason);
		assert_int_equal(server.n_calls, failures[i].n_calls);
		assert_false(credentials_are_there(credentials_folder));
	}
}

static void a_users_claim_wants_the_brokers_host(void **state)
{
	static char without_host[ANSWER_BYTES_MAX];
	struct http_reply reply = { 0 };
	CLEANUP(csr) struct csr csr = { 0 };
	CLEANUP(buffer) struct buffer json = { 0 };

	(void)state;
	assert_int_equal(csr_make(CSR_KEY_P256, "GK5aVZ2mXq7pRt", &csr, &err), STATUS_OK);
	struct claim claim = { .options = &options, .node_id = "GK5aVZ2mXq7pRt" };
	put_verify(&json, &claim, csr.pem);
	put_certificate(buffer_text(&json), &reply);
	/* the same answer with the member under another name */
	(void)snprintf(without_host, sizeof(without_host), "%s", reply.body);
	memcpy(without_host, "{\"nqtt", 6);
	server.verify = without_host;
	assert_int_equal(verify(&claim, &csr, &err), STATUS_UNAVAILABLE);
	assert_string_equal(err.text, "the answer has no 'mqtt_host'");
}

static void a_mac_is_twelve_hexadecimal_digits(void **state)
{
	char mac[13];

	(void)state;
	assert_true(claim_read_mac("aAbBcC112233", mac));
	assert_string_equal(mac, "AABBCC112233");
	assert_false(claim_read_mac("", mac));
	assert_false(claim_read_mac("AABBCC11223", mac));
	assert_false(claim_read_mac("AABBCC1122334", mac));
	assert_false(claim_read_mac("AA:BB:CC:11:22:33", mac));
	assert_false(claim_read_mac("AABBCC11223G", mac));
}

static void a_chips_secret_is_hexadecimal(void **state)
{
	char response[CLAIM_RESPONSE_HEX + 1];

	(void)state;
	assert_int_equal(claim_respond("", "c", response, &err), STATUS_INVALID);
	assert_int_equal(claim_respond("abc", "c", response, &err), STATUS_INVALID);
	assert_int_equal(claim_respond("zz", "c", response, &err), STATUS_INVALID);
	assert_string_equal(err.text, "the chip's secret is not 1..64 bytes in hexadecimal");
}

static void a_kind_of_key_that_is_not_known_is_refused_before_any_call(void **state)
{
	(void)state;
	options.key_type = "ed25519";
	assert_int_equal(claim_run(&options, &err), STATUS_INVALID);
	assert_string_equal(err.text, "--key-type: p256 or rsa, not 'ed25519'");
	assert_int_equal(server.n_calls, 0);
}

int main(void)
{
#define AS_A_DEVICE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		AS_A_DEVICE(a_users_claim_sends_what_device_and_app_send),
		AS_A_DEVICE(a_device_that_claims_by_itself_answers_the_challenge_and_has_no_token),
		AS_A_DEVICE(a_claim_that_fails_leaves_no_file),
		AS_A_DEVICE(a_users_claim_wants_the_brokers_host),
		AS_A_DEVICE(a_mac_is_twelve_hexadecimal_digits),
		AS_A_DEVICE(a_chips_secret_is_hexadecimal),
		AS_A_DEVICE(a_kind_of_key_that_is_not_known_is_refused_before_any_call),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
