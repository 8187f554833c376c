/* sink - a broker that does nothing: takes the load's connections and acknowledges every PUBLISH. How fast the load is against it shows
 * whether the load generator is what a figure measures.
 *
 *   sink PORT CERT KEY
 *
 * One thread. Prints `ready`, and runs until it is killed. */
#include "kit/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256 };

static void on_packet(void *owner, struct wire *wire, unsigned first, const unsigned char *body, size_t len)
{
	static const unsigned char connack[] = { WIRE_CONNACK << 4, 2, 0, 0 };
	size_t payload_len;
	(void)owner;
	if (wire_type(first) == WIRE_CONNECT)
		wire_put(wire, connack, sizeof(connack));
	else if (wire_type(first) == WIRE_PUBLISH)
		(void)wire_take_publish(wire, first, body, len, &payload_len);
}

static int listen_on(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, EVENTS) != 0)
		bench_die("port %d: %s", port, strerror(errno));
	return fd;
}

static void watch(int epoll_fd, int operation, struct wire *wire)
{
	struct epoll_event event = { .events = wire_wants_write(wire) ? EPOLLIN | EPOLLOUT : EPOLLIN,
				     .data.ptr = wire };
	if (epoll_ctl(epoll_fd, operation, wire->fd, &event) != 0)
		bench_die("epoll");
}

static void take_in(int epoll_fd, int listener, SSL_CTX *context)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct wire *wire = calloc(1, sizeof(*wire));
	if (fd < 0 || !wire)
		bench_die("accept: %s", strerror(errno));
	wire_accept(wire, context, fd, on_packet, NULL);
	watch(epoll_fd, EPOLL_CTL_ADD, wire);
}

static void serve(int epoll_fd, struct wire *wire)
{
	if (wire_turn(wire)) {
		watch(epoll_fd, EPOLL_CTL_MOD, wire);
		return;
	}
	wire_close(wire);
	free(wire);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		bench_die("usage: sink PORT CERT KEY");
	(void)signal(SIGPIPE, SIG_IGN);
	SSL_CTX *context = wire_server_context(argv[2], argv[3]);
	int listener = listen_on((int)strtol(argv[1], NULL, 10)), epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL }, events[EVENTS];
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event) != 0)
		bench_die("epoll");
	(void)puts("ready");
	(void)fflush(stdout);
	for (;;) {
		int n = epoll_wait(epoll_fd, events, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				serve(epoll_fd, events[i].data.ptr);
			else
				take_in(epoll_fd, listener, context);
		}
	}
}
