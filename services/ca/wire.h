/* ca/wire.h - the messages on signerd's socket.
 *
 *   message  = length object            length: of the object, 4 bytes, the highest first; object: JSON in UTF-8
 *
 *   {"op":"sign","node_id":"lamp-1","csr":"-----BEGIN CERTIFICATE REQUEST-----\n..."}
 *   {"op":"cas"}
 *   {"op":"crl","ca_key_id":"<40 hex>","number":7,"entries":"<serial hex> <seconds since 1970> <s|u>\n..."}    s: superseded
 *
 *   {"status":"ok","serial":"7A..","certificate":"-----BEGIN..","not_before":1,"not_after":2,"key_hash":"<64 hex>","ca_key_id":".."}
 *   {"status":"ok","cas":[{"ca_key_id":"..","certificate":"..","issues":true}]}
 *   {"status":"ok","der":"<base64>","next_update":1}                          times are seconds since 1970 UTC
 *   {"status":"invalid","reason":"the CSR is not signed by its own key"}      any of base/status.h
 *
 * A connection carries one request and its reply. No request gives anything of a key.
 *
 * Thread:  any; no state.
 * Memory:  wire_put_...() write behind what is in the caller's buffer, with the length in front. wire_read_...() fill the caller's struct;
 *          a request is freed with wire_request_done().
 * Errors:  INVALID not such a message. wire_read_..._reply(): also what the other side said: INVALID it refuses the request,
 *          UNAVAILABLE it cannot serve it now, INTERNAL anything else.
 * Units:   times are microseconds since 1970 UTC.
 */
#ifndef CISTERN_CA_WIRE_H
#define CISTERN_CA_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/macros.h"
#include "ca/certificate.h"
#include "ca/csr.h"
#include "model/node_id.h"

enum {
	WIRE_HEAD_BYTES = 4,
	WIRE_REQUEST_BYTES_MAX = 16384, /* of every request but a CRL's */
	WIRE_CRL_BYTES_MAX = 64 << 20,  /* of a CRL's request: about a million entries */
	WIRE_REPLY_BYTES_MAX = 96 << 20,
	WIRE_CAS_MAX = 8,
};

enum wire_op { WIRE_SIGN, WIRE_CAS, WIRE_CRL };

struct wire_crl_entry {
	char serial_hex[CA_SERIAL_HEX_MAX + 1];
	int64_t at_us;
	bool superseded;
};

struct wire_request {
	enum wire_op op;
	char node_id[NODE_ID_MAX + 1]; /* sign; any text that fits, judged by who signs */
	char csr[CSR_BYTES_MAX + 1];
	size_t csr_len;
	char ca_key_id[CA_KEY_ID_HEX + 1]; /* crl */
	int64_t number;
	struct wire_crl_entry *entries;
	size_t n_entries;
};

struct wire_ca {
	const char *ca_key_id, *certificate_pem;
	bool issues;
};

/* Big-endian, of the object that follows. */
uint32_t wire_length(const unsigned char head[WIRE_HEAD_BYTES]);

void wire_put_sign(struct buffer *out, const char *node_id, const char *csr_pem, size_t csr_len);
void wire_put_cas(struct buffer *out);
void wire_put_crl(struct buffer *out, const char *ca_key_id, int64_t number, const struct wire_crl_entry *entries,
		  size_t n_entries);
/* `object`: without its length. */
MUST_CHECK enum status wire_read_request(const char *object, size_t len, struct wire_request *ret_request,
					 struct error *err);
void wire_request_done(struct wire_request *request);

void wire_put_failure(struct buffer *out, const struct error *failure);
void wire_put_sign_reply(struct buffer *out, const struct ca_certificate *certificate);
void wire_put_cas_reply(struct buffer *out, const struct wire_ca *cas, size_t n_cas);
void wire_put_crl_reply(struct buffer *out, const unsigned char *der, size_t der_len, int64_t next_update_us);

MUST_CHECK enum status wire_read_sign_reply(const char *object, size_t len, struct ca_certificate *ret_certificate,
					    struct error *err);
/* The texts live for the call only. */
typedef void wire_ca_each(void *context, const struct wire_ca *ca);
MUST_CHECK enum status wire_read_cas_reply(const char *object, size_t len, wire_ca_each *each, void *context,
					   struct error *err);
MUST_CHECK enum status wire_read_crl_reply(const char *object, size_t len, struct buffer *ret_der,
					   int64_t *ret_next_update_us, struct error *err);

static inline void cleanup_wire_request(struct wire_request *request)
{
	wire_request_done(request);
}

#endif
