#include "loop.h"

#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
	EVENTS_MAX = 256,
	SCAN_PAUSE_US = 1000, /* many nodes with many deadlines: not more than 1000 looks a second */
	STOP_MAX_US = 3 * 1000000,
};

enum status loop_init(struct loop *loop, struct error *err)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL }; /* NULL: the signals */
	sigset_t signals;

	*loop = (struct loop){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC), .signal_fd = -1 };
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGUSR1);
	(void)sigaddset(&signals, SIGUSR2);
	(void)signal(SIGPIPE, SIG_IGN);
	if (loop->epoll_fd < 0 || sigprocmask(SIG_BLOCK, &signals, NULL) != 0)
		return error_set(err, STATUS_INTERNAL, "epoll: %s", strerror(errno));
	loop->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (loop->signal_fd < 0 || epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->signal_fd, &event) != 0)
		return error_set(err, STATUS_INTERNAL, "signalfd: %s", strerror(errno));
	return STATUS_OK;
}

void loop_done(struct loop *loop)
{
	if (loop->signal_fd >= 0)
		(void)close(loop->signal_fd);
	if (loop->epoll_fd >= 0)
		(void)close(loop->epoll_fd);
}

static void stop(struct loop *loop)
{
	if (loop->run->stopping) {
		loop->aborted = true;
		return;
	}
	loop->run->stopping = true;
	loop->stop_until_us = clock_monotonic_us() + STOP_MAX_US;
	for (size_t i = 0; i < loop->run->n_nodes; i++)
		node_stop(&loop->nodes[i]);
}

static void take_signals(struct loop *loop)
{
	struct signalfd_siginfo info;

	while (read(loop->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		void (*act)(struct node * node) = NULL;
		if (info.ssi_signo == SIGUSR1)
			act = node_report_details;
		else if (info.ssi_signo == SIGUSR2)
			act = renew_start;
		else
			stop(loop);
		for (size_t i = 0; act && i < loop->run->n_nodes; i++)
			act(&loop->nodes[i]);
		loop->scan_at_us = 0; /* what they have published leaves with the next look */
	}
}

/* Deadlines change with every event, so each look at all nodes finds the next one anew. */
static void scan(struct loop *loop, int64_t now_us)
{
	int64_t next_us = INT64_MAX;

	for (size_t i = 0; i < loop->run->n_nodes; i++) {
		int64_t node_us = node_tick(&loop->nodes[i], now_us);
		if (node_us < next_us)
			next_us = node_us;
	}
	loop->scanned_us = now_us;
	loop->scan_at_us = next_us;
}

static bool all_down(const struct loop *loop)
{
	for (size_t i = 0; i < loop->run->n_nodes; i++) {
		if (loop->nodes[i].connection.state != CONNECTION_DOWN)
			return false;
	}
	return true;
}

static bool is_over(const struct loop *loop, int64_t now_us)
{
	return loop->aborted || (loop->run->stopping && (all_down(loop) || now_us >= loop->stop_until_us));
}

/* What a node has just lived through may have given it an earlier deadline. */
static void take_events(struct loop *loop, struct connection *connection, uint32_t events)
{
	connection_ready(connection, events);
	int64_t node_us = node_tick(connection->owner, clock_monotonic_us());
	if (node_us < loop->scan_at_us)
		loop->scan_at_us = node_us;
}

/* The ends that the run itself has. */
static bool wants_stop(const struct run *run, int64_t now_us)
{
	const struct options *options = run->options;

	return run->failed || (options->exit_after_boot && run->n_booted == run->n_nodes) ||
	       (options->duration_s > 0 && now_us - run->started_us >= options->duration_s * 1000000) ||
	       (run->load.count > 0 && run->load.n_finished == run->n_nodes);
}

static void watch_run(struct loop *loop, int64_t now_us)
{
	struct run *run = loop->run;

	if (run->load.wanted && run->load.started_us == 0 && run->ready_us > 0) {
		load_start(&run->load, now_us);
		loop->scan_at_us = now_us;
	}
	if (!run->stopping && wants_stop(run, now_us))
		stop(loop);
}

/* Rounded up: waking early would find nothing due. */
static int wait_ms(const struct loop *loop, int64_t now_us)
{
	int64_t wait_us = loop->scan_at_us - now_us;

	if (wait_us <= 0)
		return 0;
	return wait_us > 1000000 ? 1000 : (int)((wait_us + 999) / 1000);
}

enum status loop_run(struct loop *loop, struct error *err)
{
	struct epoll_event events[EVENTS_MAX];

	for (;;) {
		int64_t now_us = clock_monotonic_us();
		if (now_us >= loop->scan_at_us || now_us - loop->scanned_us >= 1000000)
			scan(loop, now_us);
		watch_run(loop, now_us);
		if (is_over(loop, now_us))
			return STATUS_OK;
		if (loop->scan_at_us < loop->scanned_us + SCAN_PAUSE_US)
			loop->scan_at_us = loop->scanned_us + SCAN_PAUSE_US;
		int n_events = epoll_wait(loop->epoll_fd, events, EVENTS_MAX, wait_ms(loop, now_us));
		if (n_events < 0 && errno != EINTR)
			return error_set(err, STATUS_INTERNAL, "epoll_wait: %s", strerror(errno));
		for (int i = 0; i < n_events; i++) {
			if (events[i].data.ptr)
				take_events(loop, events[i].data.ptr, events[i].events);
			else
				take_signals(loop);
		}
	}
}
