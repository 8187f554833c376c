#include "api/expiry.h"

#include <dirent.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_BYTES_MAX = 262144, FILES_MAX = 16, CHAIN_MAX = 16, PATH_TEXT_MAX = 1024 };

static gnutls_datum_t read_file(const char *path)
{
	gnutls_datum_t text = { NULL, 0 };
	FILE *file = fopen(path, "re");
	if (!file)
		return text;
	text.data = malloc(FILE_BYTES_MAX);
	if (!text.data)
		abort();
	text.size = (unsigned)fread(text.data, 1, FILE_BYTES_MAX, file);
	(void)fclose(file); /* it was only read */
	return text;
}

/* Of the certificates in a PEM file; -1 when it has none. */
static int64_t earliest_end(const char *path)
{
	gnutls_datum_t text = read_file(path);
	gnutls_x509_crt_t chain[CHAIN_MAX];
	unsigned n = CHAIN_MAX;
	int64_t end = -1;
	if (!text.data || gnutls_x509_crt_list_import(chain, &n, &text, GNUTLS_X509_FMT_PEM, 0) < 0)
		n = 0;
	for (unsigned i = 0; i < n; i++) {
		int64_t this_end = gnutls_x509_crt_get_expiration_time(chain[i]);
		end = end < 0 || this_end < end ? this_end : end;
		gnutls_x509_crt_deinit(chain[i]);
	}
	free(text.data);
	return end;
}

static void show_file(struct metrics *metrics, const char *name, const char *path)
{
	int64_t end = earliest_end(path);
	const char *slash = strrchr(path, '/');
	if (end >= 0)
		metric_set(metrics_series(metrics, METRIC_CERTIFICATE_EXPIRY,
					  METRIC_LABELS(name, slash ? slash + 1 : path)),
			   end);
}

static bool is_certificate_name(const char *name)
{
	const char *dot = strrchr(name, '.');
	return name[0] != '.' && dot && (strcmp(dot, ".crt") == 0 || strcmp(dot, ".pem") == 0);
}

static void show_folder(struct metrics *metrics, const char *name, const char *path)
{
	DIR *folder = opendir(path);
	if (!folder)
		return;
	int n_files = 0;
	for (struct dirent *entry; n_files < FILES_MAX && (entry = readdir(folder));) {
		char file[PATH_TEXT_MAX];
		int len = snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		if (!is_certificate_name(entry->d_name) || len < 0 || (size_t)len >= sizeof(file))
			continue;
		show_file(metrics, name, file);
		n_files++;
	}
	(void)closedir(folder); /* it was only read */
}

void expiry_show(struct metrics *metrics, const struct api_certificate *certificates, size_t n)
{
	metrics_forget(metrics, METRIC_CERTIFICATE_EXPIRY); /* a CA that has been taken out of the folder is gone */
	for (size_t i = 0; i < n && certificates[i].name; i++) {
		struct stat info;
		const char *path = certificates[i].path;
		if (!*path || stat(path, &info) != 0)
			continue;
		if (S_ISDIR(info.st_mode))
			show_folder(metrics, certificates[i].name, path);
		else
			show_file(metrics, certificates[i].name, path);
	}
}
