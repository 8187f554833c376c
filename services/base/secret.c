#include "base/secret.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum status secret_read(struct secret *ret_secret, const char *path, struct error *err)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return error_set(err, STATUS_UNAVAILABLE, "cannot read '%s': %s", path, strerror(errno));
	CLEANUP(secret) struct secret read = { .len = 0 };
	setvbuf(file, NULL, _IONBF, 0); /* no second copy of the secret in a stdio buffer */
	size_t len = fread(read.bytes, 1, sizeof(read.bytes), file);
	(void)fclose(file); /* read only: nothing can be lost */
	if (len > SECRET_MAX)
		return error_set(err, STATUS_TOO_LARGE, "'%s' is longer than %d bytes", path, SECRET_MAX);
	read.bytes[len] = '\0';
	read.len = strcspn(read.bytes, "\r\n");
	if (read.len == 0)
		return error_set(err, STATUS_INVALID, "'%s' holds no secret", path);
	read.bytes[read.len] = '\0';
	*ret_secret = read;
	return STATUS_OK;
}

void secret_done(struct secret *secret)
{
	explicit_bzero(secret, sizeof(*secret));
}
