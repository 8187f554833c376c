/* latency - how long one thing takes, one after the other:
 *
 *   bare    HOST PORT CA CERT KEY TOPIC        publish with QoS 1 -> the same message at a subscriber's, through a bare broker
 *   put     HOST PORT CA CERT KEY NODE URL TOKEN_FILE   PUT params by HTTP -> the message at the node, on params/remote
 *   report  HOST PORT CA CERT KEY TOPIC PAYLOAD DATABASE CHANNEL    publish -> the row is committed
 *   insert  DATABASE STATEMENT                 one statement -> the answer of its commit
 *
 * --seconds S (5): how long; --pause MS (0): between two. `PAYLOAD` and `STATEMENT` have one %d, a number that grows.
 * `report` hears of the commit by LISTEN: the table has a trigger that calls pg_notify, which PostgreSQL sends when the commit is done.
 *
 * Prints one JSON line: {"us":[...]}, each in the order of its taking; the first tenth, when connections and caches warm up, is
 * left out. Ends with status 1 when something takes ten seconds. */
#include "kit/wire.h"

#include <errno.h>
#include <getopt.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DEADLINE_MS = 10000, PAYLOAD_MAX = 8192 };

struct latency {
	double seconds;
	int pause_ms;
	char **arguments;
	int n_arguments;
	struct wire node, publisher;
	int n_connacks, n_subacks, n_messages;
	PGconn *database;
	int http;
	char request[4096], token[2048];
	int number;
	uint16_t mid;
};

typedef void once(struct latency *latency);

/* --- MQTT --- */

static void on_packet(void *owner, struct wire *wire, unsigned first, const unsigned char *body, size_t len)
{
	struct latency *latency = owner;
	size_t payload_len;
	enum wire_packet type = wire_type(first);
	if (type == WIRE_CONNACK && len == 2 && body[1] == 0)
		latency->n_connacks++;
	if (type == WIRE_SUBACK && len == 3 && body[2] == 1)
		latency->n_subacks++;
	if (type == WIRE_PUBLISH) {
		(void)wire_take_publish(wire, first, body, len, &payload_len);
		latency->n_messages++;
	}
}

static void wait_count(struct wire *wire, const int *count, int wanted, const char *what)
{
	int64_t until_us = bench_now_us() + DEADLINE_MS * 1000LL;
	while (*count < wanted) {
		if (!wire_wait(wire, 100))
			bench_die("%s: %s", what, wire->why);
		if (bench_now_us() > until_us)
			bench_die("no %s", what);
	}
}

/* The connection of HOST PORT CA CERT KEY, the first arguments. */
static void open_wire(struct latency *latency, struct wire *wire, const char *client_id)
{
	char **argument = latency->arguments;
	int wanted = latency->n_connacks + 1;
	SSL_CTX *context = wire_client_context(argument[2], argument[3], argument[4]);
	wire_open(wire, context, argument[0], (int)strtol(argument[1], NULL, 10), on_packet, latency);
	wire_connect(wire, client_id, true);
	wait_count(wire, &latency->n_connacks, wanted, "CONNACK");
}

static void subscribe(struct latency *latency, const char *filter)
{
	wire_subscribe(&latency->node, filter);
	wait_count(&latency->node, &latency->n_subacks, 1, "SUBACK");
}

static uint16_t next_mid(struct latency *latency)
{
	latency->mid = (uint16_t)(latency->mid % 65535 + 1);
	return latency->mid;
}

/* --- the things that are measured --- */

static void bare_open(struct latency *latency)
{
	open_wire(latency, &latency->node, "bench-subscriber");
	open_wire(latency, &latency->publisher, "bench-publisher");
	subscribe(latency, latency->arguments[5]);
}

static void bare_once(struct latency *latency)
{
	char payload[64];
	int len = snprintf(payload, sizeof(payload), "{\"Light\":{\"Level\":%d}}", latency->number++ % 100);
	int wanted = latency->n_messages + 1;
	wire_publish(&latency->publisher, latency->arguments[5], next_mid(latency), payload, (size_t)len);
	if (!wire_flush(&latency->publisher))
		bench_die("publisher: %s", latency->publisher.why);
	wait_count(&latency->node, &latency->n_messages, wanted, "message");
}

/* The publisher's PUBACKs. */
static void bare_after(struct latency *latency)
{
	if (!wire_turn(&latency->publisher))
		bench_die("publisher: %s", latency->publisher.why);
}

/* URL is http://127.0.0.1:PORT. */
static void put_open(struct latency *latency)
{
	char filter[WIRE_TOPIC_MAX], *token = latency->token;
	const char *colon = strrchr(latency->arguments[6], ':');
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	FILE *file = fopen(latency->arguments[7], "re");
	if (!colon || !file || !fgets(token, sizeof(latency->token), file))
		bench_die("URL %s, token in %s", latency->arguments[6], latency->arguments[7]);
	(void)fclose(file);
	token[strcspn(token, "\n")] = '\0';
	address.sin_port = htons((uint16_t)strtol(colon + 1, NULL, 10));
	latency->http = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (latency->http < 0 || connect(latency->http, (struct sockaddr *)&address, sizeof(address)) != 0)
		bench_die("%s: %s", latency->arguments[6], strerror(errno));
	int on = 1;
	(void)setsockopt(latency->http, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	open_wire(latency, &latency->node, latency->arguments[5]);
	(void)snprintf(filter, sizeof(filter), "node/%s/params/remote", latency->arguments[5]);
	subscribe(latency, filter);
}

static void put_once(struct latency *latency)
{
	char body[64];
	int len = snprintf(body, sizeof(body), "{\"Light\":{\"Level\":%d}}", latency->number++ % 100);
	int request_len =
		snprintf(latency->request, sizeof(latency->request),
			 "PUT /v1/user/nodes/params?node_id=%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\n"
			 "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			 latency->arguments[5], latency->token, len, body);
	int wanted = latency->n_messages + 1;
	if (send(latency->http, latency->request, (size_t)request_len, 0) != request_len)
		bench_die("PUT: %s", strerror(errno));
	wait_count(&latency->node, &latency->n_messages, wanted, "message");
}

/* The answer of the API, which is small and comes as one. */
static void put_after(struct latency *latency)
{
	char answer[8192];
	ssize_t len = recv(latency->http, answer, sizeof(answer) - 1, 0);
	if (len < 12 || memcmp(answer + 9, "200", 3) != 0)
		bench_die("PUT: %.*s", len > 0 ? (int)len : 0, answer);
}

static void database_open(struct latency *latency, const char *url)
{
	latency->database = PQconnectdb(url);
	if (PQstatus(latency->database) != CONNECTION_OK)
		bench_die("%s", PQerrorMessage(latency->database));
}

static void execute(struct latency *latency, const char *statement)
{
	PGresult *result = PQexec(latency->database, statement);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		bench_die("%s: %s", statement, PQerrorMessage(latency->database));
	PQclear(result);
}

/* The node's id is the certificate's name, in the topic: node/ID/... */
static void report_open(struct latency *latency)
{
	char id[WIRE_TOPIC_MAX], listen[128];
	if (sscanf(latency->arguments[5], "node/%255[^/]/", id) != 1)
		bench_die("topic %s", latency->arguments[5]);
	database_open(latency, latency->arguments[7]);
	(void)snprintf(listen, sizeof(listen), "LISTEN %s", latency->arguments[8]);
	execute(latency, listen);
	open_wire(latency, &latency->node, id);
}

static void wait_notification(struct latency *latency)
{
	int64_t until_us = bench_now_us() + DEADLINE_MS * 1000LL;
	for (PGnotify *heard = NULL; !heard;) {
		struct pollfd socket = { .fd = PQsocket(latency->database), .events = POLLIN };
		(void)poll(&socket, 1, 100);
		if (!PQconsumeInput(latency->database))
			bench_die("%s", PQerrorMessage(latency->database));
		heard = PQnotifies(latency->database);
		PQfreemem(heard);
		if (bench_now_us() > until_us)
			bench_die("nothing committed of %s", latency->arguments[5]);
	}
}

/* The format comes from the harness, on purpose. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static size_t fill_in(char *text, const char *format, int number)
{
	int len = snprintf(text, PAYLOAD_MAX, format, number);
	if (len < 0 || len >= PAYLOAD_MAX)
		bench_die("too long: %s", format);
	return (size_t)len;
}
#pragma GCC diagnostic pop

static void report_once(struct latency *latency)
{
	char payload[PAYLOAD_MAX];
	size_t len = fill_in(payload, latency->arguments[6], latency->number++);
	wire_publish(&latency->node, latency->arguments[5], next_mid(latency), payload, len);
	if (!wire_flush(&latency->node))
		bench_die("node: %s", latency->node.why);
	wait_notification(latency);
}

static void report_after(struct latency *latency)
{
	if (!wire_turn(&latency->node))
		bench_die("node: %s", latency->node.why);
}

static void insert_open(struct latency *latency)
{
	database_open(latency, latency->arguments[0]);
}

static void insert_once(struct latency *latency)
{
	char statement[PAYLOAD_MAX];
	(void)fill_in(statement, latency->arguments[1], latency->number++);
	execute(latency, statement);
}

static void nothing_after(struct latency *latency)
{
	(void)latency;
}

static const struct mode {
	const char *name;
	int n_arguments;
	once *open, *once, *after;
} modes[] = {
	{ "bare", 6, bare_open, bare_once, bare_after },
	{ "put", 8, put_open, put_once, put_after },
	{ "report", 9, report_open, report_once, report_after },
	{ "insert", 2, insert_open, insert_once, nothing_after },
};

/* --- the run --- */

static void run(struct latency *latency, const struct mode *mode)
{
	size_t n = 0, capacity = 0;
	int64_t *taken_us = NULL;
	mode->open(latency);
	int64_t until_us = bench_now_us() + (int64_t)(latency->seconds * 1e6);
	for (int64_t began_us; (began_us = bench_now_us()) < until_us;) {
		mode->once(latency);
		if (n == capacity) {
			capacity = capacity ? 2 * capacity : 1024;
			taken_us = realloc(taken_us, capacity * sizeof(*taken_us));
			if (!taken_us)
				bench_die("out of memory");
		}
		taken_us[n++] = bench_now_us() - began_us;
		mode->after(latency);
		if (latency->pause_ms > 0)
			(void)usleep((useconds_t)latency->pause_ms * 1000);
	}
	(void)printf("{\"us\":[");
	for (size_t i = n / 10; i < n; i++)
		(void)printf("%s%lld", i == n / 10 ? "" : ",", (long long)taken_us[i]);
	(void)printf("]}\n");
	free(taken_us);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = { { "seconds", required_argument, NULL, 's' },
						      { "pause", required_argument, NULL, 'p' },
						      { NULL, 0, NULL, 0 } };
	static struct latency latency = { .seconds = 5 };
	for (int letter; (letter = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		switch (letter) {
		case 's': latency.seconds = strtod(optarg, NULL); break;
		case 'p': latency.pause_ms = (int)strtol(optarg, NULL, 10); break;
		default: return 2;
		}
	}
	for (size_t i = 0; optind < argc && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(argv[optind], modes[i].name) != 0 || argc - optind - 1 != modes[i].n_arguments)
			continue;
		latency.arguments = argv + optind + 1;
		run(&latency, &modes[i]);
		return EXIT_SUCCESS;
	}
	bench_die("usage: latency [--seconds S] [--pause MS] bare|put|report|insert ...; see tests/bench/latency.c");
}
