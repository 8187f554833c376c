/* Any bytes in place of a CSR; and any DER in a right PEM frame, so that what lies behind the frame is reached too. What is taken has
 * a node id, a key within the policy, and one hash. */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ca/csr.h"
#include "ca/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check(const char *pem, size_t len)
{
	struct csr csr;
	struct error err = { .text = "" };
	unsigned char hash[CSR_KEY_HASH_BYTES];
	if (csr_read(pem, len, &csr, &err) != STATUS_OK) {
		must(err.text[0] != '\0');
		return;
	}
	must(node_id_valid(csr.node_id, strlen(csr.node_id)));
	must(ca_key_check(csr.key, NULL) == STATUS_OK);
	must(csr_key_hash(csr.key, hash, NULL) == STATUS_OK && memcmp(hash, csr.key_hash, sizeof(hash)) == 0);
	csr_done(&csr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char begin[] = "-----BEGIN CERTIFICATE REQUEST-----\n",
			  end[] = "\n-----END CERTIFICATE REQUEST-----\n";
	check((const char *)data, size);
	if (size > CSR_BYTES_MAX)
		return 0;
	size_t base64_size = sodium_base64_ENCODED_LEN(size, sodium_base64_VARIANT_ORIGINAL);
	CLEANUP(buffer) struct buffer framed = { 0 };
	buffer_puts(&framed, begin);
	sodium_bin2base64(buffer_reserve(&framed, base64_size), base64_size, data, size,
			  sodium_base64_VARIANT_ORIGINAL);
	framed.len += base64_size - 1;
	buffer_puts(&framed, end);
	check(framed.bytes, framed.len);
	return 0;
}
