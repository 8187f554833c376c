/* The route table, walked: every row has its refusals, before any database is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "api/dispatch.h"
#include "api/limiter.h"
#include "api/routes.h"
#include "base/log.h"

enum { SIGN_INS = 3, REQUESTS = 4, CLAIMS = 3 };

struct fixture {
	struct account *account;
	struct api_options options;
	struct limiter *limiter;
	struct request *request;
	struct buffer token; /* a good access token */
};

static int set_up(void **state)
{
	log_set_level(LOG_ERROR);
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char key_file[] = "/tmp/routes_test.XXXXXX";
	int fd = mkstemp(key_file);
	static const char key[] = "0123456789abcdef0123456789abcdef";
	if (!fixture || fd < 0 || write(fd, key, sizeof(key) - 1) != sizeof(key) - 1)
		return -1;
	close(fd);
	const struct account_options account = { .token_key_file = key_file,
						 .token_issuer = "cistern",
						 .access_token_lifetime_s = 60,
						 .session_lifetime_s = 60 };
	struct error err = { .status = STATUS_OK };
	if (account_open(&account, &fixture->account, &err) != STATUS_OK)
		return -1;
	struct token_key token_key;
	const struct token_claims claims = { .user_id = "6f1d0c1e-0000-4000-8000-000000000001",
					     .session_id = "6f1d0c1e-0000-4000-8000-000000000002" };
	if (token_key_read(key_file, "cistern", 60, &token_key, &err) != STATUS_OK)
		return -1;
	token_put_access(&token_key, &claims, &fixture->token);
	unlink(key_file);
	fixture->options = (struct api_options){ .account = fixture->account,
						 .mqtt_host = "mqtt.example.org",
						 .cors_origin = "https://console.example.org",
						 .sign_in_per_minute = SIGN_INS,
						 .claims_per_minute = CLAIMS,
						 .requests_per_second = REQUESTS };
	fixture->limiter = limiter_new();
	fixture->request = request_new(&fixture->options, fixture->limiter);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	request_free(fixture->request);
	limiter_free(fixture->limiter);
	account_close(fixture->account);
	buffer_done(&fixture->token);
	free(fixture);
	return 0;
}

static const char *name_of(enum route_method method)
{
	switch (method) {
	case METHOD_GET: return "GET";
	case METHOD_POST: return "POST";
	case METHOD_PUT: return "PUT";
	case METHOD_DELETE: return "DELETE";
	case METHOD_OTHER: break;
	}
	return "PATCH";
}

/* A fresh request to that target, its headers in. */
static struct request *prepare(struct fixture *fixture, enum route_method method, const char *target)
{
	struct request *request = fixture->request;
	request_clear(request);
	request->uri = arena_copy(request->arena, target, strlen(target));
	request->method = method;
	request->method_name = name_of(method);
	return request;
}

static void assert_failure(struct request *request, int http, int code)
{
	assert_int_equal(request->reply.http, http);
	char expected[64];
	(void)snprintf(expected, sizeof(expected), "{\"status\":\"failure\",\"error_code\":%d,", code);
	assert_non_null(strstr(buffer_text(&request->reply.body), expected));
}

static void rows_are_whole_and_no_two_are_alike(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_routes; i++) {
		assert_int_equal(routes[i].path[0], '/');
		assert_non_null(routes[i].handler);
		assert_true(routes[i].body_max > 0);
		assert_int_equal(routes[i].lane != LANE_NONE, routes[i].slow != NULL);
		/* what needs a user is counted for the user, what changes something without one for its source */
		bool needs_user = routes[i].who != WHO_ANYONE && routes[i].who != WHO_ANYONE_OR_USER &&
				  routes[i].who != WHO_ADDRESS;
		assert_int_equal(needs_user, routes[i].rate == RATE_USER);
		assert_int_equal(routes[i].who == WHO_ANYONE_OR_USER, routes[i].rate == RATE_CLAIM);
		assert_true(needs_user || routes[i].method == METHOD_GET || routes[i].rate == RATE_SIGN_IN ||
			    routes[i].rate == RATE_CLAIM || routes[i].who == WHO_ADDRESS);
		/* whoever may send much has been asked for something before */
		assert_true(needs_user || routes[i].who == WHO_ADDRESS || routes[i].body_max <= 16384);
		assert_non_null(routes[i].doc);
		/* everything below /v1/admin/ is for staff, or behind an address with a secret */
		if (strncmp(routes[i].path, "/v1/admin/", strlen("/v1/admin/")) == 0 &&
		    strcmp(routes[i].path, "/v1/admin/node_certificates/file") != 0)
			assert_true(routes[i].who >= WHO_VIEWER);
		/* who may only read changes nothing */
		assert_true(routes[i].who != WHO_VIEWER || routes[i].method == METHOD_GET);
		for (size_t other = 0; other < i; other++)
			assert_true(routes[i].method != routes[other].method ||
				    strcmp(routes[i].path, routes[other].path) != 0);
	}
}

static void a_row_that_needs_a_user_refuses_who_has_no_good_token(void **state)
{
	struct fixture *fixture = *state;
	static const char *const headers[] = { NULL, "", "x", "Bearer ", "Bearer x", "a.b.c" };
	for (size_t i = 0; i < n_routes; i++) {
		for (size_t h = 0; routes[i].who != WHO_ANYONE && h < ARRAY_LEN(headers); h++) {
			if (routes[i].who == WHO_ADDRESS || (routes[i].who == WHO_ANYONE_OR_USER && !headers[h]))
				continue;
			struct request *request = prepare(fixture, routes[i].method, routes[i].path);
			request->source[15] = (unsigned char)h; /* rates of a source are a test of their own */
			request->authorization = headers[h];
			assert_int_equal(dispatch_begin(request), DISPATCH_REPLY);
			assert_failure(request, 401, 101017);
			assert_non_null(strstr(buffer_text(&request->reply.body), "\"message\":\"Unauthorized\""));
		}
	}
}

static void an_upload_is_refused_before_its_body_without_a_database(void **state)
{
	struct request *request = prepare(*state, METHOD_PUT, "/v1/admin/node_certificates/file");
	assert_int_equal(dispatch_begin(request), DISPATCH_BODY);
	assert_int_equal(dispatch_admit(request), DISPATCH_REPLY);
	assert_failure(request, 503, 102009);
}

static void a_good_token_passes_with_and_without_bearer(void **state)
{
	struct fixture *fixture = *state;
	char bearer[2048];
	(void)snprintf(bearer, sizeof(bearer), "bearer %s", buffer_text(&fixture->token));
	struct request *request = prepare(fixture, METHOD_GET, "/v1/user");
	request->authorization = buffer_text(&fixture->token);
	assert_int_equal(dispatch_begin(request), DISPATCH_BODY);
	request = prepare(fixture, METHOD_GET, "//v1/user2?&x=1");
	request->authorization = bearer;
	assert_int_equal(dispatch_begin(request), DISPATCH_BODY);
	/* and without a database nothing is answered but that */
	assert_int_equal(dispatch_run(request), DISPATCH_REPLY);
	assert_failure(request, 503, 102009);
	assert_int_equal(request->reply.retry_after_s, 1);
}

static void every_row_limits_its_body(void **state)
{
	struct fixture *fixture = *state;
	for (size_t i = 0; i < n_routes; i++) {
		struct request *request = prepare(fixture, routes[i].method, routes[i].path);
		request->declared_len = routes[i].body_max + 1;
		assert_int_equal(dispatch_begin(request), DISPATCH_REPLY);
		assert_failure(request, 413, 102004);
	}
}

static void other_methods_get_405_and_the_list(void **state)
{
	struct fixture *fixture = *state;
	static const enum route_method methods[] = { METHOD_GET, METHOD_POST, METHOD_PUT, METHOD_DELETE, METHOD_OTHER };
	for (size_t i = 0; i < n_routes; i++) {
		for (size_t m = 0; m < ARRAY_LEN(methods); m++) {
			unsigned known = 0;
			if (route_find(routes[i].path, methods[m], &known))
				continue;
			struct request *request = prepare(fixture, methods[m], routes[i].path);
			assert_int_equal(dispatch_begin(request), DISPATCH_REPLY);
			assert_failure(request, 405, 102003);
			assert_non_null(strstr(request->reply.allow, name_of(routes[i].method)));
		}
	}
	struct request *request = prepare(fixture, METHOD_DELETE, "/v1/user/nodes/params");
	assert_int_equal(dispatch_begin(request), DISPATCH_REPLY);
	assert_string_equal(request->reply.allow, "GET, HEAD, PUT");
}

static void unknown_paths_get_404_and_bad_ones_400(void **state)
{
	struct fixture *fixture = *state;
	static const struct {
		const char *target;
		int http, code;
	} cases[] = {
		{ "/", 404, 102002 },
		{ "/v1", 404, 102002 },
		{ "/v1/user/", 404, 102002 },
		{ "/v1/User", 404, 102002 },
		{ "/v2/user", 404, 102002 },
		{ "/v1/../healthz", 400, 102001 },
		{ "/v1%2fuser", 400, 102001 },
		{ "healthz", 400, 102001 },
		{ "/healthz?a=%00", 400, 102001 },
		{ "/healthz?a=1&a=1", 400, 102001 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct request *request = prepare(fixture, METHOD_GET, cases[i].target);
		assert_int_equal(dispatch_begin(request), DISPATCH_REPLY);
		assert_failure(request, cases[i].http, cases[i].code);
	}
}

static void bad_framing_is_refused_and_ends_the_connection(void **state)
{
	struct request *request = prepare(*state, METHOD_GET, "/healthz");
	request->framing_bad = true;
	assert_int_equal(dispatch_begin(request), DISPATCH_REPLY);
	assert_failure(request, 400, 102001);
	assert_true(request->reply.closes);
}

static void sign_ins_are_counted_for_the_source_over_all_rows(void **state)
{
	struct fixture *fixture = *state;
	int n_passed = 0;
	for (size_t i = 0; i < n_routes; i++) {
		if (routes[i].rate != RATE_SIGN_IN)
			continue;
		struct request *request = prepare(fixture, routes[i].method, routes[i].path);
		if (dispatch_begin(request) == DISPATCH_BODY) {
			n_passed++;
			continue;
		}
		assert_failure(request, 429, 102008);
		assert_true(request->reply.retry_after_s > 0);
	}
	assert_int_equal(n_passed, SIGN_INS);
	struct request *other = prepare(fixture, METHOD_POST, "/v1/login2");
	other->source[15] = 1;
	assert_int_equal(dispatch_begin(other), DISPATCH_BODY);
}

/* One request too many, each from another source or of nobody in particular. */
static void claims_are_counted_for_the_source_and_for_the_account(void **state)
{
	struct fixture *fixture = *state;
	static const char *const paths[] = { "/claim/initiate", "/claim/verify" };
	for (int with_token = 0; with_token < 2; with_token++) {
		struct request *request = NULL;
		for (int i = 0; i <= CLAIMS; i++) {
			request = prepare(fixture, METHOD_POST, paths[i % 2]);
			request->authorization = with_token ? buffer_text(&fixture->token) : NULL;
			request->source[15] = (unsigned char)(with_token ? 10 + i : 1);
			assert_int_equal(dispatch_begin(request), i < CLAIMS ? DISPATCH_BODY : DISPATCH_REPLY);
		}
		assert_failure(request, 429, 102008);
		assert_true(request->reply.retry_after_s > 0);
	}
}

static void requests_are_counted_for_the_account(void **state)
{
	struct fixture *fixture = *state;
	struct request *request = NULL;
	for (int i = 0; i <= REQUESTS; i++) {
		request = prepare(fixture, METHOD_GET, "/v1/user");
		request->authorization = buffer_text(&fixture->token);
		request->source[15] = (unsigned char)i;
		assert_int_equal(dispatch_begin(request), i < REQUESTS ? DISPATCH_BODY : DISPATCH_REPLY);
	}
	assert_failure(request, 429, 102008);
}

static void only_the_one_origin_gets_cors_headers(void **state)
{
	struct fixture *fixture = *state;
	static const char *const others[] = { NULL,
					      "",
					      "null",
					      "https://console.example.org.evil.org",
					      "http://console.example.org",
					      "https://Console.example.org" };
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct request *request = prepare(fixture, METHOD_OTHER, "/v1/user/nodes");
		request->method_name = "OPTIONS";
		request->origin = others[i];
		assert_int_equal(dispatch_begin(request), DISPATCH_REPLY);
		assert_failure(request, 405, 102003);
		assert_false(request->reply.allows_origin);
	}
	struct request *request = prepare(fixture, METHOD_OTHER, "/v1/user/nodes");
	request->method_name = "OPTIONS";
	request->origin = fixture->options.cors_origin;
	assert_int_equal(dispatch_begin(request), DISPATCH_REPLY);
	assert_int_equal(request->reply.http, 204);
	assert_true(request->reply.allows_origin);
	assert_string_equal(request->reply.methods, "GET, HEAD, PUT, DELETE");
	request = prepare(fixture, METHOD_OTHER, "/nowhere");
	request->method_name = "OPTIONS";
	request->origin = fixture->options.cors_origin;
	assert_int_equal(dispatch_begin(request), DISPATCH_REPLY);
	assert_int_equal(request->reply.http, 404);
}

static void what_needs_nobody_answers_without_a_database(void **state)
{
	static const char *const answers[][2] = {
		{ "/apiversions", "{\"supported_versions\":[\"v1\"]}" },
		{ "/mqtt_host", "{\"mqtt_host\":\"mqtt.example.org\",\"mqtt_cred_host\":\"mqtt.example.org\"}" },
		{ "/healthz", "{\"status\":\"ok\"}" },
		{ "/readyz", "{\"status\":\"not ready\",\"database\":\"away\"}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct request *request = prepare(*state, METHOD_GET, answers[i][0]);
		assert_int_equal(dispatch_begin(request), DISPATCH_BODY);
		assert_int_equal(dispatch_run(request), DISPATCH_REPLY);
		assert_string_equal(buffer_text(&request->reply.body), answers[i][1]);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_whole_and_no_two_are_alike),
		TEST(a_row_that_needs_a_user_refuses_who_has_no_good_token),
		TEST(an_upload_is_refused_before_its_body_without_a_database),
		TEST(a_good_token_passes_with_and_without_bearer),
		TEST(every_row_limits_its_body),
		TEST(other_methods_get_405_and_the_list),
		TEST(unknown_paths_get_404_and_bad_ones_400),
		TEST(bad_framing_is_refused_and_ends_the_connection),
		TEST(sign_ins_are_counted_for_the_source_over_all_rows),
		TEST(claims_are_counted_for_the_source_and_for_the_account),
		TEST(requests_are_counted_for_the_account),
		TEST(only_the_one_origin_gets_cors_headers),
		TEST(what_needs_nobody_answers_without_a_database),
	};
	return cmocka_run_group_tests_name("api/routes", tests, NULL, NULL);
}
