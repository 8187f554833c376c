/* Node ids and MACs; and in which order a claim asks whom. The store and signerd are replaced by ones that write down that they were
 * asked and answer as told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "claim/claim.c"

#include "ca/key.h"

static struct {
	struct buffer asked;
	enum status check, sign, complete, take, get;
	bool lock_is_held, signs_another_key;
	struct self_claim_challenge challenge;
	struct self_claim_device device;
	char platform[64];
} fake;

static void asked(const char *what)
{
	if (fake.asked.len > 0)
		buffer_putc(&fake.asked, ' ');
	buffer_puts(&fake.asked, what);
}

static enum status say(enum status st, const char *what, struct error *err)
{
	asked(what);
	return st == STATUS_OK ? STATUS_OK : error_set(err, st, "%s says no", what);
}

enum status store_claim_initiate(struct store *store, const struct claim_wish *wish, char ret_node_id[NODE_ID_MAX + 1],
				 struct error *err)
{
	(void)store, (void)err;
	memcpy(ret_node_id, wish->new_node_id, strlen(wish->new_node_id) + 1);
	memcpy(fake.platform, wish->platform, strlen(wish->platform) + 1);
	return STATUS_OK;
}

enum status store_claim_lock(struct store *store, const char *node_id, struct error *err)
{
	(void)store, (void)node_id;
	return say(fake.lock_is_held ? STATUS_CONFLICT : STATUS_OK, "lock", err);
}

void store_claim_unlock(struct store *store, const char *node_id)
{
	(void)store, (void)node_id;
	asked("unlock");
}

enum status store_claim_check(struct store *store, const char *user_id, const char *node_id,
			      const unsigned char key_hash[CERTIFICATE_KEY_HASH_BYTES], struct error *err)
{
	(void)store, (void)user_id, (void)node_id, (void)key_hash;
	return say(fake.check, "check", err);
}

enum status store_claim_complete(struct store *store, const char *user_id, const char *node_id, const char *policies,
				 const struct certificate_record *certificate, struct error *err)
{
	(void)store, (void)user_id, (void)node_id, (void)policies, (void)certificate;
	return say(fake.complete, "record", err);
}

enum status store_self_claim_challenge(struct store *store, const char *auth_id, const char *mac, const char *text,
				       const struct self_claim_bounds *bounds, struct error *err)
{
	(void)store, (void)auth_id, (void)mac, (void)text, (void)bounds;
	return say(STATUS_OK, "challenge", err);
}

enum status store_self_claim_take(struct store *store, const char *auth_id, struct self_claim_challenge *ret_challenge,
				  struct error *err)
{
	(void)store, (void)auth_id;
	*ret_challenge = fake.challenge;
	return say(fake.take, "take", err);
}

enum status store_self_claim_get(struct store *store, const char *mac, struct self_claim_device *ret_device,
				 struct error *err)
{
	(void)store, (void)mac;
	*ret_device = fake.device;
	return say(fake.get, "secret", err);
}

enum status store_self_claim_check(struct store *store, const char *mac,
				   const unsigned char key_hash[CERTIFICATE_KEY_HASH_BYTES], struct error *err)
{
	(void)store, (void)mac, (void)key_hash;
	return say(fake.check, "check", err);
}

enum status store_self_claim_complete(struct store *store, const char *mac,
				      const struct certificate_record *certificate, struct error *err)
{
	(void)store, (void)mac, (void)certificate;
	return say(fake.complete, "record", err);
}

enum status store_self_claim_put(struct store *store, const struct self_claim_device *devices, size_t n_devices,
				 struct error *err)
{
	(void)store, (void)n_devices;
	fake.device = devices[0];
	return say(STATUS_OK, "put", err);
}

static struct csr csr_of_test; /* what the fake signerd signs */

enum status signer_sign(const struct signer_options *options, const char *node_id, const char *csr_pem, size_t csr_len,
			struct signed_certificate *ret_certificate, struct error *err)
{
	(void)options, (void)node_id, (void)csr_pem, (void)csr_len;
	*ret_certificate = (struct signed_certificate){ .serial_hex = "01", .pem = "PEM\n" };
	memcpy(ret_certificate->key_hash, csr_of_test.key_hash, CSR_KEY_HASH_BYTES);
	ret_certificate->key_hash[0] ^= fake.signs_another_key ? 1 : 0;
	return say(fake.sign, "sign", err);
}

static struct claim *claim_with(bool self_claim)
{
	char path[] = "/tmp/claim_test.XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	assert_non_null(file);
	(void)fputs("0123456789012345678901234567890123456789\n", file);
	(void)fclose(file);
	const struct claim_options options = { .quota = 5,
					       .pending_s = 900,
					       .mqtt_host = "mqtt.example.org",
					       .self_claim = self_claim,
					       .self_claim_key_file = path };
	struct claim *claim = NULL;
	struct error err;
	assert_int_equal(claim_open(&options, &claim, &err), STATUS_OK);
	remove(path);
	return claim;
}

static int set_up(void **state)
{
	struct error err;
	memset(&fake, 0, sizeof(fake));
	if (ca_key_new(&csr_of_test.key, &err) != STATUS_OK)
		return -1;
	memcpy(csr_of_test.node_id, "AABBCC112233", 13);
	memset(csr_of_test.key_hash, 7, sizeof(csr_of_test.key_hash));
	*state = claim_with(true);
	return 0;
}

static int tear_down(void **state)
{
	claim_close(*state);
	csr_done(&csr_of_test);
	buffer_done(&fake.asked);
	return 0;
}

/* --- names --- */

static void node_ids_are_22_letters_and_digits_and_never_alike(void **state)
{
	(void)state;
	enum { N = 2000 };
	static char ids[N][CLAIM_NODE_ID_LEN + 1];
	for (size_t i = 0; i < N; i++) {
		char mac[CLAIM_MAC_LEN + 1];
		claim_make_node_id(ids[i]);
		assert_int_equal(strlen(ids[i]), 22);
		assert_int_equal(strspn(ids[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"), 22);
		assert_true(node_id_valid(ids[i], 22));
		assert_false(claim_mac_canonical(ids[i], mac));
		for (size_t other = 0; other < i; other++)
			assert_string_not_equal(ids[i], ids[other]);
	}
}

static void a_mac_is_12_hexadecimal_digits_and_becomes_upper_case(void **state)
{
	(void)state;
	static const char *const bad[] = { "",
					   "AABBCC11223",
					   "AABBCC1122334",
					   "AA:BB:CC:11:22:33",
					   "AABBCC11223G",
					   " AABBCC112233",
					   "0xBBCC112233",
					   "AABBCC11223 ",
					   "-ABBCC112233" };
	char mac[CLAIM_MAC_LEN + 1];
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(claim_mac_canonical(bad[i], mac));
	assert_true(claim_mac_canonical("aabbcc112233", mac));
	assert_string_equal(mac, "AABBCC112233");
	assert_true(claim_mac_canonical("AaBbCc1122fF", mac));
	assert_string_equal(mac, "AABBCC1122FF");
}

static void a_platform_is_taken_as_far_as_it_is_a_name(void **state)
{
	static const char *const cases[][2] = {
		{ "esp32c3", "esp32c3" },
		{ "ESP32-C6 v1.0_x", "ESP32-C6 v1.0_x" },
		{ NULL, "" },
		{ "\x1b[31m\n'\";<>\xc3\xa4", "31m" },
		{ "0123456789012345678901234567890123456789", "01234567890123456789012345678901" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char node_id[NODE_ID_MAX + 1];
		struct error err;
		assert_int_equal(claim_initiate(*state, NULL, "user", "AABBCC112233", cases[i][0], node_id, &err),
				 STATUS_OK);
		assert_string_equal(fake.platform, cases[i][1]);
	}
}

static void self_claiming_needs_a_key_file(void **state)
{
	(void)state;
	const struct claim_options options = { .self_claim = true, .self_claim_key_file = "" };
	struct claim *claim = NULL;
	struct error err;
	assert_int_equal(claim_open(&options, &claim, &err), STATUS_INVALID);
	assert_null(claim);
}

/* --- the order of a user's claim --- */

static enum status verify(const struct claim *claim, struct buffer *answer)
{
	const struct claim_request request = { &csr_of_test, "CSR", 3 };
	struct error err = { .status = STATUS_OK };
	return claim_verify(claim, NULL, "user", &request, "", answer, &err);
}

static void a_claim_is_locked_checked_signed_recorded_and_then_answered(void **state)
{
	CLEANUP(buffer) struct buffer answer = { 0 };
	assert_int_equal(verify(*state, &answer), STATUS_OK);
	assert_string_equal(buffer_text(&fake.asked), "lock check sign record unlock");
	assert_string_equal(buffer_text(&answer), "{\"certificate\":\"PEM\\n\",\"mqtt_host\":\"mqtt.example.org\"}");
}

static void what_is_refused_is_not_signed_and_what_is_not_recorded_is_not_answered(void **state)
{
	static const struct {
		enum status check, sign, complete;
		bool lock_is_held, signs_another_key;
		enum status status;
		const char *asked;
	} cases[] = {
		{ .lock_is_held = true, .status = STATUS_NOT_FOUND, .asked = "lock" },
		{ .check = STATUS_NOT_FOUND, .status = STATUS_NOT_FOUND, .asked = "lock check unlock" },
		{ .check = STATUS_CONFLICT, .status = STATUS_CONFLICT, .asked = "lock check unlock" },
		{ .check = STATUS_DENIED, .status = STATUS_DENIED, .asked = "lock check unlock" },
		{ .sign = STATUS_INVALID, .status = STATUS_INVALID, .asked = "lock check sign unlock" },
		{ .sign = STATUS_UNAVAILABLE, .status = STATUS_UNAVAILABLE, .asked = "lock check sign unlock" },
		{ .signs_another_key = true, .status = STATUS_INTERNAL, .asked = "lock check sign unlock" },
		{ .complete = STATUS_NOT_FOUND, .status = STATUS_NOT_FOUND, .asked = "lock check sign record unlock" },
		{ .complete = STATUS_UNAVAILABLE,
		  .status = STATUS_UNAVAILABLE,
		  .asked = "lock check sign record unlock" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buffer) struct buffer answer = { 0 };
		buffer_clear(&fake.asked);
		fake.check = cases[i].check;
		fake.sign = cases[i].sign;
		fake.complete = cases[i].complete;
		fake.lock_is_held = cases[i].lock_is_held;
		fake.signs_another_key = cases[i].signs_another_key;
		assert_int_equal(verify(*state, &answer), cases[i].status);
		assert_string_equal(buffer_text(&fake.asked), cases[i].asked);
		assert_int_equal(answer.len, 0);
	}
}

static void a_key_whose_answer_would_not_fit_is_refused_before_anything_is_asked(void **state)
{
	(void)state;
	char host[2048];
	memset(host, 'h', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	const struct claim_options options = { .mqtt_host = host };
	CLEANUP(claim) struct claim *claim = NULL;
	CLEANUP(buffer) struct buffer answer = { 0 };
	struct error err;
	assert_int_equal(claim_open(&options, &claim, &err), STATUS_OK);
	assert_int_equal(verify(claim, &answer), STATUS_INVALID);
	assert_int_equal(fake.asked.len, 0);
}

/* --- a device by itself --- */

static const unsigned char secret[16] = "0123456789abcdef";

static void list_device(const struct claim *claim)
{
	const struct claim_device_secret device = { "AABBCC112233", secret, sizeof(secret) };
	struct error err;
	assert_int_equal(claim_allow_devices(claim, NULL, &device, 1, &err), STATUS_OK);
	buffer_clear(&fake.asked);
	fake.challenge = (struct self_claim_challenge){ .mac = "AABBCC112233", .text = "challenge", .live = true };
}

static enum status verify_self(const struct claim *claim, const char *response, struct buffer *answer)
{
	const struct claim_request request = { &csr_of_test, "CSR", 3 };
	struct error err = { .status = STATUS_OK };
	return claim_verify_self(claim, NULL, "auth", response, &request, answer, &err);
}

static void a_device_of_the_list_with_the_right_answer_gets_its_certificate(void **state)
{
	CLEANUP(buffer) struct buffer answer = { 0 };
	char response[SELF_CLAIM_RESPONSE_LEN + 1];
	list_device(*state);
	self_claim_response(secret, sizeof(secret), "challenge", response);
	assert_int_equal(verify_self(*state, response, &answer), STATUS_OK);
	assert_string_equal(buffer_text(&fake.asked), "take secret lock check sign record unlock");
	assert_string_equal(buffer_text(&answer), "{\"certificate\":\"PEM\\n\",\"mqtt_host\":\"mqtt.example.org\"}");
}

static void every_failed_proof_fails_alike_and_nothing_is_signed(void **state)
{
	CLEANUP(buffer) struct buffer answer = { 0 };
	char right[SELF_CLAIM_RESPONSE_LEN + 1];
	list_device(*state);
	self_claim_response(secret, sizeof(secret), "challenge", right);
	static const struct {
		enum status take, get;
		const char *mac, *text, *asked;
		bool is_over, is_wrong;
	} cases[] = {
		{ .take = STATUS_NOT_FOUND, .mac = "AABBCC112233", .text = "challenge", .asked = "take" },
		{ .get = STATUS_NOT_FOUND, .mac = "AABBCC112233", .text = "challenge", .asked = "take secret" },
		{ .mac = "AABBCC112234", .text = "challenge", .asked = "take secret" },
		{ .mac = "AABBCC112233", .text = "another", .asked = "take secret" },
		{ .mac = "AABBCC112233", .text = "challenge", .is_over = true, .asked = "take secret" },
		{ .mac = "AABBCC112233", .text = "challenge", .is_wrong = true, .asked = "take secret" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buffer_clear(&fake.asked);
		fake.take = cases[i].take;
		fake.get = cases[i].get;
		fake.challenge.live = !cases[i].is_over;
		memcpy(fake.challenge.mac, cases[i].mac, sizeof(fake.challenge.mac));
		memcpy(fake.challenge.text, cases[i].text, strlen(cases[i].text) + 1);
		assert_int_equal(verify_self(*state, cases[i].is_wrong ? "0" : right, &answer), STATUS_UNAUTHENTICATED);
		assert_string_equal(buffer_text(&fake.asked), cases[i].asked);
		assert_int_equal(answer.len, 0);
	}
}

static void a_device_can_only_claim_the_id_that_is_its_mac(void **state)
{
	static const char *const cns[] = { "aabbcc112233", "lamp", "AABBCC11223", "AABBCC1122334" };
	CLEANUP(buffer) struct buffer answer = { 0 };
	list_device(*state);
	for (size_t i = 0; i < ARRAY_LEN(cns); i++) {
		memcpy(csr_of_test.node_id, cns[i], strlen(cns[i]) + 1);
		assert_int_equal(verify_self(*state, "0", &answer), STATUS_INVALID);
		assert_int_equal(fake.asked.len, 0);
	}
}

static void self_claiming_that_is_off_asks_nobody(void **state)
{
	(void)state;
	CLEANUP(claim) struct claim *claim = claim_with(false);
	CLEANUP(buffer) struct buffer answer = { 0 };
	struct claim_challenge challenge;
	struct error err;
	assert_int_equal(claim_initiate_self(claim, NULL, "AABBCC112233", &challenge, &err), STATUS_DENIED);
	assert_int_equal(verify_self(claim, "0", &answer), STATUS_DENIED);
	assert_int_equal(fake.asked.len, 0);
}

static void challenges_fit_the_device_and_never_come_twice(void **state)
{
	struct claim_challenge first, second;
	struct error err;
	assert_int_equal(claim_initiate_self(*state, NULL, "AABBCC112233", &first, &err), STATUS_OK);
	assert_int_equal(claim_initiate_self(*state, NULL, "AABBCC112233", &second, &err), STATUS_OK);
	assert_true(strlen(first.auth_id) <= 63 && strlen(first.auth_id) >= 32);
	assert_true(strlen(first.text) <= 128 && strlen(first.text) >= 32);
	assert_string_not_equal(first.auth_id, second.auth_id);
	assert_string_not_equal(first.text, second.text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(node_ids_are_22_letters_and_digits_and_never_alike),
		cmocka_unit_test(a_mac_is_12_hexadecimal_digits_and_becomes_upper_case),
		TEST(a_platform_is_taken_as_far_as_it_is_a_name),
		cmocka_unit_test(self_claiming_needs_a_key_file),
		TEST(a_claim_is_locked_checked_signed_recorded_and_then_answered),
		TEST(what_is_refused_is_not_signed_and_what_is_not_recorded_is_not_answered),
		TEST(a_key_whose_answer_would_not_fit_is_refused_before_anything_is_asked),
		TEST(a_device_of_the_list_with_the_right_answer_gets_its_certificate),
		TEST(every_failed_proof_fails_alike_and_nothing_is_signed),
		TEST(a_device_can_only_claim_the_id_that_is_its_mac),
		TEST(self_claiming_that_is_off_asks_nobody),
		TEST(challenges_fit_the_device_and_never_come_twice),
	};
	return cmocka_run_group_tests_name("claim/claim", tests, NULL, NULL);
}
