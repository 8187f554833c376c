#include "api/body.h"

#include "api/reply.h"

enum status body_object(struct request *request, bool may_be_empty, json_t **ret_object, struct error *err)
{
	struct json_slice text = { buffer_text(&request->body), request->body.len };
	if (text.len == 0 && may_be_empty)
		text = (struct json_slice){ "{}", 2 };
	if (json_read_object(text, &json_request_limits, ret_object, err) != STATUS_OK)
		return reply_fail(&request->reply, FAILURE_BODY, err);
	return STATUS_OK;
}

enum status body_text(struct request *request, const json_t *object, const char *name, const char **ret_text,
		      struct error *err)
{
	const json_t *member = json_object_get(object, name);
	*ret_text = NULL;
	if (!member || json_is_null(member))
		return STATUS_OK;
	if (!json_is_string(member))
		return reply_fail(&request->reply, FAILURE_BODY, err);
	if (json_string_length(member) == 0)
		return STATUS_OK;
	return request_copy(request, json_string_value(member), ret_text, err);
}
