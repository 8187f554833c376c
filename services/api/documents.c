#include "api/documents.h"

#include <stdlib.h>

#include "api/api_page.h"
#include "api/compressor.h"
#include "api/handlers.h"
#include "api/openapi.h"

static void write_openapi(struct buffer *out, const char *public_url)
{
	CLEANUP(json) json_t *document = openapi_document(public_url);
	char *text = json_dumps(document, JSON_COMPACT | JSON_REAL_PRECISION(15));
	if (!text)
		abort();
	buffer_puts(out, text);
	free(text);
}

struct documents *documents_new(const char *public_url)
{
	struct documents *documents = calloc(1, sizeof(*documents));
	CLEANUP(compressor) struct compressor *compressor = compressor_new();
	if (!documents)
		abort();
	write_openapi(&documents->all[DOCUMENT_OPENAPI].plain, public_url);
	api_page_put(&documents->all[DOCUMENT_PAGE].plain);
	buffer_puts(&documents->all[DOCUMENT_STYLE].plain, api_page_style);
	for (size_t i = 0; i < N_DOCUMENTS; i++) {
		struct document *document = &documents->all[i];
		if (!compressor_gzip(compressor, &document->plain, &document->packed))
			buffer_clear(&document->packed);
	}
	return documents;
}

void documents_free(struct documents *documents)
{
	if (!documents)
		return;
	for (size_t i = 0; i < N_DOCUMENTS; i++) {
		buffer_done(&documents->all[i].plain);
		buffer_done(&documents->all[i].packed);
	}
	free(documents);
}

/* --- handlers --- */

static enum status give(struct request *request, enum document_name name, const char *type, struct error *err)
{
	const struct documents *documents = request->options->documents;
	if (!documents)
		return error_set(err, STATUS_UNAVAILABLE, "the documents are not written");
	const struct document *document = &documents->all[name];
	buffer_put(&request->reply.body, document->plain.bytes, document->plain.len);
	buffer_put(&request->reply.packed, document->packed.bytes, document->packed.len);
	request->reply.type = type;
	return STATUS_OK;
}

enum status documents_openapi(struct request *request, struct error *err)
{
	return give(request, DOCUMENT_OPENAPI, NULL, err);
}

enum status documents_page(struct request *request, struct error *err)
{
	request->reply.page_policy = api_page_policy;
	return give(request, DOCUMENT_PAGE, "text/html; charset=utf-8", err);
}

enum status documents_style(struct request *request, struct error *err)
{
	return give(request, DOCUMENT_STYLE, "text/css; charset=utf-8", err);
}
