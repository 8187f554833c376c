#include "revocation/crl_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

DEFINE_CLEANUP(x509_crl, X509_CRL *, X509_CRL_free)
DEFINE_CLEANUP(x509, X509 *, X509_free)
DEFINE_CLEANUP(bio, BIO *, BIO_free_all)

static X509 *read_certificate(const char *pem)
{
	CLEANUP(bio) BIO *text = BIO_new_mem_buf(pem, -1);
	return text ? PEM_read_bio_X509(text, NULL, NULL, NULL) : NULL;
}

enum status crl_check(const struct buffer *der, const char *ca_certificate_pem, size_t n_entries, struct error *err)
{
	const unsigned char *at = (const unsigned char *)der->bytes;
	CLEANUP(x509_crl) X509_CRL *crl = der->len <= LONG_MAX ? d2i_X509_CRL(NULL, &at, (long)der->len) : NULL;
	CLEANUP(x509) X509 *ca = read_certificate(ca_certificate_pem);
	if (!crl || at != (const unsigned char *)der->bytes + der->len)
		return error_set(err, STATUS_INTERNAL, "the signer's answer is no CRL");
	if (!ca || X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(ca)) != 0 ||
	    X509_CRL_verify(crl, X509_get0_pubkey(ca)) != 1)
		return error_set(err, STATUS_INTERNAL, "the CRL is not signed by its CA");
	const ASN1_TIME *next_update = X509_CRL_get0_nextUpdate(crl);
	if (!next_update || X509_cmp_current_time(next_update) <= 0)
		return error_set(err, STATUS_INTERNAL, "the CRL has expired already");
	int n = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)); /* -1: it has no list */
	if ((size_t)(n < 0 ? 0 : n) != n_entries)
		return error_set(err, STATUS_INTERNAL, "the CRL has %d entries, not %zu", n, n_entries);
	return STATUS_OK;
}

/* RFC 7468 section 5.1: 64 characters a line. */
void crl_put_pem(struct buffer *pem, const void *der, size_t der_len)
{
	enum { LINE_BYTES = 48, LINE_TEXT = 64 };
	buffer_puts(pem, "-----BEGIN X509 CRL-----\n");
	for (size_t done = 0; done < der_len; done += LINE_BYTES) {
		size_t n = der_len - done < LINE_BYTES ? der_len - done : LINE_BYTES;
		unsigned char line[LINE_TEXT + 1];
		int len = EVP_EncodeBlock(line, (const unsigned char *)der + done, (int)n);
		buffer_put(pem, line, (size_t)len);
		buffer_putc(pem, '\n');
	}
	buffer_puts(pem, "-----END X509 CRL-----\n");
}

static bool write_all(int file, const struct buffer *text)
{
	for (size_t done = 0; done < text->len;) {
		ssize_t n = write(file, text->bytes + done, text->len - done);
		if (n < 0 && errno != EINTR)
			return false;
		done += n > 0 ? (size_t)n : 0;
	}
	return true;
}

/* The rename lasts only when the folder is on the disk too. */
static bool sync_folder(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int len = slash ? snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path)
			: snprintf(folder, sizeof(folder), ".");
	if (len < 0 || (size_t)len >= sizeof(folder))
		return false;
	int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file < 0)
		return false;
	bool synced = fsync(file) == 0;
	(void)close(file); /* nothing was written through it */
	return synced;
}

enum status crl_write_file(const char *path, const struct buffer *text, struct error *err)
{
	char name[PATH_MAX];
	int len = snprintf(name, sizeof(name), "%s.XXXXXX", path);
	if (len < 0 || (size_t)len >= sizeof(name))
		return error_set(err, STATUS_UNAVAILABLE, "the CRL file's name is too long");
	int file = mkostemp(name, O_CLOEXEC);
	if (file < 0)
		return error_set(err, STATUS_UNAVAILABLE, "CRL file %s: %s", path, strerror(errno));
	bool written = write_all(file, text) && fchmod(file, 0644) == 0 && fsync(file) == 0;
	int why = errno;
	if (close(file) != 0 && written) {
		written = false;
		why = errno;
	}
	if (written && rename(name, path) == 0)
		return sync_folder(path)
			       ? STATUS_OK
			       : error_set(err, STATUS_UNAVAILABLE, "CRL file %s: folder: %s", path, strerror(errno));
	if (written)
		why = errno;
	(void)unlink(name); /* it is of no use to anybody */
	return error_set(err, STATUS_UNAVAILABLE, "CRL file %s: %s", path, strerror(why));
}
