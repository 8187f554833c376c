/* wire.h - MQTT 3.1.1 over TLS by hand, as cheap for the sender as it can be: what the figures' load costs must not be part of the figures.
 *
 * Every packet is a TLS record of its own, as a device sends it; the records that are made in one turn leave with one write(2), and
 * what has come is read with few.
 *
 * Thread:  one.
 * Memory:  wire_open() and wire_close() work on the caller's struct; it may not move between them.
 * Errors:  what the network or the peer does wrong ends the connection: wire_turn() is false, `why` says it in words. Files that
 *          cannot be read and memory that is not there end the program.
 * Source:  MQTT 3.1.1, sections 2 and 3.
 */
#ifndef CISTERN_BENCH_WIRE_H
#define CISTERN_BENCH_WIRE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WIRE_IN_MAX = 65536, WIRE_EARLY_MAX = 512, WIRE_TOPIC_MAX = 256 };

enum wire_packet {
	WIRE_CONNECT = 1,
	WIRE_CONNACK = 2,
	WIRE_PUBLISH = 3,
	WIRE_PUBACK = 4,
	WIRE_SUBSCRIBE = 8,
	WIRE_SUBACK = 9,
	WIRE_DISCONNECT = 14
};

struct wire;

/* A packet has come: the first byte of its fixed header, and what follows that header, borrowed. */
typedef void wire_on_packet(void *owner, struct wire *wire, unsigned first, const unsigned char *body, size_t len);

struct wire {
	int fd; /* -1: closed */
	SSL *tls;
	size_t out_sent;                     /* of what waits in the TLS layer's memory */
	unsigned char early[WIRE_EARLY_MAX]; /* what was put before the end of the handshake */
	size_t early_len;
	unsigned char in[WIRE_IN_MAX];
	size_t in_len;
	wire_on_packet *on_packet;
	void *owner;
	const char *why; /* of the end; NULL while it lives */
};

/* A client's context. `ca` NULL: the server's certificate is not looked at (its handshake is then cheaper for us, not for the server). */
SSL_CTX *wire_client_context(const char *ca, const char *cert, const char *key);
SSL_CTX *wire_server_context(const char *cert, const char *key);

/* Begins TCP and TLS; the handshake goes on in wire_turn(). `host` must be the certificate's name. */
void wire_open(struct wire *wire, SSL_CTX *context, const char *host, int port, wire_on_packet *on_packet, void *owner);
void wire_accept(struct wire *wire, SSL_CTX *context, int fd, wire_on_packet *on_packet, void *owner);
void wire_close(struct wire *wire);

/* Reads until the socket is dry and writes what waits. False: the connection is over. */
bool wire_turn(struct wire *wire);
/* Is there more to write than the socket takes? Then wait for EPOLLOUT too. */
bool wire_wants_write(const struct wire *wire);
/* Waits for the socket, at most so long, and turns. */
bool wire_wait(struct wire *wire, int wait_ms);

/* Packets; they leave with the next wire_flush() or wire_turn(). */
void wire_put(struct wire *wire, const unsigned char *bytes, size_t len);
void wire_connect(struct wire *wire, const char *client_id, bool clean);
void wire_subscribe(struct wire *wire, const char *filter);
void wire_publish(struct wire *wire, const char *topic, uint16_t mid, const char *payload, size_t len);
void wire_puback(struct wire *wire, uint16_t mid);
void wire_disconnect(struct wire *wire);
bool wire_flush(struct wire *wire);

/* Of a packet's first byte. */
static inline enum wire_packet wire_type(unsigned first)
{
	return (enum wire_packet)(first >> 4);
}

/* A PUBLISH: where its payload begins; a QoS 1 message is acknowledged. */
const unsigned char *wire_take_publish(struct wire *wire, unsigned first, const unsigned char *body, size_t len,
				       size_t *ret_len);

int64_t bench_now_us(void); /* monotonic */
int64_t bench_cpu_us(void); /* of this process */
_Noreturn void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
