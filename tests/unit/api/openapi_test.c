/* What the API tells about itself is the route table, all of it and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/api_page.h"
#include "api/openapi.h"
#include "api/route_docs.h"
#include "api/routes.h"

/* No blank line, no full stop where it would be a second one, JSON where it says JSON. */
static void every_row_has_a_whole_doc(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_routes; i++) {
		const struct route_doc *doc = routes[i].doc;
		if (!doc || !doc->tag || !doc->summary || doc->summary[strlen(doc->summary) - 1] == '.')
			fail_msg("%s: no tag, no summary, or a full stop behind it", routes[i].path);
		if (!doc->answer && !doc->answer_type && !doc->redirects)
			fail_msg("%s: an answer in JSON needs an example", routes[i].path);
		if (routes[i].method == METHOD_POST && !doc->request && strstr(routes[i].path, "logout") == NULL)
			fail_msg("%s: a POST needs an example of its body", routes[i].path);
		for (const struct doc_param *param = doc->params; param && param->name; param++)
			assert_true(param->text &&
				    (strcmp(param->type, "string") == 0 || strcmp(param->type, "integer") == 0 ||
				     strcmp(param->type, "boolean") == 0));
	}
}

static void each_required_parameter_is_in_the_example_s_query(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_routes; i++) {
		const struct route_doc *doc = routes[i].doc;
		for (const struct doc_param *param = doc->params; param && param->name; param++) {
			if (param->required && (!doc->query || !strstr(doc->query, param->name)))
				fail_msg("%s: %s is required and not in the example", routes[i].path, param->name);
		}
	}
}

static size_t n_operations(const json_t *document)
{
	size_t n = 0;
	const char *path;
	json_t *item;
	json_object_foreach (json_object_get(document, "paths"), path, item)
		n += json_object_size(item);
	return n;
}

static void the_document_has_each_row_and_nothing_else(void **state)
{
	(void)state;
	CLEANUP(json) json_t *document = openapi_document("https://api.example.org");
	const json_t *paths = json_object_get(document, "paths");
	CLEANUP(json) json_t *ids = json_object();
	for (size_t i = 0; i < n_routes; i++) {
		const json_t *told =
			json_object_get(json_object_get(paths, routes[i].path), openapi_method_name(routes[i].method));
		assert_non_null(told);
		const char *id = json_string_value(json_object_get(told, "operationId"));
		assert_non_null(id);
		if (json_object_get(ids, id))
			fail_msg("operationId %s comes twice", id);
		assert_int_equal(json_object_set_new(ids, id, json_true()), 0);
		assert_string_equal(json_string_value(json_object_get(told, "x-cistern-who")),
				    openapi_who_name(routes[i].who));
		assert_int_equal(json_integer_value(json_object_get(told, "x-cistern-body-max-bytes")),
				 routes[i].body_max);
	}
	assert_int_equal(n_operations(document), n_routes);
}

static void the_server_is_the_public_address_or_where_it_comes_from(void **state)
{
	(void)state;
	static const char *const urls[][2] = { { "https://api.example.org", "https://api.example.org" },
					       { "", "/" },
					       { NULL, "/" } };
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		CLEANUP(json) json_t *document = openapi_document(urls[i][0]);
		const json_t *server = json_array_get(json_object_get(document, "servers"), 0);
		assert_string_equal(json_string_value(json_object_get(server, "url")), urls[i][1]);
	}
}

/* 405 is the dispatcher's: of that row's status it would be 400. 102005 is a status' own, which no handler names. */
static void failures_are_told_once_in_the_order_of_their_codes(void **state)
{
	(void)state;
	struct openapi_failure failures[OPENAPI_FAILURES_MAX];
	size_t n = openapi_failures(failures);
	bool has_method = false, has_role = false;
	for (size_t i = 0; i < n; i++) {
		assert_true(i == 0 || failures[i - 1].code < failures[i].code);
		has_method = has_method || (failures[i].code == 102003 && failures[i].http == 405);
		has_role = has_role || (failures[i].code == 102005 && failures[i].http == 403);
	}
	assert_true(has_method && has_role);
}

static void the_page_has_each_row_and_runs_nothing(void **state)
{
	(void)state;
	CLEANUP(buffer) struct buffer page = { 0 };
	api_page_put(&page);
	const char *text = buffer_text(&page);
	for (size_t i = 0; i < n_routes; i++) {
		CLEANUP(buffer) struct buffer path = { 0 };
		buffer_printf(&path, "</b><code>%s</code>", routes[i].path);
		assert_non_null(strstr(text, buffer_text(&path)));
	}
	assert_null(strstr(text, "<script"));
	assert_null(strstr(text, "style="));
	assert_null(strstr(text, "onclick"));
	assert_null(strstr(text, "http://"));
	assert_null(strstr(api_page_policy, "unsafe"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_has_a_whole_doc),
		cmocka_unit_test(each_required_parameter_is_in_the_example_s_query),
		cmocka_unit_test(the_document_has_each_row_and_nothing_else),
		cmocka_unit_test(the_server_is_the_public_address_or_where_it_comes_from),
		cmocka_unit_test(failures_are_told_once_in_the_order_of_their_codes),
		cmocka_unit_test(the_page_has_each_row_and_runs_nothing),
	};
	return cmocka_run_group_tests_name("api/openapi", tests, NULL, NULL);
}
