/* api/api_page.h - /docs/api: the route table and its docs as a page for people. Static HTML and one style sheet; no script.
 *
 * Thread: any. Memory: written into the caller's buffer. Errors: none; out of memory aborts.
 */
#ifndef CISTERN_API_API_PAGE_H
#define CISTERN_API_API_PAGE_H

#include "base/buffer.h"

void api_page_put(struct buffer *out);

/* Of the page: its own style sheet and nothing else, and nobody may frame it. */
extern const char api_page_policy[];
extern const char api_page_style[];

#endif
