/* Keys that are somewhere else: in an HSM, or wherever a provider of the crypto library reaches. */
#define OPENSSL_SUPPRESS_DEPRECATED /* engines: Debian 12 has PKCS #11 as an engine only */
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <string.h>

#include "ca/ca_internal.h"

static void ui_method_free(UI_METHOD *method)
{
	UI_destroy_method(method);
}

static void store_close(OSSL_STORE_CTX *store)
{
	(void)OSSL_STORE_close(store); /* read only */
}

DEFINE_CLEANUP(ui_method, UI_METHOD *, ui_method_free)
DEFINE_CLEANUP(ossl_store, OSSL_STORE_CTX *, store_close)

/* The first private key that the URI gives; NULL: none. */
static EVP_PKEY *from_store(const char *uri, const UI_METHOD *asker, struct passphrase_question *question)
{
	CLEANUP(ossl_store) OSSL_STORE_CTX *store = OSSL_STORE_open(uri, asker, question, NULL, NULL);
	if (!store || !OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY))
		return NULL;
	EVP_PKEY *key = NULL;
	while (!key && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);
		if (!info)
			break;
		if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
			key = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
	}
	return key;
}

/* The engine finds its module by PKCS11_MODULE_PATH or the crypto library's own configuration. */
static EVP_PKEY *from_engine(const char *uri, UI_METHOD *asker, struct passphrase_question *question)
{
	ENGINE_load_builtin_engines();
	ENGINE *engine = ENGINE_by_id("pkcs11");
	if (!engine)
		return NULL;
	EVP_PKEY *key = NULL;
	if (ENGINE_init(engine)) {
		if (!question->passphrase || ENGINE_ctrl_cmd_string(engine, "PIN", question->passphrase->bytes, 0))
			key = ENGINE_load_private_key(engine, uri, asker, question);
		(void)ENGINE_finish(engine); /* the key holds a reference of its own */
	}
	(void)ENGINE_free(engine);
	return key;
}

enum status ca_key_from_uri(const char *uri, const struct secret *passphrase, EVP_PKEY **ret_key, struct error *err)
{
	struct passphrase_question question = { .passphrase = passphrase };
	CLEANUP(ui_method) UI_METHOD *asker = UI_UTIL_wrap_read_pem_callback(passphrase_answer, 0);
	if (!asker)
		return openssl_failure(err, STATUS_INTERNAL, "the key's store cannot be asked");
	EVP_PKEY *key = from_store(uri, asker, &question);
	if (!key && strncmp(uri, "pkcs11:", strlen("pkcs11:")) == 0)
		key = from_engine(uri, asker, &question);
	if (!key)
		return openssl_failure(err, STATUS_UNAVAILABLE, "no private key at the URI of the CA key");
	ERR_clear_error(); /* of stores that did not know the URI */
	*ret_key = key;
	return STATUS_OK;
}
