/* ca/folder.h - the folder with the node CAs.
 *
 *   <name>.crt     a CA's certificate, PEM                  name: letters, digits, '-', '_'
 *   <name>.key     its key, as ca_open() in ca/ca.h takes it
 *   current        one line: the name of the CA that new certificates come from
 *   next           only during a roll-over: the name of the CA that is made ready to come after it
 *   refused_keys   if it is there: keys never to be certified, one a line as 64 hex digits: SHA-256 of the SubjectPublicKeyInfo.
 *                  Empty lines and lines that begin with '#' do not count
 *
 * All CAs are loaded, so that each can sign its CRL; only the current one issues.
 *
 * Thread:  any; a struct ca_folder is only read once it is open.
 * Memory:  ca_folder_open() makes it, ca_folder_close() ends it (NULL is fine) and wipes the keys. A CA lives as long as its folder.
 * Errors:  UNAVAILABLE a file cannot be read. INVALID one does not hold what it should, or there is no CA, or more than CA_FOLDER_MAX.
 */
#ifndef CISTERN_CA_FOLDER_H
#define CISTERN_CA_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/macros.h"
#include "base/secret.h"
#include "ca/ca.h"
#include "ca/csr.h"

enum { CA_NAME_MAX = 32, CA_FOLDER_MAX = WIRE_CAS_MAX, REFUSED_KEYS_MAX = 100000 };

struct ca_listing {
	struct ca_listed {
		char name[CA_NAME_MAX + 1];
		struct ca_about about;
		bool issues;
	} cas[CA_FOLDER_MAX];
	size_t n_cas;
};

bool ca_name_valid(const char *name);

/* By name; the certificates alone, no key is read. An empty folder is an empty list; without `current` none issues. */
MUST_CHECK enum status ca_folder_list(const char *path, struct ca_listing *ret_listing, struct error *err);

/* Of one of the two files above, each of which may be missing: then the name is "". */
MUST_CHECK enum status ca_folder_current(const char *path, char ret_name[CA_NAME_MAX + 1], struct error *err);
MUST_CHECK enum status ca_folder_next(const char *path, char ret_name[CA_NAME_MAX + 1], struct error *err);

struct ca_folder;

/* passphrase NULL: the keys have none. */
MUST_CHECK enum status ca_folder_open(const char *path, const struct secret *passphrase, struct ca_folder **ret_folder,
				      struct error *err);
void ca_folder_close(struct ca_folder *folder);

const struct ca *ca_folder_issuing(const struct ca_folder *folder);
/* NULL: there is none with that subjectKeyIdentifier. */
const struct ca *ca_folder_find(const struct ca_folder *folder, const char *key_id);
/* NULL behind the last. */
const struct ca *ca_folder_at(const struct ca_folder *folder, size_t i);
bool ca_folder_refuses(const struct ca_folder *folder, const unsigned char key_hash[CSR_KEY_HASH_BYTES]);

DEFINE_CLEANUP(ca_folder, struct ca_folder *, ca_folder_close)

#endif
