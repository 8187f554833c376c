/* api/documents.h - what the API tells about itself: /openapi.json, /docs/api and its style sheet. Written once at the start and
 * kept, also compressed.
 *
 * Thread:  documents_new() and documents_free() from main; read by any worker in between.
 * Memory:  documents_free() frees; NULL is fine.
 */
#ifndef CISTERN_API_DOCUMENTS_H
#define CISTERN_API_DOCUMENTS_H

#include "base/buffer.h"

enum document_name { DOCUMENT_OPENAPI, DOCUMENT_PAGE, DOCUMENT_STYLE, N_DOCUMENTS };

struct document {
	struct buffer plain, packed; /* packed: gzip of it; empty when that would not be shorter */
};

struct documents {
	struct document all[N_DOCUMENTS];
};

struct documents *documents_new(const char *public_url);
void documents_free(struct documents *documents);

#endif
