#include "cistern/node_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/node_id.h"

enum { FILE_BYTES_MAX = 16384, STAGED_NAME_MAX = NODE_ID_MAX + 32 };

static const struct {
	const char *name;
	mode_t mode;
} kinds[N_NODE_FILES] = {
	[NODE_FILE_KEY] = { "node.key", 0600 },
	[NODE_FILE_CA] = { "ca.crt", 0644 },
	[NODE_FILE_CERTIFICATE] = { "node.crt", 0644 },
};

typedef char staged_name[STAGED_NAME_MAX];

/* With the node's id: what an interrupted run left for another node in the same folder stays. */
static void name_staged(const struct node_files *files, enum node_file file, staged_name ret_name)
{
	(void)snprintf(ret_name, STAGED_NAME_MAX, ".%s.%s.new", files->node_id, kinds[file].name);
}

static enum status file_failure(const struct node_files *files, const char *what, const char *name, struct error *err)
{
	return error_set(err, STATUS_UNAVAILABLE, "cannot %s '%s/%s': %s", what, files->path, name, strerror(errno));
}

const char *node_file_name(enum node_file file)
{
	return kinds[file].name;
}

enum status node_files_open(struct node_files *files, const char *path, const char *node_id, bool make,
			    struct error *err)
{
	*files = (struct node_files){ .path = path, .node_id = node_id, .folder = -1 };
	if (make && mkdir(path, 0700) == 0)
		files->made = true;
	else if (make && errno != EEXIST)
		return error_set(err, STATUS_UNAVAILABLE, "cannot make folder '%s': %s", path, strerror(errno));
	files->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (files->folder < 0)
		return error_set(err, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_UNAVAILABLE,
				 "cannot open folder '%s': %s", path, strerror(errno));
	if (flock(files->folder, LOCK_EX | LOCK_NB) != 0)
		return error_set(err, STATUS_CONFLICT, "another 'cistern node add' works in '%s'", path);
	return STATUS_OK;
}

void node_files_close(struct node_files *files)
{
	if (files->made)
		(void)rmdir(files->path); /* refused when something is in it, which is right */
	if (files->folder >= 0)
		(void)close(files->folder);
	files->folder = -1;
}

static bool is_there(const struct node_files *files, const char *name)
{
	struct stat about;
	return fstatat(files->folder, name, &about, AT_SYMLINK_NOFOLLOW) == 0;
}

enum status node_files_check_free(const struct node_files *files, struct error *err)
{
	for (int i = 0; i < N_NODE_FILES; i++) {
		if (is_there(files, kinds[i].name))
			return error_set(err, STATUS_CONFLICT, "'%s/%s' is there already: nothing was changed",
					 files->path, kinds[i].name);
	}
	return STATUS_OK;
}

/* Has the file exactly this text? */
static bool holds(const struct node_files *files, const char *name, const char *text)
{
	char bytes[FILE_BYTES_MAX];
	int fd = openat(files->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	ssize_t len = read(fd, bytes, sizeof(bytes));
	(void)close(fd); /* read only */
	return len >= 0 && (size_t)len == strlen(text) && memcmp(bytes, text, (size_t)len) == 0;
}

bool node_files_are_published(const struct node_files *files, const char *certificate)
{
	for (int i = 0; i < N_NODE_FILES; i++) {
		if (!is_there(files, kinds[i].name))
			return false;
	}
	return holds(files, kinds[NODE_FILE_CERTIFICATE].name, certificate);
}

/* The certificate is staged last: with it all three are, or were and are published by now. */
bool node_files_are_staged(const struct node_files *files, const char *certificate)
{
	staged_name name;
	name_staged(files, NODE_FILE_CERTIFICATE, name);
	return holds(files, name, certificate);
}

static bool write_whole(int fd, const char *text)
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

static enum status stage(const struct node_files *files, enum node_file file, const char *text, struct error *err)
{
	staged_name name;
	name_staged(files, file, name);
	if (unlinkat(files->folder, name, 0) != 0 && errno != ENOENT)
		return file_failure(files, "remove", name, err);
	int fd = openat(files->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return file_failure(files, "write", name, err);
	/* fchmod: whatever the umask is */
	bool written = fchmod(fd, kinds[file].mode) == 0 && write_whole(fd, text) && fsync(fd) == 0;
	enum status st = written ? STATUS_OK : file_failure(files, "write", name, err);
	if (close(fd) != 0 && st == STATUS_OK)
		st = file_failure(files, "write", name, err);
	return st;
}

/* So that the names survive a power cut, and the new folder's own name too. */
static enum status sync_folder(const struct node_files *files, struct error *err)
{
	if (fsync(files->folder) != 0)
		return file_failure(files, "sync", ".", err);
	if (!files->made)
		return STATUS_OK;
	int above = openat(files->folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool synced = above >= 0 && fsync(above) == 0;
	enum status st = synced ? STATUS_OK : file_failure(files, "sync", "..", err);
	if (above >= 0)
		(void)close(above); /* a folder is not written */
	return st;
}

enum status node_files_stage(const struct node_files *files, const char *const texts[N_NODE_FILES], struct error *err)
{
	enum status st = STATUS_OK;
	for (int i = 0; i < N_NODE_FILES && st == STATUS_OK; i++)
		st = stage(files, (enum node_file)i, texts[i], err);
	return st == STATUS_OK ? sync_folder(files, err) : st;
}

/* An interrupted run may have given the name already, and not yet taken the hidden one away. */
static bool is_same_file(const struct node_files *files, const char *a, const char *b)
{
	struct stat about_a, about_b;
	return fstatat(files->folder, a, &about_a, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(files->folder, b, &about_b, AT_SYMLINK_NOFOLLOW) == 0 && about_a.st_ino == about_b.st_ino &&
	       about_a.st_dev == about_b.st_dev;
}

/* link() and not rename(): it never replaces what is there. */
static enum status publish(const struct node_files *files, enum node_file file, struct error *err)
{
	staged_name staged;
	name_staged(files, file, staged);
	const char *name = kinds[file].name;
	if (linkat(files->folder, staged, files->folder, name, 0) == 0)
		return STATUS_OK;
	if (errno == ENOENT && is_there(files, name))
		return STATUS_OK; /* done by an interrupted run */
	if (errno != EEXIST)
		return file_failure(files, "make", name, err);
	if (!is_same_file(files, staged, name))
		return error_set(err, STATUS_CONFLICT, "'%s/%s' is in the way: move it and run this again", files->path,
				 name);
	return STATUS_OK;
}

/* The hidden certificate goes last: as long as it is there, an interrupted run can be finished. */
enum status node_files_publish(const struct node_files *files, struct error *err)
{
	enum status st = STATUS_OK;
	for (int i = 0; i < N_NODE_FILES && st == STATUS_OK; i++)
		st = publish(files, (enum node_file)i, err);
	if (st == STATUS_OK)
		st = sync_folder(files, err);
	if (st == STATUS_OK)
		node_files_drop_staged(files);
	return st;
}

enum status node_files_put_certificate(const struct node_files *files, const char *certificate, struct error *err)
{
	if (holds(files, kinds[NODE_FILE_CERTIFICATE].name, certificate))
		return STATUS_OK;
	enum status st = stage(files, NODE_FILE_CERTIFICATE, certificate, err);
	if (st == STATUS_OK)
		st = publish(files, NODE_FILE_CERTIFICATE, err);
	if (st == STATUS_OK)
		st = sync_folder(files, err);
	staged_name name;
	name_staged(files, NODE_FILE_CERTIFICATE, name);
	(void)unlinkat(files->folder, name, 0); /* a hidden file that stays does no harm */
	return st;
}

void node_files_drop_staged(const struct node_files *files)
{
	for (int i = 0; i < N_NODE_FILES; i++) {
		staged_name name;
		name_staged(files, (enum node_file)i, name);
		(void)unlinkat(files->folder, name, 0); /* often not there; and a hidden file that stays does no harm */
	}
}
