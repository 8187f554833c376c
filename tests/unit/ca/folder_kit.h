/* folder_kit.h - a CA folder and a trust folder of their own for a test, and files in them. */
#ifndef CISTERN_TESTS_FOLDER_KIT_H
#define CISTERN_TESTS_FOLDER_KIT_H

#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"

struct kit_folder {
	char root[64], cas[80], trust[80], log[96], passphrase_file[96];
	struct secret passphrase;
};

/* `name` in the folder; the text lives until the fourth next call. */
static inline const char *kit_path(const char *folder, const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];
	(void)snprintf(path, PATH_MAX, "%s/%s", folder, name);
	return path;
}

static inline void kit_write(const char *path, const char *text, mode_t mode)
{
	FILE *file = fopen(path, "we");
	if (!file || fputs(text, file) < 0 || fclose(file) != 0 || chmod(path, mode) != 0)
		abort();
}

static inline void kit_folder_make(struct kit_folder *kit)
{
	*kit = (struct kit_folder){ .root = "/tmp/cistern-folder-test.XXXXXX" };
	if (!mkdtemp(kit->root))
		abort();
	(void)snprintf(kit->cas, sizeof(kit->cas), "%s/cas", kit->root);
	(void)snprintf(kit->trust, sizeof(kit->trust), "%s/trust", kit->root);
	(void)snprintf(kit->log, sizeof(kit->log), "%s/issued.log", kit->root);
	(void)snprintf(kit->passphrase_file, sizeof(kit->passphrase_file), "%s/passphrase", kit->root);
	(void)strcpy(kit->passphrase.bytes, "correct horse battery staple");
	kit->passphrase.len = strlen(kit->passphrase.bytes);
	if (mkdir(kit->cas, 0700) != 0 || mkdir(kit->trust, 0755) != 0)
		abort();
	kit_write(kit->passphrase_file, "correct horse battery staple\n", 0400);
}

static inline int kit_remove_one(const char *path, const struct stat *about, int kind, struct FTW *place)
{
	(void)about, (void)kind, (void)place;
	return remove(path);
}

static inline void kit_folder_drop(struct kit_folder *kit)
{
	(void)nftw(kit->root, kit_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
