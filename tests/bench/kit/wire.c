#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PACKET_HEAD_MAX = 5, PACKET_MAX = 16384 };

int64_t bench_now_us(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t bench_cpu_us(void)
{
	struct timespec used;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000;
}

void bench_die(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	(void)vfprintf(stderr, format, list);
	va_end(list);
	(void)fputc('\n', stderr);
	ERR_print_errors_fp(stderr);
	exit(EXIT_FAILURE);
}

/* --- contexts --- */

/* No tickets and no cache: every connect is a full handshake. Reading ahead takes many small records with one read(2). */
static SSL_CTX *context_new(const SSL_METHOD *method, const char *cert, const char *key)
{
	SSL_CTX *context = SSL_CTX_new(method);
	if (!context || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1)
		bench_die("no TLS context");
	(void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
	(void)SSL_CTX_set_num_tickets(context, 0);
	(void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_default_read_buffer_len(context, WIRE_IN_MAX);
	if (SSL_CTX_use_certificate_chain_file(context, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
		bench_die("certificate %s, key %s", cert, key);
	return context;
}

SSL_CTX *wire_client_context(const char *ca, const char *cert, const char *key)
{
	SSL_CTX *context = context_new(TLS_client_method(), cert, key);
	if (ca && SSL_CTX_load_verify_locations(context, ca, NULL) != 1)
		bench_die("CA %s", ca);
	SSL_CTX_set_verify(context, ca ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	return context;
}

SSL_CTX *wire_server_context(const char *cert, const char *key)
{
	return context_new(TLS_server_method(), cert, key);
}

/* --- opening and closing --- */

static void wire_init(struct wire *wire, SSL_CTX *context, int fd, wire_on_packet *on_packet, void *owner)
{
	int on = 1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	wire->fd = fd;
	wire->tls = SSL_new(context);
	wire->out_sent = wire->in_len = wire->early_len = 0;
	wire->on_packet = on_packet;
	wire->owner = owner;
	wire->why = NULL;
	BIO *in = BIO_new_socket(fd, BIO_NOCLOSE), *out = BIO_new(BIO_s_mem());
	if (!wire->tls || !in || !out)
		bench_die("out of memory");
	SSL_set_bio(wire->tls, in, out);
}

void wire_open(struct wire *wire, SSL_CTX *context, const char *host, int port, wire_on_packet *on_packet, void *owner)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *found = NULL;
	char service[16];
	(void)snprintf(service, sizeof(service), "%d", port);
	if (getaddrinfo(host, service, &hints, &found) != 0)
		bench_die("no address of %s", host);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || (connect(fd, found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS))
		bench_die("connecting to %s:%d: %s", host, port, strerror(errno));
	freeaddrinfo(found);
	wire_init(wire, context, fd, on_packet, owner);
	SSL_set_connect_state(wire->tls);
	(void)SSL_set_tlsext_host_name(wire->tls, host);
	(void)SSL_set1_host(wire->tls, host);
	(void)SSL_do_handshake(wire->tls); /* the first flight waits for the socket */
}

void wire_accept(struct wire *wire, SSL_CTX *context, int fd, wire_on_packet *on_packet, void *owner)
{
	wire_init(wire, context, fd, on_packet, owner);
	SSL_set_accept_state(wire->tls);
}

void wire_close(struct wire *wire)
{
	SSL_free(wire->tls);
	if (wire->fd >= 0)
		(void)close(wire->fd);
	wire->tls = NULL;
	wire->fd = -1;
}

/* --- bytes --- */

static bool over(struct wire *wire, const char *why)
{
	if (!wire->why)
		wire->why = why;
	return false;
}

static size_t waiting(const struct wire *wire, char **ret_at)
{
	long len = BIO_get_mem_data(SSL_get_wbio(wire->tls), ret_at);
	return len > 0 ? (size_t)len - wire->out_sent : 0;
}

bool wire_wants_write(const struct wire *wire)
{
	char *at;
	return waiting(wire, &at) > 0;
}

bool wire_flush(struct wire *wire)
{
	char *at;
	size_t len;
	while ((len = waiting(wire, &at)) > 0) {
		ssize_t sent = send(wire->fd, at + wire->out_sent, len, MSG_NOSIGNAL);
		if (sent < 0)
			return errno == EAGAIN || errno == ENOTCONN || over(wire, strerror(errno));
		wire->out_sent += (size_t)sent;
	}
	(void)BIO_reset(SSL_get_wbio(wire->tls));
	wire->out_sent = 0;
	return true;
}

void wire_put(struct wire *wire, const unsigned char *bytes, size_t len)
{
	if (SSL_is_init_finished(wire->tls)) {
		if (SSL_write(wire->tls, bytes, (int)len) != (int)len)
			(void)over(wire, "TLS does not take a packet");
		return;
	}
	if (len > WIRE_EARLY_MAX - wire->early_len)
		bench_die("too much before the handshake");
	memcpy(wire->early + wire->early_len, bytes, len);
	wire->early_len += len;
}

static void put_early(struct wire *wire)
{
	size_t len = wire->early_len;
	if (len == 0 || !SSL_is_init_finished(wire->tls))
		return;
	wire->early_len = 0;
	wire_put(wire, wire->early, len);
}

/* --- packets --- */

/* Hands on every whole packet, and keeps the beginning of the next. */
static bool take_packets(struct wire *wire)
{
	size_t at = 0;
	for (;;) {
		size_t left = wire->in_len - at, len = 0, head = 1;
		const unsigned char *packet = wire->in + at;
		do {
			if (head >= left || head >= PACKET_HEAD_MAX)
				break;
			len |= (size_t)(packet[head] & 0x7f) << (7 * (head - 1));
		} while (packet[head++] & 0x80);
		if (left < 2 || (packet[head - 1] & 0x80) || head + len > left)
			break;
		if (len > WIRE_IN_MAX / 2)
			return over(wire, "packet too large");
		wire->on_packet(wire->owner, wire, packet[0], packet + head, len);
		if (wire->why)
			return false;
		at += head + len;
	}
	memmove(wire->in, wire->in + at, wire->in_len - at);
	wire->in_len -= at;
	return true;
}

static bool wire_read(struct wire *wire)
{
	for (;;) {
		int got = SSL_read(wire->tls, wire->in + wire->in_len, (int)(WIRE_IN_MAX - wire->in_len));
		if (got > 0) {
			wire->in_len += (size_t)got;
			if (!take_packets(wire))
				return false;
			continue;
		}
		switch (SSL_get_error(wire->tls, got)) {
		case SSL_ERROR_WANT_READ:
		case SSL_ERROR_WANT_WRITE: return true;
		case SSL_ERROR_ZERO_RETURN: return over(wire, "closed by the peer");
		default: ERR_clear_error(); return over(wire, "cut by the peer");
		}
	}
}

bool wire_turn(struct wire *wire)
{
	bool lives = wire_read(wire);
	put_early(wire);
	return wire_flush(wire) && lives && !wire->why;
}

bool wire_wait(struct wire *wire, int wait_ms)
{
	struct pollfd socket = { .fd = wire->fd, .events = wire_wants_write(wire) ? POLLIN | POLLOUT : POLLIN };
	if (!SSL_has_pending(wire->tls))
		(void)poll(&socket, 1, wait_ms);
	return wire_turn(wire);
}

static size_t put_text(unsigned char *at, const char *text)
{
	size_t len = strlen(text);
	if (len > WIRE_TOPIC_MAX)
		bench_die("too long: %s", text);
	at[0] = (unsigned char)(len >> 8);
	at[1] = (unsigned char)len;
	for (size_t i = 0; i < len; i++)
		at[2 + i] = (unsigned char)text[i];
	return len + 2;
}

/* `packet` has PACKET_HEAD_MAX free bytes before the `len` bytes of its body. */
static void put_packet(struct wire *wire, unsigned first, unsigned char *packet, size_t len)
{
	unsigned char head[PACKET_HEAD_MAX];
	size_t n = 0, left = len;
	head[n++] = (unsigned char)first;
	do {
		head[n++] = (unsigned char)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
		left >>= 7;
	} while (left);
	unsigned char *at = packet + PACKET_HEAD_MAX - n;
	memcpy(at, head, n);
	wire_put(wire, at, n + len);
}

void wire_connect(struct wire *wire, const char *client_id, bool clean)
{
	static const unsigned char name_and_level[] = { 0, 4, 'M', 'Q', 'T', 'T', 4 };
	unsigned char packet[PACKET_HEAD_MAX + 12 + WIRE_TOPIC_MAX], *at = packet + PACKET_HEAD_MAX;
	memcpy(at, name_and_level, sizeof(name_and_level));
	at += sizeof(name_and_level);
	*at++ = clean ? 2 : 0;
	*at++ = 0; /* no keep-alive: a figure is short */
	*at++ = 0;
	at += put_text(at, client_id);
	put_packet(wire, WIRE_CONNECT << 4, packet, (size_t)(at - packet) - PACKET_HEAD_MAX);
}

void wire_subscribe(struct wire *wire, const char *filter)
{
	unsigned char packet[PACKET_HEAD_MAX + 8 + WIRE_TOPIC_MAX], *at = packet + PACKET_HEAD_MAX;
	*at++ = 0;
	*at++ = 1;
	at += put_text(at, filter);
	*at++ = 1;
	put_packet(wire, WIRE_SUBSCRIBE << 4 | 2, packet, (size_t)(at - packet) - PACKET_HEAD_MAX);
}

void wire_publish(struct wire *wire, const char *topic, uint16_t mid, const char *payload, size_t len)
{
	unsigned char packet[PACKET_HEAD_MAX + PACKET_MAX], *at = packet + PACKET_HEAD_MAX;
	if (len > PACKET_MAX - WIRE_TOPIC_MAX - 8)
		bench_die("payload of %zu bytes", len);
	at += put_text(at, topic);
	*at++ = (unsigned char)(mid >> 8);
	*at++ = (unsigned char)mid;
	memcpy(at, payload, len);
	put_packet(wire, WIRE_PUBLISH << 4 | 2, packet, (size_t)(at - packet) - PACKET_HEAD_MAX + len);
}

void wire_puback(struct wire *wire, uint16_t mid)
{
	const unsigned char packet[] = { WIRE_PUBACK << 4, 2, (unsigned char)(mid >> 8), (unsigned char)mid };
	wire_put(wire, packet, sizeof(packet));
}

void wire_disconnect(struct wire *wire)
{
	static const unsigned char packet[] = { WIRE_DISCONNECT << 4, 0 };
	wire_put(wire, packet, sizeof(packet));
}

const unsigned char *wire_take_publish(struct wire *wire, unsigned first, const unsigned char *body, size_t len,
				       size_t *ret_len)
{
	bool kept = (first >> 1 & 3) > 0;
	size_t topic_len = len < 2 ? 0 : (size_t)(body[0] << 8 | body[1]), at = 2 + topic_len + (kept ? 2 : 0);
	if (at > len)
		bench_die("a PUBLISH that is none");
	if (kept)
		wire_puback(wire, (uint16_t)(body[at - 2] << 8 | body[at - 1]));
	*ret_len = len - at;
	return body + at;
}
