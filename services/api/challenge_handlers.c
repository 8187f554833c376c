/* Mapping a node that is at hand without MQTT: it signs a challenge with the key of its certificate (mqtt.md 5.1).
 *
 *   POST …/initiate  {"timeout":360}                                             {"challenge":"...","request_id":"..."}
 *   POST …/verify    {"request_id","node_id","challenge_response":"<hex>"}       mapped at once
 *
 * Whoever makes a node sign has it at hand: he becomes a primary user of it beside those that there are (mqtt.md section 5: "several
 * primaries possible"), as with a node's own message. Nothing of the others is taken away; that needs a reset.
 * Everything that can be wrong about an answer is told as one and the same. The first answer uses the challenge up, right or wrong. */
#include <sodium.h>
#include <string.h>

#include "api/body.h"
#include "api/handlers.h"
#include "api/limiter.h"
#include "api/node_texts.h"
#include "base/log.h"
#include "claim/possession.h"
#include "model/node_id.h"
#include "store/challenge.h"

enum { LIFE_S_MIN = 30, LIFE_S_MAX = 3600, LIFE_S = 360 };
enum { REQUEST_ID_RANDOM_BYTES = 16, CHALLENGE_RANDOM_BYTES = 32 };

/* Wrong answers; nobody guesses a signature, but somebody ought to notice. */
static const struct limiter_rate user_failure_rate = { .n = 20, .period_us = 900000000 };
static const struct limiter_rate node_failure_rate = { .n = 100, .period_us = 900000000 };

static enum status bad_field(struct request *request, struct error *err)
{
	return reply_fail(&request->reply, FAILURE_CHALLENGE_FIELD, err);
}

/* --- initiate --- */

static enum status read_life(struct request *request, int64_t *ret_life_s, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	enum status st = body_object(request, true, &body, err);
	if (st != STATUS_OK)
		return st;
	const json_t *timeout = json_object_get(body, "timeout");
	*ret_life_s = LIFE_S;
	if (!timeout || json_is_null(timeout))
		return STATUS_OK;
	if (!json_is_integer(timeout) || json_integer_value(timeout) < LIFE_S_MIN ||
	    json_integer_value(timeout) > LIFE_S_MAX)
		return bad_field(request, err);
	*ret_life_s = json_integer_value(timeout);
	return STATUS_OK;
}

/* `text` has room for the base64 of n bytes. */
static void random_text(char *text, size_t size, size_t n)
{
	unsigned char random[CHALLENGE_RANDOM_BYTES];
	randombytes_buf(random, n);
	(void)sodium_bin2base64(text, size, random, n,
				sodium_base64_VARIANT_URLSAFE_NO_PADDING); /* returns its first argument */
}

enum status challenge_initiate(struct request *request, struct error *err)
{
	int64_t life_s = 0;
	enum status st = read_life(request, &life_s, err);
	if (st != STATUS_OK)
		return st;
	char request_id[CHALLENGE_REQUEST_ID_LEN + 1], challenge[CHALLENGE_TEXT_LEN + 1];
	random_text(request_id, sizeof(request_id), REQUEST_ID_RANDOM_BYTES);
	random_text(challenge, sizeof(challenge), CHALLENGE_RANDOM_BYTES);
	st = store_challenge_new(request->store, request->caller.user_id, request_id, challenge, life_s, err);
	if (st != STATUS_OK)
		return st;
	struct buffer *body = &request->reply.body;
	buffer_putc(body, '{');
	reply_put_member(body, "challenge", challenge);
	reply_put_member(body, "request_id", request_id);
	buffer_putc(body, '}');
	return STATUS_OK;
}

/* --- verify --- */

struct answer {
	const char *request_id, *node_id;
	struct possession_signature signature;
	struct node_texts texts;
};

static bool is_request_id(const char *text)
{
	return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
		       CHALLENGE_REQUEST_ID_LEN &&
	       text[CHALLENGE_REQUEST_ID_LEN] == '\0';
}

static enum status read_answer(struct request *request, struct answer *ret_answer, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	const char *response = NULL;
	enum status st = body_object(request, false, &body, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "request_id", &ret_answer->request_id, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "node_id", &ret_answer->node_id, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "challenge_response", &response, err);
	if (st == STATUS_OK)
		st = node_texts_read(request, body, &ret_answer->texts, err);
	if (st != STATUS_OK)
		return st;
	bool is_whole = ret_answer->request_id && ret_answer->node_id && response &&
			possession_signature_read(response, &ret_answer->signature);
	return is_whole ? STATUS_OK : bad_field(request, err);
}

static bool may_try(struct request *request, const char *node_id)
{
	int *wait_s = &request->reply.retry_after_s;
	return limiter_allows(request->limiter, LIMITER_CHALLENGE_FAILURE_USER, request->caller.user_id, UUID_BYTES,
			      user_failure_rate, wait_s) &&
	       limiter_allows(request->limiter, LIMITER_CHALLENGE_FAILURE_NODE, node_id, strlen(node_id),
			      node_failure_rate, wait_s);
}

static enum status fail(struct request *request, const char *node_id, struct error *err)
{
	int ignored = 0; /* the next one is told */
	IGNORE_RESULT(limiter_take(request->limiter, LIMITER_CHALLENGE_FAILURE_USER, request->caller.user_id,
				   UUID_BYTES, user_failure_rate, &ignored));
	IGNORE_RESULT(limiter_take(request->limiter, LIMITER_CHALLENGE_FAILURE_NODE, node_id, strlen(node_id),
				   node_failure_rate, &ignored));
	return reply_fail(&request->reply, FAILURE_CHALLENGE, err);
}

/* The serial of the certificate that the answer holds for; NULL: for none. */
static enum status prove(struct request *request, const struct answer *answer, struct challenge_material *material,
			 const char **ret_serial, struct error *err)
{
	CLEANUP(buffer) struct buffer pem = { .bytes = NULL };
	*ret_serial = NULL;
	enum status st = store_challenge_get(request->store, request->caller.user_id, answer->request_id,
					     answer->node_id, material, &pem, err);
	if (st == STATUS_OK)
		st = possession_check(buffer_text(&pem), material->challenge, &answer->signature, err);
	if (st == STATUS_OK)
		*ret_serial = material->serial;
	return st == STATUS_NOT_FOUND || st == STATUS_DENIED ? STATUS_OK : st;
}

static enum status settle(struct request *request, const struct answer *answer, struct error *err)
{
	struct challenge_material material;
	struct error reason = { .status = STATUS_OK };
	struct challenge_answer settled = { .request_id = answer->request_id,
					    .user_id = request->caller.user_id,
					    .node_id = answer->node_id,
					    .tags = answer->texts.tags };
	if (answer->texts.metadata_json && answer->texts.metadata_json[0] == '{')
		settled.metadata_json = answer->texts.metadata_json; /* null takes nothing away here */
	enum status st = prove(request, answer, &material, &settled.proven_serial, &reason);
	if (st != STATUS_OK) {
		*err = reason;
		return st;
	}
	return store_challenge_settle(request->store, &settled, err);
}

enum status challenge_verify(struct request *request, struct error *err)
{
	struct answer answer = { .request_id = NULL };
	enum status st = read_answer(request, &answer, err);
	if (st != STATUS_OK)
		return st;
	if (!may_try(request, answer.node_id))
		return reply_fail(&request->reply, FAILURE_CHALLENGE_LIMIT, err);
	/* ids that could not exist are answered like those that do not */
	if (!node_id_valid(answer.node_id, strlen(answer.node_id)) || !is_request_id(answer.request_id))
		return fail(request, answer.node_id, err);
	st = settle(request, &answer, err);
	if (st == STATUS_NOT_FOUND) {
		log_warn("challenge.failed", F_STR("node", answer.node_id), F_STR("user", request->caller.user_id));
		return fail(request, answer.node_id, err);
	}
	if (st == STATUS_OK)
		reply_put_success(&request->reply, "Node mapped");
	return st;
}
