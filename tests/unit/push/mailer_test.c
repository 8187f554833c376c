/* Mail leaves by SMTP as one message to one address, waits while the server is away, and never without bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "push/mailer.h"

/* A server for one mail (RFC 5321); what it was told is in `heard`. */
struct server {
	int fd;
	char url[64];
	char heard[4096];
	size_t heard_len;
	pthread_t thread;
};

static void listen_on_loopback(struct server *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	server->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(server->fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(server->fd, 8), 0);
	assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &len), 0);
	(void)snprintf(server->url, sizeof(server->url), "smtp://127.0.0.1:%d", ntohs(address.sin_port));
}

static void say(int fd, const char *line)
{
	if (write(fd, line, strlen(line)) < 0)
		abort();
}

static const char *answer_to(const char *line, bool *in_data)
{
	if (*in_data) {
		if (strcmp(line, ".\r\n") != 0)
			return NULL;
		*in_data = false;
		return "250 kept\r\n";
	}
	if (strncmp(line, "DATA", 4) == 0) {
		*in_data = true;
		return "354 go on\r\n";
	}
	return strncmp(line, "QUIT", 4) == 0 ? "221 bye\r\n" : "250 ok\r\n";
}

static void *serve_one(void *context)
{
	struct server *server = context;
	int fd = accept(server->fd, NULL, NULL);
	FILE *lines = fdopen(fd, "r");
	bool in_data = false;
	char line[1024];
	say(fd, "220 test\r\n");
	while (fgets(line, sizeof(line), lines)) {
		size_t len = strlen(line);
		memcpy(server->heard + server->heard_len, line, len + 1);
		server->heard_len += len;
		const char *answer = answer_to(line, &in_data);
		if (answer)
			say(fd, answer);
		if (strncmp(line, "QUIT", 4) == 0)
			break;
	}
	fclose(lines);
	return NULL;
}

enum { QUEUE_MAX = 8 };

static struct mailer *start(const char *smtp_url)
{
	const struct mailer_options options = {
		.smtp_url = smtp_url, .smtp_from = "cistern@example.org", .queue_max = QUEUE_MAX, .app_name = "Cistern"
	};
	struct mailer *mailer = NULL;
	struct error err = { .status = STATUS_OK };
	assert_int_equal(mailer_start(&options, &mailer, &err), STATUS_OK);
	return mailer;
}

static enum status send_to(struct mailer *mailer, const char *to)
{
	struct error err = { .status = STATUS_OK };
	const struct mail_value values[] = { { "minutes", "15" } };
	const struct mail mail = {
		.to = to, .template = MAIL_SIGN_UP_CODE, .values = values, .n_values = 1, .code = "123456"
	};
	return mailer_send(mailer, &mail, &err);
}

static void a_mail_goes_to_its_one_address_whole(void **state)
{
	(void)state;
	static struct server server;
	listen_on_loopback(&server);
	assert_int_equal(pthread_create(&server.thread, NULL, serve_one, &server), 0);
	struct mailer *mailer = start(server.url);
	assert_int_equal(send_to(mailer, "ann@example.org"), STATUS_OK);
	pthread_join(server.thread, NULL);
	mailer_stop(mailer);
	close(server.fd);
	assert_non_null(strstr(server.heard, "MAIL FROM:<cistern@example.org>"));
	assert_non_null(strstr(server.heard, "RCPT TO:<ann@example.org>\r\n"));
	assert_non_null(strstr(server.heard, "To: <ann@example.org>\r\n"));
	assert_non_null(strstr(server.heard, "Subject: Your confirmation code\r\n"));
	assert_non_null(strstr(server.heard, "\r\n\r\n123456 is your confirmation code for Cistern.\r\n\r\n"));
}

static void an_address_that_could_be_two_is_refused(void **state)
{
	(void)state;
	struct mailer *mailer = start(NULL);
	assert_int_equal(send_to(mailer, "a@b\r\nRCPT TO:<c@d>"), STATUS_INVALID);
	assert_int_equal(send_to(mailer, "a@b>,<c@d"), STATUS_INVALID);
	assert_int_equal(send_to(mailer, "a@b c@d"), STATUS_INVALID);
	assert_int_equal(send_to(mailer, "a@b,c@d"), STATUS_INVALID);
	assert_int_equal(send_to(mailer, ""), STATUS_INVALID);
	char longest[300];
	memset(longest, 'a', sizeof(longest));
	longest[299] = '\0';
	assert_int_equal(send_to(mailer, longest), STATUS_TOO_LARGE);
	mailer_stop(mailer);
}

/* The server listens and never answers: what is sent waits, and so do the mails behind it. */
static void a_full_queue_refuses_and_a_silent_server_does_not_hold_up_the_end(void **state)
{
	(void)state;
	static struct server server;
	listen_on_loopback(&server);
	struct mailer *mailer = start(server.url);
	for (int i = 0; i < QUEUE_MAX; i++)
		assert_int_equal(send_to(mailer, "ann@example.org"), STATUS_OK);
	assert_int_equal(send_to(mailer, "ann@example.org"), STATUS_LIMIT);
	struct pollfd knocked = { .fd = server.fd, .events = POLLIN };
	assert_int_equal(poll(&knocked, 1, 5000), 1); /* a transfer is under way */
	int64_t began_us = clock_monotonic_us();
	mailer_stop(mailer);
	assert_true(clock_monotonic_us() - began_us < 5000000);
	close(server.fd);
}

int main(void)
{
	log_set_level(LOG_ERROR);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mail_goes_to_its_one_address_whole),
		cmocka_unit_test(an_address_that_could_be_two_is_refused),
		cmocka_unit_test(a_full_queue_refuses_and_a_silent_server_does_not_hold_up_the_end),
	};
	return cmocka_run_group_tests_name("push/mailer", tests, NULL, NULL);
}
