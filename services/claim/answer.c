#include "claim/answer.h"

#include <string.h>

enum {
	/* DER of a certificate of ours beside its key (ca/ca.h has the profile): serial, names of up to 160 and 80 bytes, times and
	 * extensions, at most 460; the two algorithm names, 30; an RSA-4096 CA's signature, 517; the sequences around them. */
	CERTIFICATE_BESIDE_KEY_MAX = 1024,
	PEM_LINE = 64,
};

enum status answer_put_pem(struct buffer *out, const char *pem, struct error *err)
{
	buffer_putc(out, '"');
	for (const char *at = pem; *at; at++) {
		if (*at == '\n')
			buffer_puts(out, "\\n");
		else if (*at >= ' ' && *at < 0x7f && *at != '"' && *at != '\\')
			buffer_putc(out, *at);
		else
			return error_set(err, STATUS_INVALID, "a certificate is not such a text");
	}
	buffer_putc(out, '"');
	return STATUS_OK;
}

/* Host names come from our settings. */
static void put_host(struct buffer *out, const char *name, const char *host)
{
	if (!host || !*host)
		return;
	buffer_printf(out, ",\"%s\":", name);
	buffer_put_json_string(out, host, strlen(host));
}

enum status answer_put(struct buffer *out, const char *pem, const char *mqtt_host, const char *mqtt_cred_host,
		       struct error *err)
{
	buffer_puts(out, "{\"certificate\":");
	enum status st = answer_put_pem(out, pem, err);
	if (st != STATUS_OK)
		return st;
	put_host(out, "mqtt_host", mqtt_host);
	put_host(out, "mqtt_cred_host", mqtt_cred_host);
	buffer_putc(out, '}');
	return STATUS_OK;
}

void answer_put_failure(struct buffer *out, const char *why)
{
	buffer_puts(out, "{\"status\":\"failure\",\"description\":\"");
	for (; *why; why++) {
		if (*why == '"' || *why == '\\')
			buffer_putc(out, '\\');
		buffer_putc(out, (char)(*why >= ' ' && *why < 0x7f ? *why : '?'));
	}
	buffer_puts(out, "\"}");
}

size_t answer_bytes_bound(size_t key_len, const char *mqtt_host, const char *mqtt_cred_host)
{
	size_t base64 = (key_len + CERTIFICATE_BESIDE_KEY_MAX + 2) / 3 * 4;
	size_t line_ends = 2 * ((base64 + PEM_LINE - 1) / PEM_LINE + 2);
	size_t markers = strlen("-----BEGIN CERTIFICATE----------END CERTIFICATE-----");
	size_t members = strlen("{\"certificate\":\"\",\"mqtt_host\":\"\",\"mqtt_cred_host\":\"\"}");
	return base64 + line_ends + markers + members + (mqtt_host ? strlen(mqtt_host) : 0) +
	       (mqtt_cred_host ? strlen(mqtt_cred_host) : 0);
}
