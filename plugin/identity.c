#include "identity.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

DEFINE_CLEANUP(bio, BIO *, BIO_free_all)
DEFINE_CLEANUP(dir, DIR *, closedir)

static void free_certificates(STACK_OF(X509) * certificates)
{
	sk_X509_pop_free(certificates, X509_free);
}

DEFINE_CLEANUP(certificates, STACK_OF(X509) *, free_certificates)

/* The file's end is not an error to PEM_read; anything else that stopped it is. */
static bool read_to_end(void)
{
	unsigned long error = ERR_peek_last_error();

	return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

/* All certificates of the file, or NULL unless each is a CA and there is at least one. */
static STACK_OF(X509) * read_cas(const char *path)
{
	CLEANUP(bio) BIO *file = BIO_new_file(path, "r");
	CLEANUP(certificates) STACK_OF(X509) *cas = sk_X509_new_null();
	X509 *ca;

	if (!file || !cas)
		return NULL;
	while ((ca = PEM_read_bio_X509(file, NULL, NULL, NULL))) {
		if (!sk_X509_push(cas, ca)) {
			X509_free(ca);
			return NULL;
		}
		if (X509_check_ca(ca) == 0 || !X509_get0_pubkey(ca))
			return NULL;
	}
	if (!read_to_end() || sk_X509_num(cas) == 0)
		return NULL;
	return STEAL(cas);
}

static bool share_a_key(const STACK_OF(X509) * some, const STACK_OF(X509) * others)
{
	for (int i = 0; i < sk_X509_num(some); i++) {
		for (int k = 0; k < sk_X509_num(others); k++) {
			if (EVP_PKEY_eq(X509_get0_pubkey(sk_X509_value(some, i)),
					X509_get0_pubkey(sk_X509_value(others, k))) == 1)
				return true;
		}
	}
	return false;
}

static bool names_a_certificate(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > 4 &&
	       (strcmp(name + len - 4, ".crt") == 0 || strcmp(name + len - 4, ".pem") == 0);
}

static bool move_all(STACK_OF(X509) * to, STACK_OF(X509) * from)
{
	while (sk_X509_num(from) > 0) {
		if (!sk_X509_push(to, sk_X509_value(from, sk_X509_num(from) - 1)))
			return false;
		(void)sk_X509_pop(from);
	}
	return true;
}

static bool add_cas_of(STACK_OF(X509) * all, const char *folder, const char *name)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", folder, name);
	CLEANUP(certificates) STACK_OF(X509) *cas = n > 0 && (size_t)n < sizeof(path) ? read_cas(path) : NULL;

	if (cas && move_all(all, cas))
		return true;
	mosquitto_log_printf(MOSQ_LOG_ERR, "cistern: '%s' in node_ca_dir '%s' is not a readable file of CAs", name,
			     folder);
	return false;
}

/* All CAs of the folder's files, or NULL unless each of these files is good and there is at least one. */
static STACK_OF(X509) * read_ca_dir(const char *path)
{
	CLEANUP(dir) DIR *folder = opendir(path);
	CLEANUP(certificates) STACK_OF(X509) *cas = sk_X509_new_null();
	const struct dirent *entry;

	if (!folder || !cas)
		return NULL;
	while ((entry = readdir(folder))) {
		if (names_a_certificate(entry->d_name) && !add_cas_of(cas, path, entry->d_name))
			return NULL;
	}
	return sk_X509_num(cas) > 0 ? STEAL(cas) : NULL;
}

static bool authorities_read(struct authorities *authorities, const char *node_ca_dir, const char *service_ca_file)
{
	authorities->node_cas = read_ca_dir(node_ca_dir);
	if (!authorities->node_cas) {
		mosquitto_log_printf(MOSQ_LOG_ERR, "cistern: node_ca_dir '%s' is not a folder of CAs", node_ca_dir);
		return false;
	}
	authorities->service_cas = read_cas(service_ca_file);
	if (!authorities->service_cas) {
		mosquitto_log_printf(MOSQ_LOG_ERR, "cistern: service_ca_file '%s' is not a readable file of CAs",
				     service_ca_file);
		return false;
	}
	if (share_a_key(authorities->node_cas, authorities->service_cas)) {
		mosquitto_log_printf(MOSQ_LOG_ERR, "cistern: node_ca_dir and service_ca_file share a key");
		return false;
	}
	authorities->remembered = calloc(REMEMBERED_MAX, sizeof(authorities->remembered[0]));
	return authorities->remembered != NULL;
}

bool authorities_init(struct authorities *authorities, const char *node_ca_dir, const char *service_ca_file)
{
	*authorities = (struct authorities){ .node_cas = NULL };
	bool ok = authorities_read(authorities, node_ca_dir, service_ca_file);

	ERR_clear_error();
	if (!ok)
		authorities_done(authorities);
	return ok;
}

bool authorities_reload(struct authorities *authorities, const char *node_ca_dir, const char *service_ca_file)
{
	struct authorities fresh;

	if (!authorities_init(&fresh, node_ca_dir, service_ca_file))
		return false;
	authorities_done(authorities);
	*authorities = fresh;
	return true;
}

void authorities_done(struct authorities *authorities)
{
	free_certificates(authorities->node_cas);
	free_certificates(authorities->service_cas);
	free(authorities->remembered);
	*authorities = (struct authorities){ .node_cas = NULL };
}

static bool signed_by_any(X509 *certificate, const STACK_OF(X509) * cas)
{
	for (int i = 0; i < sk_X509_num(cas); i++) {
		X509 *ca = sk_X509_value(cas, i);

		if (X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(ca)) == 0 &&
		    X509_verify(certificate, X509_get0_pubkey(ca)) == 1)
			return true;
	}
	return false;
}

static struct certificate_digest *place_of(struct authorities *authorities, const struct certificate_digest *digest)
{
	size_t at = ((size_t)digest->bytes[0] << 8 | digest->bytes[1]) % REMEMBERED_MAX;

	return &authorities->remembered[at];
}

static bool signed_by_node_ca(struct authorities *authorities, X509 *certificate,
			      const struct certificate_digest *digest)
{
	struct certificate_digest *place = place_of(authorities, digest);

	if (memcmp(place->bytes, digest->bytes, sizeof(digest->bytes)) == 0)
		return true;
	if (!signed_by_any(certificate, authorities->node_cas))
		return false;
	*place = *digest;
	return true;
}

static bool valid_now(const X509 *certificate)
{
	return X509_cmp_time(X509_get0_notBefore(certificate), NULL) == -1 &&
	       X509_cmp_time(X509_get0_notAfter(certificate), NULL) == 1;
}

/* Not a CA, and for TLS clients if it says what it is for: a node whose certificate could sign would be a CA of ours. */
static bool is_client_leaf(X509 *certificate)
{
	return X509_check_ca(certificate) == 0 && X509_check_purpose(certificate, X509_PURPOSE_SSL_CLIENT, 0) == 1;
}

/* The subject's only CN as raw bytes; false when there is none or more than one. An embedded NUL stays in the bytes, and
 * two-byte string types have NULs in them, so neither passes as a name later. */
static bool only_common_name(const X509 *certificate, struct topic_part *ret_name)
{
	const X509_NAME *subject = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) != -1)
		return false;

	const ASN1_STRING *cn = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	const unsigned char *bytes = ASN1_STRING_get0_data(cn);

	if (!bytes)
		return false;
	ret_name->at = (const char *)bytes;
	ret_name->len = (size_t)ASN1_STRING_length(cn);
	return true;
}

static enum denial identify(struct authorities *authorities, X509 *certificate, struct identity *ret_identity)
{
	struct identity identity = { .service = NULL };
	struct topic_part name;

	if (!valid_now(certificate))
		return DENIAL_CERTIFICATE_DATES;
	if (!is_client_leaf(certificate))
		return DENIAL_CERTIFICATE_PURPOSE;
	if (!only_common_name(certificate, &name) || !node_id_valid(name.at, name.len))
		return DENIAL_COMMON_NAME;
	if (X509_digest(certificate, EVP_sha256(), identity.certificate.bytes, NULL) != 1)
		return DENIAL_NO_MEMORY;
	if (signed_by_any(certificate, authorities->service_cas)) {
		identity.service = access_service_find(name.at, name.len);
		if (!identity.service)
			return DENIAL_SERVICE_UNKNOWN;
	} else if (!signed_by_node_ca(authorities, certificate, &identity.certificate)) {
		return DENIAL_CERTIFICATE_ISSUER;
	}
	memcpy(identity.name, name.at, name.len);
	identity.name_len = name.len;
	*ret_identity = identity;
	return DENIAL_NONE;
}

enum denial identity_of(struct authorities *authorities, X509 *certificate, struct identity *ret_identity)
{
	enum denial denial = identify(authorities, certificate, ret_identity);

	ERR_clear_error();
	return denial;
}
