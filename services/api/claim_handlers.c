/* Claiming: a node id, then a certificate (claiming.md section 1). With an access token it is a user with a device at hand (assisted,
 * host-driven); without one it is the device itself (self-claiming). Success is 200 exactly, its body what a device can read.
 *
 * The certificate takes signerd's answer, so verify goes on in the claim lane, and the CSR is read there too: checking an RSA key takes
 * milliseconds. Written down is who claimed what and what was refused, never a CSR or a token. */
#include <string.h>

#include "api/body.h"
#include "api/handlers.h"
#include "api/limiter.h"
#include "base/log.h"
#include "claim/claim.h"
#include "claim/self_claim.h"

/* Wrong answers for one device; then it has to wait. Guessing is hopeless anyway, but somebody ought to notice. */
static const struct limiter_rate device_failure_rate = { .n = 20, .period_us = 900000000 };

static bool is_user(const struct request *request)
{
	return request->caller.user_id[0] != '\0';
}

/* --- initiate --- */

static enum status initiate_for_user(struct request *request, const char *mac, const char *platform, struct error *err)
{
	char node_id[NODE_ID_MAX + 1];
	enum status st = claim_initiate(request->options->claim, request->store, request->caller.user_id, mac, platform,
					node_id, err);
	if (st == STATUS_LIMIT) {
		log_warn("claim.quota", F_STR("user", request->caller.user_id));
		return reply_fail(&request->reply, FAILURE_CLAIM_QUOTA, err);
	}
	if (st != STATUS_OK)
		return st;
	log_info("claim.initiated", F_STR("node", node_id), F_STR("user", request->caller.user_id), F_STR("mac", mac));
	buffer_putc(&request->reply.body, '{');
	reply_put_member(&request->reply.body, "node_id", node_id);
	buffer_putc(&request->reply.body, '}');
	return STATUS_OK;
}

static enum status initiate_for_device(struct request *request, const char *mac, struct error *err)
{
	struct claim_challenge challenge;
	enum status st = claim_initiate_self(request->options->claim, request->store, mac, &challenge, err);
	if (st == STATUS_DENIED)
		return reply_fail(&request->reply, FAILURE_SELF_CLAIM_OFF, err);
	if (st != STATUS_OK)
		return st;
	buffer_putc(&request->reply.body, '{');
	reply_put_member(&request->reply.body, "auth_id", challenge.auth_id);
	reply_put_member(&request->reply.body, "challenge", challenge.text);
	buffer_putc(&request->reply.body, '}');
	return STATUS_OK;
}

enum status claim_initiate_post(struct request *request, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	const char *text = NULL;
	char mac[CLAIM_MAC_LEN + 1];
	enum status st = body_object(request, false, &body, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "mac_addr", &text, err);
	if (st != STATUS_OK)
		return st;
	if (!text || !claim_mac_canonical(text, mac))
		return reply_fail(&request->reply, FAILURE_CLAIM_MAC, err);
	if (!is_user(request))
		return initiate_for_device(request, mac, err);
	return initiate_for_user(request, mac, json_member_text(body, "platform", ""), err);
}

/* --- verify --- */

/* Between the two halves, in the arena. */
struct wish {
	const char *csr, *policies; /* policies: "" when there are none */
	const char *auth_id, *response;
};

static enum status no_field(struct request *request, struct error *err)
{
	return reply_fail(&request->reply, FAILURE_CLAIM_FIELD, err);
}

static enum status read_wish(struct request *request, struct wish *ret_wish, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	enum status st = body_object(request, false, &body, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "csr", &ret_wish->csr, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "node_policies", &ret_wish->policies, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "auth_id", &ret_wish->auth_id, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "challenge_response", &ret_wish->response, err);
	if (st != STATUS_OK)
		return st;
	if (!ret_wish->policies)
		ret_wish->policies = "";
	if (!ret_wish->csr || strlen(ret_wish->policies) > CLAIM_POLICIES_MAX)
		return no_field(request, err);
	if (is_user(request))
		return STATUS_OK;
	if (!ret_wish->auth_id || !ret_wish->response || strlen(ret_wish->auth_id) > SELF_CLAIM_AUTH_ID_MAX)
		return no_field(request, err);
	return STATUS_OK;
}

enum status claim_verify_post(struct request *request, struct error *err)
{
	bool is_matter = false;
	if (!is_user(request) && !claim_is_self_on(request->options->claim))
		return reply_fail(&request->reply, FAILURE_SELF_CLAIM_OFF, err);
	if (params_query_bool(&request->query, "matter", false, &is_matter, err) != STATUS_OK || is_matter)
		return reply_fail(&request->reply, FAILURE_CLAIM_MATTER, err);
	struct wish *wish = arena_alloc(request->arena, sizeof(*wish));
	if (!wish)
		return error_set(err, STATUS_TOO_LARGE, "request needs too much memory");
	*wish = (struct wish){ .csr = NULL };
	enum status st = read_wish(request, wish, err);
	return st == STATUS_OK ? request_go_on(request, wish) : st;
}

/* What is wrong with a CSR or its key is told to who sent it, in plain ASCII. */
static void tell_reason(struct request *request, const char *text)
{
	char *copy = arena_copy(request->arena, text, strlen(text));
	for (char *at = copy; at && *at; at++) {
		if (*at < ' ' || *at >= 0x7f)
			*at = '?';
	}
	request->reply.reason = copy; /* NULL: the table's text stands in */
}

static enum failure failure_of(enum status status)
{
	switch (status) {
	case STATUS_INVALID:
	case STATUS_TOO_LARGE: return FAILURE_CLAIM_CSR;
	case STATUS_NOT_FOUND: return FAILURE_CLAIM_UNKNOWN;
	case STATUS_DENIED: return FAILURE_CLAIM_NODE;
	case STATUS_CONFLICT: return FAILURE_CLAIM_KEY;
	case STATUS_UNAUTHENTICATED: return FAILURE_SELF_CLAIM_PROOF;
	case STATUS_UNAVAILABLE: return FAILURE_CLAIM_AWAY;
	case STATUS_OK:
	case STATUS_LIMIT:
	case STATUS_TIMEOUT:
	case STATUS_INTERNAL: return FAILURE_BY_STATUS;
	}
	return FAILURE_BY_STATUS;
}

static enum status refuse(struct request *request, const struct csr *csr, enum status st, struct error *err)
{
	log_warn("claim.refused", F_STR("node", csr->node_id[0] ? csr->node_id : NULL),
		 F_STR("user", is_user(request) ? request->caller.user_id : NULL), F_STR("request", request->id),
		 F_STR("status", status_name(st)), F_STR("reason", err->text));
	enum failure failure = failure_of(st);
	if (failure == FAILURE_CLAIM_CSR)
		tell_reason(request, err->text);
	return failure == FAILURE_BY_STATUS ? st : reply_fail(&request->reply, failure, err);
}

/* Wrong answers are counted for the device (for the source every request is, before it comes here). */
static enum status verify_for_device(struct request *request, const struct wish *wish,
				     const struct claim_request *claim_request, struct error *err)
{
	const char *mac = claim_request->csr->node_id;
	if (!limiter_allows(request->limiter, LIMITER_DEVICE_FAILURE, mac, strlen(mac), device_failure_rate,
			    &request->reply.retry_after_s))
		return error_set(err, STATUS_LIMIT, "too many wrong answers for this device");
	enum status st = claim_verify_self(request->options->claim, request->store, wish->auth_id, wish->response,
					   claim_request, &request->reply.body, err);
	int ignored_s = 0;
	if (st == STATUS_UNAUTHENTICATED)
		IGNORE_RESULT(limiter_take(request->limiter, LIMITER_DEVICE_FAILURE, mac, strlen(mac),
					   device_failure_rate, &ignored_s)); /* counted; asked the next time */
	return st;
}

enum status claim_verify_slow(struct request *request, struct error *err)
{
	const struct wish *wish = request->carried;
	CLEANUP(csr) struct csr csr = { .key = NULL };
	const struct claim_request claim_request = { &csr, wish->csr, strlen(wish->csr) };
	enum status st = csr_read(wish->csr, claim_request.pem_len, &csr, err);
	if (st == STATUS_OK && is_user(request))
		st = claim_verify(request->options->claim, request->store, request->caller.user_id, &claim_request,
				  wish->policies, &request->reply.body, err);
	else if (st == STATUS_OK)
		st = verify_for_device(request, wish, &claim_request, err);
	if (st != STATUS_OK)
		return refuse(request, &csr, st, err);
	log_info("claim.claimed", F_STR("node", csr.node_id),
		 F_STR("user", is_user(request) ? request->caller.user_id : NULL), F_STR("request", request->id));
	return STATUS_OK;
}
