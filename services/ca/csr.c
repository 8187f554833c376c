#include "ca/csr.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sodium.h>
#include <string.h>

#include "ca/key.h"
#include "ca/openssl.h"
#include "model/access.h"

/* A request has one attribute at most, for its extensions; CSR_BYTES_MAX would hold hundreds. */
enum { ATTRIBUTES_MAX = 8 };

static const char pem_begin[] = "-----BEGIN CERTIFICATE REQUEST-----";
static const char pem_end[] = "-----END CERTIFICATE REQUEST-----";

struct der {
	unsigned char bytes[CSR_BYTES_MAX];
	size_t len;
};

/* Names that are no service's and still would mislead whoever reads them: the vendor's own services use them. */
static const char *const reserved_names[] = {
	"esp-rmaker", "esp-claiming", "cistern", "signerd", "server", "localhost"
};

static bool is_reserved(const char *name)
{
	if (access_service_find(name, strlen(name)))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(reserved_names); i++) {
		if (strcmp(name, reserved_names[i]) == 0)
			return true;
	}
	return false;
}

/* --- PEM (RFC 7468): begin line, base64, end line, and nothing before or behind but blank space --- */

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static enum status decode_pem(const char *pem, size_t pem_len, struct der *ret_der, struct error *err)
{
	const char *at = pem, *end = pem + pem_len;
	while (at < end && is_blank(*at))
		at++;
	while (end > at && is_blank(end[-1]))
		end--;
	size_t begin_len = strlen(pem_begin), end_len = strlen(pem_end), len = (size_t)(end - at);
	if (len < begin_len + end_len || memcmp(at, pem_begin, begin_len) != 0)
		return error_set(err, STATUS_INVALID, "the CSR does not begin with %s", pem_begin);
	if (memcmp(end - end_len, pem_end, end_len) != 0)
		return error_set(err, STATUS_INVALID, "the CSR does not end with %s", pem_end);
	at += begin_len;
	end -= end_len;
	/* '-' is not base64: a second block cannot hide between the two lines */
	const char *stopped_at = NULL;
	if (sodium_base642bin(ret_der->bytes, sizeof(ret_der->bytes), at, (size_t)(end - at), "\r\n", &ret_der->len,
			      &stopped_at, sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    stopped_at != end)
		return error_set(err, STATUS_INVALID, "between the CSR's first and last line is not one base64 text");
	return STATUS_OK;
}

/* --- DER (RFC 2986 section 4) --- */

DEFINE_CLEANUP(x509_req, X509_REQ *, X509_REQ_free)
static void extensions_free(X509_EXTENSIONS *extensions)
{
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

DEFINE_CLEANUP(x509_extensions, X509_EXTENSIONS *, extensions_free)
DEFINE_CLEANUP(basic_constraints, BASIC_CONSTRAINTS *, BASIC_CONSTRAINTS_free)

/* The library reads some BER too. What it would write is DER: another text than that came is not. */
static bool is_written_alike(X509_REQ *request, const struct der *der)
{
	unsigned char *written = NULL;
	int len = i2d_X509_REQ(request, &written);
	bool alike = len > 0 && (size_t)len == der->len && memcmp(written, der->bytes, der->len) == 0;
	OPENSSL_free(written);
	return alike;
}

static enum status parse(const struct der *der, X509_REQ **ret_request, struct error *err)
{
	const unsigned char *at = der->bytes;
	CLEANUP(x509_req) X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)der->len);
	if (!request)
		return openssl_failure(err, STATUS_INVALID, "the CSR is cut off or no PKCS #10 request");
	if (at != der->bytes + der->len)
		return error_set(err, STATUS_INVALID, "bytes follow the CSR's structure");
	if (!is_written_alike(request, der))
		return error_set(err, STATUS_INVALID, "the CSR is not DER");
	if (X509_REQ_get_version(request) != X509_REQ_VERSION_1)
		return error_set(err, STATUS_INVALID, "the CSR is not of version 1");
	*ret_request = STEAL(request);
	return STATUS_OK;
}

/* The text types whose bytes are the name's own; others would need a conversion, and no client uses them. */
static bool is_plain_text(const ASN1_STRING *text)
{
	int type = ASN1_STRING_type(text);
	return type == V_ASN1_UTF8STRING || type == V_ASN1_PRINTABLESTRING || type == V_ASN1_IA5STRING;
}

static enum status take_subject(const X509_REQ *request, char ret_node_id[NODE_ID_MAX + 1], struct error *err)
{
	X509_NAME *subject = X509_REQ_get_subject_name(request);
	X509_NAME_ENTRY *entry = X509_NAME_entry_count(subject) == 1 ? X509_NAME_get_entry(subject, 0) : NULL;
	if (!entry || OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) != NID_commonName)
		return error_set(err, STATUS_INVALID, "the CSR's subject is not one CN and nothing else");
	const ASN1_STRING *text = X509_NAME_ENTRY_get_data(entry);
	const char *bytes = (const char *)ASN1_STRING_get0_data(text);
	int len = ASN1_STRING_length(text);
	if (!is_plain_text(text) || len < 0 || !node_id_valid(bytes, (size_t)len))
		return error_set(err, STATUS_INVALID, "the CSR's CN is not a node id");
	memcpy(ret_node_id, bytes, (size_t)len);
	ret_node_id[len] = '\0';
	if (is_reserved(ret_node_id))
		return error_set(err, STATUS_INVALID, "the CSR's CN '%s' is a reserved name", ret_node_id);
	return STATUS_OK;
}

/* --- what is asked for: ignored, but for being a CA --- */

static enum status check_extensions(X509_ATTRIBUTE *attribute, struct error *err)
{
	const ASN1_TYPE *value = X509_ATTRIBUTE_count(attribute) == 1 ? X509_ATTRIBUTE_get0_type(attribute, 0) : NULL;
	if (!value || value->type != V_ASN1_SEQUENCE)
		return error_set(err, STATUS_INVALID, "the CSR's extension request is malformed");
	const unsigned char *at = value->value.sequence->data;
	int len = value->value.sequence->length;
	const unsigned char *end = at + len;
	CLEANUP(x509_extensions) X509_EXTENSIONS *extensions = d2i_X509_EXTENSIONS(NULL, &at, len);
	if (!extensions || at != end)
		return openssl_failure(err, STATUS_INVALID, "the CSR's extension request is malformed");
	/* found: -1 there is none, -2 there are several; with NULL otherwise it cannot be read */
	int found = 0;
	CLEANUP(basic_constraints)
	BASIC_CONSTRAINTS *constraints = X509V3_get_d2i(extensions, NID_basic_constraints, &found, NULL);
	if (!constraints && found != -1)
		return openssl_failure(err, STATUS_INVALID, "the CSR's basicConstraints are malformed or twice there");
	if (constraints && constraints->ca)
		return error_set(err, STATUS_INVALID, "the CSR asks for the certificate of a CA");
	return STATUS_OK;
}

static enum status check_attributes(const X509_REQ *request, struct error *err)
{
	int n_attributes = X509_REQ_get_attr_count(request), n_requests = 0;
	if (n_attributes > ATTRIBUTES_MAX)
		return error_set(err, STATUS_INVALID, "the CSR has more than %d attributes", ATTRIBUTES_MAX);
	for (int i = 0; i < n_attributes; i++) {
		X509_ATTRIBUTE *attribute = X509_REQ_get_attr(request, i);
		int nid = OBJ_obj2nid(X509_ATTRIBUTE_get0_object(attribute));
		if (nid != NID_ext_req && nid != NID_ms_ext_req)
			continue;
		if (++n_requests > 1)
			return error_set(err, STATUS_INVALID, "the CSR has more than one extension request");
		enum status st = check_extensions(attribute, err);
		if (st != STATUS_OK)
			return st;
	}
	return STATUS_OK;
}

/* --- key and proof of possession --- */

/* RSA-PSS is left out: its parameters choose hashes of their own, and no client of RainMaker signs with it. */
static enum status check_signature_kind(const X509_REQ *request, const EVP_PKEY *key, struct error *err)
{
	static const struct {
		int signature, key;
	} allowed[] = {
		{ NID_sha256WithRSAEncryption, EVP_PKEY_RSA }, { NID_sha384WithRSAEncryption, EVP_PKEY_RSA },
		{ NID_sha512WithRSAEncryption, EVP_PKEY_RSA }, { NID_ecdsa_with_SHA256, EVP_PKEY_EC },
		{ NID_ecdsa_with_SHA384, EVP_PKEY_EC },        { NID_ecdsa_with_SHA512, EVP_PKEY_EC },
	};
	int signature = X509_REQ_get_signature_nid(request);
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
		if (allowed[i].signature != signature)
			continue;
		if (allowed[i].key != EVP_PKEY_get_base_id(key))
			return error_set(err, STATUS_INVALID, "the CSR's signature is not of its key's kind");
		return STATUS_OK;
	}
	return error_set(err, STATUS_INVALID,
			 "the CSR's signature (%s) is not RSA PKCS #1 v1.5 or ECDSA with SHA-256, SHA-384 or SHA-512",
			 OBJ_nid2ln(signature));
}

static enum status take_key(X509_REQ *request, EVP_PKEY **ret_key, struct error *err)
{
	CLEANUP(evp_pkey) EVP_PKEY *key = X509_REQ_get_pubkey(request);
	if (!key)
		return openssl_failure(err, STATUS_INVALID, "the CSR's key cannot be read");
	enum status st = ca_key_check(key, err);
	if (st == STATUS_OK)
		st = check_signature_kind(request, key, err);
	if (st != STATUS_OK)
		return st;
	if (X509_REQ_verify(request, key) != 1) {
		ERR_clear_error(); /* "bad signature" in several layers' words */
		return error_set(err, STATUS_INVALID, "the CSR is not signed by its own key");
	}
	*ret_key = STEAL(key);
	return STATUS_OK;
}

enum status csr_read(const char *pem, size_t pem_len, struct csr *ret_csr, struct error *err)
{
	if (pem_len > CSR_BYTES_MAX)
		return error_set(err, STATUS_TOO_LARGE, "a CSR of %zu bytes, above %d", pem_len, CSR_BYTES_MAX);
	struct der der = { .len = 0 };
	CLEANUP(x509_req) X509_REQ *request = NULL;
	CLEANUP(csr) struct csr csr = { .key = NULL };
	enum status st = decode_pem(pem, pem_len, &der, err);
	if (st == STATUS_OK)
		st = parse(&der, &request, err);
	if (st == STATUS_OK)
		st = take_subject(request, csr.node_id, err);
	if (st == STATUS_OK)
		st = check_attributes(request, err);
	if (st == STATUS_OK)
		st = take_key(request, &csr.key, err);
	if (st == STATUS_OK)
		st = csr_key_hash(csr.key, csr.key_hash, err);
	if (st != STATUS_OK)
		return st;
	*ret_csr = csr;
	csr.key = NULL;
	return STATUS_OK;
}

void csr_done(struct csr *csr)
{
	EVP_PKEY_free(csr->key);
	csr->key = NULL;
}

enum status csr_key_hash(EVP_PKEY *key, unsigned char ret_hash[CSR_KEY_HASH_BYTES], struct error *err)
{
	/* a point has two forms, with or without its second half: one key must have one hash */
	if (!ca_key_is_rsa(key) &&
	    EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed") != 1)
		return openssl_failure(err, STATUS_INTERNAL, "the key's point cannot be written");
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);
	if (len <= 0)
		return openssl_failure(err, STATUS_INTERNAL, "the public key cannot be written");
	crypto_hash_sha256(ret_hash, der, (unsigned long long)len);
	OPENSSL_free(der);
	return STATUS_OK;
}

enum status csr_write(EVP_PKEY *key, const char *node_id, struct buffer *ret_pem, struct error *err)
{
	CLEANUP(x509_req) X509_REQ *request = X509_REQ_new();
	CLEANUP(bio) BIO *out = BIO_new(BIO_s_mem());
	bool made = request && out && X509_REQ_set_version(request, X509_REQ_VERSION_1) &&
		    X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(request), NID_commonName, MBSTRING_UTF8,
					       (const unsigned char *)node_id, -1, -1, 0) &&
		    X509_REQ_set_pubkey(request, key) && X509_REQ_sign(request, key, EVP_sha256()) > 0 &&
		    PEM_write_bio_X509_REQ(out, request);
	char *bytes = NULL;
	long len = made ? BIO_get_mem_data(out, &bytes) : 0;
	if (len <= 0)
		return openssl_failure(err, STATUS_INTERNAL, "the certificate request cannot be made");
	buffer_put(ret_pem, bytes, (size_t)len);
	return STATUS_OK;
}
