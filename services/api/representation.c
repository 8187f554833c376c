#include "api/representation.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "api/compressor.h"
#include "api/negotiation.h"

enum { HASH_BYTES = 16, HASH_TEXT_BYTES = 23 }; /* base64 without padding, and a NUL */

static void make_etag(const struct buffer *body, bool packed, char ret_etag[REPLY_ETAG_BYTES])
{
	unsigned char hash[HASH_BYTES];
	char text[HASH_TEXT_BYTES];
	/* 0 for these lengths */
	(void)crypto_generichash(hash, sizeof(hash), (const unsigned char *)body->bytes, body->len, NULL, 0);
	(void)sodium_bin2base64(text, sizeof(text), hash, sizeof(hash), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	(void)snprintf(ret_etag, REPLY_ETAG_BYTES, "\"%s%s\"", text, packed ? "-gz" : "");
}

/* The same bytes are always packed alike: the tag of the body's bytes will do for both. A handler that keeps its answer packed has
 * put it there. */
static bool pack(struct request *request)
{
	struct reply *reply = &request->reply;
	if (!negotiation_wants_gzip(request->accept_encoding))
		return false;
	return reply->packed.len > 0 || (request->compressor && reply->body.len >= COMPRESS_BYTES_MIN &&
					 compressor_gzip(request->compressor, &reply->body, &reply->packed));
}

/* A 304 keeps its body, which libmicrohttpd leaves out: Content-Length must be what it would be with 200 (RFC 9110 8.6). */
void representation_choose(struct request *request)
{
	struct reply *reply = &request->reply;
	if (!request->route || !request->route->polled || request->method != METHOD_GET || reply->http != 200)
		return;
	reply->is_packed = pack(request);
	make_etag(&reply->body, reply->is_packed, reply->etag);
	if (negotiation_is_known(request->if_none_match, reply->etag))
		reply->http = 304;
}
