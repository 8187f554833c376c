#include "cistern/password_prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* A terminal with echo off. The signals that end or stop a process wait meanwhile: Ctrl-C must not leave a dumb terminal. */
struct terminal {
	int fd, signals;
	struct termios before;
	sigset_t mask_before;
};

/* In this order: the waiting signals act as soon as the mask is back. */
static void terminal_close(const struct terminal *terminal)
{
	if (terminal->signals >= 0)
		(void)close(terminal->signals);
	(void)tcsetattr(terminal->fd, TCSAFLUSH, &terminal->before); /* nothing else can be tried */
	(void)close(terminal->fd);
	(void)sigprocmask(SIG_SETMASK, &terminal->mask_before, NULL);
}

static enum status terminal_open(struct terminal *ret_terminal, struct error *err)
{
	struct terminal terminal = { .fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), .signals = -1 };
	if (terminal.fd < 0 || tcgetattr(terminal.fd, &terminal.before) != 0) {
		if (terminal.fd >= 0)
			(void)close(terminal.fd);
		return error_set(err, STATUS_UNAVAILABLE, "no terminal to ask for the password: give --password-file");
	}
	sigset_t ending;
	sigemptyset(&ending);
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		sigaddset(&ending, numbers[i]);
	(void)sigprocmask(SIG_BLOCK, &ending, &terminal.mask_before); /* its arguments are right */
	terminal.signals = signalfd(-1, &ending, SFD_CLOEXEC);
	struct termios silent = terminal.before;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	silent.c_lflag |= ICANON;
	if (terminal.signals < 0 || tcsetattr(terminal.fd, TCSAFLUSH, &silent) != 0) {
		error_set(err, STATUS_UNAVAILABLE, "the terminal cannot be made silent: %s", strerror(errno));
		terminal_close(&terminal);
		return STATUS_UNAVAILABLE;
	}
	*ret_terminal = terminal;
	return STATUS_OK;
}

static void say(const struct terminal *terminal, const char *text)
{
	ssize_t written = write(terminal->fd, text, strlen(text));
	(void)written; /* a terminal that is gone is told by the read that follows */
}

static enum status read_line(const struct terminal *terminal, struct secret *line, struct error *err)
{
	struct pollfd watched[] = { { .fd = terminal->fd, .events = POLLIN },
				    { .fd = terminal->signals, .events = POLLIN } };
	int n_ready;
	do
		n_ready = poll(watched, ARRAY_LEN(watched), -1);
	while (n_ready < 0 && errno == EINTR);
	if (n_ready < 0 || watched[1].revents)
		return error_set(err, STATUS_UNAVAILABLE, "interrupted");
	/* a terminal gives one line at a time, with its end */
	ssize_t len = read(terminal->fd, line->bytes, sizeof(line->bytes));
	if (len <= 0 || line->bytes[0] == '\n')
		return error_set(err, STATUS_INVALID, "no password was typed");
	if (line->bytes[len - 1] == '\n')
		len--;
	if (len > SECRET_MAX)
		return error_set(err, STATUS_TOO_LARGE, "the password is too long");
	line->bytes[len] = '\0';
	line->len = (size_t)len;
	if (memchr(line->bytes, '\0', line->len))
		return error_set(err, STATUS_INVALID, "the password has a character that cannot be in one");
	return STATUS_OK;
}

static enum status ask(const struct terminal *terminal, const char *question, struct secret *line, struct error *err)
{
	say(terminal, question);
	enum status st = read_line(terminal, line, err);
	say(terminal, "\n"); /* the one that was typed is not shown either */
	return st;
}

enum status password_prompt(const char *user_name, struct secret *ret_password, struct error *err)
{
	struct terminal terminal = { .fd = -1, .signals = -1 };
	char question[320];
	(void)snprintf(question, sizeof(question), "Password for %s: ", user_name);
	CLEANUP(secret) struct secret first = { .len = 0 };
	CLEANUP(secret) struct secret again = { .len = 0 };
	enum status st = terminal_open(&terminal, err);
	if (st != STATUS_OK)
		return st;
	st = ask(&terminal, question, &first, err);
	if (st == STATUS_OK)
		st = ask(&terminal, "Once more: ", &again, err);
	terminal_close(&terminal);
	if (st != STATUS_OK)
		return st;
	if (strcmp(first.bytes, again.bytes) != 0)
		return error_set(err, STATUS_INVALID, "the two passwords are not the same");
	*ret_password = first;
	return STATUS_OK;
}
