#include "ca/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void cleanup_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* what was written is on disk by fsync() */
}

static enum status failed(const struct whole_file *file, struct error *err)
{
	return error_set(err, STATUS_UNAVAILABLE, "cannot write '%s/%s': %s", file->folder, file->name,
			 strerror(errno));
}

/* Only root may give a file away, and only root works in another user's folder. */
static bool give_to_owner_of(int folder, int fd)
{
	struct stat owner;
	if (fstat(folder, &owner) != 0)
		return false;
	return owner.st_uid == geteuid() || fchown(fd, owner.st_uid, owner.st_gid) == 0;
}

static bool fill(int folder, int fd, const struct whole_file *file)
{
	for (size_t done = 0; done < file->len;) {
		ssize_t n = write(fd, file->bytes + done, file->len - done);
		if (n < 0 && errno != EINTR)
			return false;
		done += n > 0 ? (size_t)n : 0;
	}
	return give_to_owner_of(folder, fd) && fchmod(fd, file->mode) == 0 && fsync(fd) == 0;
}

static enum status put_in_place(int folder, const char *new_name, const struct whole_file *file, struct error *err)
{
	unsigned flags = file->replaces ? 0 : RENAME_NOREPLACE;
	if (renameat2(folder, new_name, folder, file->name, flags) != 0) {
		if (errno == EEXIST)
			return error_set(err, STATUS_CONFLICT, "'%s/%s' is there already", file->folder, file->name);
		return failed(file, err);
	}
	return fsync(folder) == 0 ? STATUS_OK : failed(file, err);
}

enum status whole_file_write(const struct whole_file *file, struct error *err)
{
	char new_name[NAME_MAX + 1];
	int len = snprintf(new_name, sizeof(new_name), ".%s.new", file->name);
	CLEANUP(fd) int folder = open(file->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0 || len < 0 || (size_t)len >= sizeof(new_name))
		return failed(file, err);
	(void)unlinkat(folder, new_name, 0); /* of a run that was interrupted */
	CLEANUP(fd) int fd = openat(folder, new_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return failed(file, err);
	enum status st = fill(folder, fd, file) ? put_in_place(folder, new_name, file, err) : failed(file, err);
	if (st != STATUS_OK)
		(void)unlinkat(folder, new_name, 0); /* the reason has been told */
	return st;
}
