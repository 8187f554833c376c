#include "api/reply.h"

#include <string.h>

/* Codes below 102000 are the clients' (rest.md 1.3); above, ours: 102 requests, 104 mapping, 105 nodes, 106 claiming, 107 administration,
 * 108 sharing, 109 groups, 110 keys. */
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
	[FAILURE_ATTEMPTS] = { STATUS_LIMIT, 101019, "Attempt limit exceeded, try again later" },
	[FAILURE_CHANGE_PASSWORD] = { STATUS_INVALID, 101020, "The old password is wrong" },
	[FAILURE_NEW_PASSWORD_MISSING] = { STATUS_INVALID, 101018, "New password is missing" },
	[FAILURE_PASSWORD_MISSING] = { STATUS_INVALID, 101032, "Password is missing" },
	[FAILURE_USER_NAME_FIXED] = { STATUS_INVALID, 101060, "An account has one user name, which stays as it is" },
	[FAILURE_MFA] = { STATUS_INVALID, 101061, "Sign-in with a second factor is not served" },
	[FAILURE_PROFILE_FIELD] = { STATUS_INVALID, 101062, "name, locale or tags are missing or not valid" },
	[FAILURE_USER_TAGS] = { STATUS_INVALID, 101063, "Too many tags" },
	[FAILURE_USER_DATA] = { STATUS_TOO_LARGE, 101064, "Custom data may have 399 KB in all" },
	[FAILURE_SESSION] = { STATUS_NOT_FOUND, 101065, "No such session" },
	[FAILURE_DELETION_CODE] = { STATUS_INVALID, 119005, "Wrong verification code" },
	[FAILURE_DELETION_CODE_MISSING] = { STATUS_INVALID, 119007, "Verification code is missing" },
	[FAILURE_LAST_ADMIN] = { STATUS_CONFLICT, 119008, "The last administrator cannot be deleted" },
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
	[FAILURE_MAPPING_BY_GROUP] = { STATUS_CONFLICT, 104005,
				       "The node comes with a group; leave the group instead" },
	[FAILURE_CHALLENGE] = { STATUS_DENIED, 104006,
				"The challenge is not, or no longer, good, or its answer is wrong" },
	[FAILURE_CHALLENGE_FIELD] = { STATUS_INVALID, 104007,
				      "request_id, node_id or challenge_response is missing or not valid, or timeout "
				      "is not 30 to 3600" },
	[FAILURE_CHALLENGE_LIMIT] = { STATUS_LIMIT, 104008, "Too many wrong answers, try again later" },
	[FAILURE_NODE_TEXTS] = { STATUS_INVALID, 105010,
				 "tags must be a list of texts of 1 to 128 bytes without control characters, metadata "
				 "an object or null" },
	[FAILURE_NODE_TAGS] = { STATUS_INVALID, 105011, "A node has at most 50 tags" },
	[FAILURE_NODE_METADATA] = { STATUS_INVALID, 105012, "Metadata of a node has at most 8192 bytes" },
	[FAILURE_NODE_NOTHING] = { STATUS_INVALID, 105013, "The body has nothing to change" },
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
	[FAILURE_ADMIN_LAST] = { STATUS_CONFLICT, 107020, "There must be another administrator first" },
	[FAILURE_BROKER] = { STATUS_NOT_FOUND, 107021, "No such broker" },
	[FAILURE_BROKER_STATE] = { STATUS_CONFLICT, 107022,
				   "There is one of that name, it is the only active one, or nodes are connected "
				   "there" },
	[FAILURE_KEY_FIELD] = { STATUS_INVALID, 110001, "A field of the key is missing or not valid" },
	[FAILURE_KEY_SCOPE] = { STATUS_DENIED, 110002, "A scope is beyond the account's role" },
	[FAILURE_KEY_LIMIT] = { STATUS_CONFLICT, 110003, "Too many keys: revoke one first" },
	[FAILURE_KEY] = { STATUS_NOT_FOUND, 110004, "No such key" },
	[FAILURE_REGISTRATION] = { STATUS_NOT_FOUND, 107006, "No such registration" },
	[FAILURE_REGISTRATION_STATE] = { STATUS_CONFLICT, 107007, "Not possible in the registration's present state" },
	[FAILURE_REGISTRATION_FILE] = { STATUS_INVALID, 107008,
					"The file is not the one that was announced, or no text" },
	[FAILURE_REGISTRATION_ADDRESS] = { STATUS_DENIED, 107009, "The address is not, or no longer, good" },
	[FAILURE_REGISTRATION_GROUP] = { STATUS_INVALID, 107010, "There are no groups of nodes to register into" },
	[FAILURE_SHARING_REQUEST] = { STATUS_NOT_FOUND, 108001, "No such sharing request" },
	[FAILURE_SHARING_SETTLED] = { STATUS_CONFLICT, 108002, "The sharing request is no longer pending" },
	[FAILURE_SHARING_SELF] = { STATUS_INVALID, 108003, "Sharing with oneself is not possible" },
	[FAILURE_SHARING_ALREADY] = { STATUS_CONFLICT, 108004, "Already shared with this user" },
	[FAILURE_SHARING_PENDING] = { STATUS_DENIED, 108005, "Too many sharing requests are pending; cancel some" },
	[FAILURE_SHARING_DAY] = { STATUS_LIMIT, 108006, "Too many sharing requests in a day" },
	[FAILURE_SHARING_NODES] = { STATUS_INVALID, 108007, "nodes must name 1 to 100 node ids" },
	[FAILURE_SHARING_GROUPS] = { STATUS_INVALID, 108008, "groups must name 1 to 25 group ids" },
	[FAILURE_SHARING_FIELD] = { STATUS_INVALID, 108009, "metadata may have 8192 bytes" },
	[FAILURE_SHARING_NOT_SHARED] = { STATUS_NOT_FOUND, 108010, "Not shared with this user" },
	[FAILURE_SHARING_PRIMARY] = { STATUS_DENIED, 108011, "A primary user cannot be removed" },
	[FAILURE_SHARING_NOTHING] = { STATUS_CONFLICT, 108012, "The sender no longer has what was to be shared" },
	[FAILURE_SHARING_FULL] = { STATUS_DENIED, 108013, "100 users is all that a node or group may have" },
	[FAILURE_SHARING_NOT_TOP] = { STATUS_DENIED, 108014, "Only a top-level group can be transferred" },
	[FAILURE_GROUP] = { STATUS_NOT_FOUND, 109001, "Group not associated with user" },
	[FAILURE_GROUP_FIELD] = { STATUS_INVALID, 109002,
				  "A field of the group, or group_id, is missing or not valid" },
	[FAILURE_GROUP_NOT_PRIMARY] = { STATUS_DENIED, 109003, "Only a primary user of the group may do this" },
	[FAILURE_GROUP_DEPTH] = { STATUS_INVALID, 109004, "Groups lie in each other three levels deep at most" },
	[FAILURE_GROUP_CYCLE] = { STATUS_INVALID, 109005, "A group cannot lie in itself" },
	[FAILURE_GROUP_LIMIT] = { STATUS_DENIED, 109006, "You have as many groups as a user may have" },
	[FAILURE_GROUP_NODES_LIMIT] = { STATUS_DENIED, 109007,
					"The group would have more nodes than a group may have" },
	[FAILURE_GROUP_DATA] = { STATUS_TOO_LARGE, 109008, "custom_data or group_metadata would be too large" },
	[FAILURE_GROUP_MATTER] = { STATUS_INVALID, 109009, "Matter is not served" },
	[FAILURE_GROUP_NOT_SHARED] = { STATUS_NOT_FOUND, 109010, "The group is not shared with that user" },
	[FAILURE_GROUP_LAST_PRIMARY] = { STATUS_CONFLICT, 109011,
					 "The last primary user cannot leave a group; delete it" },
	[FAILURE_GROUP_BY_PARENT] = { STATUS_CONFLICT, 109012,
				      "The group comes with the one that it lies in; leave that" },
	[FAILURE_GROUP_OTHER_PRIMARY] = { STATUS_DENIED, 109013, "Another primary user cannot be removed" },
	[FAILURE_GROUP_ANSWER] = { STATUS_TOO_LARGE, 109014,
				   "Too many nodes for one answer: ask without node_details, or for a group inside" },

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
	[FAILURE_NO_PASSWORD] = { STATUS_CONFLICT, 101059,
				  "The account has no password yet; set one as if it were forgotten" },
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
