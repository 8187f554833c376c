#include "api/reply.h"

#include <string.h>

/* Codes below 102000 are the clients' (rest.md 1.3); above, ours: 102 requests, 104 mapping, 105 nodes, 106 claiming, 107 administration. */
static const struct failure_row failures[] = {
	[FAILURE_BODY] = { STATUS_INVALID, 100006, "Invalid request body" },
	[FAILURE_USER_NAME_MISSING] = { STATUS_INVALID, 101001, "User name is missing" },
	[FAILURE_USER_NAME] = { STATUS_INVALID, 101002,
				"User name must be an e-mail address or a phone number with +" },
	[FAILURE_CREDENTIAL_MISSING] = { STATUS_INVALID, 101003, "Password or verification code is missing" },
	[FAILURE_PASSWORD_POLICY] = { STATUS_INVALID, 101004,
				      "Password needs 8 to 128 characters, a capital, a small letter and a digit" },
	[FAILURE_LOGIN] = { STATUS_INVALID, 101009, "Incorrect user name or password" },
	[FAILURE_CODE] = { STATUS_INVALID, 101012, "Wrong verification code" },
	[FAILURE_UNCONFIRMED] = { STATUS_DENIED, 101015, "Account is not verified" },
	[FAILURE_REFRESH_TOKEN] = { STATUS_UNAUTHENTICATED, 101017, "Unauthorized" },
	[FAILURE_LOGOUT_ALL] = { STATUS_INVALID, 101036, "logout_all is neither true nor false" },
	[FAILURE_REQUEST] = { STATUS_INVALID, 102001, "Invalid request" },
	[FAILURE_PATH] = { STATUS_NOT_FOUND, 102002, "No such path" },
	[FAILURE_METHOD] = { STATUS_INVALID, 102003, "Method not allowed" }, /* 405: the dispatcher says so */
	[FAILURE_SCOPE] = { STATUS_DENIED, 102012, "This key may not do this" },
	[FAILURE_MAPPING_REQUEST] = { STATUS_NOT_FOUND, 104001, "No such mapping request" },
	[FAILURE_MAPPING_FIELD] = { STATUS_INVALID, 104002,
				    "node_id, secret_key or operation is missing or not valid" },
	[FAILURE_MAPPING_USER] = { STATUS_DENIED, 104003, "user_id is not the caller's" },
	[FAILURE_MAPPING_LIMIT] = { STATUS_LIMIT, 104004, "Too many mapping requests" },
	[FAILURE_NODE] = { STATUS_NOT_FOUND, 105001, "Node not associated with user" },
	[FAILURE_NODE_MISSING] = { STATUS_INVALID, 105002, "node_id is missing" },
	[FAILURE_PARAMS] = { STATUS_INVALID, 105003, "Parameters are not valid for this node" },
	[FAILURE_NODE_AWAY] = { STATUS_UNAVAILABLE, 105004, "Node cannot be reached now, try again later" },
	[FAILURE_PARAMS_ITEMS] = { STATUS_INVALID, 105005, "Too many nodes in one request" },
	[FAILURE_NODE_NOT_OWNED] = { STATUS_DENIED, 105006, "Only a primary user of the node may do this" },
	[FAILURE_CLAIM_MAC] = { STATUS_INVALID, 106001, "mac_addr must be 12 hexadecimal digits" },
	[FAILURE_CLAIM_FIELD] = { STATUS_INVALID, 106002, "csr is missing, or a field is not valid" },
	[FAILURE_CLAIM_CSR] = { STATUS_INVALID, 106003, "The certificate signing request is not acceptable" },
	[FAILURE_CLAIM_UNKNOWN] = { STATUS_INVALID, 106004,
				    "No claim for this node id is pending; start with /claim/initiate" },
	[FAILURE_CLAIM_QUOTA] = { STATUS_DENIED, 106005, "Your quota of claimed nodes is used up" },
	[FAILURE_CLAIM_NODE] = { STATUS_DENIED, 106006, "The node is suspended or revoked" },
	[FAILURE_CLAIM_KEY] = { STATUS_INVALID, 106007,
				"The key in the certificate signing request serves another node; make a new one" },
	[FAILURE_CLAIM_MATTER] = { STATUS_INVALID, 106008, "Matter certificates are not served" },
	[FAILURE_CLAIM_AWAY] = { STATUS_UNAVAILABLE, 106009, "No certificate can be issued now, try again later" },
	[FAILURE_SELF_CLAIM_OFF] = { STATUS_DENIED, 106010,
				     "Self-claiming is not enabled here; claim with a user's access token" },
	[FAILURE_SELF_CLAIM_PROOF] = { STATUS_DENIED, 106011,
				       "The device is not on the list, or its answer to the challenge is wrong or "
				       "late" },
	[FAILURE_SELF_CLAIM_LIST] = { STATUS_INVALID, 106012,
				      "devices must be a list of objects with mac_addr and secret, both hexadecimal" },
	[FAILURE_SELF_CLAIM_DEVICE] = { STATUS_NOT_FOUND, 106013, "The device is not on the list" },
	[FAILURE_SELF_CLAIM_KEY_FILE] = { STATUS_CONFLICT, 106014,
					  "Setting self_claim_key_file is not set: secrets cannot be kept" },
	[FAILURE_ADMIN_NODE] = { STATUS_NOT_FOUND, 107001, "No such node" },
	[FAILURE_ADMIN_STATE] = { STATUS_CONFLICT, 107002, "Not possible in the node's present state" },
	[FAILURE_ADMIN_USER] = { STATUS_NOT_FOUND, 107003, "No such user" },
	[FAILURE_ADMIN_FIELD] = { STATUS_INVALID, 107004, "A field is missing or not valid" },
	[FAILURE_ADMIN_CSR] = { STATUS_INVALID, 107005, "The certificate signing request is not acceptable" },
	[FAILURE_REGISTRATION] = { STATUS_NOT_FOUND, 107006, "No such registration" },
	[FAILURE_REGISTRATION_STATE] = { STATUS_CONFLICT, 107007, "Not possible in the registration's present state" },
	[FAILURE_REGISTRATION_FILE] = { STATUS_INVALID, 107008,
					"The file is not the one that was announced, or no text" },
	[FAILURE_REGISTRATION_ADDRESS] = { STATUS_DENIED, 107009, "The address is not, or no longer, good" },
	[FAILURE_REGISTRATION_GROUP] = { STATUS_INVALID, 107010, "There are no groups of nodes to register into" },

	[FAILURE_OIDC_AWAY] = { STATUS_UNAVAILABLE, 101050,
				"Sign-in with the provider is not possible now, try again later" },
	[FAILURE_OIDC_RETURN_URL] = { STATUS_INVALID, 101051, "The return address is not one of those allowed" },
	[FAILURE_OIDC_STATE] = { STATUS_INVALID, 101052,
				 "This sign-in is unknown, finished or too old; please start again" },
	[FAILURE_OIDC_ANSWER] = { STATUS_DENIED, 101053, "The provider's answer is not acceptable" },
	[FAILURE_OIDC_CODE] = { STATUS_INVALID, 101054, "The code is wrong, used or too old" },
	[FAILURE_OIDC_EMAIL] = { STATUS_DENIED, 101055, "The provider gives no verified e-mail address" },
	[FAILURE_OIDC_TAKEN] = { STATUS_CONFLICT, 101056,
				 "An account with this address exists; sign in with its password" },
	[FAILURE_OIDC_OFF] = { STATUS_NOT_FOUND, 101057, "Sign-in with a provider is not set up here" },
	[FAILURE_OIDC_FIELD] = { STATUS_INVALID, 101058, "A field is missing or not valid" },
};

static const struct failure_row *row_of_status(enum status status)
{
	static const struct failure_row ok = { STATUS_OK, 0, "" };
	static const struct failure_row invalid = { STATUS_INVALID, 102001, "Invalid request" };
	static const struct failure_row too_large = { STATUS_TOO_LARGE, 102004, "Request is too large" };
	/* the combined form of rest.md 1.3: clients take it for the end of the session */
	static const struct failure_row unauthenticated = { STATUS_UNAUTHENTICATED, 101017, "Unauthorized" };
	static const struct failure_row denied = { STATUS_DENIED, 102005, "Not allowed" };
	static const struct failure_row not_found = { STATUS_NOT_FOUND, 102006, "Not found" };
	static const struct failure_row conflict = { STATUS_CONFLICT, 102007, "Not possible in the present state" };
	static const struct failure_row limit = { STATUS_LIMIT, 102008, "Too many requests, try again later" };
	static const struct failure_row unavailable = { STATUS_UNAVAILABLE, 102009,
							"Temporarily unavailable, try again later" };
	static const struct failure_row timeout = { STATUS_TIMEOUT, 102010, "Took too long, try again later" };
	static const struct failure_row internal = { STATUS_INTERNAL, 102011, "Internal error" };
	switch (status) {
	case STATUS_OK: return &ok;
	case STATUS_INVALID: return &invalid;
	case STATUS_TOO_LARGE: return &too_large;
	case STATUS_UNAUTHENTICATED: return &unauthenticated;
	case STATUS_DENIED: return &denied;
	case STATUS_NOT_FOUND: return &not_found;
	case STATUS_CONFLICT: return &conflict;
	case STATUS_LIMIT: return &limit;
	case STATUS_UNAVAILABLE: return &unavailable;
	case STATUS_TIMEOUT: return &timeout;
	case STATUS_INTERNAL: return &internal;
	}
	return &internal;
}

const struct failure_row *failure_row(enum failure failure, enum status status)
{
	return failure == FAILURE_BY_STATUS ? row_of_status(status) : &failures[failure];
}

int http_of_status(enum status status)
{
	switch (status) {
	case STATUS_OK: return 200;
	case STATUS_INVALID: return 400;
	case STATUS_TOO_LARGE: return 413;
	case STATUS_UNAUTHENTICATED: return 401;
	case STATUS_DENIED: return 403;
	case STATUS_NOT_FOUND: return 404;
	case STATUS_CONFLICT: return 409;
	case STATUS_LIMIT: return 429;
	case STATUS_UNAVAILABLE: return 503;
	case STATUS_TIMEOUT: return 504;
	case STATUS_INTERNAL: return 500;
	}
	return 500;
}

enum status reply_fail(struct reply *reply, enum failure failure, struct error *err)
{
	reply->failure = failure;
	const struct failure_row *row = &failures[failure];
	if (err->status == STATUS_OK)
		return error_set(err, row->status, "%s", row->text);
	err->status = row->status;
	return row->status;
}

void reply_put_member(struct buffer *body, const char *name, const char *text)
{
	if (body->len > 0 && body->bytes[body->len - 1] != '{')
		buffer_putc(body, ',');
	buffer_printf(body, "\"%s\":", name);
	buffer_put_json_string(body, text, strlen(text));
}

void reply_put_failure(struct reply *reply, enum status status)
{
	const struct failure_row *row = failure_row(reply->failure, status);
	if (reply->http == 0)
		reply->http = http_of_status(status);
	buffer_clear(&reply->body);
	buffer_printf(&reply->body, "{\"status\":\"failure\",\"error_code\":%d", row->code);
	reply_put_member(&reply->body, "description", reply->reason ? reply->reason : row->text);
	if (reply->http == 401)
		reply_put_member(&reply->body, "message", "Unauthorized");
	buffer_putc(&reply->body, '}');
}

void reply_put_success(struct reply *reply, const char *description)
{
	buffer_puts(&reply->body, "{\"status\":\"success\"");
	reply_put_member(&reply->body, "description", description);
	buffer_putc(&reply->body, '}');
}
