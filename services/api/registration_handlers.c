/* Registration in bulk, as the public admin command line does it (claiming.md section 7): an order of node ids and an upload of node
 * certificates or requests, which the registrar works off in the background.
 *
 * Files go by addresses on our own host with a secret part, which is all that is asked for there. An address is good for an hour, one at a
 * time for each registration; its secret is kept as a hash, and it is checked before a byte of an upload is taken. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/admin.h"
#include "api/body.h"
#include "api/handlers.h"
#include "base/log.h"
#include "claim/claim.h"
#include "store/registration.h"

enum {
	NODE_IDS_MAX = 100000,
	RANDOM_BYTES = 16,
	RANDOM_LEN = 22, /* in base64 without padding */
	FILE_NAME_MAX = 255,
	ADDRESS_MAX = 700,
};

#define FILE_PATH "/v1/admin/node_certificates/file"

typedef char random_text[RANDOM_LEN + 1];
typedef char address_text[ADDRESS_MAX + 1];

static void make_random(random_text ret_text)
{
	unsigned char bytes[RANDOM_BYTES];
	randombytes_buf(bytes, sizeof(bytes));
	(void)sodium_bin2base64(ret_text, sizeof(random_text), bytes, sizeof(bytes),
				sodium_base64_VARIANT_URLSAFE_NO_PADDING); /* returns its first argument */
}

static bool is_random(const char *text)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	return text && strspn(text, alphabet) == RANDOM_LEN && text[RANDOM_LEN] == '\0';
}

static void hash_secret(const char *secret, unsigned char ret_hash[REGISTRATION_HASH_BYTES])
{
	crypto_hash_sha256(ret_hash, (const unsigned char *)secret, strlen(secret));
}

static enum status no_field(struct request *request, const char *what, struct error *err)
{
	request->reply.reason = what; /* a constant */
	return reply_fail(&request->reply, FAILURE_ADMIN_FIELD, err);
}

static enum status no_registration(struct request *request, struct error *err)
{
	return reply_fail(&request->reply, FAILURE_REGISTRATION, err);
}

/* --- addresses --- */

/* The name that the client itself has called us by, unless the operator has told a better one. */
static enum status make_address(struct request *request, const char *request_id, const char *secret,
				address_text ret_address, struct error *err)
{
	const char *base = request->options->public_url;
	int len;
	if (base && *base)
		len = snprintf(ret_address, sizeof(address_text), "%s" FILE_PATH "?request_id=%s&secret=%s", base,
			       request_id, secret);
	else if (request->host)
		len = snprintf(ret_address, sizeof(address_text), "%s://%s" FILE_PATH "?request_id=%s&secret=%s",
			       request->is_tls ? "https" : "http", request->host, request_id, secret);
	else
		return error_set(err, STATUS_INVALID, "no Host header to make an address from");
	if (len < 0 || (size_t)len >= sizeof(address_text))
		return error_set(err, STATUS_INVALID, "the host's name is too long");
	return STATUS_OK;
}

static enum status bad_address(struct request *request, struct error *err)
{
	return reply_fail(&request->reply, FAILURE_REGISTRATION_ADDRESS, err);
}

/* What the client came by: whose file, and the hash of the secret part. */
struct address {
	const char *request_id;
	unsigned char hash[REGISTRATION_HASH_BYTES];
};

static enum status take_address(struct request *request, struct address *ret_address, struct error *err)
{
	const char *secret = params_query_text(&request->query, "secret");
	ret_address->request_id = params_query_text(&request->query, "request_id");
	if (!request->store)
		return error_set(err, STATUS_UNAVAILABLE, "database is away");
	if (!is_random(ret_address->request_id) || !is_random(secret))
		return bad_address(request, err);
	hash_secret(secret, ret_address->hash);
	return STATUS_OK;
}

enum status registration_check_address(struct request *request, struct error *err)
{
	struct address address;
	enum status st = take_address(request, &address, err);
	if (st != STATUS_OK)
		return st;
	st = store_registration_may_upload(request->store, address.request_id, address.hash, err);
	return st == STATUS_NOT_FOUND ? bad_address(request, err) : st;
}

enum status registration_upload(struct request *request, struct error *err)
{
	struct address address;
	enum status st = take_address(request, &address, err);
	if (st != STATUS_OK)
		return st;
	const char *content = buffer_text(&request->body);
	if (strlen(content) != request->body.len)
		return reply_fail(&request->reply, FAILURE_REGISTRATION_FILE, err);
	st = store_registration_upload(request->store, address.request_id, address.hash, content, err);
	if (st == STATUS_NOT_FOUND)
		return bad_address(request, err);
	if (st == STATUS_INVALID) /* no UTF-8 */
		return reply_fail(&request->reply, FAILURE_REGISTRATION_FILE, err);
	if (st == STATUS_OK)
		reply_put_success(&request->reply, "File taken");
	return st;
}

enum status registration_download(struct request *request, struct error *err)
{
	struct address address;
	enum status st = take_address(request, &address, err);
	if (st != STATUS_OK)
		return st;
	request->reply.type = "text/csv";
	st = store_registration_download(request->store, address.request_id, address.hash, &request->reply.body, err);
	if (st != STATUS_OK)
		request->reply.type = NULL;
	return st == STATUS_NOT_FOUND ? bad_address(request, err) : st;
}

/* --- node ids --- */

/* Nothing is reserved: they are random, and nobody gets the same again. */
static enum status add_order(struct request *request, int64_t count, const char *request_id, struct error *err)
{
	CLEANUP(buffer) struct buffer content = { 0 };
	buffer_puts(&content, "node_id\n");
	for (int64_t i = 0; i < count; i++) {
		char node_id[CLAIM_NODE_ID_LEN + 1];
		claim_make_node_id(node_id);
		buffer_put(&content, node_id, CLAIM_NODE_ID_LEN);
		buffer_putc(&content, '\n');
	}
	const struct registration_new order = { .request_id = request_id,
						.user_id = request->caller.user_id,
						.kind = "node_ids",
						.file_name = "",
						.content = buffer_text(&content),
						.state = "success",
						.n_rows = count };
	return store_registration_add(request->store, &order, err);
}

enum status registration_order_node_ids(struct request *request, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	random_text request_id;
	enum status st = body_object(request, false, &body, err);
	if (st != STATUS_OK)
		return st;
	const json_t *member = json_object_get(body, "node_count");
	int64_t count = json_is_integer(member) ? (int64_t)json_integer_value(member) : 0;
	if (count < 1 || count > NODE_IDS_MAX)
		return no_field(request, "node_count is a number from 1 to 100000", err);
	make_random(request_id);
	st = add_order(request, count, request_id, err);
	if (st != STATUS_OK)
		return st;
	buffer_puts(&request->reply.body, "{\"status\":\"success\"");
	reply_put_member(&request->reply.body, "request_id", request_id);
	buffer_putc(&request->reply.body, '}');
	return STATUS_OK;
}

/* --- what became of it --- */

struct telling {
	struct buffer body; /* members without the address */
	bool has_file;
	bool is_node_ids;
};

static void put_number(struct buffer *body, const char *name, int64_t value)
{
	buffer_printf(body, ",\"%s\":%lld", name, (long long)value);
}

static void tell(void *context, const struct registration_state *state)
{
	struct telling *telling = context;
	bool is_over = strcmp(state->state, "success") == 0 || strcmp(state->state, "failure") == 0;
	telling->is_node_ids = state->is_node_ids;
	telling->has_file = is_over && (state->is_node_ids || state->has_failed_rows);
	buffer_putc(&telling->body, '{');
	reply_put_member(&telling->body, "status", state->state);
	reply_put_member(&telling->body, "description", state->description);
	put_number(&telling->body, "rows_done", state->n_done);
}

/* The address for what can be downloaded: of node ids `url`, of a file's failed rows `failed_url`. */
static enum status put_address(struct request *request, const char *request_id, const struct telling *telling,
			       struct error *err)
{
	random_text secret;
	address_text address;
	unsigned char hash[REGISTRATION_HASH_BYTES];
	make_random(secret);
	hash_secret(secret, hash);
	enum status st = make_address(request, request_id, secret, address, err);
	if (st == STATUS_OK)
		st = store_registration_readdress(request->store, request->caller.user_id, request_id, hash, err);
	if (st == STATUS_OK)
		reply_put_member(&request->reply.body, telling->is_node_ids ? "url" : "failed_url", address);
	return st;
}

static enum status tell_state(struct request *request, bool node_ids, struct error *err)
{
	struct telling telling = { .has_file = false };
	const char *request_id = params_query_text(&request->query, "request_id");
	enum status st = STATUS_NOT_FOUND;
	if (is_random(request_id))
		st = store_registration_state(request->store, request->caller.user_id, request_id, tell, &telling, err);
	if (st == STATUS_OK && telling.is_node_ids != node_ids)
		st = STATUS_NOT_FOUND;
	if (st == STATUS_OK) {
		buffer_put(&request->reply.body, telling.body.bytes, telling.body.len);
		if (telling.has_file)
			st = put_address(request, request_id, &telling, err);
		buffer_putc(&request->reply.body, '}');
	}
	buffer_done(&telling.body);
	return st == STATUS_NOT_FOUND ? no_registration(request, err) : st;
}

enum status registration_node_ids(struct request *request, struct error *err)
{
	if (!params_query_text(&request->query, "request_id"))
		return no_field(request, "request_id is missing", err);
	return tell_state(request, true, err);
}

/* --- certificates --- */

static enum status give_address(struct request *request, const char *file_name, struct error *err)
{
	random_text request_id, secret;
	address_text address;
	unsigned char hash[REGISTRATION_HASH_BYTES];
	if (strlen(file_name) > FILE_NAME_MAX)
		return no_field(request, "file_name is longer than 255 bytes", err);
	make_random(request_id);
	make_random(secret);
	hash_secret(secret, hash);
	const struct registration_new upload = { .request_id = request_id,
						 .user_id = request->caller.user_id,
						 .kind = "certificates",
						 .file_name = file_name,
						 .address_hash = hash,
						 .state = "upload" };
	enum status st = make_address(request, request_id, secret, address, err);
	if (st == STATUS_OK)
		st = store_registration_add(request->store, &upload, err);
	if (st != STATUS_OK)
		return st;
	buffer_putc(&request->reply.body, '{');
	reply_put_member(&request->reply.body, "url", address);
	reply_put_member(&request->reply.body, "request_id", request_id);
	buffer_putc(&request->reply.body, '}');
	return STATUS_OK;
}

/* One path for two questions, as the clients ask them: an address for a new file, or what became of one. */
enum status registration_address_or_state(struct request *request, struct error *err)
{
	const char *file_name = params_query_text(&request->query, "file_name");
	if (params_query_text(&request->query, "request_id"))
		return tell_state(request, false, err);
	if (!file_name)
		return no_field(request, "file_name or request_id is missing", err);
	return give_address(request, file_name, err);
}

struct start {
	const char *file_name, *md5, *request_id, *group;
	char *options; /* JSON, of malloc */
};

/* What the client says beside, kept as it came; nothing reads it yet. */
static char *kept_options(const json_t *body)
{
	static const char *const names[] = { "type",          "subtype", "model",       "tags",
					     "node_policies", "force",   "update_nodes" };
	CLEANUP(json) json_t *kept = json_object();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		json_t *member = json_object_get(body, names[i]);
		if (member && !json_is_null(member) && json_object_set(kept, names[i], member) != 0)
			return NULL;
	}
	return json_dumps(kept, JSON_COMPACT);
}

static enum status read_start(struct request *request, struct start *start, struct error *err)
{
	CLEANUP(json) json_t *body = NULL;
	const char *parent_id = NULL, *parent_name = NULL;
	const struct {
		const char *name, **text;
	} members[] = { { "file_name", &start->file_name },   { "file_md5", &start->md5 },
			{ "request_id", &start->request_id }, { "group_name", &start->group },
			{ "parent_group_id", &parent_id },    { "parent_group_name", &parent_name } };
	enum status st = body_object(request, false, &body, err);
	for (size_t i = 0; i < ARRAY_LEN(members) && st == STATUS_OK; i++)
		st = body_text(request, body, members[i].name, members[i].text, err);
	if (st != STATUS_OK)
		return st;
	if (start->group || parent_id || parent_name)
		return reply_fail(&request->reply, FAILURE_REGISTRATION_GROUP, err);
	if (!start->file_name || !start->md5)
		return no_field(request, "file_name or file_md5 is missing", err);
	if (start->request_id && !is_random(start->request_id))
		return no_registration(request, err);
	start->options = kept_options(body);
	return start->options ? STATUS_OK : error_set(err, STATUS_INTERNAL, "no memory for the options");
}

enum status registration_start(struct request *request, struct error *err)
{
	struct start start = { .options = NULL };
	char request_id[REGISTRATION_ID_MAX + 1];
	enum status st = read_start(request, &start, err);
	if (st == STATUS_OK)
		st = store_registration_begin(request->store, request->caller.user_id, start.request_id,
					      start.file_name, start.md5, start.options, request_id, err);
	free(start.options);
	if (st == STATUS_NOT_FOUND)
		return no_registration(request, err);
	if (st == STATUS_CONFLICT)
		return reply_fail(&request->reply, FAILURE_REGISTRATION_STATE, err);
	if (st == STATUS_INVALID && request->reply.failure == FAILURE_BY_STATUS)
		return reply_fail(&request->reply, FAILURE_REGISTRATION_FILE, err);
	if (st != STATUS_OK)
		return st;
	log_info("registration.begun", F_STR("request", request_id), F_STR("user", request->caller.user_id));
	buffer_puts(&request->reply.body, "{\"status\":\"success\"");
	reply_put_member(&request->reply.body, "request_id", request_id);
	buffer_putc(&request->reply.body, '}');
	return STATUS_OK;
}

/* --- what the public admin command line asks before it registers --- */

/* Its list of groups of that name: there are none. */
enum status registration_node_group(struct request *request, struct error *err)
{
	(void)err;
	buffer_puts(&request->reply.body, "[]");
	return STATUS_OK;
}

/* It asks whether mail can be sent about the outcome; no mail is, so nothing is missing. */
enum status registration_deployment(struct request *request, struct error *err)
{
	(void)err;
	buffer_puts(&request->reply.body, "{\"pre_requisite_details\":{\"is_super_admin_ses_verified\":true,"
					  "\"is_ses_in_production\":true}}");
	return STATUS_OK;
}
