/* The signer's client against the signer's socket; what is answered is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ca/server.h"
#include "ca/wire.h"
#include "claim/signer.h"

enum { NOBODY = 65534, SHORT_MS = 300 };

static struct {
	char folder[64], socket_path[96];
	int wake;
	struct server *server;
	pthread_t thread;
	atomic_uint n_answered;
} kit;

static struct signer_options options;

/* Answers as signerd would; refuses a node called "refused". */
static void answer(void *context, const char *object, size_t len, struct buffer *ret_reply)
{
	(void)context;
	struct wire_request request;
	struct error err = { .text = "" };
	kit.n_answered++;
	if (wire_read_request(object, len, &request, &err) != STATUS_OK) {
		wire_put_failure(ret_reply, &err);
		return;
	}
	struct ca_certificate certificate = { .serial_hex = "7A",
					      .pem = "pem of ",
					      .key_hash = { 1, 2 },
					      .not_before_us = 1000000,
					      .not_after_us = 2000000,
					      .ca_key_id = "0123456789abcdef0123456789abcdef01234567" };
	if (request.op == WIRE_CRL) {
		char text[96];
		int n = snprintf(text, sizeof(text), "%zu %s %d", request.n_entries,
				 request.n_entries ? request.entries[0].serial_hex : "-",
				 request.n_entries && request.entries[0].superseded);
		wire_put_crl_reply(ret_reply, (const unsigned char *)text, (size_t)n, 5000000);
	} else if (request.op == WIRE_CAS) {
		const struct wire_ca ca = { certificate.ca_key_id, "pem", true };
		wire_put_cas_reply(ret_reply, &ca, 1);
	} else if (strcmp(request.node_id, "refused") == 0) {
		(void)error_set(&err, STATUS_INVALID, "not this one");
		wire_put_failure(ret_reply, &err);
	} else {
		(void)strcat(certificate.pem, request.node_id);
		certificate.pem_len = strlen(certificate.pem);
		wire_put_sign_reply(ret_reply, &certificate);
	}
	wire_request_done(&request);
}

static void *serve(void *context)
{
	(void)context;
	struct error err = { .text = "" };
	if (server_serve(kit.server, kit.wake, &err) != STATUS_OK)
		abort();
	return NULL;
}

static void start(const char *clients)
{
	struct error err = { .text = "" };
	(void)strcpy(kit.folder, "/tmp/cistern-signer-test.XXXXXX");
	if (!mkdtemp(kit.folder))
		abort();
	(void)snprintf(kit.socket_path, sizeof(kit.socket_path), "%s/signerd.sock", kit.folder);
	kit.n_answered = 0;
	kit.wake = eventfd(0, EFD_CLOEXEC);
	if (server_open(kit.socket_path, clients, answer, NULL, &kit.server, &err) != STATUS_OK)
		fail_msg("%s", err.text);
	assert_int_equal(pthread_create(&kit.thread, NULL, serve, NULL), 0);
	options = (struct signer_options){ .socket_path = kit.socket_path, .timeout_ms = 5000 };
}

static void stop(void)
{
	assert_int_equal(write(kit.wake, &(uint64_t){ 1 }, 8), 8);
	assert_int_equal(pthread_join(kit.thread, NULL), 0);
	server_close(kit.server);
	(void)close(kit.wake);
	assert_int_equal(access(kit.socket_path, F_OK), -1);
	(void)rmdir(kit.folder);
}

static int set_up(void **state)
{
	(void)state;
	start("nobody-has-this-name, 65534");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	stop();
	return 0;
}

static int connected(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	(void)strcpy(address.sun_path, kit.socket_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void not_signed(const char *node_id, size_t csr_len, enum status status, const char *words)
{
	static char csr[CSR_BYTES_MAX + 16];
	struct signed_certificate certificate;
	struct error err = { .text = "" };
	memset(csr, 'x', sizeof(csr));
	assert_int_equal(signer_sign(&options, node_id, csr, csr_len, &certificate, &err), status);
	if (!strstr(err.text, words))
		fail_msg("'%s' does not say '%s'", err.text, words);
}

static void a_certificate_comes_over_the_socket(void **state)
{
	(void)state;
	struct signed_certificate certificate;
	struct error err = { .text = "" };
	if (signer_sign(&options, "lamp-1", "csr", 3, &certificate, &err) != STATUS_OK)
		fail_msg("%s", err.text);
	assert_string_equal(certificate.serial_hex, "7A");
	assert_string_equal(certificate.pem, "pem of lamp-1");
	assert_int_equal(certificate.not_before_us, 1000000);
	assert_int_equal(certificate.not_after_us, 2000000);
	assert_memory_equal(certificate.key_hash, "\1\2\0", 3);
	assert_string_equal(certificate.ca_key_id, "0123456789abcdef0123456789abcdef01234567");
}

static void a_refusal_comes_with_its_reason(void **state)
{
	(void)state;
	not_signed("refused", 3, STATUS_INVALID, "not this one");
	not_signed("lamp-1", CSR_BYTES_MAX + 1, STATUS_INVALID, "too long");
	not_signed("12345678901234567890123456789012345678901234567890123456789012345", 3, STATUS_INVALID, "too long");
}

static void count_ca(void *context, const char *ca_key_id, const char *certificate_pem, bool issues)
{
	assert_string_equal(ca_key_id, "0123456789abcdef0123456789abcdef01234567");
	assert_string_equal(certificate_pem, "pem");
	assert_true(issues);
	++*(int *)context;
}

static void the_cas_come_over_the_socket(void **state)
{
	(void)state;
	int n = 0;
	assert_int_equal(signer_cas(&options, count_ca, &n, NULL), STATUS_OK);
	assert_int_equal(n, 1);
}

static void a_crl_of_a_hundred_thousand_comes_over_the_socket(void **state)
{
	(void)state;
	enum { MANY = 100000 };
	struct signer_crl_entry *entries = calloc(MANY, sizeof(*entries));
	struct buffer der = { 0 };
	struct error err = { .text = "" };
	int64_t next_update_us = 0;
	for (int i = 0; i < MANY; i++)
		entries[i] = (struct signer_crl_entry){ "0123456789ABCDEF0123456789ABCDEF", 1000000, "superseded" };
	options.timeout_ms = 30000;
	if (signer_crl(&options, "0123456789abcdef0123456789abcdef01234567", 7, entries, MANY, &der, &next_update_us,
		       &err) != STATUS_OK)
		fail_msg("%s", err.text);
	assert_string_equal(buffer_text(&der), "100000 0123456789ABCDEF0123456789ABCDEF 1");
	assert_int_equal(next_update_us, 5000000);
	buffer_done(&der);
	entries[0] = (struct signer_crl_entry){ "12345678901234567890123456789012345678901", 1000000, "claimed again" };
	assert_int_equal(signer_crl(&options, "0123456789abcdef0123456789abcdef01234567", 7, entries, 1, &der,
				    &next_update_us, NULL),
			 STATUS_INVALID);
	entries[0].serial_hex = "AB";
	assert_int_equal(signer_crl(&options, "0123456789abcdef0123456789abcdef01234567", 7, entries, 1, &der,
				    &next_update_us, NULL),
			 STATUS_OK);
	assert_string_equal(buffer_text(&der), "1 AB 0");
	buffer_done(&der);
	free(entries);
}

static void the_socket_is_for_owner_and_group(void **state)
{
	(void)state;
	struct stat about;
	assert_int_equal(stat(kit.socket_path, &about), 0);
	assert_int_equal(about.st_mode & 0777, 0660);
}

/* --- who listens, who asks --- */

static void without_a_signer_every_call_is_unavailable(void **state)
{
	(void)state;
	options.socket_path = "";
	not_signed("lamp-1", 3, STATUS_UNAVAILABLE, "not set");
	options.socket_path = "/nowhere/signerd.sock";
	not_signed("lamp-1", 3, STATUS_UNAVAILABLE, "not reached");
	char path[200];
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	options.socket_path = path;
	not_signed("lamp-1", 3, STATUS_UNAVAILABLE, "too long");
}

static void a_socket_in_a_folder_that_others_may_write_to_is_not_trusted(void **state)
{
	(void)state;
	static const mode_t open_modes[] = { 0777, 0770, 0702 };
	for (size_t i = 0; i < ARRAY_LEN(open_modes); i++) {
		assert_int_equal(chmod(kit.folder, open_modes[i]), 0);
		not_signed("lamp-1", 3, STATUS_UNAVAILABLE, "not signerd's");
	}
	assert_int_equal(chmod(kit.folder, 0750), 0);
	assert_int_equal(kit.n_answered, 0);
}

/* What another user gets, in a process of its own. */
static int signed_as(uid_t user)
{
	pid_t child = fork();
	if (child == 0) {
		struct signed_certificate certificate;
		if (setgid(user) != 0 || setuid(user) != 0)
			_exit(100);
		_exit((int)signer_sign(&options, "lamp-1", "csr", 3, &certificate, NULL));
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void users_that_were_not_named_are_cut_off(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip(); /* only root can be somebody else */
	assert_int_equal(chmod(kit.folder, 0755), 0);
	assert_int_equal(chmod(kit.socket_path, 0666), 0);
	assert_int_equal(signed_as(NOBODY), STATUS_OK);
	assert_int_equal(kit.n_answered, 1);
	int other = signed_as(NOBODY - 1);
	assert_true(other == STATUS_UNAVAILABLE || other == STATUS_TIMEOUT);
	assert_int_equal(kit.n_answered, 1);
}

static void a_socket_that_somebody_else_listens_on_is_not_trusted(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	/* the folder is root's, who listens is not */
	char path[sizeof(kit.folder) + 16];
	(void)snprintf(path, sizeof(path), "%s/false.sock", kit.folder);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	(void)strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	int go[2];
	assert_int_equal(pipe(go), 0);
	pid_t child = fork();
	if (child == 0) {
		/* the kernel notes who calls listen() */
		if (setuid(NOBODY) != 0 || listen(fd, 4) != 0 || write(go[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	char byte;
	assert_int_equal(read(go[0], &byte, 1), 1);
	options.socket_path = path;
	not_signed("lamp-1", 3, STATUS_UNAVAILABLE, "user 65534 listens");
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	(void)close(fd);
	(void)close(go[0]);
	(void)close(go[1]);
	(void)unlink(path);
}

/* --- limits and deadlines --- */

static void a_signer_that_does_not_answer_is_a_timeout(void **state)
{
	(void)state;
	char path[sizeof(kit.folder) + 16];
	(void)snprintf(path, sizeof(path), "%s/deaf.sock", kit.folder);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	(void)strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 4), 0);
	options = (struct signer_options){ path, SHORT_MS };
	int64_t from_us = clock_monotonic_us();
	not_signed("lamp-1", 3, STATUS_TIMEOUT, "in time");
	assert_in_range(clock_monotonic_us() - from_us, SHORT_MS * 1000, SHORT_MS * 1000 + 2000000);
	(void)close(fd);
	(void)unlink(path);
}

/* Reads to the end; true when the text is in it. */
static bool says(int fd, const char *text)
{
	char reply[512] = "";
	size_t len = 0;
	for (ssize_t n; (n = recv(fd, reply + len, sizeof(reply) - 1 - len, 0)) > 0;)
		len += (size_t)n;
	(void)close(fd);
	return len > WIRE_HEAD_BYTES && strstr(reply + WIRE_HEAD_BYTES, text);
}

static void a_length_beyond_the_limit_is_refused_before_anything_is_read(void **state)
{
	(void)state;
	static const char *const heads[] = { "\xff\xff\xff\xff", "\x04\x00\x00\x01", "\x00\x00\x00\x00" };
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		int fd = connected();
		assert_int_equal(send(fd, heads[i], 4, 0), 4);
		assert_true(says(fd, "too_large"));
	}
	assert_int_equal(kit.n_answered, 0);
}

static void one_large_request_at_a_time_is_received(void **state)
{
	(void)state;
	int first = connected(), second = connected();
	assert_int_equal(send(first, "\x00\x01\x00\x00", 4, 0), 4); /* 64 KiB */
	/* the first one's length is read when a small request behind it is answered */
	a_certificate_comes_over_the_socket(state);
	assert_int_equal(send(second, "\x00\x01\x00\x00", 4, 0), 4);
	assert_true(says(second, "\"limit\""));
	(void)close(first);
}

static void a_connection_that_says_nothing_is_cut_after_its_time(void **state)
{
	(void)state;
	int fd = connected();
	assert_int_equal(send(fd, "\x00\x00", 2, 0), 2);
	struct pollfd file = { .fd = fd, .events = POLLIN };
	assert_int_equal(poll(&file, 1, (SERVER_RECEIVE_S + 3) * 1000), 1);
	char byte;
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	(void)close(fd);
}

static void all_places_taken_leave_none_waiting_for_ever(void **state)
{
	(void)state;
	int idle[SERVER_CONNECTIONS_MAX];
	for (size_t i = 0; i < ARRAY_LEN(idle); i++)
		idle[i] = connected();
	struct signed_certificate certificate;
	options.timeout_ms = (SERVER_RECEIVE_S + 5) * 1000;
	assert_int_equal(signer_sign(&options, "lamp-1", "csr", 3, &certificate, NULL), STATUS_OK);
	for (size_t i = 0; i < ARRAY_LEN(idle); i++)
		(void)close(idle[i]);
}

static void a_second_server_on_the_socket_is_refused_and_a_dead_ones_socket_replaced(void **state)
{
	(void)state;
	struct server *other = NULL;
	struct error err = { .text = "" };
	assert_int_equal(server_open(kit.socket_path, "", answer, NULL, &other, &err), STATUS_CONFLICT);
	assert_non_null(strstr(err.text, "already"));
	char path[sizeof(kit.folder) + 16];
	(void)snprintf(path, sizeof(path), "%s/dead.sock", kit.folder);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	(void)strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	(void)close(fd);
	assert_int_equal(server_open(path, "", answer, NULL, &other, &err), STATUS_OK);
	server_close(other);
	FILE *file = fopen(path, "w");
	(void)fclose(file);
	assert_int_equal(server_open(path, "", answer, NULL, &other, &err), STATUS_CONFLICT);
	(void)unlink(path);
	assert_int_equal(server_open("relative.sock", "", answer, NULL, &other, &err), STATUS_INVALID);
	assert_int_equal(server_open("", "", answer, NULL, &other, &err), STATUS_INVALID);
	assert_int_equal(server_open("/nowhere/x.sock", "", answer, NULL, &other, &err), STATUS_UNAVAILABLE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	log_set_level(LOG_ERROR);
	const struct CMUnitTest tests[] = {
		TEST(a_certificate_comes_over_the_socket),
		TEST(a_refusal_comes_with_its_reason),
		TEST(the_cas_come_over_the_socket),
		TEST(a_crl_of_a_hundred_thousand_comes_over_the_socket),
		TEST(the_socket_is_for_owner_and_group),
		TEST(without_a_signer_every_call_is_unavailable),
		TEST(a_socket_in_a_folder_that_others_may_write_to_is_not_trusted),
		TEST(users_that_were_not_named_are_cut_off),
		TEST(a_socket_that_somebody_else_listens_on_is_not_trusted),
		TEST(a_signer_that_does_not_answer_is_a_timeout),
		TEST(a_length_beyond_the_limit_is_refused_before_anything_is_read),
		TEST(one_large_request_at_a_time_is_received),
		TEST(a_connection_that_says_nothing_is_cut_after_its_time),
		TEST(all_places_taken_leave_none_waiting_for_ever),
		TEST(a_second_server_on_the_socket_is_refused_and_a_dead_ones_socket_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
