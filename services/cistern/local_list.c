#include "cistern/local_list.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"

enum { READ_BYTES = 65536 };

typedef char path_text[PATH_MAX];

static void cleanup_fd(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* what was written is synced by then */
}

static enum status file_failure(const char *what, const char *path, struct error *err)
{
	return error_set(err, STATUS_UNAVAILABLE, "cannot %s '%s': %s", what, path, strerror(errno));
}

static enum status name_beside(const char *path, const char *suffix, path_text ret_name, struct error *err)
{
	int len = snprintf(ret_name, sizeof(path_text), "%s%s", path, suffix);
	if (len < 0 || (size_t)len >= sizeof(path_text))
		return error_set(err, STATUS_INVALID, "'%s' is too long for a file name", path);
	return STATUS_OK;
}

/* A file of its own: the list itself is another file after each writing. */
static enum status lock(const char *path, int *ret_fd, struct error *err)
{
	path_text name;
	enum status st = name_beside(path, ".lock", name, err);
	if (st != STATUS_OK)
		return st;
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return file_failure("open", name, err);
	while (flock(fd, LOCK_EX) != 0) {
		if (errno == EINTR)
			continue;
		st = file_failure("lock", name, err);
		(void)close(fd); /* nothing was written */
		return st;
	}
	*ret_fd = fd;
	return STATUS_OK;
}

/* No file is an empty list. */
static enum status read_list(const char *path, struct buffer *ret_text, struct error *err)
{
	CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? STATUS_OK : file_failure("read", path, err);
	for (;;) {
		ssize_t len = read(fd, buffer_reserve(ret_text, READ_BYTES), READ_BYTES);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return file_failure("read", path, err);
		if (len == 0)
			return STATUS_OK;
		ret_text->len += (size_t)len;
		if (ret_text->len > LOCAL_LIST_BYTES_MAX)
			return error_set(err, STATUS_TOO_LARGE, "'%s' is longer than %d bytes", path,
					 LOCAL_LIST_BYTES_MAX);
	}
}

/* Blanks around it and a carriage return do not make another id. */
static bool is_line_of(const char *line, size_t len, const char *node_id)
{
	while (len > 0 && strchr(" \t\r", line[len - 1]))
		len--;
	while (len > 0 && strchr(" \t", *line))
		line++, len--;
	return len == strlen(node_id) && memcmp(line, node_id, len) == 0;
}

/* The other lines as they are, and whether it was among them. */
static bool copy_without(struct buffer *list, const char *node_id, struct buffer *ret_rest)
{
	bool found = false;
	const char *at = buffer_text(list), *end = at + list->len;
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((stop ? stop : end) - at);
		if (is_line_of(at, len, node_id)) {
			found = true;
		} else {
			buffer_put(ret_rest, at, len);
			buffer_putc(ret_rest, '\n');
		}
		at += len + 1;
	}
	return found;
}

static enum status choose_owner(const char *path, struct stat *ret_about, struct error *err)
{
	if (lstat(path, ret_about) == 0)
		return STATUS_OK;
	path_text folder;
	enum status st = name_beside(path, "", folder, err);
	if (st != STATUS_OK)
		return st;
	if (stat(dirname(folder), ret_about) != 0)
		return file_failure("look at the folder of", path, err);
	ret_about->st_mode = 0644;
	return STATUS_OK;
}

static bool write_whole(int fd, const struct buffer *text)
{
	for (size_t done = 0; done < text->len;) {
		ssize_t written = write(fd, text->bytes + done, text->len - done);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		done += (size_t)written;
	}
	return true;
}

static enum status sync_folder(const char *path, struct error *err)
{
	path_text folder;
	enum status st = name_beside(path, "", folder, err);
	if (st != STATUS_OK)
		return st;
	CLEANUP(fd) int fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && fsync(fd) == 0 ? STATUS_OK : file_failure("sync the folder of", path, err);
}

static enum status write_list(const char *path, const struct buffer *text, struct error *err)
{
	path_text name;
	struct stat about;
	enum status st = name_beside(path, ".new", name, err);
	if (st == STATUS_OK)
		st = choose_owner(path, &about, err);
	if (st != STATUS_OK)
		return st;
	if (unlink(name) != 0 && errno != ENOENT)
		return file_failure("remove", name, err);
	CLEANUP(fd) int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return file_failure("write", name, err);
	bool is_owner = about.st_uid == geteuid() && about.st_gid == getegid();
	if ((!is_owner && fchown(fd, about.st_uid, about.st_gid) != 0) || fchmod(fd, about.st_mode & 0777) != 0 ||
	    !write_whole(fd, text) || fsync(fd) != 0)
		return file_failure("write", name, err);
	if (rename(name, path) != 0)
		return file_failure("replace", path, err);
	return sync_folder(path, err);
}

enum status local_list_set(const char *path, const char *node_id, bool listed, struct error *err)
{
	if (!*path)
		return error_set(err, STATUS_INVALID, "setting 'revocation_local_file' is not set");
	CLEANUP(fd) int locked = -1;
	CLEANUP(buffer) struct buffer list = { 0 };
	CLEANUP(buffer) struct buffer rest = { 0 };
	enum status st = lock(path, &locked, err);
	if (st == STATUS_OK)
		st = read_list(path, &list, err);
	if (st != STATUS_OK)
		return st;
	if (copy_without(&list, node_id, &rest) == listed)
		return STATUS_OK;
	if (listed)
		buffer_printf(&rest, "%s\n", node_id);
	return write_list(path, &rest, err);
}
