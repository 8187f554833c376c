/* Any bytes on the signer's socket, as a request and as a reply. A request that is taken comes out the same when it is written again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ca/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void write_again(const struct wire_request *request, struct buffer *out)
{
	switch (request->op) {
	case WIRE_SIGN: wire_put_sign(out, request->node_id, request->csr, request->csr_len); break;
	case WIRE_CAS: wire_put_cas(out); break;
	case WIRE_CRL:
		wire_put_crl(out, request->ca_key_id, request->number, request->entries, request->n_entries);
		break;
	}
}

static void check_request(const char *text, size_t len)
{
	CLEANUP(wire_request) struct wire_request request = { .entries = NULL };
	CLEANUP(wire_request) struct wire_request again = { .entries = NULL };
	CLEANUP(buffer) struct buffer written = { 0 };
	struct error err = { .text = "" };
	enum status st = wire_read_request(text, len, &request, &err);
	if (st != STATUS_OK) {
		must(st == STATUS_INVALID && err.text[0] != '\0');
		return;
	}
	write_again(&request, &written);
	must(wire_length((const unsigned char *)written.bytes) == written.len - WIRE_HEAD_BYTES);
	/* control characters get longer when they are written */
	if (written.len - WIRE_HEAD_BYTES > WIRE_REQUEST_BYTES_MAX && request.op != WIRE_CRL)
		return;
	must(wire_read_request(written.bytes + WIRE_HEAD_BYTES, written.len - WIRE_HEAD_BYTES, &again, NULL) ==
	     STATUS_OK);
	must(again.op == request.op && strcmp(again.node_id, request.node_id) == 0 &&
	     again.csr_len == request.csr_len && memcmp(again.csr, request.csr, request.csr_len) == 0 &&
	     again.n_entries == request.n_entries && again.number == request.number);
	for (size_t i = 0; i < request.n_entries; i++)
		must(strcmp(again.entries[i].serial_hex, request.entries[i].serial_hex) == 0 &&
		     again.entries[i].at_us == request.entries[i].at_us &&
		     again.entries[i].superseded == request.entries[i].superseded);
}

static void ignore_ca(void *context, const struct wire_ca *ca)
{
	(void)context;
	must(strlen(ca->ca_key_id) == CA_KEY_ID_HEX);
}

static void check_reply(const char *text, size_t len)
{
	struct ca_certificate certificate;
	CLEANUP(buffer) struct buffer der = { 0 };
	int64_t next_update_us = 0;
	if (wire_read_sign_reply(text, len, &certificate, NULL) == STATUS_OK)
		must(strlen(certificate.pem) == certificate.pem_len && certificate.not_after_us >= 0);
	if (wire_read_cas_reply(text, len, ignore_ca, NULL, NULL) == STATUS_OK)
		must(len > 0);
	if (wire_read_crl_reply(text, len, &der, &next_update_us, NULL) == STATUS_OK)
		must(der.len > 0 && next_update_us >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_request((const char *)data, size);
	check_reply((const char *)data, size);
	return 0;
}
