#include "answer.h"

#include "csr.h"

#include "base/json.h"

#include <string.h>

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static const char pem_begin[] = "-----BEGIN CERTIFICATE-----\n";
static const char pem_end[] = "-----END CERTIFICATE-----";

/* The text between the quotes, `\n` un-escaped. */
static enum status unescape(struct json_slice quoted, const char *key, char *ret_text, size_t ret_text_size,
			    struct error *err)
{
	size_t len = 0;

	for (size_t i = 1; i + 1 < quoted.len; i++) {
		char byte = quoted.at[i];
		if (byte == '\\') {
			if (quoted.at[++i] != 'n')
				return error_set(err, STATUS_INVALID,
						 "'%s' has the escape \\%c, which a device does not read", key,
						 quoted.at[i]);
			byte = '\n';
		}
		if (len + 1 >= ret_text_size)
			return error_set(err, STATUS_INVALID,
					 "'%s' is longer than the %zu characters that a device takes", key,
					 ret_text_size - 1);
		ret_text[len++] = byte;
	}
	ret_text[len] = '\0';
	return STATUS_OK;
}

enum status answer_text(const char *body, size_t body_len, const char *key, char *ret_text, size_t ret_text_size,
			struct error *err)
{
	const struct json_slice text = { body, body_len };
	CLEANUP(json) json_t *document = NULL;
	struct json_member member;

	enum status st = json_read_object(text, &json_node_limits, &document, err);
	if (st != STATUS_OK)
		return error_set(err, STATUS_INVALID, "the answer is not a JSON object");
	for (struct json_walk walk = json_walk_start(document, text); json_walk_next(&walk, &member);) {
		if (strcmp(member.key, key) != 0)
			continue;
		if (!json_is_string(member.value))
			return error_set(err, STATUS_INVALID, "'%s' is not a text", key);
		return unescape(member.text, key, ret_text, ret_text_size, err);
	}
	return error_set(err, STATUS_NOT_FOUND, "the answer has no '%s'", key);
}

enum status answer_node_id(const char *body, size_t body_len, char ret_id[ANSWER_NODE_ID_MAX], struct error *err)
{
	char id[ANSWER_NODE_ID_MAX] = "";

	enum status st = answer_text(body, body_len, "node_id", id, sizeof(id), err);
	if (st != STATUS_OK)
		return st;
	if (!*id || strlen(id) > CSR_COMMON_NAME_MAX || id[strspn(id, ALPHANUMERIC)])
		return error_set(err, STATUS_INVALID, "the node id '%s' is not 1..%d letters and digits", id,
				 CSR_COMMON_NAME_MAX);
	memcpy(ret_id, id, sizeof(id));
	return STATUS_OK;
}

enum status answer_certificate(const char *body, size_t body_len, char ret_pem[ANSWER_BYTES_MAX], struct error *err)
{
	char pem[ANSWER_BYTES_MAX] = "";

	enum status st = answer_text(body, body_len, "certificate", pem, sizeof(pem), err);
	if (st != STATUS_OK)
		return st;
	/* base64 has no dash: the first one behind the head is the end's */
	const char *end = strncmp(pem, pem_begin, strlen(pem_begin)) == 0 ? strchr(pem + strlen(pem_begin), '-') : NULL;
	if (!end || strncmp(end, pem_end, strlen(pem_end)) != 0 || strchr(pem, '\r'))
		return error_set(err, STATUS_INVALID, "the certificate is not a PEM block with LF line ends");
	end += strlen(pem_end);
	if (strcmp(end, "\n") != 0 && *end)
		return error_set(err, STATUS_INVALID, "something follows the certificate's PEM block");
	memcpy(ret_pem, pem, sizeof(pem));
	return STATUS_OK;
}

enum status answer_host(const char *body, size_t body_len, char ret_host[ANSWER_HOST_MAX], struct error *err)
{
	char host[ANSWER_HOST_MAX] = "";

	enum status st = answer_text(body, body_len, "mqtt_host", host, sizeof(host), err);
	if (st != STATUS_OK)
		return st;
	if (!*host || host[strspn(host, ALPHANUMERIC ".-")])
		return error_set(err, STATUS_INVALID, "mqtt_host '%s' is not a host name", host);
	memcpy(ret_host, host, sizeof(host));
	return STATUS_OK;
}
