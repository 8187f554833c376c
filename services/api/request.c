#include "api/request.h"

#include <stdlib.h>
#include <string.h>

enum { KEPT_BYTES_MAX = 65536 }; /* a buffer that grew beyond is not kept for the next request */

struct request *request_new(const struct api_options *options, struct limiter *limiter)
{
	struct request *request = calloc(1, sizeof(*request));
	if (!request)
		abort();
	request->arena = arena_new(REQUEST_ARENA_BYTES_MAX);
	request->options = options;
	request->limiter = limiter;
	request_clear(request);
	return request;
}

/* Bodies of sign-ins hold passwords, answers to them hold tokens. */
static struct buffer emptied(struct buffer buffer)
{
	if (buffer.bytes)
		explicit_bzero(buffer.bytes, buffer.len);
	buffer_clear(&buffer);
	if (buffer.capacity > KEPT_BYTES_MAX)
		buffer_done(&buffer);
	return buffer;
}

void request_clear(struct request *request)
{
	arena_clear(request->arena);
	*request = (struct request){ .options = request->options,
				     .limiter = request->limiter,
				     .arena = request->arena,
				     .body = emptied(request->body),
				     .reply = { .failure = FAILURE_BY_STATUS,
						.body = emptied(request->reply.body),
						.packed = emptied(request->reply.packed) } };
}

void request_free(struct request *request)
{
	if (!request)
		return;
	request_clear(request);
	buffer_done(&request->body);
	buffer_done(&request->reply.body);
	buffer_done(&request->reply.packed);
	arena_free(request->arena);
	free(request);
}

enum status request_go_on(struct request *request, void *carried)
{
	request->goes_on = true;
	request->carried = carried;
	return STATUS_OK;
}

enum status request_copy(struct request *request, const char *text, const char **ret_copy, struct error *err)
{
	const char *copy = arena_copy(request->arena, text, strlen(text));
	if (!copy)
		return error_set(err, STATUS_TOO_LARGE, "request needs too much memory");
	*ret_copy = copy;
	return STATUS_OK;
}
