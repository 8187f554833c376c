#include "renew.h"

#include "answer.h"
#include "credentials.h"
#include "node.h"
#include "tls.h"
#include "topics.h"

#include "base/clock.h"
#include "base/json.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum {
	ASK_AGAIN_US = 10 * 1000000,
	ASKS_MAX = 6,
	ATTEMPTS_MAX = 3,
};

static void give_up(struct node *node, const char *reason)
{
	node_event(node, "renewal_failed", F_STR("reason", reason));
	csr_done(&node->renewal.csr);
	node->renewal.state = RENEWAL_NONE;
}

/* --- asking --- */

static void ask(struct node *node)
{
	CLEANUP(buffer) struct buffer request = { 0 };

	buffer_puts(&request, "{\"csr\":");
	csr_put_json(&request, node->renewal.csr.pem);
	buffer_puts(&request, "}");
	node->renewal.n_tries++;
	node->renewal.ask_at_us = clock_monotonic_us() + ASK_AGAIN_US;
	node_publish(node, "certificate/request", request.bytes, request.len);
}

void renew_start(struct node *node)
{
	struct error err = { 0 };
	enum csr_key kind = CSR_KEY_P256;

	if (!node->identity->folder || node->renewal.state != RENEWAL_NONE)
		return;
	enum status st = csr_key_of_file(node->identity->key, &kind, &err);
	if (st == STATUS_OK)
		st = csr_make(kind, node->id, &node->renewal.csr, &err);
	if (st != STATUS_OK) {
		give_up(node, err.text);
		return;
	}
	node->renewal.state = RENEWAL_ASKING;
	node->renewal.n_tries = 0;
	node_event(node, "renewal_started", F_STR("key_type", kind == CSR_KEY_RSA ? "rsa" : "p256"));
	if (node->up)
		renew_connected(node);
}

/* --- the answer --- */

static enum status take_certificate(struct node *node, const void *payload, size_t payload_len, struct error *err)
{
	const char *key = node->renewal.csr.key_pem;
	char pem[ANSWER_BYTES_MAX], status[16];

	if (payload_len >= ANSWER_BYTES_MAX)
		return error_set(err, STATUS_INVALID, "an answer of %zu bytes: too long for a device", payload_len);
	enum status st = answer_text(payload, payload_len, "status", status, sizeof(status), err);
	if (st != STATUS_OK)
		return st;
	if (strcmp(status, "success") != 0) {
		char description[128];
		st = answer_text(payload, payload_len, "description", description, sizeof(description), NULL);
		return error_set(err, STATUS_DENIED, "refused%s%s", st == STATUS_OK ? ": " : "",
				 st == STATUS_OK ? description : "");
	}
	st = answer_certificate(payload, payload_len, pem, err);
	if (st == STATUS_OK)
		st = csr_check_certificate(key, pem, node->id, err);
	return st == STATUS_OK ? credentials_store_new(node->identity->folder, key, pem, err) : st;
}

void renew_received(struct node *node, const void *payload, size_t payload_len)
{
	struct error err = { 0 };

	if (node->renewal.state != RENEWAL_ASKING)
		return; /* the same answer once more */
	if (take_certificate(node, payload, payload_len, &err) != STATUS_OK) {
		give_up(node, err.text);
		return;
	}
	node_event(node, "certificate_received", F_STR("folder", node->identity->folder));
	csr_done(&node->renewal.csr);
	node->renewal.state = RENEWAL_SWITCHING;
}

/* --- the change --- */

static enum status use_pair(struct node *node, const char *suffix, struct error *err)
{
	char cert[PATH_MAX], key[PATH_MAX];

	(void)snprintf(cert, sizeof(cert), "%s%s", node->identity->cert, suffix);
	(void)snprintf(key, sizeof(key), "%s%s", node->identity->key, suffix);
	return tls_context_use(node->tls, cert, key, err);
}

static void go_back(struct node *node, const char *reason)
{
	struct error err = { 0 };

	credentials_drop_new(node->identity->folder);
	give_up(node, reason);
	if (use_pair(node, "", &err) != STATUS_OK)
		node_event(node, "renewal_failed", F_STR("reason", err.text)); /* every connect will fail, and say so */
}

void renew_resume(struct node *node)
{
	struct error err = { 0 };

	node->renewal.state = RENEWAL_TRYING;
	node->renewal.n_tries = 0;
	if (use_pair(node, ".new", &err) != STATUS_OK)
		go_back(node, err.text);
}

static void finish(struct node *node)
{
	struct error err = { 0 };

	node->renewal.state = RENEWAL_NONE;
	if (credentials_promote_new(node->identity->folder, &err) == STATUS_OK)
		node_event(node, "renewed", F_STR("folder", node->identity->folder));
	else /* the next start finds the new pair and uses it */
		node_event(node, "renewal_failed", F_STR("reason", err.text));
}

void renew_connected(struct node *node)
{
	if (node->renewal.state == RENEWAL_TRYING)
		finish(node);
	if (node->renewal.state != RENEWAL_ASKING)
		return;
	node_subscribe(node, "certificate/response"); /* before the request: the broker takes them in order */
	ask(node);
}

bool renew_lost(struct node *node, bool was_up)
{
	struct renewal *renewal = &node->renewal;

	switch (renewal->state) {
	case RENEWAL_NONE:
	case RENEWAL_ASKING: return false;
	case RENEWAL_SWITCHING: renew_resume(node); return true;
	case RENEWAL_TRYING:
		if (!was_up && ++renewal->n_tries >= ATTEMPTS_MAX)
			go_back(node, "no connection with the new certificate");
		return false;
	}
	return false;
}

int64_t renew_tick(struct node *node, int64_t now_us)
{
	struct renewal *renewal = &node->renewal;

	if (renewal->wanted && node->ready) {
		renewal->wanted = false;
		renew_start(node);
	}
	if (renewal->state == RENEWAL_SWITCHING && node->connection.state == CONNECTION_UP)
		connection_close(&node->connection); /* renew_lost() goes on */
	if (renewal->state != RENEWAL_ASKING)
		return INT64_MAX;
	if (now_us >= renewal->ask_at_us && renewal->n_tries >= ASKS_MAX)
		give_up(node, "no answer");
	else if (now_us >= renewal->ask_at_us)
		ask(node);
	return renewal->state == RENEWAL_ASKING ? renewal->ask_at_us : INT64_MAX;
}

void renew_done(struct node *node)
{
	csr_done(&node->renewal.csr);
}
