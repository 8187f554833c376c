#include "api/api_page.h"

#include <stdlib.h>
#include <string.h>

#include "api/openapi.h"
#include "api/route_docs.h"
#include "api/routes.h"

const char api_page_policy[] =
	"default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/* clang-format off */
const char api_page_style[] =
	":root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6675;--paper:#fff;--card:#f5f7fa;--line:#dde3ea;--link:#0b62c4;"
	"--get:#0b62c4;--post:#1a7f4b;--put:#9a5b00;--delete:#b3261e}\n"
	"@media(prefers-color-scheme:dark){:root{--ink:#e4e9f0;--soft:#9aa6b5;--paper:#12161c;--card:#1b212a;--line:#2c3542;"
	"--link:#7db8ff;--get:#3f8ae0;--post:#2f9a63;--put:#b87a1c;--delete:#d2554d}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0 auto;max-width:56rem;padding:1rem;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}\n"
	"a{color:var(--link)}\n"
	"h1{margin:.5rem 0}\n"
	"h2{margin:2.5rem 0 .75rem;padding-bottom:.25rem;border-bottom:1px solid var(--line)}\n"
	"h3{margin:1rem 0 .25rem;font-size:1rem}\n"
	"nav{display:flex;flex-wrap:wrap;gap:.25rem 1rem;margin:1rem 0}\n"
	"details{margin:.5rem 0;border:1px solid var(--line);border-radius:.5rem;background:var(--card)}\n"
	"summary{display:flex;flex-wrap:wrap;align-items:baseline;gap:.25rem .75rem;padding:.6rem .75rem;cursor:pointer}\n"
	"summary code{font-weight:600;overflow-wrap:anywhere}\n"
	"summary span{color:var(--soft)}\n"
	"summary b{min-width:4.2rem;padding:.1rem .4rem;border-radius:.3rem;font-size:.8rem;text-align:center;color:#fff}\n"
	"b.get{background:var(--get)}b.post{background:var(--post)}b.put{background:var(--put)}b.delete{background:var(--delete)}\n"
	"details>div{padding:0 .75rem .75rem;border-top:1px solid var(--line)}\n"
	".facts{color:var(--soft);font-size:.9rem}\n"
	"code,pre{font:.875rem/1.45 ui-monospace,monospace}\n"
	"pre{margin:.25rem 0;padding:.6rem .75rem;overflow-x:auto;border:1px solid var(--line);border-radius:.4rem;background:var(--paper)}\n"
	"table{width:100%;border-collapse:collapse;font-size:.9rem}\n"
	"th,td{padding:.3rem .5rem .3rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}\n";

static const char head[] =
	"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Cistern API</title>\n"
	"<link rel=\"stylesheet\" href=\"/docs/api.css\">\n</head>\n<body>\n<h1>Cistern API</h1>\n"
	"<p>What this server answers, as it runs. For programs: <a href=\"/openapi.json\">OpenAPI 3.1</a>.</p>\n"
	"<p>Sign in with <code>POST /v1/login2</code> and send the <code>accesstoken</code> in the header <code>Authorization</code>, "
	"bare; machines send a key there. Bodies are JSON. Unknown members and parameters are ignored. A node, group or request of "
	"somebody else is answered exactly as an unknown one. Lists go in pages: <code>next_id</code> is sent back as "
	"<code>start_id</code>, and is left out on the last page.</p>\n";
/* clang-format on */

static void put_escaped(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&': buffer_puts(out, "&amp;"); break;
		case '<': buffer_puts(out, "&lt;"); break;
		case '>': buffer_puts(out, "&gt;"); break;
		case '"': buffer_puts(out, "&quot;"); break;
		default: buffer_putc(out, *text);
		}
	}
}

/* --- one route --- */

/* What a person wants to know first. */
static void put_facts(struct buffer *out, const struct route *route)
{
	const struct permission_rule rule = { route->who, route->object, route->method != METHOD_GET };
	unsigned scope = route->who >= WHO_USER ? permission_scope(&rule) : 0;
	buffer_puts(out, "<p class=\"facts\">For ");
	put_escaped(out, openapi_who_name(route->who));
	if (route->object != OBJECT_NONE)
		buffer_printf(out, " · checked: %s", openapi_object_name(route->object));
	if (scope != 0)
		buffer_printf(out, " · key needs %s", scope_name((enum scope)scope));
	buffer_printf(out, " · rate: %s", openapi_rate_name(route->rate));
	if (route->method != METHOD_GET)
		buffer_printf(out, " · body up to %zu KiB", route->body_max / 1024);
	if (route->polled)
		buffer_puts(out, " · has an ETag");
	buffer_puts(out, "</p>\n");
}

static void put_params(struct buffer *out, const struct doc_param *param)
{
	if (!param || !param->name)
		return;
	buffer_puts(out, "<h3>Query</h3>\n<table>\n");
	for (; param->name; param++) {
		buffer_printf(out, "<tr><td><code>%s</code></td><td>%s%s</td><td>", param->name, param->type,
			      param->required ? ", required" : "");
		put_escaped(out, param->text);
		buffer_puts(out, "</td></tr>\n");
	}
	buffer_puts(out, "</table>\n");
}

/* In lines when it is JSON; as it is otherwise. */
static void put_body(struct buffer *out, const char *text, const char *type)
{
	json_t *json = type ? NULL : json_loads(text, JSON_DECODE_ANY, NULL);
	char *pretty = json ? json_dumps(json, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) : NULL;
	put_escaped(out, pretty ? pretty : text);
	free(pretty);
	json_decref(json);
}

static void put_example(struct buffer *out, const struct route *route, const struct doc_example *example)
{
	buffer_puts(out, example->name ? "<h3>Example: " : "<h3>Example");
	put_escaped(out, example->name ? example->name : "");
	buffer_puts(out, "</h3>\n<pre>");
	const char *name = openapi_method_name(route->method);
	for (; *name; name++)
		buffer_putc(out, (char)(*name - 'a' + 'A'));
	buffer_printf(out, " %s", route->path);
	if (example->query) {
		buffer_putc(out, '?');
		put_escaped(out, example->query);
	}
	if (example->request) {
		buffer_puts(out, "\n\n");
		put_body(out, example->request, route->doc->request_type);
	}
	buffer_puts(out, "</pre>\n<pre>");
	if (example->answer)
		put_body(out, example->answer, route->doc->answer_type);
	else if (route->doc->redirects)
		buffer_puts(out, "302, Location: …");
	else
		put_escaped(out, route->doc->answer_type ? route->doc->answer_type : "");
	buffer_puts(out, "</pre>\n");
}

static void put_route(struct buffer *out, const struct route *route)
{
	const struct route_doc *doc = route->doc;
	const char *method = openapi_method_name(route->method);
	const struct doc_example first = { NULL, doc->query, doc->request, doc->answer };
	buffer_printf(out, "<details>\n<summary><b class=\"%s\">", method);
	for (const char *at = method; *at; at++)
		buffer_putc(out, (char)(*at - 'a' + 'A'));
	buffer_printf(out, "</b><code>%s</code><span>", route->path);
	put_escaped(out, doc->summary);
	buffer_puts(out, "</span></summary>\n<div>\n");
	put_facts(out, route);
	if (doc->text) {
		buffer_puts(out, "<p>");
		put_escaped(out, doc->text);
		buffer_puts(out, "</p>\n");
	}
	put_params(out, doc->params);
	put_example(out, route, &first);
	for (const struct doc_example *other = doc->others; other && other->name; other++)
		put_example(out, route, other);
	buffer_puts(out, "</div>\n</details>\n");
}

/* --- chapters --- */

/* The chapter of row i is begun by an earlier row. */
static bool has_begun(size_t i)
{
	for (size_t j = 0; j < i; j++) {
		if (strcmp(routes[j].doc->tag, routes[i].doc->tag) == 0)
			return true;
	}
	return false;
}

static void put_chapter(struct buffer *out, size_t first)
{
	const char *tag = routes[first].doc->tag;
	buffer_printf(out, "<h2 id=\"%s\">%s</h2>\n", tag, tag);
	for (size_t i = first; i < n_routes; i++) {
		if (strcmp(routes[i].doc->tag, tag) == 0)
			put_route(out, &routes[i]);
	}
}

static void put_failures(struct buffer *out)
{
	buffer_puts(out, "<h2 id=\"failures\">Failures</h2>\n<pre>{\"status\":\"failure\",\"error_code\":105001,"
			 "\"description\":\"Node not associated with user\"}</pre>\n<table>\n"
			 "<tr><th>HTTP</th><th>error_code</th><th>description</th></tr>\n");
	struct openapi_failure failures[OPENAPI_FAILURES_MAX];
	size_t n = openapi_failures(failures);
	for (size_t i = 0; i < n; i++) {
		buffer_printf(out, "<tr><td>%d</td><td>%d</td><td>", failures[i].http, failures[i].code);
		put_escaped(out, failures[i].text);
		buffer_puts(out, "</td></tr>\n");
	}
	buffer_puts(out, "</table>\n");
}

void api_page_put(struct buffer *out)
{
	buffer_puts(out, head);
	buffer_puts(out, "<nav>\n");
	for (size_t i = 0; i < n_routes; i++) {
		if (!has_begun(i))
			buffer_printf(out, "<a href=\"#%s\">%s</a>\n", routes[i].doc->tag, routes[i].doc->tag);
	}
	buffer_puts(out, "<a href=\"#failures\">Failures</a>\n</nav>\n");
	for (size_t i = 0; i < n_routes; i++) {
		if (!has_begun(i))
			put_chapter(out, i);
	}
	put_failures(out);
	buffer_puts(out, "</body>\n</html>\n");
}
