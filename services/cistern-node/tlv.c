#include "tlv.h"

enum { TLV_HEAD_BYTES = 2, TLV_VALUE_MAX = 255 };

/* One TLV, not put together. */
static bool read_piece(struct tlv_reader *reader, uint8_t *ret_type, const uint8_t **ret_value, size_t *ret_value_len)
{
	if (reader->left == 0)
		return false;
	if (reader->left < TLV_HEAD_BYTES || reader->left - TLV_HEAD_BYTES < reader->at[1]) {
		reader->truncated = true;
		return false;
	}
	*ret_type = reader->at[0];
	*ret_value_len = reader->at[1];
	*ret_value = reader->at + TLV_HEAD_BYTES;
	reader->at += TLV_HEAD_BYTES + *ret_value_len;
	reader->left -= TLV_HEAD_BYTES + *ret_value_len;
	return true;
}

bool tlv_next(struct tlv_reader *reader, uint8_t *ret_type, struct buffer *ret_value)
{
	const uint8_t *piece;
	size_t piece_len;
	uint8_t type;

	if (!read_piece(reader, &type, &piece, &piece_len))
		return false;
	*ret_type = type;
	buffer_clear(ret_value);
	buffer_put(ret_value, piece, piece_len);
	while (piece_len == TLV_VALUE_MAX && reader->left > 0 && reader->at[0] == *ret_type) {
		if (!read_piece(reader, &type, &piece, &piece_len))
			return false;
		buffer_put(ret_value, piece, piece_len);
	}
	return true;
}

void tlv_put(struct buffer *out, enum tlv_type type, const void *value, size_t value_len)
{
	const char *at = value;

	do {
		size_t piece_len = value_len < TLV_VALUE_MAX ? value_len : TLV_VALUE_MAX;
		buffer_putc(out, (char)type);
		buffer_putc(out, (char)(unsigned char)piece_len);
		buffer_put(out, at, piece_len);
		if (piece_len > 0)
			at += piece_len;
		value_len -= piece_len;
	} while (value_len > 0);
}
