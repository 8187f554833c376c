#include "claim/signer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "ca/wire.h"

_Static_assert((int)SIGNER_SERIAL_HEX_MAX == (int)CA_SERIAL_HEX_MAX && (int)SIGNER_PEM_MAX == (int)CA_PEM_MAX &&
		       (int)SIGNER_KEY_HASH_BYTES == (int)CSR_KEY_HASH_BYTES &&
		       (int)SIGNER_CA_KEY_ID_HEX == (int)CA_KEY_ID_HEX,
	       "one certificate on both sides of the socket");

/* One call's way to signerd and back. */
struct line {
	int fd;
	int64_t deadline_us; /* of the monotonic clock */
	bool sent;           /* signerd may have acted: an end without a reply is not known */
};

static void cleanup_line(struct line *line)
{
	if (line->fd >= 0)
		(void)close(line->fd); /* nothing of ours is in it any more */
}

static enum status timed_out(struct error *err)
{
	return error_set(err, STATUS_TIMEOUT, "signerd did not answer in time");
}

/* It cuts off users that it does not know, and only its own log says so. */
static const char closed[] = "it closed the connection";

static const char *reason_of(int error_number)
{
	return error_number == EPIPE || error_number == ECONNRESET ? closed : strerror(error_number);
}

static enum status broken(const struct line *line, const char *what, struct error *err)
{
	enum status st = line->sent ? STATUS_TIMEOUT : STATUS_UNAVAILABLE;
	return error_set(err, st, "signerd: %s%s", what, line->sent ? "; whether it acted is not known" : "");
}

/* --- who is at the other end --- */

/* A socket is at a place that only signerd's user (or root) can put one: its folder is theirs and open to no other's writing. */
static bool is_owners_folder(const char *socket_path, uid_t peer)
{
	char folder[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	const char *slash = strrchr(socket_path, '/');
	size_t len = slash ? (size_t)(slash - socket_path) : 0;
	struct stat about;
	if (!slash || len >= sizeof(folder))
		return false;
	memcpy(folder, socket_path, len);
	folder[len] = '\0';
	return stat(len ? folder : "/", &about) == 0 && !(about.st_mode & (S_IWGRP | S_IWOTH)) &&
	       (about.st_uid == peer || peer == 0);
}

static enum status check_peer(const struct line *line, const char *socket_path, struct error *err)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	if (getsockopt(line->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return error_set(err, STATUS_UNAVAILABLE, "signerd's socket does not say who it is: %s",
				 strerror(errno));
	if (!is_owners_folder(socket_path, peer.uid))
		return error_set(err, STATUS_UNAVAILABLE,
				 "'%s' is not signerd's: user %u listens there, whose folder it is not, or others may "
				 "write to the folder",
				 socket_path, (unsigned)peer.uid);
	return STATUS_OK;
}

/* --- bytes, each with the call's deadline --- */

static enum status wait_for(const struct line *line, short events, struct error *err)
{
	for (;;) {
		int64_t left_us = line->deadline_us - clock_monotonic_us();
		if (left_us <= 0)
			return timed_out(err);
		struct pollfd poller = { .fd = line->fd, .events = events };
		int n = poll(&poller, 1, (int)(left_us / 1000) + 1);
		if (n > 0)
			return STATUS_OK;
		if (n < 0 && errno != EINTR)
			return broken(line, reason_of(errno), err);
	}
}

static enum status send_all(struct line *line, const char *bytes, size_t len, struct error *err)
{
	size_t done = 0;
	while (done < len) {
		ssize_t n = send(line->fd, bytes + done, len - done, MSG_NOSIGNAL);
		if (n >= 0) {
			done += (size_t)n;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return broken(line, reason_of(errno), err);
		enum status st = wait_for(line, POLLOUT, err);
		if (st != STATUS_OK)
			return st == STATUS_TIMEOUT ? error_set(err, STATUS_UNAVAILABLE, "signerd takes no request")
						    : st;
	}
	line->sent = true;
	return STATUS_OK;
}

static enum status receive(const struct line *line, char *bytes, size_t len, struct error *err)
{
	size_t done = 0;
	while (done < len) {
		ssize_t n = recv(line->fd, bytes + done, len - done, 0);
		if (n > 0) {
			done += (size_t)n;
			continue;
		}
		if (n == 0)
			return broken(line, closed, err);
		if (errno != EAGAIN && errno != EINTR)
			return broken(line, reason_of(errno), err);
		enum status st = wait_for(line, POLLIN, err);
		if (st != STATUS_OK)
			return st;
	}
	return STATUS_OK;
}

static enum status connect_to(const char *socket_path, struct line *line, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(socket_path);
	if (len == 0)
		return error_set(err, STATUS_UNAVAILABLE,
				 "no certificates are issued here: setting 'signer_socket' is not set");
	if (len >= sizeof(address.sun_path))
		return error_set(err, STATUS_UNAVAILABLE, "'%s' is too long for a socket's path", socket_path);
	memcpy(address.sun_path, socket_path, len);
	line->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* EAGAIN: its queue is full. A local connect does not go on in the background. */
	if (line->fd < 0 || connect(line->fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		return error_set(err, STATUS_UNAVAILABLE, "signerd is not reached at '%s': %s", socket_path,
				 strerror(errno));
	return check_peer(line, socket_path, err);
}

/* One request and its reply's object. */
static enum status ask(const struct signer_options *options, const struct buffer *request, struct buffer *ret_reply,
		       struct error *err)
{
	CLEANUP(line)
	struct line line = { .fd = -1, .deadline_us = clock_monotonic_us() + (int64_t)options->timeout_ms * 1000 };
	unsigned char head[WIRE_HEAD_BYTES];
	enum status st = connect_to(options->socket_path, &line, err);
	if (st == STATUS_OK)
		st = send_all(&line, request->bytes, request->len, err);
	if (st == STATUS_OK)
		st = receive(&line, (char *)head, sizeof(head), err);
	if (st != STATUS_OK)
		return st;
	size_t len = wire_length(head);
	if (len > WIRE_REPLY_BYTES_MAX)
		return error_set(err, STATUS_INTERNAL, "signerd's reply is of %zu bytes, above %d", len,
				 WIRE_REPLY_BYTES_MAX);
	st = receive(&line, buffer_reserve(ret_reply, len), len, err);
	if (st == STATUS_OK)
		ret_reply->len += len;
	return st;
}

/* --- the three requests --- */

enum status signer_sign(const struct signer_options *options, const char *node_id, const char *csr_pem, size_t csr_len,
			struct signed_certificate *ret_certificate, struct error *err)
{
	if (csr_len > CSR_BYTES_MAX || strlen(node_id) > NODE_ID_MAX)
		return error_set(err, STATUS_INVALID, "the CSR or the node id is too long");
	CLEANUP(buffer) struct buffer request = { 0 };
	CLEANUP(buffer) struct buffer reply = { 0 };
	struct ca_certificate made;
	wire_put_sign(&request, node_id, csr_pem, csr_len);
	enum status st = ask(options, &request, &reply, err);
	if (st == STATUS_OK)
		st = wire_read_sign_reply(reply.bytes, reply.len, &made, err);
	if (st != STATUS_OK)
		return st;
	struct signed_certificate certificate = { .not_before_us = made.not_before_us,
						  .not_after_us = made.not_after_us };
	memcpy(certificate.serial_hex, made.serial_hex, sizeof(certificate.serial_hex));
	memcpy(certificate.pem, made.pem, sizeof(certificate.pem));
	memcpy(certificate.key_hash, made.key_hash, sizeof(certificate.key_hash));
	memcpy(certificate.ca_key_id, made.ca_key_id, sizeof(certificate.ca_key_id));
	*ret_certificate = certificate;
	return STATUS_OK;
}

struct ca_listener {
	signer_ca_each *each;
	void *context;
};

static void hand_ca_on(void *context, const struct wire_ca *ca)
{
	const struct ca_listener *listener = context;
	listener->each(listener->context, ca->ca_key_id, ca->certificate_pem, ca->issues);
}

enum status signer_cas(const struct signer_options *options, signer_ca_each *each, void *context, struct error *err)
{
	CLEANUP(buffer) struct buffer request = { 0 };
	CLEANUP(buffer) struct buffer reply = { 0 };
	struct ca_listener listener = { each, context };
	wire_put_cas(&request);
	enum status st = ask(options, &request, &reply, err);
	if (st == STATUS_OK)
		st = wire_read_cas_reply(reply.bytes, reply.len, hand_ca_on, &listener, err);
	return st;
}

static enum status copy_entries(const struct signer_crl_entry *entries, size_t n_entries,
				struct wire_crl_entry *ret_entries, struct error *err)
{
	for (size_t i = 0; i < n_entries; i++) {
		size_t len = strlen(entries[i].serial_hex);
		if (len == 0 || len > CA_SERIAL_HEX_MAX)
			return error_set(err, STATUS_INVALID, "'%.60s' is not a serial", entries[i].serial_hex);
		ret_entries[i] = (struct wire_crl_entry){ .at_us = entries[i].at_us,
							  .superseded = strcmp(entries[i].reason, "superseded") == 0 };
		memcpy(ret_entries[i].serial_hex, entries[i].serial_hex, len);
	}
	return STATUS_OK;
}

static void cleanup_entries(struct wire_crl_entry **entries)
{
	free(*entries);
}

enum status signer_crl(const struct signer_options *options, const char *ca_key_id, int64_t number,
		       const struct signer_crl_entry *entries, size_t n_entries, struct buffer *ret_der,
		       int64_t *ret_next_update_us, struct error *err)
{
	CLEANUP(buffer) struct buffer request = { 0 };
	CLEANUP(buffer) struct buffer reply = { 0 };
	CLEANUP(entries) struct wire_crl_entry *copies = calloc(n_entries + 1, sizeof(*copies));
	if (!copies)
		abort();
	enum status st = copy_entries(entries, n_entries, copies, err);
	if (st != STATUS_OK)
		return st;
	wire_put_crl(&request, ca_key_id, number, copies, n_entries);
	if (request.len - WIRE_HEAD_BYTES > WIRE_CRL_BYTES_MAX)
		return error_set(err, STATUS_INVALID, "a CRL of %zu entries is too large", n_entries);
	st = ask(options, &request, &reply, err);
	if (st == STATUS_OK)
		st = wire_read_crl_reply(reply.bytes, reply.len, ret_der, ret_next_update_us, err);
	return st;
}
