#include "ca/server.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "ca/wire.h"

enum { BACKLOG = 64, RECEIVE_CHUNK = 65536, USER_NAME_MAX = 64, SECOND_US = 1000000 };

/* Receives `need` bytes, then sends what is in `out`. */
struct connection {
	int fd; /* -1: free */
	int64_t deadline_us;
	struct buffer in, out;
	size_t need, sent;
	bool is_large; /* its request is over WIRE_REQUEST_BYTES_MAX */
};

struct server {
	int listener;
	struct sockaddr_un address;
	uid_t clients[SERVER_CLIENTS_MAX];
	size_t n_clients;
	server_answer *answer;
	void *context;
	struct connection connections[SERVER_CONNECTIONS_MAX];
	int64_t refusal_logged_us;
};

/* --- who may ask --- */

static enum status add_client(struct server *server, const char *name, struct error *err)
{
	int64_t number = 0;
	const struct passwd *user = NULL;
	if (server->n_clients == SERVER_CLIENTS_MAX)
		return error_set(err, STATUS_INVALID, "more than %d users may ask the signer", SERVER_CLIENTS_MAX);
	if (parse_i64(name, 0, UINT32_MAX - 1, &number))
		server->clients[server->n_clients++] = (uid_t)number;
	else if ((user = getpwnam(name)))
		server->clients[server->n_clients++] = user->pw_uid;
	else
		log_warn("signer.unknown_client", F_STR("user", name));
	return STATUS_OK;
}

static enum status add_clients(struct server *server, const char *names, struct error *err)
{
	enum status st = STATUS_OK;
	while (st == STATUS_OK && *names) {
		char name[USER_NAME_MAX + 1];
		names += strspn(names, ", ");
		size_t len = strcspn(names, ", ");
		if (len > USER_NAME_MAX)
			return error_set(err, STATUS_INVALID, "'%.64s' is too long for a user's name", names);
		memcpy(name, names, len);
		name[len] = '\0';
		names += len;
		if (len > 0)
			st = add_client(server, name, err);
	}
	return st;
}

static bool may_ask(const struct server *server, uid_t user)
{
	if (user == 0 || user == geteuid())
		return true;
	for (size_t i = 0; i < server->n_clients; i++) {
		if (server->clients[i] == user)
			return true;
	}
	return false;
}

/* One line a second at most: a refused user could fill the log. */
static void log_refusal(struct server *server, const struct ucred *peer)
{
	int64_t now_us = clock_monotonic_us();
	if (server->refusal_logged_us != 0 && now_us - server->refusal_logged_us < SECOND_US)
		return;
	server->refusal_logged_us = now_us;
	log_warn("signer.peer_refused", F_U64("uid", peer->uid), F_I64("pid", peer->pid));
}

/* --- the socket --- */

static enum status fill_address(const char *path, struct sockaddr_un *ret_address, struct error *err)
{
	size_t len = strlen(path);
	if (len == 0 || path[0] != '/' || len >= sizeof(ret_address->sun_path))
		return error_set(err, STATUS_INVALID, "'%s' is not an absolute path of at most %zu bytes for a socket",
				 path, sizeof(ret_address->sun_path) - 1);
	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret_address->sun_path, path, len);
	return STATUS_OK;
}

/* A socket that a killed one left behind is removed; one that somebody listens on, or another file, is not. */
static enum status clear_the_way(const struct sockaddr_un *address, struct error *err)
{
	struct stat about;
	if (lstat(address->sun_path, &about) != 0)
		return STATUS_OK; /* bind() will say what else is wrong */
	if (!S_ISSOCK(about.st_mode))
		return error_set(err, STATUS_CONFLICT, "'%s' is there and no socket", address->sun_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool is_taken =
		fd >= 0 && (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN);
	if (fd >= 0)
		(void)close(fd); /* nothing was sent */
	if (is_taken)
		return error_set(err, STATUS_CONFLICT, "somebody listens on '%s' already", address->sun_path);
	(void)unlink(address->sun_path); /* bind() will say why not */
	return STATUS_OK;
}

static enum status listen_at(struct server *server, struct error *err)
{
	const struct sockaddr_un *address = &server->address;
	enum status st = clear_the_way(address, err);
	if (st != STATUS_OK)
		return st;
	server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t before = umask(0117); /* from its first moment on it is open to owner and group alone */
	bool bound = server->listener >= 0 &&
		     bind(server->listener, (const struct sockaddr *)address, sizeof(*address)) == 0;
	int why = errno;
	(void)umask(before);
	if (!bound || listen(server->listener, BACKLOG) != 0)
		return error_set(err, STATUS_UNAVAILABLE, "cannot listen on '%s': %s", address->sun_path,
				 strerror(bound ? errno : why));
	return STATUS_OK;
}

enum status server_open(const char *socket_path, const char *clients, server_answer *answer, void *context,
			struct server **ret_server, struct error *err)
{
	CLEANUP(server) struct server *server = calloc(1, sizeof(*server));
	if (!server)
		abort();
	server->listener = -1;
	server->answer = answer;
	server->context = context;
	for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++)
		server->connections[i].fd = -1;
	enum status st = add_clients(server, clients, err);
	if (st == STATUS_OK)
		st = fill_address(socket_path, &server->address, err);
	if (st == STATUS_OK)
		st = listen_at(server, err);
	if (st != STATUS_OK)
		return st;
	*ret_server = STEAL(server);
	return STATUS_OK;
}

/* --- one connection --- */

static void drop(struct connection *connection)
{
	(void)close(connection->fd); /* what is still in it is lost on purpose */
	buffer_done(&connection->in);
	buffer_done(&connection->out);
	*connection = (struct connection){ .fd = -1 };
}

static void begin_reply(struct connection *connection)
{
	buffer_done(&connection->in);
	connection->deadline_us = clock_monotonic_us() + (int64_t)SERVER_SEND_S * SECOND_US;
}

static void refuse(struct connection *connection, enum status status, const char *reason)
{
	struct error err;
	(void)error_set(&err, status, "%s", reason);
	log_warn("signer.refused", F_STR("status", status_name(status)), F_STR("reason", reason));
	wire_put_failure(&connection->out, &err);
	begin_reply(connection);
}

static bool another_is_large(const struct server *server)
{
	for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
		if (server->connections[i].fd >= 0 && server->connections[i].is_large)
			return true;
	}
	return false;
}

/* The length is there: how much more is to come? */
static void take_head(const struct server *server, struct connection *connection)
{
	size_t len = wire_length((const unsigned char *)connection->in.bytes);
	if (len == 0 || len > WIRE_CRL_BYTES_MAX) {
		refuse(connection, STATUS_TOO_LARGE, "the request is empty or too large");
	} else if (len > WIRE_REQUEST_BYTES_MAX && another_is_large(server)) {
		refuse(connection, STATUS_LIMIT, "another large request is being received");
	} else {
		connection->is_large = len > WIRE_REQUEST_BYTES_MAX;
		connection->need = WIRE_HEAD_BYTES + len;
	}
}

static void take_request(const struct server *server, struct connection *connection)
{
	server->answer(server->context, connection->in.bytes + WIRE_HEAD_BYTES, connection->need - WIRE_HEAD_BYTES,
		       &connection->out);
	begin_reply(connection);
}

/* A large request has the time of a large reply. */
static void receive(const struct server *server, struct connection *connection)
{
	size_t want = connection->need - connection->in.len;
	if (want > RECEIVE_CHUNK)
		want = RECEIVE_CHUNK;
	ssize_t n = recv(connection->fd, buffer_reserve(&connection->in, want), want, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(connection);
		return;
	}
	connection->in.len += (size_t)n;
	if (connection->in.len < connection->need)
		return;
	if (connection->need > WIRE_HEAD_BYTES) {
		take_request(server, connection);
		return;
	}
	take_head(server, connection);
	if (connection->is_large)
		connection->deadline_us = clock_monotonic_us() + (int64_t)SERVER_SEND_S * SECOND_US;
}

static void send_more(struct connection *connection)
{
	ssize_t n = send(connection->fd, connection->out.bytes + connection->sent,
			 connection->out.len - connection->sent, MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	connection->sent += n > 0 ? (size_t)n : 0;
	if (n <= 0 || connection->sent == connection->out.len)
		drop(connection);
}

static struct connection *free_connection(struct server *server)
{
	for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
		if (server->connections[i].fd < 0)
			return &server->connections[i];
	}
	return NULL;
}

static void accept_one(struct server *server)
{
	struct connection *place = free_connection(server);
	int fd = place ? accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;
	if (fd < 0)
		return; /* it is gone again, or no files are left: poll() says so the next time */
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || !may_ask(server, peer.uid)) {
		log_refusal(server, &peer);
		(void)close(fd); /* nothing was sent */
		return;
	}
	*place = (struct connection){ .fd = fd,
				      .need = WIRE_HEAD_BYTES,
				      .deadline_us = clock_monotonic_us() + (int64_t)SERVER_RECEIVE_S * SECOND_US };
}

/* --- the loop --- */

enum { POLL_WAKE, POLL_LISTENER, POLL_CONNECTIONS, POLL_MAX = POLL_CONNECTIONS + SERVER_CONNECTIONS_MAX };

/* poll() passes over a negative file. Milliseconds to the first deadline, -1: there is none. */
static int fill_poll(struct server *server, int wake_fd, struct pollfd files[POLL_MAX])
{
	int64_t now_us = clock_monotonic_us(), first_us = INT64_MAX;
	files[POLL_WAKE] = (struct pollfd){ .fd = wake_fd, .events = POLLIN };
	files[POLL_LISTENER] =
		(struct pollfd){ .fd = free_connection(server) ? server->listener : -1, .events = POLLIN };
	for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
		const struct connection *connection = &server->connections[i];
		files[POLL_CONNECTIONS + i] =
			(struct pollfd){ .fd = connection->fd, .events = connection->out.len ? POLLOUT : POLLIN };
		if (connection->fd >= 0 && connection->deadline_us < first_us)
			first_us = connection->deadline_us;
	}
	if (first_us == INT64_MAX)
		return -1;
	return first_us > now_us ? (int)((first_us - now_us) / 1000) + 1 : 0;
}

static void serve_connection(const struct server *server, struct connection *connection, bool is_ready)
{
	if (connection->fd < 0)
		return;
	if (is_ready && connection->out.len)
		send_more(connection);
	else if (is_ready)
		receive(server, connection);
	if (connection->fd >= 0 && clock_monotonic_us() >= connection->deadline_us)
		drop(connection);
}

enum status server_serve(struct server *server, int wake_fd, struct error *err)
{
	for (;;) {
		struct pollfd files[POLL_MAX];
		int wait_ms = fill_poll(server, wake_fd, files);
		int n_ready = poll(files, POLL_MAX, wait_ms);
		if (n_ready < 0 && errno != EINTR)
			return error_set(err, STATUS_UNAVAILABLE, "cannot wait for requests: %s", strerror(errno));
		if (n_ready < 0)
			continue;
		/* accepted ones are served in the next round: their entry here is of a free place */
		for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++)
			serve_connection(server, &server->connections[i], files[POLL_CONNECTIONS + i].revents != 0);
		if (files[POLL_LISTENER].revents)
			accept_one(server);
		if (files[POLL_WAKE].revents)
			return STATUS_OK;
	}
}

void server_close(struct server *server)
{
	if (!server)
		return;
	for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
		if (server->connections[i].fd >= 0)
			drop(&server->connections[i]);
	}
	if (server->listener >= 0) {
		(void)unlink(server->address.sun_path); /* the next start would remove it too */
		(void)close(server->listener);
	}
	free(server);
}
