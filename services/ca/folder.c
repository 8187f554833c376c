#include "ca/folder.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CERTIFICATE_END ".crt"

struct ca_folder {
	struct ca *cas[CA_FOLDER_MAX];
	size_t n_cas, issuing;
	unsigned char (*refused)[CSR_KEY_HASH_BYTES]; /* in order */
	size_t n_refused;
};

static void cleanup_folder_handle(DIR **handle)
{
	if (*handle)
		(void)closedir(*handle); /* read only */
}

static void cleanup_file(FILE **file)
{
	if (*file)
		(void)fclose(*file); /* read only */
}

bool ca_name_valid(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
	return len > 0 && len <= CA_NAME_MAX && name[len] == '\0';
}

static enum status join(const char *path, const char *name, const char *end, char ret_path[PATH_MAX], struct error *err)
{
	int len = snprintf(ret_path, PATH_MAX, "%s/%s%s", path, name, end);
	return len > 0 && len < PATH_MAX ? STATUS_OK : error_set(err, STATUS_INVALID, "'%s' is too long a path", path);
}

/* --- what is there --- */

/* `node-ca.crt` gives node-ca; a file that begins with a dot is one that is being written. */
static bool name_of_certificate(const char *file, char ret_name[CA_NAME_MAX + 1])
{
	size_t len = strlen(file), end_len = strlen(CERTIFICATE_END);
	if (len <= end_len || len - end_len > CA_NAME_MAX || strcmp(file + len - end_len, CERTIFICATE_END) != 0)
		return false;
	memcpy(ret_name, file, len - end_len);
	ret_name[len - end_len] = '\0';
	return ca_name_valid(ret_name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct ca_listed *)a)->name, ((const struct ca_listed *)b)->name);
}

static enum status list_names(const char *path, struct ca_listing *listing, struct error *err)
{
	CLEANUP(folder_handle) DIR *handle = opendir(path);
	if (!handle)
		return error_set(err, STATUS_UNAVAILABLE, "cannot read '%s': %s", path, strerror(errno));
	char name[CA_NAME_MAX + 1];
	for (struct dirent *entry; (entry = readdir(handle));) {
		if (!name_of_certificate(entry->d_name, name))
			continue;
		if (listing->n_cas == CA_FOLDER_MAX)
			return error_set(err, STATUS_INVALID, "'%s' holds more than %d CAs", path, CA_FOLDER_MAX);
		memcpy(listing->cas[listing->n_cas++].name, name, sizeof(name));
	}
	qsort(listing->cas, listing->n_cas, sizeof(listing->cas[0]), by_name);
	return STATUS_OK;
}

static enum status read_name(const char *path, const char *which, char ret_name[CA_NAME_MAX + 1], struct error *err)
{
	char file[PATH_MAX];
	struct secret line = { .len = 0 }; /* no secret; one line without its end is what that reads */
	enum status st = join(path, which, "", file, err);
	if (st != STATUS_OK)
		return st;
	ret_name[0] = '\0';
	if (access(file, F_OK) != 0 && errno == ENOENT)
		return STATUS_OK;
	st = secret_read(&line, file, err);
	if (st != STATUS_OK)
		return st;
	if (!ca_name_valid(line.bytes))
		return error_set(err, STATUS_INVALID, "'%s' does not hold the name of a CA", file);
	memcpy(ret_name, line.bytes, line.len + 1);
	return STATUS_OK;
}

enum status ca_folder_current(const char *path, char ret_name[CA_NAME_MAX + 1], struct error *err)
{
	return read_name(path, "current", ret_name, err);
}

enum status ca_folder_next(const char *path, char ret_name[CA_NAME_MAX + 1], struct error *err)
{
	return read_name(path, "next", ret_name, err);
}

static enum status mark_current(const char *path, struct ca_listing *listing, struct error *err)
{
	char current[CA_NAME_MAX + 1];
	enum status st = ca_folder_current(path, current, err);
	if (st != STATUS_OK || !*current)
		return st; /* a new folder whose making was interrupted: none issues */
	for (size_t i = 0; i < listing->n_cas; i++) {
		if (strcmp(listing->cas[i].name, current) == 0) {
			listing->cas[i].issues = true;
			return STATUS_OK;
		}
	}
	return error_set(err, STATUS_INVALID, "'%s/current' names '%s', which is not there", path, current);
}

enum status ca_folder_list(const char *path, struct ca_listing *ret_listing, struct error *err)
{
	*ret_listing = (struct ca_listing){ .n_cas = 0 };
	enum status st = list_names(path, ret_listing, err);
	for (size_t i = 0; st == STATUS_OK && i < ret_listing->n_cas; i++) {
		char file[PATH_MAX];
		st = join(path, ret_listing->cas[i].name, CERTIFICATE_END, file, err);
		if (st == STATUS_OK)
			st = ca_about_read(file, &ret_listing->cas[i].about, err);
	}
	return st == STATUS_OK && ret_listing->n_cas > 0 ? mark_current(path, ret_listing, err) : st;
}

/* --- refused keys --- */

static int by_hash(const void *a, const void *b)
{
	return memcmp(a, b, CSR_KEY_HASH_BYTES);
}

static enum status read_refused_line(struct ca_folder *folder, const char *file, size_t line_no, char *line,
				     struct error *err)
{
	line[strcspn(line, "\r\n")] = '\0';
	if (line[0] == '\0' || line[0] == '#')
		return STATUS_OK;
	size_t len = 0;
	const char *end = NULL;
	if (folder->n_refused == REFUSED_KEYS_MAX)
		return error_set(err, STATUS_INVALID, "'%s' lists more than %d keys", file, REFUSED_KEYS_MAX);
	if (sodium_hex2bin(folder->refused[folder->n_refused], CSR_KEY_HASH_BYTES, line, strlen(line), NULL, &len,
			   &end) != 0 ||
	    len != CSR_KEY_HASH_BYTES || *end)
		return error_set(err, STATUS_INVALID, "'%s' line %zu is not a SHA-256 in 64 hexadecimal digits", file,
				 line_no);
	folder->n_refused++;
	return STATUS_OK;
}

static enum status read_refused(const char *path, struct ca_folder *folder, struct error *err)
{
	char file[PATH_MAX], line[256];
	enum status st = join(path, "refused_keys", "", file, err);
	if (st != STATUS_OK)
		return st;
	CLEANUP(file) FILE *list = fopen(file, "re");
	if (!list && errno == ENOENT)
		return STATUS_OK;
	if (!list)
		return error_set(err, STATUS_UNAVAILABLE, "cannot read '%s': %s", file, strerror(errno));
	folder->refused = calloc(REFUSED_KEYS_MAX, sizeof(*folder->refused));
	if (!folder->refused)
		abort();
	for (size_t line_no = 1; st == STATUS_OK && fgets(line, sizeof(line), list); line_no++)
		st = read_refused_line(folder, file, line_no, line, err);
	if (st == STATUS_OK && ferror(list))
		return error_set(err, STATUS_UNAVAILABLE, "cannot read '%s'", file);
	if (st == STATUS_OK)
		qsort(folder->refused, folder->n_refused, CSR_KEY_HASH_BYTES, by_hash);
	return st;
}

bool ca_folder_refuses(const struct ca_folder *folder, const unsigned char key_hash[CSR_KEY_HASH_BYTES])
{
	return folder->n_refused > 0 &&
	       bsearch(key_hash, folder->refused, folder->n_refused, CSR_KEY_HASH_BYTES, by_hash) != NULL;
}

/* --- all of it --- */

static enum status open_one(const char *path, const char *name, const struct secret *passphrase,
			    struct ca_folder *folder, struct error *err)
{
	char cert_file[PATH_MAX], key_file[PATH_MAX];
	enum status st = join(path, name, CERTIFICATE_END, cert_file, err);
	if (st == STATUS_OK)
		st = join(path, name, ".key", key_file, err);
	if (st == STATUS_OK)
		st = ca_open(cert_file, key_file, passphrase, &folder->cas[folder->n_cas], err);
	if (st != STATUS_OK)
		return st;
	const char *key_id = ca_about(folder->cas[folder->n_cas])->key_id;
	if (ca_folder_find(folder, key_id)) {
		ca_close(folder->cas[folder->n_cas]);
		folder->cas[folder->n_cas] = NULL;
		return error_set(err, STATUS_INVALID, "'%s' has the subjectKeyIdentifier of another CA in its folder",
				 cert_file);
	}
	folder->n_cas++;
	return STATUS_OK;
}

enum status ca_folder_open(const char *path, const struct secret *passphrase, struct ca_folder **ret_folder,
			   struct error *err)
{
	struct ca_listing listing;
	CLEANUP(ca_folder) struct ca_folder *folder = calloc(1, sizeof(*folder));
	if (!folder)
		abort();
	enum status st = ca_folder_list(path, &listing, err);
	folder->issuing = CA_FOLDER_MAX;
	for (size_t i = 0; st == STATUS_OK && i < listing.n_cas; i++) {
		if (listing.cas[i].issues)
			folder->issuing = i;
		st = open_one(path, listing.cas[i].name, passphrase, folder, err);
	}
	if (st == STATUS_OK && folder->issuing == CA_FOLDER_MAX)
		return error_set(err, STATUS_INVALID, "no CA in '%s' issues: run 'cistern ca init'", path);
	if (st == STATUS_OK)
		st = read_refused(path, folder, err);
	if (st != STATUS_OK)
		return st;
	*ret_folder = STEAL(folder);
	return STATUS_OK;
}

void ca_folder_close(struct ca_folder *folder)
{
	if (!folder)
		return;
	for (size_t i = 0; i < folder->n_cas; i++)
		ca_close(folder->cas[i]);
	free(folder->refused);
	free(folder);
}

const struct ca *ca_folder_issuing(const struct ca_folder *folder)
{
	return folder->cas[folder->issuing];
}

const struct ca *ca_folder_find(const struct ca_folder *folder, const char *key_id)
{
	for (size_t i = 0; i < folder->n_cas; i++) {
		if (strcmp(ca_about(folder->cas[i])->key_id, key_id) == 0)
			return folder->cas[i];
	}
	return NULL;
}

const struct ca *ca_folder_at(const struct ca_folder *folder, size_t i)
{
	return i < folder->n_cas ? folder->cas[i] : NULL;
}
