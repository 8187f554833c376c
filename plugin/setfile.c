#include "setfile.h"

#include "model/node_id.h"
#include "model/topic.h"

#include "model/revocation.h"

#include <openssl/evp.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOCAL_HEAD     "local "
#define LOCAL_HEAD_LEN (sizeof(LOCAL_HEAD) - 1)
#define END_HEAD       "end "

static void close_file(int fd)
{
	if (fd >= 0)
		(void)close(fd); /* what had to reach the disk has been synced */
}

static void cleanup_fd(const int *fd)
{
	close_file(*fd);
}

void bytes_done(struct bytes *bytes)
{
	free(bytes->at);
	*bytes = (struct bytes){ .at = NULL };
}

/* --- whole files --- */

static bool read_all(int fd, char *at, size_t len)
{
	while (len > 0) {
		ssize_t n = read(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false; /* shorter than it was a moment ago counts as unreadable */
		at += n;
		len -= (size_t)n;
	}
	return true;
}

enum file_state file_read(const char *path, size_t bytes_max, struct bytes *ret_bytes)
{
	struct stat info;
	/* Not blocking: what stands there may be a pipe. */
	CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return errno == ENOENT ? FILE_MISSING : FILE_UNREADABLE;
	if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size < 0 || (size_t)info.st_size > bytes_max)
		return FILE_UNREADABLE;

	struct bytes bytes = { malloc((size_t)info.st_size + 1), (size_t)info.st_size };

	if (!bytes.at || !read_all(fd, bytes.at, bytes.len)) {
		bytes_done(&bytes);
		return FILE_UNREADABLE;
	}
	*ret_bytes = bytes;
	return FILE_READ;
}

static bool write_all(int fd, const char *at, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static bool write_and_sync(const char *path, const char *bytes, size_t len)
{
	CLEANUP(fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd >= 0 && write_all(fd, bytes, len) && fsync(fd) == 0;
}

static bool sync_folder_of(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) + 1 : 1;

	if (len >= sizeof(folder))
		return false;
	memcpy(folder, slash ? path : ".", len);
	folder[len] = '\0';

	CLEANUP(fd) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && fsync(fd) == 0;
}

bool file_write(const char *path, const char *bytes, size_t len)
{
	char temporary[PATH_MAX];
	int n = snprintf(temporary, sizeof(temporary), "%s.new", path);

	if (n < 0 || (size_t)n >= sizeof(temporary))
		return false;
	return write_and_sync(temporary, bytes, len) && rename(temporary, path) == 0 && sync_folder_of(path);
}

/* --- the set's file --- */

static bool digest_hex(const char *bytes, size_t len, char out[SETFILE_DIGEST_HEX + 1])
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(bytes, len, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	for (size_t i = 0; i < SETFILE_DIGEST_HEX / 2; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
	return true;
}

static size_t count_lines(const char *bytes, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += bytes[i] == '\n';
	return n;
}

/* The end line for these bytes, with a NUL; 0: no digest to be had. */
static size_t write_end(const char *bytes, size_t len, char out[REVOCATION_LINE_MAX])
{
	char hex[SETFILE_DIGEST_HEX + 1];

	if (!digest_hex(bytes, len, hex))
		return 0;
	return (size_t)snprintf(out, REVOCATION_LINE_MAX, END_HEAD "%zu %s\n", count_lines(bytes, len), hex);
}

/* Where the last line begins; the text ends with a line end. */
static size_t last_line(const char *bytes, size_t len)
{
	const char *before = len > 1 ? memrchr(bytes, '\n', len - 1) : NULL;

	return before ? (size_t)(before - bytes) + 1 : 0;
}

static bool begins_local(const char *at, size_t len)
{
	return len > LOCAL_HEAD_LEN && memcmp(at, LOCAL_HEAD, LOCAL_HEAD_LEN) == 0;
}

/* Where the local lines begin, or the end. */
static size_t first_local(const char *bytes, size_t len)
{
	size_t at = 0;

	while (at < len && !begins_local(bytes + at, len - at))
		at += (size_t)((const char *)memchr(bytes + at, '\n', len - at) - (bytes + at)) + 1;
	return at;
}

bool setfile_check(const char *bytes, size_t len, struct setfile *ret_parts)
{
	char expected[REVOCATION_LINE_MAX];

	if (len == 0 || bytes[len - 1] != '\n')
		return false;

	size_t end = last_line(bytes, len);
	size_t expected_len = write_end(bytes, end, expected);

	if (end == 0 || expected_len == 0 || len - end != expected_len ||
	    memcmp(bytes + end, expected, expected_len) != 0)
		return false;

	size_t local = first_local(bytes, end);

	*ret_parts = (struct setfile){
		.set = bytes,
		.set_len = local,
		.local = bytes + local,
		.local_len = end - local,
		.digest = bytes + len - 1 - SETFILE_DIGEST_HEX,
	};
	return true;
}

bool setfile_compose(const struct bytes *set, const struct table *local, struct bytes *ret_file)
{
	size_t body_len = set->len + local->line_bytes;
	char *file = malloc(body_len + REVOCATION_LINE_MAX);
	char end[REVOCATION_LINE_MAX];

	if (!file)
		return false;
	memcpy(file, set->at, set->len);
	(void)table_copy_lines(local, file + set->len);

	size_t end_len = write_end(file, body_len, end);

	if (end_len == 0) {
		free(file);
		return false;
	}
	memcpy(file + body_len, end, end_len);
	*ret_file = (struct bytes){ file, body_len + end_len };
	return true;
}

/* --- the operator's list --- */

static bool add_id(struct table *local, struct topic_part id)
{
	char line[LOCAL_HEAD_LEN + NODE_ID_MAX + 2];
	int n = snprintf(line, sizeof(line), LOCAL_HEAD "%.*s\n", (int)id.len, id.at);

	return table_put(local, id.at, id.len, line, (size_t)n);
}

bool local_read_kept(struct table *local, const char *lines, size_t len)
{
	struct topic_part rest = { lines, len };
	struct topic_part line;

	while (revocation_next_line(&rest, &line)) {
		if (!begins_local(line.at, line.len))
			return false;

		struct topic_part id = { line.at + LOCAL_HEAD_LEN, line.len - LOCAL_HEAD_LEN };

		if (!node_id_valid(id.at, id.len) || !add_id(local, id))
			return false;
	}
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Without its comment and the blanks around it. */
static struct topic_part strip(struct topic_part line)
{
	const char *comment = line.len > 0 ? memchr(line.at, '#', line.len) : NULL;

	if (comment)
		line.len = (size_t)(comment - line.at);
	while (line.len > 0 && is_blank(line.at[line.len - 1]))
		line.len--;
	while (line.len > 0 && is_blank(line.at[0])) {
		line.at++;
		line.len--;
	}
	return line;
}

enum local_state local_parse(struct table *local, const char *bytes, size_t len)
{
	struct topic_part rest = { bytes, len };
	struct topic_part line;
	enum local_state state = LOCAL_GOOD;

	while (revocation_next_line(&rest, &line)) {
		struct topic_part id = strip(line);

		if (id.len == 0)
			continue;
		if (!node_id_valid(id.at, id.len))
			state = LOCAL_DAMAGED;
		else if (!add_id(local, id))
			return LOCAL_NO_MEMORY;
	}
	return state;
}

bool local_add(struct table *local, const struct table *more)
{
	for (size_t at = 0; at < more->n_slots; at++) {
		const struct table_entry *entry = more->slots[at];

		if (entry && !table_put(local, entry->bytes, entry->key_len, table_line(entry), entry->line_len))
			return false;
	}
	return true;
}
