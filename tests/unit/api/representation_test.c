/* ETag, 304 and gzip: for which answers, and that gzip's bytes are the body's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "api/compressor.h"
#include "api/representation.h"

static const struct route polled = { .method = METHOD_GET, .polled = true };
static const struct route other = { .method = METHOD_GET };
static const struct api_options options = { .port = 0 };

/* A body of that many bytes, as a list has them. */
static struct request *answer(const struct route *route, size_t n_bytes)
{
	struct request *request = request_new(&options, NULL);
	request->route = route;
	request->method = METHOD_GET;
	request->reply.http = 200;
	while (request->reply.body.len < n_bytes)
		buffer_puts(&request->reply.body, "{\"node_id\":\"GK5aVZ2mXq7pRtW81bYc3D\"},");
	request->reply.body.len = n_bytes;
	return request;
}

static void the_same_bytes_have_the_same_tag_and_others_another(void **state)
{
	(void)state;
	CLEANUP(request) struct request *one = answer(&polled, 100);
	CLEANUP(request) struct request *same = answer(&polled, 100);
	CLEANUP(request) struct request *other_byte = answer(&polled, 100);
	CLEANUP(request) struct request *empty = answer(&polled, 0);
	other_byte->reply.body.bytes[99] ^= 1;
	struct request *all[] = { one, same, other_byte, empty };
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		representation_choose(all[i]);
		const char *etag = all[i]->reply.etag;
		assert_int_equal(strlen(etag), 24); /* 16 bytes in base64, and two quotes */
		assert_true(etag[0] == '"' && etag[23] == '"');
	}
	assert_string_equal(one->reply.etag, same->reply.etag);
	assert_string_not_equal(one->reply.etag, other_byte->reply.etag);
	assert_string_not_equal(one->reply.etag, empty->reply.etag);
}

static void only_good_answers_to_a_get_of_a_polled_row_have_a_tag(void **state)
{
	(void)state;
	static const struct {
		const struct route *route;
		enum route_method method;
		int http;
	} cases[] = {
		{ &other, METHOD_GET, 200 },  { NULL, METHOD_GET, 404 },    { &polled, METHOD_GET, 404 },
		{ &polled, METHOD_GET, 503 }, { &polled, METHOD_GET, 206 }, { &polled, METHOD_OTHER, 200 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(request) struct request *request = answer(cases[i].route, 5000);
		CLEANUP(compressor) struct compressor *compressor = compressor_new();
		request->method = cases[i].method;
		request->reply.http = cases[i].http;
		request->compressor = compressor;
		request->accept_encoding = "gzip";
		request->if_none_match = "*";
		representation_choose(request);
		assert_int_equal(request->reply.http, cases[i].http);
		assert_true(request->reply.etag[0] == '\0' && !request->reply.is_packed);
	}
}

static void who_has_it_is_told_so_with_the_same_tag(void **state)
{
	(void)state;
	CLEANUP(request) struct request *first = answer(&polled, 100);
	CLEANUP(request) struct request *again = answer(&polled, 100);
	CLEANUP(request) struct request *changed = answer(&polled, 101);
	representation_choose(first);
	again->if_none_match = changed->if_none_match = first->reply.etag;
	representation_choose(again);
	representation_choose(changed);
	assert_int_equal(again->reply.http, 304);
	assert_string_equal(again->reply.etag, first->reply.etag);
	assert_int_equal(changed->reply.http, 200);
}

static void unpack(const struct buffer *packed, struct buffer *ret_body)
{
	z_stream stream = { .next_in = (Bytef *)packed->bytes, .avail_in = (uInt)packed->len };
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	stream.next_out = (Bytef *)buffer_reserve(ret_body, COMPRESS_BYTES_MAX);
	stream.avail_out = COMPRESS_BYTES_MAX;
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	ret_body->len = stream.total_out;
	assert_int_equal(inflateEnd(&stream), Z_OK);
}

static void gzip_gives_the_body_back_and_has_a_tag_of_its_own(void **state)
{
	(void)state;
	CLEANUP(compressor) struct compressor *compressor = compressor_new();
	for (size_t n_bytes = COMPRESS_BYTES_MIN; n_bytes <= COMPRESS_BYTES_MAX; n_bytes *= 16) {
		CLEANUP(request) struct request *plain = answer(&polled, n_bytes);
		CLEANUP(request) struct request *packed = answer(&polled, n_bytes);
		CLEANUP(buffer) struct buffer body = { 0 };
		packed->compressor = plain->compressor = compressor;
		packed->accept_encoding = "gzip";
		representation_choose(plain);
		representation_choose(packed);
		assert_false(plain->reply.is_packed);
		assert_true(packed->reply.is_packed && packed->reply.packed.len < n_bytes);
		assert_string_not_equal(packed->reply.etag, plain->reply.etag);
		unpack(&packed->reply.packed, &body);
		assert_int_equal(body.len, n_bytes);
		assert_memory_equal(body.bytes, plain->reply.body.bytes, n_bytes);
	}
}

static void a_tag_of_one_coding_does_not_stand_for_the_other(void **state)
{
	(void)state;
	CLEANUP(compressor) struct compressor *compressor = compressor_new();
	CLEANUP(request) struct request *plain = answer(&polled, 5000);
	CLEANUP(request) struct request *packed = answer(&polled, 5000);
	CLEANUP(request) struct request *again = answer(&polled, 5000);
	plain->compressor = packed->compressor = again->compressor = compressor;
	packed->accept_encoding = again->accept_encoding = "gzip";
	representation_choose(plain);
	packed->if_none_match = plain->reply.etag;
	representation_choose(packed);
	assert_int_equal(packed->reply.http, 200);
	again->if_none_match = packed->reply.etag;
	representation_choose(again);
	assert_int_equal(again->reply.http, 304);
	/* Content-Length is what it would be with 200 (RFC 9110 8.6) */
	assert_true(again->reply.is_packed && again->reply.packed.len == packed->reply.packed.len);
}

static void what_would_not_gain_goes_out_as_it_is(void **state)
{
	(void)state;
	CLEANUP(compressor) struct compressor *compressor = compressor_new();
	static const size_t sizes[] = { 0, 1, COMPRESS_BYTES_MIN - 1, COMPRESS_BYTES_MAX + 1 };
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		CLEANUP(request) struct request *request = answer(&polled, sizes[i]);
		request->compressor = compressor;
		request->accept_encoding = "gzip";
		representation_choose(request);
		assert_false(request->reply.is_packed);
		assert_int_equal(strlen(request->reply.etag), 24);
	}
}

/* xorshift: bytes that no compressor makes shorter. The next answer must not suffer from the one that was given up. */
static void random_bytes_are_given_up_and_the_next_answer_is_whole(void **state)
{
	(void)state;
	CLEANUP(compressor) struct compressor *compressor = compressor_new();
	CLEANUP(buffer) struct buffer noise = { 0 }, packed = { 0 }, text = { 0 }, body = { 0 };
	uint64_t x = 88172645463325252;
	for (int i = 0; i < 8192; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		buffer_put(&noise, &x, sizeof(x));
	}
	assert_false(compressor_gzip(compressor, &noise, &packed));
	assert_int_equal(packed.len, 0);
	for (int i = 0; i < 500; i++)
		buffer_puts(&text, "abc");
	assert_true(compressor_gzip(compressor, &text, &packed));
	unpack(&packed, &body);
	assert_int_equal(body.len, text.len);
	assert_memory_equal(body.bytes, text.bytes, text.len);
	assert_true(packed.len < 100); /* and nothing of the noise is in it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_bytes_have_the_same_tag_and_others_another),
		cmocka_unit_test(only_good_answers_to_a_get_of_a_polled_row_have_a_tag),
		cmocka_unit_test(who_has_it_is_told_so_with_the_same_tag),
		cmocka_unit_test(gzip_gives_the_body_back_and_has_a_tag_of_its_own),
		cmocka_unit_test(a_tag_of_one_coding_does_not_stand_for_the_other),
		cmocka_unit_test(what_would_not_gain_goes_out_as_it_is),
		cmocka_unit_test(random_bytes_are_given_up_and_the_next_answer_is_whole),
	};
	return cmocka_run_group_tests_name("api/representation", tests, NULL, NULL);
}
