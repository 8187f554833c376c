#include "ca/issue_log.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum {
	LINE_MAX_BYTES = 512, /* the longest of ours takes 375 */
	TIME_TEXT = sizeof("2026-01-01T12:00:00Z"),
	HASH_HEX = 2 * crypto_hash_sha256_BYTES,
};

struct issue_log {
	char path[PATH_MAX];
	FILE *file;
	int64_t last_s;
	char before[HASH_HEX + 1]; /* hash of the newest line */
	bool cut;                  /* a write failed: the last line may have no end */
};

static void hash_of(const char *line, size_t len, char ret_hex[HASH_HEX + 1])
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256(hash, (const unsigned char *)line, len);
	(void)sodium_bin2hex(ret_hex, HASH_HEX + 1, hash, sizeof(hash));
}

static void time_text(int64_t time_s, char ret_text[TIME_TEXT])
{
	struct tm utc;
	time_t time = (time_t)time_s;
	(void)gmtime_r(&time, &utc);
	(void)strftime(ret_text, TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* --- reading it from the beginning --- */

static bool parse_time(const char *line, int64_t *ret_s)
{
	struct tm utc = { 0 };
	const char *end = strncmp(line, "time=", 5) == 0 ? strptime(line + 5, "%Y-%m-%dT%H:%M:%SZ", &utc) : NULL;
	if (!end || *end != ' ')
		return false;
	*ret_s = (int64_t)timegm(&utc);
	return true;
}

/* A whole line: its `before` must be the hash of the one before it. A line that was cut off has none. */
static enum status follow(struct issue_log *log, size_t line_no, const char *line, size_t len, struct error *err)
{
	static const char mark[] = " before=";
	size_t tail = strlen(mark) + HASH_HEX;
	int64_t time_s = 0;
	if (len > tail && memcmp(line + len - tail, mark, strlen(mark)) == 0) {
		if (memcmp(line + len - HASH_HEX, log->before, HASH_HEX) != 0 || !parse_time(line, &time_s))
			return error_set(err, STATUS_INVALID,
					 "'%s' line %zu does not follow from the line before it: the log was changed",
					 log->path, line_no);
		log->last_s = time_s;
	}
	hash_of(line, len, log->before);
	return STATUS_OK;
}

static enum status end_cut_line(const struct issue_log *log, struct error *err)
{
	if (write(fileno(log->file), "\n", 1) != 1 || fdatasync(fileno(log->file)) != 0)
		return error_set(err, STATUS_UNAVAILABLE, "cannot write '%s': %s", log->path, strerror(errno));
	return STATUS_OK;
}

static void cleanup_line(char **line)
{
	free(*line);
}

static enum status follow_all(struct issue_log *log, struct error *err)
{
	CLEANUP(line) char *line = NULL;
	size_t size = 0, line_no = 0;
	bool ended = true;
	memset(log->before, '0', HASH_HEX);
	log->before[HASH_HEX] = '\0';
	log->last_s = 0;
	rewind(log->file);
	for (ssize_t len; (len = getline(&line, &size, log->file)) > 0;) {
		ended = line[len - 1] == '\n';
		enum status st = follow(log, ++line_no, line, (size_t)len - (ended ? 1 : 0), err);
		if (st != STATUS_OK)
			return st;
	}
	if (ferror(log->file))
		return error_set(err, STATUS_UNAVAILABLE, "cannot read '%s': %s", log->path, strerror(errno));
	return ended ? STATUS_OK : end_cut_line(log, err);
}

/* --- opening --- */

/* Its folder too: a new file's name must outlive a power cut. */
static enum status sync_folder(const char *path, struct error *err)
{
	char copy[PATH_MAX];
	memcpy(copy, path, strlen(path) + 1);
	int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = folder < 0 ? -1 : fsync(folder);
	int why = errno;
	if (folder >= 0)
		(void)close(folder); /* read only */
	return result == 0
		       ? STATUS_OK
		       : error_set(err, STATUS_UNAVAILABLE, "cannot sync the folder of '%s': %s", path, strerror(why));
}

static enum status open_file(struct issue_log *log, struct error *err)
{
	int fd = open(log->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	log->file = fd < 0 ? NULL : fdopen(fd, "r");
	if (!log->file) {
		int why = errno;
		if (fd >= 0)
			(void)close(fd); /* nothing was written */
		return error_set(err, STATUS_UNAVAILABLE, "cannot open '%s': %s", log->path, strerror(why));
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		return error_set(err, STATUS_CONFLICT, "'%s' is another process's: signerd runs already", log->path);
	return sync_folder(log->path, err);
}

enum status issue_log_open(const char *path, struct issue_log **ret_log, struct error *err)
{
	size_t len = strlen(path);
	if (len == 0 || len >= PATH_MAX)
		return error_set(err, STATUS_INVALID, "'%.60s' is not a path for the issue log", path);
	CLEANUP(issue_log) struct issue_log *log = calloc(1, sizeof(*log));
	if (!log)
		abort();
	memcpy(log->path, path, len + 1);
	enum status st = open_file(log, err);
	if (st == STATUS_OK)
		st = follow_all(log, err);
	if (st != STATUS_OK)
		return st;
	*ret_log = STEAL(log);
	return STATUS_OK;
}

void issue_log_close(struct issue_log *log)
{
	if (!log)
		return;
	if (log->file)
		(void)fclose(log->file); /* every line is on disk already */
	free(log);
}

int64_t issue_log_last_s(const struct issue_log *log)
{
	return log->last_s;
}

/* --- writing --- */

static size_t write_line(const struct issue_log *log, int64_t now_s, const char *node_id,
			 const struct ca_certificate *certificate, char out[LINE_MAX_BYTES])
{
	char now[TIME_TEXT], not_after[TIME_TEXT], key[HASH_HEX + 1];
	time_text(now_s, now);
	time_text(certificate->not_after_us / 1000000, not_after);
	(void)sodium_bin2hex(key, sizeof(key), certificate->key_hash, CSR_KEY_HASH_BYTES);
	int len = snprintf(out, LINE_MAX_BYTES, "time=%s serial=%s node=%.64s key=%s not_after=%s ca=%s before=%s\n",
			   now, certificate->serial_hex, node_id, key, not_after, certificate->ca_key_id, log->before);
	return len > 0 && len < LINE_MAX_BYTES ? (size_t)len : 0;
}

static enum status failed(struct issue_log *log, struct error *err)
{
	int why = errno;
	log->cut = true;
	return error_set(err, STATUS_UNAVAILABLE, "the issue log cannot be written (%s): nothing is signed",
			 strerror(why));
}

enum status issue_log_append(struct issue_log *log, int64_t now_s, const char *node_id,
			     const struct ca_certificate *certificate, struct error *err)
{
	if (log->cut) {
		enum status st = follow_all(log, err);
		if (st != STATUS_OK)
			return st == STATUS_INVALID ? STATUS_UNAVAILABLE : st;
		log->cut = false;
	}
	char line[LINE_MAX_BYTES];
	size_t len = write_line(log, now_s, node_id, certificate, line);
	if (len == 0)
		return error_set(err, STATUS_INTERNAL, "a line of the issue log is too long");
	errno = ENOSPC; /* what a short write means */
	if (write(fileno(log->file), line, len) != (ssize_t)len || fdatasync(fileno(log->file)) != 0)
		return failed(log, err);
	hash_of(line, len - 1, log->before);
	log->last_s = now_s;
	return STATUS_OK;
}
