/* Any bytes as the answer to a claim: what the virtual node takes from it fits a device's buffers and has no escape left. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* a program's own source: it is not in the archive that fuzz targets are linked with */
#include "cistern-node/answer.c" /* NOLINT(bugprone-suspicious-include) */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_id(const char *body, size_t size)
{
	char id[ANSWER_NODE_ID_MAX] = "";

	if (answer_node_id(body, size, id, NULL) == STATUS_OK &&
	    (!*id || strlen(id) > CSR_COMMON_NAME_MAX || strpbrk(id, "/+#,=\\\" \n")))
		abort();
}

static void check_certificate(const char *body, size_t size)
{
	char pem[ANSWER_BYTES_MAX] = "";

	if (answer_certificate(body, size, pem, NULL) == STATUS_OK &&
	    (strncmp(pem, pem_begin, strlen(pem_begin)) != 0 || !strstr(pem, pem_end) || strchr(pem, '\\') ||
	     strstr(pem + 1, "-----BEGIN")))
		abort();
}

static void check_host(const char *body, size_t size)
{
	char host[ANSWER_HOST_MAX] = "";

	if (answer_host(body, size, host, NULL) == STATUS_OK && (!*host || strpbrk(host, ":/@ \\\"\n")))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *body = malloc(size + 1); /* as http.c and libmosquitto give it */

	if (!body)
		abort();
	if (size > 0)
		memcpy(body, data, size);
	body[size] = '\0';
	check_id(body, size);
	check_certificate(body, size);
	check_host(body, size);
	free(body);
	return 0;
}
