/* load - what the figures put on the broker, so cheap that it is not what they measure: one thread, epoll, packets by hand.
 *
 *   load publish  HOST PORT CA DIR  --count N --messages M | --seconds S  [--window W] [--rate R] [--params K] [--marker TEXT]
 *   load connects HOST PORT CA DIR  --count N --seconds S  [--parallel P]
 *
 * DIR has a folder for each node, its name the node's id, with node.crt and node.key; the first N by name are used, each with its
 * own certificate. `publish`: each node sends params/local with QoS 1, at most W (20) unacknowledged, M messages in all or for S
 * seconds (SIGTERM ends it sooner), as fast as they are acknowledged or at R a second of all nodes together. A report has K (1)
 * parameters of the device Light. When all are acknowledged the first node reports {"Marker":{"n":"TEXT"}}: behind everything.
 * `connects`: P (16) at a time, TCP, full TLS handshake, CONNECT, CONNACK, DISCONNECT; the server's certificate is not looked at.
 *
 * Prints one JSON line; times in it are the monotonic clock's. Ends with status 1 when a connection is lost. */
#include "kit/histogram.h"
#include "kit/wire.h"

#include <dirent.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { PAYLOADS = 101, PAYLOAD_MAX = 4096, WINDOW_MAX = 1024, EVENTS = 256, MID_MAX = 65535, CONNECTING_MAX = 64 };

struct options {
	const char *mode, *host, *ca, *dir, *marker;
	int port, count, window, params, parallel;
	long messages;
	double seconds, rate;
};

struct node {
	struct wire wire;
	struct load *load;
	SSL_CTX *context;
	char id[256], topic[300];
	bool ready, watched_write;
	uint32_t n_published, n_acked;
	int64_t sent_us[WINDOW_MAX]; /* by message id */
};

struct load {
	struct options options;
	struct node *nodes;
	size_t n_nodes, n_ready;
	uint64_t each; /* messages of a node; 0: no end */
	int epoll_fd;
	char payloads[PAYLOADS][PAYLOAD_MAX];
	size_t payload_len[PAYLOADS];
	uint64_t n_published, n_acked, n_connects;
	size_t turn; /* whose turn it is at a pace */
	int64_t started_us, now_us, ended_us;
	bool stopping;
	struct histogram acks;
};

static volatile sig_atomic_t terminated;

static void on_signal(int number)
{
	(void)number;
	terminated = 1;
}

/* --- set-up --- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct node *)a)->id, ((const struct node *)b)->id);
}

static void find_nodes(struct load *load)
{
	DIR *folder = opendir(load->options.dir);
	if (!folder)
		bench_die("no folder %s", load->options.dir);
	for (const struct dirent *entry; (entry = readdir(folder));) {
		if (entry->d_name[0] == '.')
			continue;
		struct node *grown = realloc(load->nodes, (load->n_nodes + 1) * sizeof(*grown));
		if (!grown)
			bench_die("out of memory");
		load->nodes = grown;
		struct node *node = &grown[load->n_nodes++];
		memset(node, 0, sizeof(*node));
		(void)snprintf(node->id, sizeof(node->id), "%s", entry->d_name);
	}
	(void)closedir(folder);
	qsort(load->nodes, load->n_nodes, sizeof(*load->nodes), by_name);
	if (load->n_nodes < (size_t)load->options.count)
		bench_die("%zu nodes in %s", load->n_nodes, load->options.dir);
	load->n_nodes = (size_t)load->options.count;
	load->each = (uint64_t)(load->options.messages / load->options.count);
}

static void prepare_nodes(struct load *load)
{
	bool is_publish = strcmp(load->options.mode, "publish") == 0;
	for (size_t i = 0; i < load->n_nodes; i++) {
		struct node *node = &load->nodes[i];
		char cert[2048], key[2048];
		(void)snprintf(cert, sizeof(cert), "%s/%s/node.crt", load->options.dir, node->id);
		(void)snprintf(key, sizeof(key), "%s/%s/node.key", load->options.dir, node->id);
		(void)snprintf(node->topic, sizeof(node->topic), "node/%s/params/local", node->id);
		node->context = wire_client_context(is_publish ? load->options.ca : NULL, cert, key);
		node->load = load;
		node->wire.fd = -1;
	}
}

/* Names as the tables of the figures have them: Level, P1, P2, … of the device Light. */
static void prepare_payloads(struct load *load)
{
	for (int i = 0; i < PAYLOADS; i++) {
		char *text = load->payloads[i];
		size_t len = (size_t)snprintf(text, PAYLOAD_MAX, "{\"Light\":{\"Level\":%d", i);
		for (int k = 1; k < load->options.params && len < PAYLOAD_MAX - 64; k++)
			len += (size_t)snprintf(text + len, PAYLOAD_MAX - len, ",\"P%d\":%d", k, (i * k) % 1000);
		len += (size_t)snprintf(text + len, PAYLOAD_MAX - len, "}}");
		load->payload_len[i] = len;
	}
}

/* --- events --- */

static void watch(struct node *node, int operation)
{
	bool write = wire_wants_write(&node->wire);
	if (operation == EPOLL_CTL_MOD && write == node->watched_write)
		return;
	node->watched_write = write;
	struct epoll_event event = { .events = write ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = node };
	if (epoll_ctl(node->load->epoll_fd, operation, node->wire.fd, &event) != 0)
		bench_die("epoll");
}

static void on_packet(void *owner, struct wire *wire, unsigned first, const unsigned char *body, size_t len)
{
	struct node *node = owner;
	struct load *load = node->load;
	if (wire_type(first) == WIRE_CONNACK) {
		if (len < 2 || body[1] != 0)
			bench_die("%s: CONNACK %d", node->id, len < 2 ? -1 : body[1]);
		node->ready = true;
		load->n_ready++;
		return;
	}
	if (wire_type(first) != WIRE_PUBACK || len < 2)
		return;
	(void)wire;
	node->n_acked++;
	load->n_acked++;
	histogram_add(&load->acks,
		      (uint64_t)(load->now_us - node->sent_us[(unsigned)(body[0] << 8 | body[1]) % WINDOW_MAX]));
}

static void open_node(struct node *node)
{
	node->ready = false;
	wire_open(&node->wire, node->context, node->load->options.host, node->load->options.port, on_packet, node);
	wire_connect(&node->wire, node->id, true); /* leaves after the handshake */
	watch(node, EPOLL_CTL_ADD);
}

static void turn(struct node *node)
{
	if (!wire_turn(&node->wire))
		bench_die("%s: connection lost: %s", node->id, node->wire.why);
	watch(node, EPOLL_CTL_MOD);
}

static int wait_events(struct load *load, struct epoll_event *events, int wait_ms)
{
	int n = epoll_wait(load->epoll_fd, events, EVENTS, wait_ms);
	load->now_us = bench_now_us();
	return n;
}

/* --- publishing --- */

static bool may_publish(const struct load *load, const struct node *node)
{
	if (load->stopping || node->n_published - node->n_acked >= (uint32_t)load->options.window)
		return false;
	return !load->each || node->n_published < load->each;
}

static void publish(struct load *load, struct node *node)
{
	size_t i = node->n_published % PAYLOADS;
	uint16_t mid = (uint16_t)(node->n_published % MID_MAX + 1);
	node->sent_us[mid % WINDOW_MAX] = load->now_us;
	wire_publish(&node->wire, node->topic, mid, load->payloads[i], load->payload_len[i]);
	node->n_published++;
	load->n_published++;
}

/* The window is filled again when half of it is free: one write(2) for many messages. */
static void refill(struct load *load, struct node *node)
{
	if (node->n_published - node->n_acked > (uint32_t)load->options.window / 2)
		return;
	while (may_publish(load, node))
		publish(load, node);
	(void)wire_flush(&node->wire);
	watch(node, EPOLL_CTL_MOD);
}

/* What is due by now, one node after the other. What nobody's window has room for is due still. */
static void keep_pace(struct load *load)
{
	double due = (double)(load->now_us - load->started_us) / 1e6 * load->options.rate;
	for (size_t tried = 0; (double)load->n_published < due && tried < load->n_nodes;) {
		struct node *node = &load->nodes[load->turn];
		load->turn = (load->turn + 1) % load->n_nodes;
		tried++;
		if (!may_publish(load, node))
			continue;
		publish(load, node);
		(void)wire_flush(&node->wire);
		watch(node, EPOLL_CTL_MOD);
		tried = 0;
	}
}

static void connect_all(struct load *load)
{
	struct epoll_event events[EVENTS];
	size_t n_opened = 0;
	int64_t until_us = bench_now_us() + 120 * 1000000LL;
	while (load->n_ready < load->n_nodes) {
		while (n_opened < load->n_nodes && n_opened - load->n_ready < CONNECTING_MAX)
			open_node(&load->nodes[n_opened++]);
		int n = wait_events(load, events, 1000);
		for (int i = 0; i < n; i++)
			turn(events[i].data.ptr);
		if (load->now_us > until_us)
			bench_die("%zu of %zu connected", load->n_ready, load->n_nodes);
	}
}

static bool publishes_on(struct load *load)
{
	const struct options *options = &load->options;
	if (terminated || (options->seconds > 0 && load->now_us - load->started_us > (int64_t)(options->seconds * 1e6)))
		load->stopping = true;
	if (load->stopping)
		return load->n_acked < load->n_published;
	return !load->each || load->n_acked < load->each * load->n_nodes;
}

static void publish_marker(struct load *load)
{
	struct node *node = &load->nodes[0];
	char payload[256];
	uint32_t before = node->n_acked;
	int len = snprintf(payload, sizeof(payload), "{\"Marker\":{\"n\":\"%s\"}}", load->options.marker);
	wire_publish(&node->wire, node->topic, (uint16_t)(node->n_published % MID_MAX + 1), payload, (size_t)len);
	while (node->n_acked == before) {
		if (!wire_wait(&node->wire, 1000))
			bench_die("connection lost before the marker");
	}
}

static void run_publish(struct load *load)
{
	struct epoll_event events[EVENTS];
	bool paced = load->options.rate > 0;
	connect_all(load);
	int64_t cpu_us = bench_cpu_us();
	load->started_us = load->now_us = bench_now_us();
	for (size_t i = 0; i < load->n_nodes && !paced; i++)
		refill(load, &load->nodes[i]);
	while (publishes_on(load)) {
		int n = wait_events(load, events, paced ? 1 : 100);
		for (int i = 0; i < n; i++) {
			turn(events[i].data.ptr);
			if (!paced)
				refill(load, events[i].data.ptr);
		}
		if (paced)
			keep_pace(load);
	}
	load->ended_us = bench_now_us();
	cpu_us = bench_cpu_us() - cpu_us;
	uint64_t n_acked = load->n_acked;
	double seconds = (double)(load->ended_us - load->started_us) / 1e6;
	if (load->options.marker)
		publish_marker(load);
	printf("{\"nodes\":%zu,\"window\":%d,\"payload_bytes\":%zu,\"acked\":%llu,\"started_us\":%lld,\"seconds\":%.3f,"
	       "\"per_second\":%.0f,\"cpu_us\":%lld,\"puback_p50_us\":%llu,\"puback_p99_us\":%llu,\"puback_max_us\":%"
	       "llu}\n",
	       load->n_nodes, load->options.window, load->payload_len[PAYLOADS - 1], (unsigned long long)n_acked,
	       (long long)load->started_us, seconds, (double)n_acked / seconds, (long long)cpu_us,
	       (unsigned long long)histogram_percentile(&load->acks, 50),
	       (unsigned long long)histogram_percentile(&load->acks, 99), (unsigned long long)load->acks.max);
}

/* --- connecting again and again --- */

/* A node is used again when its turn comes: with fewer in parallel than nodes no session is taken over. */
static void next_connect(struct load *load)
{
	struct node *node = &load->nodes[load->turn];
	load->turn = (load->turn + 1) % load->n_nodes;
	open_node(node);
}

static void end_connect(struct load *load, struct node *node)
{
	wire_disconnect(&node->wire);
	(void)wire_flush(&node->wire);
	wire_close(&node->wire); /* epoll forgets a closed socket */
	load->n_connects++;
}

static void run_connects(struct load *load)
{
	struct epoll_event events[EVENTS];
	int64_t cpu_us = bench_cpu_us();
	load->started_us = load->now_us = bench_now_us();
	int64_t until_us = load->started_us + (int64_t)(load->options.seconds * 1e6);
	for (int i = 0; i < load->options.parallel; i++)
		next_connect(load);
	while (load->now_us < until_us && !terminated) {
		int n = wait_events(load, events, 100);
		for (int i = 0; i < n; i++) {
			struct node *node = events[i].data.ptr;
			turn(node);
			if (!node->ready)
				continue;
			end_connect(load, node);
			next_connect(load);
		}
	}
	double seconds = (double)(bench_now_us() - load->started_us) / 1e6;
	printf("{\"connects\":%llu,\"parallel\":%d,\"seconds\":%.3f,\"per_second\":%.0f,\"cpu_us\":%lld}\n",
	       (unsigned long long)load->n_connects, load->options.parallel, seconds,
	       (double)load->n_connects / seconds, (long long)(bench_cpu_us() - cpu_us));
}

/* --- options --- */

static const struct option long_options[] = {
	{ "count", required_argument, NULL, 'c' },
	{ "messages", required_argument, NULL, 'm' },
	{ "seconds", required_argument, NULL, 's' },
	{ "window", required_argument, NULL, 'w' },
	{ "rate", required_argument, NULL, 'r' },
	{ "params", required_argument, NULL, 'k' },
	{ "parallel", required_argument, NULL, 'p' },
	{ "marker", required_argument, NULL, 'n' },
	{ NULL, 0, NULL, 0 },
};

static _Noreturn void usage(void)
{
	bench_die("usage: load publish|connects HOST PORT CA DIR --count N [options]; see tests/bench/load.c");
}

static struct options read_options(int argc, char **argv)
{
	struct options options = { .window = 20, .params = 1, .parallel = 16, .count = 1 };
	for (int letter; (letter = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		switch (letter) {
		case 'c': options.count = (int)strtol(optarg, NULL, 10); break;
		case 'm': options.messages = strtol(optarg, NULL, 10); break;
		case 's': options.seconds = strtod(optarg, NULL); break;
		case 'w': options.window = (int)strtol(optarg, NULL, 10); break;
		case 'r': options.rate = strtod(optarg, NULL); break;
		case 'k': options.params = (int)strtol(optarg, NULL, 10); break;
		case 'p': options.parallel = (int)strtol(optarg, NULL, 10); break;
		case 'n': options.marker = optarg; break;
		default: usage();
		}
	}
	if (argc - optind != 5 || options.count < 1 || options.window < 1 || options.window > WINDOW_MAX)
		usage();
	options.mode = argv[optind];
	options.host = argv[optind + 1];
	options.port = (int)strtol(argv[optind + 2], NULL, 10);
	options.ca = argv[optind + 3];
	options.dir = argv[optind + 4];
	return options;
}

int main(int argc, char **argv)
{
	static struct load load;
	load.options = read_options(argc, argv);
	load.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	(void)signal(SIGTERM, on_signal);
	(void)signal(SIGINT, on_signal);
	find_nodes(&load);
	prepare_nodes(&load);
	prepare_payloads(&load);
	if (strcmp(load.options.mode, "connects") == 0) {
		if (load.options.parallel >= load.options.count || load.options.seconds <= 0)
			bench_die("fewer in parallel than nodes, and --seconds");
		run_connects(&load);
	} else {
		run_publish(&load);
	}
	return EXIT_SUCCESS;
}
