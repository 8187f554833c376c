#include "cistern/signing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ca/csr.h"
#include "ca/key.h"

enum { CA_FILE_BYTES_MAX = 16384, SIGNER_TIMEOUT_MS = 10000 };

struct signer_options signing_options(const struct config *config)
{
	return (struct signer_options){ .socket_path = config->signer_socket, .timeout_ms = SIGNER_TIMEOUT_MS };
}

static enum status need_setting(const char *value, const char *name, struct error *err)
{
	return *value ? STATUS_OK : error_set(err, STATUS_INVALID, "setting '%s' is not set", name);
}

enum status signing_check_settings(const struct config *config, struct error *err)
{
	enum status st = need_setting(config->signer_socket, "signer_socket", err);
	return st == STATUS_OK ? need_setting(config->ca_file, "ca_file", err) : st;
}

enum status signing_read_ca_file(const struct config *config, struct buffer *ret_text, struct error *err)
{
	const char *path = config->ca_file;
	enum status st = need_setting(path, "ca_file", err);
	if (st != STATUS_OK)
		return st;
	FILE *file = fopen(path, "re");
	if (!file)
		return error_set(err, STATUS_UNAVAILABLE, "cannot read '%s': %s", path, strerror(errno));
	ret_text->len = fread(buffer_reserve(ret_text, CA_FILE_BYTES_MAX + 1), 1, CA_FILE_BYTES_MAX + 1, file);
	(void)fclose(file); /* read only */
	if (ret_text->len > CA_FILE_BYTES_MAX)
		return error_set(err, STATUS_TOO_LARGE, "'%s' is longer than %d bytes", path, CA_FILE_BYTES_MAX);
	if (!strstr(buffer_text(ret_text), "-----BEGIN CERTIFICATE-----"))
		return error_set(err, STATUS_INVALID, "'%s' holds no PEM certificate", path);
	return STATUS_OK;
}

enum status signing_make_key(const char *node_id, struct secret *ret_key_pem, struct buffer *ret_csr, struct error *err)
{
	CLEANUP(evp_pkey) EVP_PKEY *key = NULL;
	enum status st = ca_key_new(&key, err);
	if (st == STATUS_OK)
		st = ca_key_private_pem(key, ret_key_pem, err);
	return st == STATUS_OK ? csr_write(key, node_id, ret_csr, err) : st;
}
