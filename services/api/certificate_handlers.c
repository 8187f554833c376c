/* Certificates of nodes for an administrator: those of one node, those that end, and a new one for a node whose owner brings a CSR. */
#include <stdio.h>
#include <string.h>

#include "api/admin.h"
#include "api/body.h"
#include "api/handlers.h"
#include "base/parse.h"
#include "claim/claim.h"
#include "claim/signer.h"
#include "store/fleet.h"

enum { PAGE_CERTIFICATES = 25, CERTIFICATES_MAX = 100, DAYS = 30 };

/* --- lists --- */

struct list {
	struct buffer *body;
	int64_t n, limit, last_not_after_us;
	char last_serial[SIGNER_SERIAL_HEX_MAX + 1];
};

static void put_certificate(struct buffer *body, const struct fleet_certificate *certificate)
{
	buffer_putc(body, '{');
	reply_put_member(body, "node_id", certificate->node_id);
	reply_put_member(body, "serial", certificate->serial);
	reply_put_member(body, "state", certificate->state);
	reply_put_member(body, "fingerprint", certificate->fingerprint);
	reply_put_member(body, "ca_key_id", certificate->ca_key_id);
	admin_put_seconds(body, "not_before", certificate->not_before_us);
	admin_put_seconds(body, "not_after", certificate->not_after_us);
	admin_put_seconds(body, "issued_at", certificate->issued_at_us);
	admin_put_seconds(body, "activated_at", certificate->activated_at_us);
	admin_put_seconds(body, "superseded_at", certificate->superseded_at_us);
	admin_put_seconds(body, "revoked_at", certificate->revoked_at_us);
	reply_put_member(body, "reason", certificate->revoked_reason);
	reply_put_member(body, "certificate", certificate->pem);
	buffer_putc(body, '}');
}

static void add_certificate(void *context, const struct fleet_certificate *certificate)
{
	struct list *list = context;
	if (list->n++ == list->limit)
		return;
	if (list->n > 1)
		buffer_putc(list->body, ',');
	put_certificate(list->body, certificate);
	list->last_not_after_us = certificate->not_after_us;
	(void)snprintf(list->last_serial, sizeof(list->last_serial), "%s", certificate->serial); /* 40 by the schema */
}

static enum status no_field(struct request *request, const char *what, struct error *err)
{
	request->reply.reason = what; /* a constant */
	return reply_fail(&request->reply, FAILURE_ADMIN_FIELD, err);
}

/* `<not_after in microseconds>.<serial>`: where the page before ended. */
static bool read_cursor(struct request *request, struct fleet_ending_cursor *ret_after)
{
	*ret_after = (struct fleet_ending_cursor){ .not_after_us = 0, .serial = "" };
	const char *text = params_query_text(&request->query, "start_id");
	if (!text)
		return true;
	const char *dot = strchr(text, '.');
	const char *time = dot ? arena_copy(request->arena, text, (size_t)(dot - text)) : NULL;
	if (!time || !parse_i64(time, 0, INT64_MAX / 2, &ret_after->not_after_us))
		return false;
	ret_after->serial = dot + 1;
	size_t len = strspn(dot + 1, "0123456789ABCDEF");
	return len > 0 && len <= SIGNER_SERIAL_HEX_MAX && dot[1 + len] == '\0';
}

static enum status list_ending(struct request *request, const char *state, struct list *list, struct error *err)
{
	struct fleet_ending_cursor after;
	int64_t days = DAYS;
	bool expired = strcmp(state, "expired") == 0;
	if (!expired && strcmp(state, "expiring") != 0)
		return no_field(request, "state is expiring or expired", err);
	if (!read_cursor(request, &after))
		return no_field(request, "start_id is not one of ours", err);
	enum status st = params_query_count(&request->query, "days", 0, FLEET_DAYS_MAX, DAYS, &days, err);
	if (st == STATUS_OK)
		st = params_query_count(&request->query, "num_records", 1, PAGE_MAX, PAGE_CERTIFICATES, &list->limit,
					err);
	if (st != STATUS_OK)
		return st;
	return store_fleet_certificates_ending(request->store, expired, days, &after, list->limit + 1, add_certificate,
					       list, err);
}

enum status admin_certificates_list(struct request *request, struct error *err)
{
	const char *state = params_query_text(&request->query, "state"), *node_id = NULL;
	struct list list = { .body = &request->reply.body, .limit = CERTIFICATES_MAX };
	enum status st = STATUS_OK;
	buffer_puts(list.body, "{\"certificates\":[");
	if (state)
		st = list_ending(request, state, &list, err);
	else
		st = admin_query_node_id(request, &node_id, err);
	if (st == STATUS_OK && node_id)
		st = admin_fail(request,
				store_fleet_certificates(request->store, node_id, CERTIFICATES_MAX, add_certificate,
							 &list, err),
				err);
	if (st != STATUS_OK)
		return st;
	buffer_putc(list.body, ']');
	if (list.n > list.limit)
		buffer_printf(list.body, ",\"next_id\":\"%lld.%s\"", (long long)list.last_not_after_us,
			      list.last_serial);
	buffer_putc(list.body, '}');
	return STATUS_OK;
}

/* --- a new one --- */

/* Between the two halves, in the arena. */
struct wish {
	const char *node_id, *csr;
};

enum status admin_certificate_post(struct request *request, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	struct wish *wish = arena_alloc(request->arena, sizeof(*wish));
	if (!wish)
		return error_set(err, STATUS_TOO_LARGE, "request needs too much memory");
	enum status st = body_object(request, false, &body, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "node_id", &wish->node_id, err);
	if (st == STATUS_OK)
		st = body_text(request, body, "csr", &wish->csr, err);
	if (st == STATUS_OK)
		st = admin_check_node_id(request, wish->node_id, err);
	if (st == STATUS_OK && !wish->csr)
		st = no_field(request, "csr is missing", err);
	return st == STATUS_OK ? request_go_on(request, wish) : st;
}

static enum status refuse_csr(struct request *request, struct error *err)
{
	enum status st = request_copy(request, err->text, &request->reply.reason, err);
	return st == STATUS_OK ? reply_fail(&request->reply, FAILURE_ADMIN_CSR, err) : st;
}

static enum status check_csr(struct request *request, const struct wish *wish, struct error *err)
{
	CLEANUP(csr) struct csr csr = { .key = NULL };
	enum status st = csr_read(wish->csr, strlen(wish->csr), &csr, err);
	if (st == STATUS_INVALID || st == STATUS_TOO_LARGE)
		return refuse_csr(request, err);
	if (st == STATUS_OK && strcmp(csr.node_id, wish->node_id) != 0) {
		(void)error_set(err, STATUS_INVALID, "the CN is not node_id"); /* the status is the next line's */
		return refuse_csr(request, err);
	}
	return st;
}

static enum status renew(struct request *request, const struct wish *wish, struct signed_certificate *made,
			 struct error *err)
{
	enum status st = signer_sign(&request->options->signer, wish->node_id, wish->csr, strlen(wish->csr), made, err);
	if (st == STATUS_INVALID)
		return refuse_csr(request, err);
	if (st != STATUS_OK)
		return st;
	const struct certificate_record record = signer_record_of(made);
	return admin_fail(request, store_fleet_renew(request->store, wish->node_id, &record, err), err);
}

enum status admin_certificate_post_slow(struct request *request, struct error *err)
{
	const struct wish *wish = request->carried;
	struct signed_certificate made;
	enum status st = admin_fail(request, store_fleet_check_active(request->store, wish->node_id, err), err);
	if (st == STATUS_OK)
		st = check_csr(request, wish, err);
	if (st == STATUS_OK)
		st = renew(request, wish, &made, err);
	if (st != STATUS_OK)
		return st;
	admin_log(request, "admin.renewed", wish->node_id);
	struct buffer *body = &request->reply.body;
	buffer_puts(body, "{\"status\":\"success\"");
	reply_put_member(body, "node_id", wish->node_id);
	reply_put_member(body, "serial", made.serial_hex);
	admin_put_seconds(body, "not_after", made.not_after_us);
	reply_put_member(body, "certificate", made.pem);
	buffer_putc(body, '}');
	return STATUS_OK;
}
