#include "api/openapi.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "api/route_docs.h"
#include "api/routes.h"

static const char about[] = "Cistern answers the RainMaker clients' calls. Bodies are JSON whatever their Content-Type "
			    "says; unknown members and "
			    "query parameters are ignored; booleans in queries may be written in any case. A node, "
			    "group or request of somebody else is "
			    "answered exactly as an unknown one. Lists go in pages: next_id is sent back as start_id, "
			    "and is left out on the last page.";

/* --- words --- */

const char *openapi_who_name(enum who who)
{
	switch (who) {
	case WHO_ANYONE: return "anyone";
	case WHO_ANYONE_OR_USER: return "anyone or user";
	case WHO_ADDRESS: return "address";
	case WHO_SESSION: return "session";
	case WHO_USER: return "user";
	case WHO_VIEWER: return "viewer";
	case WHO_OPERATOR: return "operator";
	case WHO_ADMIN: return "admin";
	}
	abort();
}

const char *openapi_object_name(enum object object)
{
	switch (object) {
	case OBJECT_NONE: return "none";
	case OBJECT_SELF:
	case OBJECT_NODE_LIST: return "self";
	case OBJECT_NODE:
	case OBJECT_NODE_PARAMS: return "node";
	case OBJECT_NODE_OWNED: return "node owned";
	case OBJECT_NODES: return "nodes";
	case OBJECT_GROUPS: return "groups";
	case OBJECT_REQUEST: return "request";
	case OBJECT_FLEET: return "fleet";
	case OBJECT_ACCOUNTS: return "accounts";
	}
	abort();
}

const char *openapi_rate_name(enum route_rate rate)
{
	switch (rate) {
	case RATE_FREE: return "free";
	case RATE_PROBE: return "probe";
	case RATE_SIGN_IN: return "sign-in";
	case RATE_CLAIM: return "claim";
	case RATE_USER: return "user";
	}
	abort();
}

const char *openapi_method_name(enum route_method method)
{
	switch (method) {
	case METHOD_GET: return "get";
	case METHOD_POST: return "post";
	case METHOD_PUT: return "put";
	case METHOD_DELETE: return "delete";
	case METHOD_OTHER: break;
	}
	abort();
}

/* --- small parts --- */

static json_t *must(json_t *json)
{
	if (!json)
		abort();
	return json;
}

static void put(json_t *object, const char *name, json_t *value)
{
	if (json_object_set_new(object, name, must(value)) != 0)
		abort();
}

static void add(json_t *array, json_t *value)
{
	if (json_array_append_new(array, must(value)) != 0)
		abort();
}

static json_t *example_read(const char *text)
{
	return must(json_loads(text, JSON_DECODE_ANY, NULL));
}

static json_t *schema_of(const json_t *example);

static json_t *schema_of_object(const json_t *example)
{
	json_t *members = must(json_object());
	const char *name;
	json_t *value;
	json_object_foreach ((json_t *)(uintptr_t)example, name, value)
		put(members, name, schema_of(value));
	return json_pack("{s:s, s:o}", "type", "object", "properties", members);
}

static json_t *schema_of(const json_t *example)
{
	switch (json_typeof(example)) {
	case JSON_OBJECT: return must(schema_of_object(example));
	case JSON_ARRAY:
		if (json_array_size(example) == 0)
			return must(json_pack("{s:s}", "type", "array"));
		return must(json_pack("{s:s, s:o}", "type", "array", "items", schema_of(json_array_get(example, 0))));
	case JSON_STRING: return must(json_pack("{s:s}", "type", "string"));
	case JSON_INTEGER: return must(json_pack("{s:s}", "type", "integer"));
	case JSON_REAL: return must(json_pack("{s:s}", "type", "number"));
	case JSON_TRUE:
	case JSON_FALSE: return must(json_pack("{s:s}", "type", "boolean"));
	case JSON_NULL: return must(json_object()); /* of a type that the example does not show */
	}
	abort();
}

/* --- examples --- */

/* The doc's own example is the first, and has no name. */
static struct doc_example first_example(const struct route_doc *doc)
{
	return (struct doc_example){ "example", doc->query, doc->request, doc->answer };
}

static size_t n_examples(const struct route_doc *doc)
{
	size_t n = 1;
	for (const struct doc_example *other = doc->others; other && other->name; other++)
		n++;
	return n;
}

static struct doc_example example_at(const struct route_doc *doc, size_t i)
{
	return i == 0 ? first_example(doc) : doc->others[i - 1];
}

/* A body of the examples: `{"application/json": {"schema":…, "examples":…}}`; NULL when no example has one. */
static json_t *content_of(const struct route_doc *doc, bool of_request)
{
	const char *type = of_request ? doc->request_type : doc->answer_type;
	json_t *examples = must(json_object()), *schemas = must(json_array());
	for (size_t i = 0; i < n_examples(doc); i++) {
		const struct doc_example example = example_at(doc, i);
		const char *text = of_request ? example.request : example.answer;
		if (!text)
			continue;
		json_t *value = type ? must(json_string(text)) : example_read(text);
		add(schemas, schema_of(value));
		put(examples, example.name, json_pack("{s:o}", "value", value));
	}
	size_t n = json_array_size(schemas);
	json_t *media = must(json_object());
	if (n == 1)
		put(media, "schema", json_incref(json_array_get(schemas, 0)));
	else if (n > 1)
		put(media, "schema", json_pack("{s:O}", "anyOf", schemas));
	if (n > 0)
		put(media, "examples", json_incref(examples));
	json_decref(schemas);
	json_decref(examples);
	if (n == 0 && !type) {
		json_decref(media);
		return NULL;
	}
	return must(json_pack("{s:o}", type ? type : "application/json", media));
}

static json_t *examples_of(const struct route_doc *doc)
{
	json_t *examples = must(json_array());
	for (size_t i = 0; i < n_examples(doc); i++) {
		const struct doc_example example = example_at(doc, i);
		json_t *told = must(json_pack("{s:s}", "name", example.name));
		if (example.query)
			put(told, "query", json_string(example.query));
		if (example.request)
			put(told, "request",
			    doc->request_type ? json_string(example.request) : example_read(example.request));
		if (example.answer)
			put(told, "answer",
			    doc->answer_type ? json_string(example.answer) : example_read(example.answer));
		add(examples, told);
	}
	return examples;
}

/* --- parameters --- */

/* The value in the doc's query, as JSON of the parameter's type; NULL when it is not there. */
static json_t *value_in_query(const char *query, const struct doc_param *param)
{
	size_t name_len = strlen(param->name);
	for (const char *at = query; at && *at; at += strcspn(at, "&"), at += *at == '&') {
		if (strncmp(at, param->name, name_len) != 0 || at[name_len] != '=')
			continue;
		const char *value = at + name_len + 1;
		size_t len = strcspn(value, "&");
		if (strcmp(param->type, "string") == 0)
			return must(json_stringn(value, len));
		return must(json_loadb(value, len, JSON_DECODE_ANY, NULL));
	}
	return NULL;
}

static json_t *parameters_of(const struct route_doc *doc)
{
	json_t *parameters = must(json_array());
	for (const struct doc_param *param = doc->params; param && param->name; param++) {
		json_t *told = must(json_pack("{s:s, s:s, s:b, s:s, s:{s:s}}", "name", param->name, "in", "query",
					      "required", (int)param->required, "description", param->text, "schema",
					      "type", param->type));
		json_t *example = value_in_query(doc->query, param);
		if (example)
			put(told, "example", example);
		add(parameters, told);
	}
	return parameters;
}

/* --- answers --- */

static bool may_have_caller(const struct route *route)
{
	return route->who >= WHO_SESSION || route->who == WHO_ANYONE_OR_USER;
}

/* Which failures a row can meet, from what it says. */
static bool can_fail(const struct route *route, int http)
{
	bool has_caller = may_have_caller(route);
	switch (http) {
	case 401: return has_caller;
	case 403: return has_caller || route->who == WHO_ADDRESS;
	case 404: return route->object != OBJECT_NONE && route->object != OBJECT_SELF;
	case 409: return route->method != METHOD_GET && route->who >= WHO_VIEWER;
	case 429:
	case 503: return route->rate != RATE_FREE;
	default: return true;
	}
}

static const struct {
	int http;
	const char *name, *text;
} failures[] = {
	{ 400, "400", "The request is not valid" },
	{ 401, "401", "The token is not, or no longer, good" },
	{ 403, "403", "The caller may not do this" },
	{ 404, "404", "There is no such object, or it is somebody else's" },
	{ 409, "409", "Not possible in the object's present state" },
	{ 413, "413", "The request is too large" },
	{ 429, "429", "Too often; Retry-After has the seconds to wait" },
	{ 503, "503", "A part is away or a queue is full; Retry-After has the seconds to wait" },
};

static json_t *reference(const char *kind, const char *name)
{
	json_t *path = must(json_sprintf("#/components/%s/%s", kind, name));
	return must(json_pack("{s:o}", "$ref", path));
}

static json_t *good_answer(const struct route_doc *doc)
{
	json_t *good = must(json_pack("{s:s}", "description", "Done"));
	json_t *content = content_of(doc, false);
	if (content)
		put(good, "content", content);
	return good;
}

static json_t *redirect_answer(void)
{
	return must(json_pack("{s:s, s:{s:{s:{s:s, s:s}}}}", "description", "Where the browser goes on", "headers",
			      "Location", "schema", "type", "string", "format", "uri"));
}

static json_t *answers_of(const struct route *route)
{
	json_t *answers = must(json_object());
	if (route->doc->redirects)
		put(answers, "302", redirect_answer());
	else
		put(answers, "200", good_answer(route->doc));
	if (route->polled)
		put(answers, "304",
		    json_pack("{s:s}", "description", "If-None-Match names the ETag that the answer still has"));
	for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
		if (can_fail(route, failures[i].http))
			put(answers, failures[i].name, reference("responses", failures[i].name));
	}
	put(answers, "default", reference("responses", "default"));
	return answers;
}

static json_t *security_of(const struct route *route, unsigned scope)
{
	json_t *ways = must(json_array());
	bool optional = route->who == WHO_ANYONE_OR_USER;
	if (route->who == WHO_ANYONE || route->who == WHO_ADDRESS)
		return ways;
	if (optional)
		add(ways, json_object());
	add(ways, json_pack("{s:[]}", "token"));
	if (scope != 0)
		add(ways, json_pack("{s:[]}", "key"));
	return ways;
}

/* --- operations --- */

/* `GET /v1/user/nodes` -> getV1UserNodes: path and method are one row's, so the name is too. */
static json_t *operation_id(const struct route *route)
{
	CLEANUP(buffer) struct buffer text = { .bytes = NULL };
	bool begins = true;
	buffer_puts(&text, openapi_method_name(route->method));
	for (const char *at = route->path; *at; at++) {
		bool is_word = isalnum((unsigned char)*at);
		if (is_word)
			buffer_putc(&text, begins ? (char)toupper((unsigned char)*at) : *at);
		begins = !is_word;
	}
	return must(json_string(buffer_text(&text)));
}

static json_t *body_of(const struct route_doc *doc)
{
	json_t *content = content_of(doc, true);
	bool always = true;
	for (size_t i = 0; i < n_examples(doc); i++)
		always = always && example_at(doc, i).request;
	return content ? must(json_pack("{s:b, s:o}", "required", (int)always, "content", content)) : NULL;
}

static json_t *operation(const struct route *route)
{
	const struct route_doc *doc = route->doc;
	const struct permission_rule rule = { route->who, route->object, route->method != METHOD_GET };
	unsigned scope = may_have_caller(route) ? permission_scope(&rule) : 0;
	json_t *told = must(json_pack("{s:[s], s:s, s:o}", "tags", doc->tag, "summary", doc->summary, "operationId",
				      operation_id(route)));
	if (doc->text)
		put(told, "description", json_string(doc->text));
	put(told, "security", security_of(route, scope));
	if (doc->params)
		put(told, "parameters", parameters_of(doc));
	json_t *body = body_of(doc);
	if (body)
		put(told, "requestBody", body);
	put(told, "responses", answers_of(route));
	put(told, "x-cistern-who", json_string(openapi_who_name(route->who)));
	put(told, "x-cistern-object", json_string(openapi_object_name(route->object)));
	if (scope != 0)
		put(told, "x-cistern-scope", json_string(scope_name((enum scope)scope)));
	put(told, "x-cistern-rate", json_string(openapi_rate_name(route->rate)));
	put(told, "x-cistern-body-max-bytes", json_integer((json_int_t)route->body_max));
	put(told, "x-cistern-examples", examples_of(doc));
	return told;
}

static json_t *paths(void)
{
	json_t *all = must(json_object());
	for (size_t i = 0; i < n_routes; i++) {
		const struct route *route = &routes[i];
		if (!json_object_get(all, route->path))
			put(all, route->path, json_object());
		put(json_object_get(all, route->path), openapi_method_name(route->method), operation(route));
	}
	return all;
}

static json_t *tags(void)
{
	json_t *all = must(json_array()), *seen = must(json_object());
	for (size_t i = 0; i < n_routes; i++) {
		const char *tag = routes[i].doc->tag;
		if (json_object_get(seen, tag))
			continue;
		put(seen, tag, json_true());
		add(all, json_pack("{s:s}", "name", tag));
	}
	json_decref(seen);
	return all;
}

/* --- what the operations share --- */

static json_t *failure_answer(const char *text)
{
	return must(json_pack("{s:s, s:{s:{s:o}}}", "description", text, "content", "application/json", "schema",
			      reference("schemas", "Failure")));
}

static json_t *responses(void)
{
	json_t *all = must(json_object());
	for (size_t i = 0; i < ARRAY_LEN(failures); i++)
		put(all, failures[i].name, failure_answer(failures[i].text));
	put(all, "default", failure_answer("Any other failure"));
	return all;
}

static int by_code(const void *one, const void *other)
{
	const struct openapi_failure *a = one, *b = other;
	return a->code < b->code ? -1 : a->code > b->code;
}

size_t openapi_failures(struct openapi_failure ret_failures[OPENAPI_FAILURES_MAX])
{
	size_t n = 0;
	for (int i = 0; i < OPENAPI_FAILURES_MAX; i++) {
		bool is_named = i < FAILURE_BY_STATUS;
		enum failure failure = is_named ? (enum failure)i : FAILURE_BY_STATUS;
		enum status status = is_named ? STATUS_OK : (enum status)(i - FAILURE_BY_STATUS + STATUS_OK + 1);
		const struct failure_row *row = failure_row(failure, status);
		int http = failure == FAILURE_METHOD ? 405 : http_of_status(row->status); /* as the dispatcher has it */
		ret_failures[n++] = (struct openapi_failure){ http, row->code, row->text };
	}
	qsort(ret_failures, n, sizeof(*ret_failures), by_code);
	size_t n_kept = 0;
	for (size_t i = 0; i < n; i++) {
		if (n_kept == 0 || ret_failures[n_kept - 1].code != ret_failures[i].code)
			ret_failures[n_kept++] = ret_failures[i];
	}
	return n_kept;
}

static json_t *error_codes(void)
{
	struct openapi_failure failures_told[OPENAPI_FAILURES_MAX];
	json_t *all = must(json_array());
	size_t n = openapi_failures(failures_told);
	for (size_t i = 0; i < n; i++)
		add(all, json_pack("{s:i, s:i, s:s}", "status", failures_told[i].http, "error_code",
				   failures_told[i].code, "description", failures_told[i].text));
	return all;
}

static json_t *schemas(void)
{
	json_t *members = must(json_pack(
		"{s:{s:s}, s:{s:s, s:s}, s:{s:s}, s:{s:s, s:s}}", "status", "const", "failure", "error_code", "type",
		"integer", "description", "what went wrong; see x-cistern-error-codes", "description", "type", "string",
		"message", "type", "string", "description", "Unauthorized, with 401 alone: the session is over"));
	return must(json_pack("{s:{s:s, s:[s,s,s], s:o, s:o}}", "Failure", "type", "object", "required", "status",
			      "error_code", "description", "properties", members, "x-cistern-error-codes",
			      error_codes()));
}

static json_t *security_scheme(const char *text)
{
	return must(json_pack("{s:s, s:s, s:s, s:s}", "type", "apiKey", "in", "header", "name", "Authorization",
			      "description", text));
}

static json_t *components(void)
{
	json_t *schemes = must(json_object()), *all = must(json_object());
	put(schemes, "token",
	    security_scheme("The access token of a sign-in, bare; `Bearer ` before it is tolerated."));
	put(schemes, "key", security_scheme("A key for machines, in the same place. It may what its scopes name."));
	put(all, "responses", responses());
	put(all, "schemas", schemas());
	put(all, "securitySchemes", schemes);
	return all;
}

json_t *openapi_document(const char *public_url)
{
	const char *url = public_url && *public_url ? public_url : "/";
	json_t *document = must(json_pack("{s:s, s:{s:s, s:s, s:s}, s:[{s:s}]}", "openapi", "3.1.0", "info", "title",
					  "Cistern", "version", "1", "description", about, "servers", "url", url));
	put(document, "tags", tags());
	put(document, "paths", paths());
	put(document, "components", components());
	return document;
}
