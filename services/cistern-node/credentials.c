#include "credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void cleanup_fd(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* a folder, or read only */
}

static enum status failure(const char *what, const char *folder, const char *name, struct error *err)
{
	return error_set(err, STATUS_UNAVAILABLE, "cannot %s '%s/%s': %s", what, folder, name, strerror(errno));
}

static enum status open_folder(const char *folder, int *ret_fd, struct error *err)
{
	*ret_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd < 0)
		return error_set(err, STATUS_UNAVAILABLE, "cannot open folder '%s': %s", folder, strerror(errno));
	return STATUS_OK;
}

static bool is_there(int folder_fd, const char *name)
{
	return faccessat(folder_fd, name, F_OK, 0) == 0;
}

static bool write_all(int fd, const char *text)
{
	for (size_t left = strlen(text); left > 0;) {
		ssize_t written = write(fd, text, left);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		text += written;
		left -= (size_t)written;
	}
	return true;
}

/* Whole or not at all. */
static enum status write_file(int folder_fd, const char *folder, const char *name, const char *text, struct error *err)
{
	char part[NAME_MAX + 1];

	(void)snprintf(part, sizeof(part), ".%s.part", name);
	if (unlinkat(folder_fd, part, 0) != 0 && errno != ENOENT)
		return failure("remove", folder, part, err);
	int fd = openat(folder_fd, part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return failure("write", folder, part, err);
	bool written = write_all(fd, text) && fsync(fd) == 0;
	int why = errno;
	bool closed = close(fd) == 0;
	if (!written)
		errno = why;
	if (!written || !closed || renameat(folder_fd, part, folder_fd, name) != 0)
		return failure("write", folder, name, err);
	return STATUS_OK;
}

static enum status sync_folder(int folder_fd, const char *folder, struct error *err)
{
	return fsync(folder_fd) == 0 ? STATUS_OK : failure("sync", folder, ".", err);
}

bool credentials_are_there(const char *folder)
{
	CLEANUP(fd) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && is_there(fd, "node.crt");
}

enum status credentials_store(const char *folder, const struct credentials *credentials, struct error *err)
{
	const struct {
		const char *name, *text;
	} files[] = {
		{ "node.key", credentials->key_pem },
		{ "node.info", credentials->node_id },
		{ "endpoint", credentials->endpoint },
		{ "node.crt", credentials->certificate_pem },
	};
	CLEANUP(fd) int fd = -1;

	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		return error_set(err, STATUS_UNAVAILABLE, "cannot make folder '%s': %s", folder, strerror(errno));
	enum status st = open_folder(folder, &fd, err);
	for (size_t i = 0; i < ARRAY_LEN(files) && st == STATUS_OK; i++) {
		if (files[i].text)
			st = write_file(fd, folder, files[i].name, files[i].text, err);
	}
	return st == STATUS_OK ? sync_folder(fd, folder, err) : st;
}

enum status credentials_endpoint(const char *folder, char *ret_host, size_t ret_host_size, struct error *err)
{
	CLEANUP(fd) int folder_fd = -1;

	enum status st = open_folder(folder, &folder_fd, err);
	if (st != STATUS_OK)
		return st;
	CLEANUP(fd) int fd = openat(folder_fd, "endpoint", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? error_set(err, STATUS_NOT_FOUND, "no '%s/endpoint'", folder)
				       : failure("read", folder, "endpoint", err);
	ssize_t len = read(fd, ret_host, ret_host_size - 1);
	if (len < 0)
		return failure("read", folder, "endpoint", err);
	ret_host[len] = '\0';
	ret_host[strcspn(ret_host, "\r\n")] = '\0';
	return STATUS_OK;
}

/* The certificate is written last and renamed last, the key first: so a new certificate without a new key is a promotion that was
 * interrupted half way, and a new key without a new certificate a storing that was. */
enum status credentials_mend(const char *folder, bool *ret_has_new, struct error *err)
{
	CLEANUP(fd) int fd = -1;

	enum status st = open_folder(folder, &fd, err);
	if (st != STATUS_OK)
		return st;
	bool key = is_there(fd, "node.key.new"), certificate = is_there(fd, "node.crt.new");
	*ret_has_new = key && certificate;
	if (certificate && !key)
		return credentials_promote_new(folder, err);
	if (key && !certificate)
		credentials_drop_new(folder);
	return STATUS_OK;
}

enum status credentials_store_new(const char *folder, const char *key_pem, const char *certificate_pem,
				  struct error *err)
{
	CLEANUP(fd) int fd = -1;

	credentials_drop_new(folder); /* so that there is never the key of one beside the certificate of another */
	enum status st = open_folder(folder, &fd, err);
	if (st == STATUS_OK)
		st = write_file(fd, folder, "node.key.new", key_pem, err);
	if (st == STATUS_OK)
		st = write_file(fd, folder, "node.crt.new", certificate_pem, err);
	return st == STATUS_OK ? sync_folder(fd, folder, err) : st;
}

enum status credentials_promote_new(const char *folder, struct error *err)
{
	CLEANUP(fd) int fd = -1;

	enum status st = open_folder(folder, &fd, err);
	if (st != STATUS_OK)
		return st;
	if (renameat(fd, "node.key.new", fd, "node.key") != 0 && errno != ENOENT)
		return failure("rename", folder, "node.key.new", err);
	st = sync_folder(fd, folder, err); /* the order that credentials_mend() counts on */
	if (st != STATUS_OK)
		return st;
	if (renameat(fd, "node.crt.new", fd, "node.crt") != 0)
		return failure("rename", folder, "node.crt.new", err);
	return sync_folder(fd, folder, err);
}

/* The certificate first: see credentials_mend(). */
void credentials_drop_new(const char *folder)
{
	CLEANUP(fd) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)unlinkat(fd, "node.crt.new", 0); /* what stays is tried and dropped at the next start */
	(void)fsync(fd);
	(void)unlinkat(fd, "node.key.new", 0);
}
