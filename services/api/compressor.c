#include "api/compressor.h"

#include <stdlib.h>
#include <zlib.h>

enum {
	LEVEL = 3,
	WINDOW_BITS = 15 + 16, /* 32 KiB; 16: with the header and trailer of gzip, time 0 */
	MEMORY_LEVEL = 8,
};

struct compressor {
	z_stream stream;
	bool is_ready;
};

struct compressor *compressor_new(void)
{
	struct compressor *compressor = calloc(1, sizeof(*compressor));
	if (!compressor)
		abort();
	return compressor;
}

void compressor_free(struct compressor *compressor)
{
	if (!compressor)
		return;
	if (compressor->is_ready)
		(void)deflateEnd(
			&compressor->stream); /* Z_DATA_ERROR: it was stopped half-way, which is how we give up */
	free(compressor);
}

static bool make_ready(struct compressor *compressor)
{
	if (compressor->is_ready)
		return deflateReset(&compressor->stream) == Z_OK;
	compressor->is_ready = deflateInit2(&compressor->stream, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL,
					    Z_DEFAULT_STRATEGY) == Z_OK;
	return compressor->is_ready;
}

/* Into one byte less than there are: what does not fit is not worth it. */
bool compressor_gzip(struct compressor *compressor, const struct buffer *from, struct buffer *ret_packed)
{
	if (from->len < 2 || from->len > COMPRESS_BYTES_MAX || !make_ready(compressor))
		return false;
	z_stream *stream = &compressor->stream;
	size_t room = from->len - 1;
	stream->next_in = (Bytef *)from->bytes; /* zlib only reads */
	stream->avail_in = (uInt)from->len;
	stream->next_out = (Bytef *)buffer_reserve(ret_packed, room);
	stream->avail_out = (uInt)room;
	if (deflate(stream, Z_FINISH) != Z_STREAM_END)
		return false;
	ret_packed->len += room - stream->avail_out;
	return true;
}
