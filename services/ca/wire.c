#include "ca/wire.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/parse.h"

/* The longest line of entries: serial, blank, seconds, blank, letter, line end. */
enum { ENTRY_LINE_MIN = 6, SECOND_US = 1000000 };
/* 9999-12-31T23:59:59Z, the last time that a certificate or a CRL can say. */
static const int64_t last_time_s = INT64_C(253402300799);

static const struct json_limits request_limits = { WIRE_CRL_BYTES_MAX, 2, 8, 16 };
static const struct json_limits reply_limits = { WIRE_REPLY_BYTES_MAX, 4, 64, 16 };

static const char *const op_names[] = { [WIRE_SIGN] = "sign", [WIRE_CAS] = "cas", [WIRE_CRL] = "crl" };

uint32_t wire_length(const unsigned char head[WIRE_HEAD_BYTES])
{
	return (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
}

/* --- writing --- */

static size_t message_begin(struct buffer *out)
{
	size_t at = out->len;
	buffer_put(out, "\0\0\0\0", WIRE_HEAD_BYTES);
	buffer_putc(out, '{');
	return at;
}

static void message_end(struct buffer *out, size_t at)
{
	buffer_putc(out, '}');
	size_t len = out->len - at - WIRE_HEAD_BYTES;
	for (int i = 0; i < WIRE_HEAD_BYTES; i++)
		out->bytes[at + (size_t)i] = (char)(unsigned char)(len >> (24 - 8 * i));
}

/* `name` with its comma, if it has one. */
static void put_member(struct buffer *out, const char *name, const char *text, size_t len)
{
	buffer_puts(out, name);
	buffer_putc(out, ':');
	buffer_put_json_string(out, text, len);
}

static void put_text(struct buffer *out, const char *name, const char *text)
{
	put_member(out, name, text, strlen(text));
}

void wire_put_sign(struct buffer *out, const char *node_id, const char *csr_pem, size_t csr_len)
{
	size_t at = message_begin(out);
	put_text(out, "\"op\"", op_names[WIRE_SIGN]);
	put_text(out, ",\"node_id\"", node_id);
	put_member(out, ",\"csr\"", csr_pem, csr_len);
	message_end(out, at);
}

void wire_put_cas(struct buffer *out)
{
	size_t at = message_begin(out);
	put_text(out, "\"op\"", op_names[WIRE_CAS]);
	message_end(out, at);
}

void wire_put_crl(struct buffer *out, const char *ca_key_id, int64_t number, const struct wire_crl_entry *entries,
		  size_t n_entries)
{
	size_t at = message_begin(out);
	put_text(out, "\"op\"", op_names[WIRE_CRL]);
	put_text(out, ",\"ca_key_id\"", ca_key_id);
	buffer_printf(out, ",\"number\":%" PRId64 ",\"entries\":\"", number);
	for (size_t i = 0; i < n_entries; i++)
		buffer_printf(out, "%s %" PRId64 " %c\\n", entries[i].serial_hex, entries[i].at_us / SECOND_US,
			      entries[i].superseded ? 's' : 'u');
	buffer_putc(out, '"');
	message_end(out, at);
}

void wire_put_failure(struct buffer *out, const struct error *failure)
{
	size_t at = message_begin(out);
	put_text(out, "\"status\"", status_name(failure->status));
	put_text(out, ",\"reason\"", failure->text);
	message_end(out, at);
}

void wire_put_sign_reply(struct buffer *out, const struct ca_certificate *certificate)
{
	char key_hash[2 * CSR_KEY_HASH_BYTES + 1];
	size_t at = message_begin(out);
	put_text(out, "\"status\"", status_name(STATUS_OK));
	put_text(out, ",\"serial\"", certificate->serial_hex);
	put_member(out, ",\"certificate\"", certificate->pem, certificate->pem_len);
	buffer_printf(out, ",\"not_before\":%" PRId64 ",\"not_after\":%" PRId64, certificate->not_before_us / SECOND_US,
		      certificate->not_after_us / SECOND_US);
	put_text(out, ",\"key_hash\"",
		 sodium_bin2hex(key_hash, sizeof(key_hash), certificate->key_hash, CSR_KEY_HASH_BYTES));
	put_text(out, ",\"ca_key_id\"", certificate->ca_key_id);
	message_end(out, at);
}

void wire_put_cas_reply(struct buffer *out, const struct wire_ca *cas, size_t n_cas)
{
	size_t at = message_begin(out);
	put_text(out, "\"status\"", status_name(STATUS_OK));
	buffer_puts(out, ",\"cas\":[");
	for (size_t i = 0; i < n_cas; i++) {
		buffer_puts(out, i ? ",{" : "{");
		put_text(out, "\"ca_key_id\"", cas[i].ca_key_id);
		put_text(out, ",\"certificate\"", cas[i].certificate_pem);
		buffer_printf(out, ",\"issues\":%s}", cas[i].issues ? "true" : "false");
	}
	buffer_putc(out, ']');
	message_end(out, at);
}

void wire_put_crl_reply(struct buffer *out, const unsigned char *der, size_t der_len, int64_t next_update_us)
{
	size_t at = message_begin(out);
	put_text(out, "\"status\"", status_name(STATUS_OK));
	buffer_puts(out, ",\"der\":\"");
	size_t size = sodium_base64_ENCODED_LEN(der_len, sodium_base64_VARIANT_ORIGINAL);
	sodium_bin2base64(buffer_reserve(out, size), size, der, der_len, sodium_base64_VARIANT_ORIGINAL);
	out->len += size - 1;
	buffer_printf(out, "\",\"next_update\":%" PRId64, next_update_us / SECOND_US);
	message_end(out, at);
}

/* --- reading members --- */

/* 1..max bytes; jansson has refused a NUL inside. */
static enum status read_text(const json_t *object, const char *key, char *ret_text, size_t max, size_t *ret_len,
			     struct error *err)
{
	const json_t *value = json_object_get(object, key);
	size_t len = json_string_length(value);
	if (!json_is_string(value) || len == 0)
		return error_set(err, STATUS_INVALID, "'%s' is missing or no text", key);
	if (len > max)
		return error_set(err, STATUS_INVALID, "'%s' is longer than %zu bytes", key, max);
	memcpy(ret_text, json_string_value(value), len + 1);
	if (ret_len)
		*ret_len = len;
	return STATUS_OK;
}

static bool is_hex(const char *text, size_t len, const char *digits)
{
	return strspn(text, digits) == len && strlen(text) == len;
}

static enum status read_key_id(const json_t *object, char ret_id[CA_KEY_ID_HEX + 1], struct error *err)
{
	enum status st = read_text(object, "ca_key_id", ret_id, CA_KEY_ID_HEX, NULL, err);
	if (st == STATUS_OK && !is_hex(ret_id, CA_KEY_ID_HEX, "0123456789abcdef"))
		return error_set(err, STATUS_INVALID, "'ca_key_id' is not %d lower-case hexadecimal digits",
				 CA_KEY_ID_HEX);
	return st;
}

static enum status read_number(const json_t *object, const char *key, int64_t max, int64_t *ret_number,
			       struct error *err)
{
	const json_t *value = json_object_get(object, key);
	if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > max)
		return error_set(err, STATUS_INVALID, "'%s' is missing or no number from 0", key);
	*ret_number = json_integer_value(value);
	return STATUS_OK;
}

static enum status read_time(const json_t *object, const char *key, int64_t *ret_us, struct error *err)
{
	int64_t seconds = 0;
	enum status st = read_number(object, key, last_time_s, &seconds, err);
	if (st == STATUS_OK)
		*ret_us = seconds * SECOND_US;
	return st;
}

/* --- requests --- */

/* One line without its end: serial, seconds, letter. */
static bool read_entry(const char *line, size_t len, struct wire_crl_entry *ret_entry)
{
	char text[CA_SERIAL_HEX_MAX + 24];
	if (len >= sizeof(text))
		return false;
	memcpy(text, line, len);
	text[len] = '\0';
	size_t serial_len = strspn(text, "0123456789ABCDEF");
	char *seconds = text + serial_len + 1, *letter = strrchr(text, ' ');
	if (serial_len < 1 || serial_len > CA_SERIAL_HEX_MAX || text[serial_len] != ' ' || letter < seconds)
		return false;
	*letter++ = '\0';
	int64_t at_s = 0;
	if ((strcmp(letter, "s") != 0 && strcmp(letter, "u") != 0) || !parse_i64(seconds, 0, last_time_s, &at_s))
		return false;
	struct wire_crl_entry entry = { .at_us = at_s * SECOND_US, .superseded = *letter == 's' };
	memcpy(entry.serial_hex, text, serial_len);
	*ret_entry = entry;
	return true;
}

static enum status read_entries(const json_t *object, struct wire_request *request, struct error *err)
{
	const json_t *value = json_object_get(object, "entries");
	if (!json_is_string(value))
		return error_set(err, STATUS_INVALID, "'entries' is missing or no text");
	const char *at = json_string_value(value), *end = at + json_string_length(value);
	size_t n_max = json_string_length(value) / ENTRY_LINE_MIN + 1;
	request->entries = calloc(n_max, sizeof(*request->entries));
	if (!request->entries)
		abort();
	while (at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		if (!line_end || request->n_entries == n_max ||
		    !read_entry(at, (size_t)(line_end - at), &request->entries[request->n_entries]))
			return error_set(err, STATUS_INVALID, "entry %zu of the CRL is malformed",
					 request->n_entries + 1);
		request->n_entries++;
		at = line_end + 1;
	}
	return STATUS_OK;
}

static enum status read_op(const json_t *object, enum wire_op *ret_op, struct error *err)
{
	const char *name = json_member_text(object, "op", "");
	for (size_t i = 0; i < ARRAY_LEN(op_names); i++) {
		if (strcmp(op_names[i], name) == 0) {
			*ret_op = (enum wire_op)i;
			return STATUS_OK;
		}
	}
	return error_set(err, STATUS_INVALID, "'op' is missing or unknown");
}

static enum status read_members(const json_t *object, struct wire_request *request, struct error *err)
{
	enum status st = STATUS_OK;
	switch (request->op) {
	case WIRE_SIGN:
		st = read_text(object, "node_id", request->node_id, NODE_ID_MAX, NULL, err);
		if (st == STATUS_OK)
			st = read_text(object, "csr", request->csr, CSR_BYTES_MAX, &request->csr_len, err);
		break;
	case WIRE_CAS: break;
	case WIRE_CRL:
		st = read_key_id(object, request->ca_key_id, err);
		if (st == STATUS_OK)
			st = read_number(object, "number", INT64_MAX, &request->number, err);
		if (st == STATUS_OK)
			st = read_entries(object, request, err);
		break;
	}
	return st;
}

enum status wire_read_request(const char *object, size_t len, struct wire_request *ret_request, struct error *err)
{
	CLEANUP(json) json_t *document = NULL;
	CLEANUP(wire_request) struct wire_request request = { .entries = NULL };
	enum status st = json_read_object((struct json_slice){ object, len }, &request_limits, &document, err);
	if (st == STATUS_OK)
		st = read_op(document, &request.op, err);
	if (st == STATUS_OK && request.op != WIRE_CRL && len > WIRE_REQUEST_BYTES_MAX)
		st = error_set(err, STATUS_INVALID, "a request of %zu bytes, above %d", len, WIRE_REQUEST_BYTES_MAX);
	if (st == STATUS_OK)
		st = read_members(document, &request, err);
	if (st != STATUS_OK)
		return st == STATUS_TOO_LARGE ? STATUS_INVALID : st;
	*ret_request = request;
	request.entries = NULL;
	return STATUS_OK;
}

void wire_request_done(struct wire_request *request)
{
	free(request->entries);
	request->entries = NULL;
	request->n_entries = 0;
}

/* --- replies --- */

/* What another process says of the request, as our caller should take it. */
static enum status status_of_reply(const char *name)
{
	static const struct {
		enum status said, told;
	} rows[] = {
		{ STATUS_OK, STATUS_OK },
		{ STATUS_INVALID, STATUS_INVALID },
		{ STATUS_TOO_LARGE, STATUS_INVALID },
		{ STATUS_NOT_FOUND, STATUS_INVALID },
		{ STATUS_UNAVAILABLE, STATUS_UNAVAILABLE },
		{ STATUS_LIMIT, STATUS_UNAVAILABLE },
		{ STATUS_TIMEOUT, STATUS_UNAVAILABLE },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strcmp(status_name(rows[i].said), name) == 0)
			return rows[i].told;
	}
	return STATUS_INTERNAL;
}

/* A reply that is none is not the caller's fault. */
static enum status malformed(struct error *err)
{
	return error_set(err, STATUS_INTERNAL, "signerd's reply cannot be read");
}

static enum status read_reply(const char *object, size_t len, json_t **ret_document, struct error *err)
{
	CLEANUP(json) json_t *document = NULL;
	if (json_read_object((struct json_slice){ object, len }, &reply_limits, &document, NULL) != STATUS_OK)
		return malformed(err);
	enum status st = status_of_reply(json_member_text(document, "status", ""));
	if (st != STATUS_OK)
		return error_set(err, st, "%s", json_member_text(document, "reason", "signerd gave no reason"));
	*ret_document = STEAL(document);
	return STATUS_OK;
}

static bool read_key_hash(const json_t *document, unsigned char ret_hash[CSR_KEY_HASH_BYTES])
{
	size_t len = 0;
	const char *hex = json_member_text(document, "key_hash", "");
	return sodium_hex2bin(ret_hash, CSR_KEY_HASH_BYTES, hex, strlen(hex), NULL, &len, NULL) == 0 &&
	       len == CSR_KEY_HASH_BYTES;
}

enum status wire_read_sign_reply(const char *object, size_t len, struct ca_certificate *ret_certificate,
				 struct error *err)
{
	CLEANUP(json) json_t *document = NULL;
	struct ca_certificate read = { .pem_len = 0 };
	enum status st = read_reply(object, len, &document, err);
	if (st != STATUS_OK)
		return st;
	if (read_text(document, "serial", read.serial_hex, CA_SERIAL_HEX_MAX, NULL, NULL) != STATUS_OK ||
	    !is_hex(read.serial_hex, strlen(read.serial_hex), "0123456789ABCDEF") ||
	    read_text(document, "certificate", read.pem, CA_PEM_MAX, &read.pem_len, NULL) != STATUS_OK ||
	    read_time(document, "not_before", &read.not_before_us, NULL) != STATUS_OK ||
	    read_time(document, "not_after", &read.not_after_us, NULL) != STATUS_OK ||
	    !read_key_hash(document, read.key_hash) || read_key_id(document, read.ca_key_id, NULL) != STATUS_OK)
		return malformed(err);
	*ret_certificate = read;
	return STATUS_OK;
}

static bool read_ca(const json_t *object, char id[CA_KEY_ID_HEX + 1], struct wire_ca *ret_ca)
{
	const json_t *certificate = json_object_get(object, "certificate"), *issues = json_object_get(object, "issues");
	if (read_key_id(object, id, NULL) != STATUS_OK || !json_is_string(certificate) || !json_is_boolean(issues))
		return false;
	*ret_ca = (struct wire_ca){ id, json_string_value(certificate), json_is_true(issues) };
	return true;
}

enum status wire_read_cas_reply(const char *object, size_t len, wire_ca_each *each, void *context, struct error *err)
{
	CLEANUP(json) json_t *document = NULL;
	enum status st = read_reply(object, len, &document, err);
	if (st != STATUS_OK)
		return st;
	const json_t *list = json_object_get(document, "cas");
	char ids[WIRE_CAS_MAX][CA_KEY_ID_HEX + 1];
	struct wire_ca cas[WIRE_CAS_MAX];
	size_t n_cas = json_array_size(list);
	if (!json_is_array(list) || n_cas > WIRE_CAS_MAX)
		return malformed(err);
	for (size_t i = 0; i < n_cas; i++) {
		if (!read_ca(json_array_get(list, i), ids[i], &cas[i]))
			return malformed(err);
	}
	for (size_t i = 0; i < n_cas; i++)
		each(context, &cas[i]);
	return STATUS_OK;
}

enum status wire_read_crl_reply(const char *object, size_t len, struct buffer *ret_der, int64_t *ret_next_update_us,
				struct error *err)
{
	CLEANUP(json) json_t *document = NULL;
	enum status st = read_reply(object, len, &document, err);
	if (st != STATUS_OK)
		return st;
	const char *text = json_member_text(document, "der", "");
	size_t text_len = strlen(text), der_len = 0;
	int64_t next_update_us = 0;
	if (read_time(document, "next_update", &next_update_us, NULL) != STATUS_OK ||
	    sodium_base642bin((unsigned char *)buffer_reserve(ret_der, text_len + 1), text_len + 1, text, text_len,
			      NULL, &der_len, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    der_len == 0)
		return malformed(err);
	ret_der->len += der_len;
	*ret_next_update_us = next_update_us;
	return STATUS_OK;
}
