#include "identity.h"

#include "credentials.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

DEFINE_CLEANUP(file, FILE *, fclose)
DEFINE_CLEANUP(x509, X509 *, X509_free)

static char *text_format(const char *format, ...) PRINTF_LIKE(1, 2);
static char *text_format(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	int len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0)
		abort();
	return text;
}

static enum status read_common_name(const char *path, char *ret_name, struct error *err)
{
	CLEANUP(file) FILE *file = fopen(path, "r");
	if (!file)
		return error_set(err, STATUS_INVALID, "%s: %s", path, strerror(errno));
	CLEANUP(x509) X509 *cert = PEM_read_X509(file, NULL, NULL, NULL);
	if (!cert)
		return error_set(err, STATUS_INVALID, "%s: not a certificate in PEM form", path);
	int len = X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, ret_name, COMMON_NAME_MAX + 1);
	if (len <= 0)
		return error_set(err, STATUS_INVALID, "%s: no common name", path);
	return STATUS_OK;
}

static struct identity *list_extend(struct identity_list *list)
{
	struct identity *items = reallocarray(list->items, list->n_items + 1, sizeof(*items));
	if (!items)
		abort();
	list->items = items;
	items[list->n_items] = (struct identity){ 0 };
	return &items[list->n_items++];
}

static enum status list_add_files(struct identity_list *list, const struct options *options, struct error *err)
{
	struct identity *added = list_extend(list);

	added->ca = text_format("%s", options->ca);
	added->cert = text_format("%s", options->cert);
	added->key = text_format("%s", options->key);
	return read_common_name(added->cert, added->common_name, err);
}

/* Takes over the folder's name. */
static enum status list_add_folder(struct identity_list *list, const struct options *options, char *folder,
				   struct error *err)
{
	struct identity *added = list_extend(list);

	added->folder = folder;
	added->ca = options->ca ? text_format("%s", options->ca) : text_format("%s/ca.crt", folder);
	added->cert = text_format("%s/node.crt", folder);
	added->key = text_format("%s/node.key", folder);
	enum status st = credentials_mend(folder, &added->has_new, err);
	return st == STATUS_OK ? read_common_name(added->cert, added->common_name, err) : st;
}

static enum status list_add_entry(struct identity_list *list, const struct options *options, const char *name,
				  struct error *err)
{
	char *folder = text_format("%s/%s", options->cert_dir, name);

	if (name[0] != '.' && credentials_are_there(folder))
		return list_add_folder(list, options, folder, err);
	free(folder); /* not a node's */
	return STATUS_OK;
}

static enum status list_add_directory(struct identity_list *list, const struct options *options, struct error *err)
{
	struct dirent **entries;
	enum status st = STATUS_OK;

	int n_entries = scandir(options->cert_dir, &entries, NULL, alphasort);
	if (n_entries < 0)
		return error_set(err, STATUS_INVALID, "%s: %s", options->cert_dir, strerror(errno));
	for (int i = 0; i < n_entries; i++) {
		bool wanted = options->count == 0 || (int64_t)list->n_items < options->count;
		if (wanted && st == STATUS_OK)
			st = list_add_entry(list, options, entries[i]->d_name, err);
		free(entries[i]);
	}
	free(entries);
	if (st != STATUS_OK)
		return st;
	if (list->n_items == 0 || (int64_t)list->n_items < options->count)
		return error_set(err, STATUS_INVALID, "%s: %zu folders with a node.crt", options->cert_dir,
				 list->n_items);
	return STATUS_OK;
}

enum status identity_list_load(const struct options *options, struct identity_list *ret_list, struct error *err)
{
	CLEANUP(identity_list) struct identity_list list = { 0 };
	enum status st;

	if (options->cert_dir)
		st = list_add_directory(&list, options, err);
	else if (options->credentials)
		st = list_add_folder(&list, options, text_format("%s", options->credentials), err);
	else
		st = list_add_files(&list, options, err);
	if (st != STATUS_OK)
		return st;
	*ret_list = list;
	list = (struct identity_list){ 0 };
	return STATUS_OK;
}

void identity_list_done(struct identity_list *list)
{
	for (size_t i = 0; i < list->n_items; i++) {
		free(list->items[i].ca);
		free(list->items[i].cert);
		free(list->items[i].key);
		free(list->items[i].folder);
	}
	free(list->items);
	*list = (struct identity_list){ 0 };
}
