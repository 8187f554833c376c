#include "api/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/server.h"
#include "base/clock.h"
#include "base/log.h"

enum {
	PEM_BYTES_MAX = 65536,
	CHAIN_MAX = 8,
	KEY_ID_MAX = 64,
	/* A handshake is cut after DEADLINE_FIRST_US: who still holds a pair that long after it was replaced? */
	KEPT_US = 4 * DEADLINE_FIRST_US,
};

struct pair {
	gnutls_pcert_st certs[CHAIN_MAX];
	unsigned int n_certs;
	gnutls_privkey_t key;
	int64_t replaced_at_us; /* monotonic */
	struct pair *older;     /* replaced ones, newest first */
};

/* libmicrohttpd's callback has no context. Written by main alone, read by the workers. */
static _Atomic(struct pair *) current;

/* --- files --- */

/* A PEM file's text, wiped when freed: it may be a key. */
struct pem {
	unsigned char *bytes;
	size_t len;
};

static void cleanup_pem(struct pem *pem)
{
	if (pem->bytes)
		explicit_bzero(pem->bytes, pem->len);
	free(pem->bytes);
}

static void cleanup_fd(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* was only read */
}

static enum status read_pem(const char *path, struct pem *ret_pem, struct error *err)
{
	if (!path || !*path)
		return error_set(err, STATUS_INVALID, "HTTPS needs api_tls_cert_file and api_tls_key_file");
	CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, STATUS_INVALID, "%s: %s", path, strerror(errno));
	CLEANUP(pem) struct pem pem = { .bytes = malloc(PEM_BYTES_MAX) };
	if (!pem.bytes)
		abort();
	for (;;) {
		ssize_t n = read(fd, pem.bytes + pem.len, PEM_BYTES_MAX - pem.len);
		if (n < 0)
			return error_set(err, STATUS_INVALID, "%s: %s", path, strerror(errno));
		if (n == 0)
			break;
		pem.len += (size_t)n;
	}
	if (pem.len == PEM_BYTES_MAX)
		return error_set(err, STATUS_INVALID, "%s: %d bytes or more", path, PEM_BYTES_MAX);
	ret_pem->len = pem.len;
	ret_pem->bytes = STEAL(pem.bytes);
	return STATUS_OK;
}

/* --- a pair --- */

static void pair_free(struct pair *pair)
{
	for (unsigned int i = 0; i < pair->n_certs; i++)
		gnutls_pcert_deinit(&pair->certs[i]);
	gnutls_privkey_deinit(pair->key);
	free(pair);
}

DEFINE_CLEANUP(pair, struct pair *, pair_free)

struct chain {
	gnutls_x509_crt_t *certs;
	unsigned int n_certs;
};

static void cleanup_chain(struct chain *chain)
{
	for (unsigned int i = 0; i < chain->n_certs; i++)
		gnutls_x509_crt_deinit(chain->certs[i]);
	gnutls_free(chain->certs);
}

static enum status gnutls_failed(const char *what, int result, struct error *err)
{
	return error_set(err, STATUS_INVALID, "%s: %s", what, gnutls_strerror(result));
}

static enum status read_chain(const char *path, struct chain *ret_chain, struct error *err)
{
	CLEANUP(pem) struct pem pem = { .bytes = NULL };
	enum status st = read_pem(path, &pem, err);
	if (st != STATUS_OK)
		return st;
	const gnutls_datum_t text = { pem.bytes, (unsigned int)pem.len };
	/* also refuses a chain whose certificates do not follow one another */
	int result = gnutls_x509_crt_list_import2(&ret_chain->certs, &ret_chain->n_certs, &text, GNUTLS_X509_FMT_PEM,
						  GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
	if (result < 0)
		return gnutls_failed(path, result, err);
	if (ret_chain->n_certs > CHAIN_MAX)
		return error_set(err, STATUS_INVALID, "%s: more than %d certificates", path, CHAIN_MAX);
	return STATUS_OK;
}

static enum status read_key(const char *path, struct pair *pair, struct error *err)
{
	CLEANUP(pem) struct pem pem = { .bytes = NULL };
	enum status st = read_pem(path, &pem, err);
	if (st != STATUS_OK)
		return st;
	const gnutls_datum_t text = { pem.bytes, (unsigned int)pem.len };
	int result = gnutls_privkey_init(&pair->key);
	if (result == 0)
		result = gnutls_privkey_import_x509_raw(pair->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
	return result == 0 ? STATUS_OK : gnutls_failed(path, result, err);
}

static bool key_fits(gnutls_privkey_t key, gnutls_x509_crt_t leaf)
{
	unsigned char of_key[KEY_ID_MAX], of_leaf[KEY_ID_MAX];
	size_t of_key_len = sizeof(of_key), of_leaf_len = sizeof(of_leaf);
	gnutls_pubkey_t public_key = NULL;
	if (gnutls_pubkey_init(&public_key) != 0)
		abort();
	bool fits = gnutls_pubkey_import_privkey(public_key, key, 0, 0) == 0 &&
		    gnutls_pubkey_get_key_id(public_key, GNUTLS_KEYID_USE_SHA256, of_key, &of_key_len) == 0 &&
		    gnutls_x509_crt_get_key_id(leaf, GNUTLS_KEYID_USE_SHA256, of_leaf, &of_leaf_len) == 0 &&
		    of_key_len == of_leaf_len && memcmp(of_key, of_leaf, of_key_len) == 0;
	gnutls_pubkey_deinit(public_key);
	return fits;
}

static enum status check_time(const struct chain *chain, const char *path, struct error *err)
{
	time_t now = (time_t)(clock_now_us() / 1000000);
	for (unsigned int i = 0; i < chain->n_certs; i++) {
		if (gnutls_x509_crt_get_activation_time(chain->certs[i]) > now)
			return error_set(err, STATUS_INVALID, "%s: certificate %u is not valid yet", path, i + 1);
		if (gnutls_x509_crt_get_expiration_time(chain->certs[i]) <= now)
			return error_set(err, STATUS_INVALID, "%s: certificate %u has expired", path, i + 1);
	}
	return STATUS_OK;
}

static enum status check(enum certificate_when when, const struct chain *chain, const struct pair *pair,
			 const char *cert_file, struct error *err)
{
	if (!key_fits(pair->key, chain->certs[0]))
		return error_set(err, STATUS_INVALID, "%s: the key is not this certificate's", cert_file);
	struct error why = { .status = STATUS_OK };
	enum status st = check_time(chain, cert_file, &why);
	if (st == STATUS_OK)
		return st;
	if (when == CERTIFICATE_REPLACED)
		return error_set(err, st, "%s", why.text);
	log_error("api.certificate_time", F_STR("reason", why.text));
	return STATUS_OK;
}

static enum status take_chain(const struct chain *chain, struct pair *pair, const char *path, struct error *err)
{
	for (; pair->n_certs < chain->n_certs; pair->n_certs++) {
		int result = gnutls_pcert_import_x509(&pair->certs[pair->n_certs], chain->certs[pair->n_certs], 0);
		if (result != 0)
			return gnutls_failed(path, result, err);
	}
	return STATUS_OK;
}

/* --- which one is in use --- */

/* Those that no handshake can have any more. */
static void free_old(struct pair *newest)
{
	int64_t now_us = clock_monotonic_us();
	for (struct pair **at = &newest->older; *at;) {
		struct pair *pair = *at;
		if (now_us - pair->replaced_at_us < KEPT_US) {
			at = &pair->older;
			continue;
		}
		*at = pair->older;
		pair_free(pair);
	}
}

static void use(struct pair *pair)
{
	pair->older = atomic_exchange(&current, pair);
	if (pair->older)
		pair->older->replaced_at_us = clock_monotonic_us();
	free_old(pair);
}

enum status certificate_load(enum certificate_when when, const char *cert_file, const char *key_file, struct error *err)
{
	CLEANUP(chain) struct chain chain = { .certs = NULL };
	CLEANUP(pair) struct pair *pair = calloc(1, sizeof(*pair));
	if (!pair)
		abort();
	enum status st = read_chain(cert_file, &chain, err);
	if (st == STATUS_OK)
		st = read_key(key_file, pair, err);
	if (st == STATUS_OK)
		st = check(when, &chain, pair, cert_file, err);
	if (st == STATUS_OK)
		st = take_chain(&chain, pair, cert_file, err);
	if (st == STATUS_OK)
		use(STEAL(pair));
	return st;
}

void certificate_done(void)
{
	for (struct pair *pair = atomic_exchange(&current, NULL); pair;) {
		struct pair *older = pair->older;
		pair_free(pair);
		pair = older;
	}
}

int certificate_retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **ret_certs,
			 unsigned int *ret_n_certs, gnutls_ocsp_data_st **ret_ocsp, unsigned int *ret_n_ocsp,
			 gnutls_privkey_t *ret_key, unsigned int *ret_flags)
{
	struct pair *pair = atomic_load(&current);
	(void)session;
	(void)info;
	if (!pair)
		return -1; /* gnutls ends the handshake */
	*ret_certs = pair->certs;
	*ret_n_certs = pair->n_certs;
	*ret_ocsp = NULL;
	*ret_n_ocsp = 0;
	*ret_key = pair->key;
	*ret_flags = 0; /* they stay ours */
	return 0;
}
