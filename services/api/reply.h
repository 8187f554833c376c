/* api/reply.h - answers: the one table from status to HTTP code, and the failures that clients know by number (rest.md 1.3).
 *
 *   {"status":"success","description":"..."}
 *   {"status":"failure","error_code":105001,"description":"..."}
 *
 * A reason meant for people inside stays in struct error and goes to the log; the outside gets the texts of these tables.
 *
 * Thread: as the request. Memory: bodies are written into the request's buffer. No errors.
 */
#ifndef CISTERN_API_REPLY_H
#define CISTERN_API_REPLY_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/macros.h"

enum failure {
	FAILURE_BODY,
	FAILURE_USER_NAME_MISSING,
	FAILURE_USER_NAME,
	FAILURE_CREDENTIAL_MISSING,
	FAILURE_PASSWORD_POLICY,
	FAILURE_LOGIN,
	FAILURE_CODE,
	FAILURE_UNCONFIRMED,
	FAILURE_REFRESH_TOKEN,
	FAILURE_LOGOUT_ALL,
	FAILURE_ATTEMPTS,
	FAILURE_CHANGE_PASSWORD,
	FAILURE_NEW_PASSWORD_MISSING,
	FAILURE_PASSWORD_MISSING,
	FAILURE_USER_NAME_FIXED,
	FAILURE_MFA,
	FAILURE_PROFILE_FIELD,
	FAILURE_USER_TAGS,
	FAILURE_USER_DATA,
	FAILURE_SESSION,
	FAILURE_DELETION_CODE,
	FAILURE_DELETION_CODE_MISSING,
	FAILURE_LAST_ADMIN,
	FAILURE_REQUEST,
	FAILURE_PATH,
	FAILURE_METHOD,
	FAILURE_SCOPE,
	FAILURE_MAPPING_REQUEST,
	FAILURE_MAPPING_FIELD,
	FAILURE_MAPPING_USER,
	FAILURE_MAPPING_LIMIT,
	FAILURE_NODE,
	FAILURE_NODE_MISSING,
	FAILURE_PARAMS,
	FAILURE_NODE_AWAY,
	FAILURE_PARAMS_ITEMS,
	FAILURE_NODE_NOT_OWNED,
	FAILURE_MAPPING_BY_GROUP,
	FAILURE_CHALLENGE,
	FAILURE_CHALLENGE_FIELD,
	FAILURE_CHALLENGE_LIMIT,
	FAILURE_NODE_TEXTS,
	FAILURE_NODE_TAGS,
	FAILURE_NODE_METADATA,
	FAILURE_NODE_NOTHING,
	FAILURE_CLAIM_MAC,
	FAILURE_CLAIM_FIELD,
	FAILURE_CLAIM_CSR,
	FAILURE_CLAIM_UNKNOWN,
	FAILURE_CLAIM_QUOTA,
	FAILURE_CLAIM_NODE,
	FAILURE_CLAIM_KEY,
	FAILURE_CLAIM_MATTER,
	FAILURE_CLAIM_AWAY,
	FAILURE_SELF_CLAIM_OFF,
	FAILURE_SELF_CLAIM_PROOF,
	FAILURE_SELF_CLAIM_LIST,
	FAILURE_SELF_CLAIM_DEVICE,
	FAILURE_SELF_CLAIM_KEY_FILE,
	FAILURE_ADMIN_NODE,
	FAILURE_ADMIN_STATE,
	FAILURE_ADMIN_USER,
	FAILURE_ADMIN_FIELD,
	FAILURE_ADMIN_CSR,
	FAILURE_ADMIN_LAST,
	FAILURE_BROKER,
	FAILURE_BROKER_STATE,
	FAILURE_KEY_FIELD,
	FAILURE_KEY_SCOPE,
	FAILURE_KEY_LIMIT,
	FAILURE_KEY,
	FAILURE_REGISTRATION,
	FAILURE_REGISTRATION_STATE,
	FAILURE_REGISTRATION_FILE,
	FAILURE_REGISTRATION_ADDRESS,
	FAILURE_REGISTRATION_GROUP,
	FAILURE_SHARING_REQUEST,
	FAILURE_SHARING_SETTLED,
	FAILURE_SHARING_SELF,
	FAILURE_SHARING_ALREADY,
	FAILURE_SHARING_PENDING,
	FAILURE_SHARING_DAY,
	FAILURE_SHARING_NODES,
	FAILURE_SHARING_GROUPS,
	FAILURE_SHARING_FIELD,
	FAILURE_SHARING_NOT_SHARED,
	FAILURE_SHARING_PRIMARY,
	FAILURE_SHARING_NOTHING,
	FAILURE_SHARING_FULL,
	FAILURE_SHARING_NOT_TOP,
	FAILURE_GROUP,
	FAILURE_GROUP_FIELD,
	FAILURE_GROUP_NOT_PRIMARY,
	FAILURE_GROUP_DEPTH,
	FAILURE_GROUP_CYCLE,
	FAILURE_GROUP_LIMIT,
	FAILURE_GROUP_NODES_LIMIT,
	FAILURE_GROUP_DATA,
	FAILURE_GROUP_MATTER,
	FAILURE_GROUP_NOT_SHARED,
	FAILURE_GROUP_LAST_PRIMARY,
	FAILURE_GROUP_BY_PARENT,
	FAILURE_GROUP_OTHER_PRIMARY,
	FAILURE_GROUP_ANSWER,
	FAILURE_OIDC_AWAY,
	FAILURE_OIDC_RETURN_URL,
	FAILURE_OIDC_STATE,
	FAILURE_OIDC_ANSWER,
	FAILURE_OIDC_CODE,
	FAILURE_OIDC_EMAIL,
	FAILURE_OIDC_TAKEN,
	FAILURE_OIDC_OFF,
	FAILURE_OIDC_FIELD,
	FAILURE_NO_PASSWORD,
	FAILURE_BY_STATUS, /* what the status alone says */
};

enum { REPLY_ETAG_BYTES = 32 };

struct failure_row {
	enum status status;
	int code;         /* error_code */
	const char *text; /* description */
};

struct reply {
	int http;            /* 0: not decided yet */
	int retry_after_s;   /* 0: no Retry-After */
	const char *allow;   /* of a 405 */
	const char *methods; /* of a CORS preflight */
	bool allows_origin;  /* the request came from a listed origin */
	bool closes;         /* end the connection: its framing cannot be trusted, or a body is left unread */
	enum failure failure;
	const char *reason;      /* a description for the outside in place of the table's; lives in the arena */
	const char *type;        /* Content-Type; NULL: application/json. A text that lives for ever */
	const char *location;    /* of a redirect; in the arena */
	const char *cookie;      /* Set-Cookie; in the arena */
	const char *page_policy; /* Content-Security-Policy of a page for people; NULL: it may do nothing */
	struct buffer body;
	char etag[REPLY_ETAG_BYTES]; /* with its quotes; "": the answer is for once */
	bool is_packed;              /* `packed` goes out, gzip of the body */
	struct buffer packed;
};

const struct failure_row *failure_row(enum failure failure, enum status status);
int http_of_status(enum status status);

/* Notes which failure it is and returns its status; a reason that err holds already stays for the log. */
enum status reply_fail(struct reply *reply, enum failure failure, struct error *err);

/* Writes the answer for a failure of that status. */
void reply_put_failure(struct reply *reply, enum status status);
void reply_put_success(struct reply *reply, const char *description);

/* `"name":"text"`, with a comma before it unless it is the object's first member. */
void reply_put_member(struct buffer *body, const char *name, const char *text);

#endif
